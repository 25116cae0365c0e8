"""`koans sync`: two machines of a learner exchange what they have recorded and written, by one file."""
