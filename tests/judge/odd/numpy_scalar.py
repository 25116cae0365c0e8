"""A numpy float instead of a Python float.

koan: repetition_rate
verdict: passed
"""
import numpy as np


def repetition_rate(tokens, n):
    if n < 1:
        raise ValueError(n)
    grams = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    return np.float64(1 - len(set(grams)) / len(grams)) if grams else np.float32(0)
