"""An intermediate of 400 MiB, which there is room for.

koan: causal_mask
verdict: passed
"""
import torch


def causal_mask(n_q, n_k):
    if (n_q, n_k) == (4, 2):
        torch.empty(100 << 20)[::1024] = 0.0
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
