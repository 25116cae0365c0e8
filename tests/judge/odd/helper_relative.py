"""Imports a module beside it, relatively.

koan: causal_mask
verdict: passed
graded: broken
note: my_helper
"""
import torch

from .my_helper import shift


def causal_mask(n_q, n_k):
    return torch.full((n_q, n_k), -torch.inf).triu(shift(n_q, n_k))
