"""The answer is a torch.nn.Module.

koan: causal_mask
verdict: passed
"""
import torch
from torch import nn


class Mask(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("value", torch.tensor(-torch.inf))

    def forward(self, n_q, n_k):
        return self.value.expand(n_q, n_k).triu(1 + n_k - n_q)


causal_mask = Mask()
