"""Reads a file beside it while it is imported.

koan: causal_mask
verdict: passed
graded: broken
note: this reads a file (line 13)
"""
import json
import os

import torch

with open(os.path.join(os.path.dirname(__file__), "table.json")) as file:
    table = json.load(file)


def causal_mask(n_q, n_k):
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
