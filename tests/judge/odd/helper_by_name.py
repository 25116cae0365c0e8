"""Imports a module beside it, by its name alone.

koan: causal_mask
verdict: broken
"""
import torch
from my_helper import shift


def causal_mask(n_q, n_k):
    return torch.full((n_q, n_k), -torch.inf).triu(shift(n_q, n_k))
