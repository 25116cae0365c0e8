"""Module state that survives calls: a counter, a cache, a generator and an lru_cache.

koan: causal_mask
verdict: passed
"""
import functools
import itertools

import torch

calls = 0
numbers = itertools.count()
seen = {}


@functools.lru_cache(maxsize=None)
def mask(n_q, n_k):
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)


def causal_mask(n_q, n_k):
    global calls
    calls += 1
    assert next(numbers) == calls - 1, "state was lost"
    seen[n_q, n_k] = calls
    return mask(n_q, n_k).clone()
