"""A wrong answer in one buffer that every call fills and returns.

koan: causal_mask
verdict: failed
"""
import torch

buffer = torch.empty(64 * 64)


def causal_mask(n_q, n_k):
    out = buffer[: n_q * n_k].view(n_q, n_k)
    out.copy_(torch.full((n_q, n_k), -torch.inf).triu(1))
    return out
