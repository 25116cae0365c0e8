"""Where a learner sits down to recall: one loop between a keyboard and the states of cards/ and questions/."""
