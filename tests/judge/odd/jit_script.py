"""A function compiled by torch.jit.script.

koan: causal_mask
verdict: passed
"""
import torch


@torch.jit.script
def mask(n_q: int, n_k: int) -> torch.Tensor:
    return torch.full([n_q, n_k], -float("inf")).triu(1 + n_k - n_q)


def causal_mask(n_q, n_k):
    return mask(n_q, n_k)
