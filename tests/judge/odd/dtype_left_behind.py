"""A call changes the default dtype, and leaves it so.

koan: causal_mask
verdict: failed
"""
import torch


def causal_mask(n_q, n_k):
    mask = torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
    torch.set_default_dtype(torch.float64)
    return mask
