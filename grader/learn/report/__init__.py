"""What learners read of their work: cards, questions, re-solves and statistics, on a screen or a page."""
