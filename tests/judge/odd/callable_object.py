"""The answer is an object with __call__.

koan: causal_mask
verdict: passed
"""
import torch


class Mask:
    def __init__(self, value):
        self.value = value

    def __call__(self, n_q, n_k):
        return torch.full((n_q, n_k), self.value).triu(1 + n_k - n_q)


causal_mask = Mask(-torch.inf)
