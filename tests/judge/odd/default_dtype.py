"""The default dtype is float64 from the import on.

koan: causal_mask
verdict: failed
"""
import torch

torch.set_default_dtype(torch.float64)


def causal_mask(n_q, n_k):
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
