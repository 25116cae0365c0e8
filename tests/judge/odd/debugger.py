"""A breakpoint that was left in.

koan: causal_mask
verdict: failed
"""
import torch


def causal_mask(n_q, n_k):
    breakpoint()
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
