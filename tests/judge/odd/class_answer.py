"""The answer is a class whose __new__ returns the result.

koan: causal_mask
verdict: passed
"""
import torch


class causal_mask:
    def __new__(cls, n_q, n_k):
        return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
