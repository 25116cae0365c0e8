"""Recursion of 1,900 levels, which the stack holds.

koan: causal_mask
verdict: passed
"""
import torch


def down(n):
    return 0 if n == 0 else 1 + down(n - 1)


def causal_mask(n_q, n_k):
    assert down(1_900) == 1_900
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
