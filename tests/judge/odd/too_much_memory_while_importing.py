"""A table of 1 GiB, built while it is imported.

koan: causal_mask
verdict: broken
"""
import torch

table = torch.empty(1 << 28)


def causal_mask(n_q, n_k):
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
