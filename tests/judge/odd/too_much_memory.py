"""An intermediate of 1 GiB, which there is no room for.

koan: causal_mask
verdict: failed
"""
import torch


def causal_mask(n_q, n_k):
    torch.empty(1 << 28)
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
