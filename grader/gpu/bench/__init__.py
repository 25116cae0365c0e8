"""`koans bench`: races implementations of attention, or predicts them by a roofline, and shows a table and plots."""
