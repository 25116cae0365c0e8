"""Warnings are errors from the import on.

koan: causal_mask
verdict: passed
"""
import warnings

import torch

warnings.simplefilter("error")


def causal_mask(n_q, n_k):
    warnings.warn("a warning in a call", stacklevel=1)
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
