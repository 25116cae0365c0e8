"""Sets the recursion limit, and recurses deeper than usual.

koan: causal_mask
verdict: passed
"""
import sys

import torch

sys.setrecursionlimit(20_000)


def down(n):
    return 0 if n == 0 else 1 + down(n - 1)


def causal_mask(n_q, n_k):
    assert down(10_000) == 10_000
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
