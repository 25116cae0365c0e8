"""The default dtype is float64, and the answer minds it.

koan: causal_mask
verdict: passed
"""
import torch

torch.set_default_dtype(torch.float64)


def causal_mask(n_q, n_k):
    return torch.full((n_q, n_k), -torch.inf, dtype=torch.float32).triu(1 + n_k - n_q)
