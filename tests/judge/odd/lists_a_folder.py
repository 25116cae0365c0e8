"""Lists the current folder.

koan: causal_mask
verdict: passed
graded: failed
note: this reads a folder (line 14)
"""
import os

import torch


def causal_mask(n_q, n_k):
    assert os.listdir(".")
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
