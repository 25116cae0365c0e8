"""For learners: attempts and progress, the app, cards and reviews, questions, notebooks, and what they see of these."""
