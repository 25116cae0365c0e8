"""Reads /proc.

koan: causal_mask
verdict: passed
graded: failed
note: this reads a file (line 12)
"""
import torch


def causal_mask(n_q, n_k):
    with open("/proc/self/status") as file:
        assert file.read()
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
