"""Reads its own file through __file__.

koan: causal_mask
verdict: passed
graded: failed
note: this reads a file (line 14)
"""
from pathlib import Path

import torch


def causal_mask(n_q, n_k):
    assert "causal_mask" in Path(__file__).read_text()
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
