"""The small language model: runs it on a learner's functions, trains it and breaks it."""
