"""A tensor far too large.

koan: causal_mask
verdict: failed
"""
import torch


def causal_mask(n_q, n_k):
    return torch.zeros(1 << 25)
