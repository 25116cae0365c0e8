"""The answer is a functools.partial.

koan: causal_mask
verdict: passed
"""
import functools

import torch


def mask(value, n_q, n_k):
    return torch.full((n_q, n_k), value).triu(1 + n_k - n_q)


causal_mask = functools.partial(mask, -torch.inf)
