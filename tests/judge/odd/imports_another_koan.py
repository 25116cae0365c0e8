"""Computes gradients through the function of another koan, imported in two ways.

koan: causal_mask
verdict: passed
"""
import torch

from exercises.ch02_forward.gelu import gelu

from ..ch02_forward import gelu as other


def causal_mask(n_q, n_k):
    x = torch.ones(2, requires_grad=True)
    gelu(x).sum().backward()
    assert x.grad is not None
    assert other.gelu is gelu
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
