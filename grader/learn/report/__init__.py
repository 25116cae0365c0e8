"""Reports for learners: cards, questions, re-solves and statistics, in a terminal or as an HTML page."""
