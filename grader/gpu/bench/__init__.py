"""`koans bench`: ways to compute attention, raced; what a roofline predicts where they cannot run; table and plots."""
