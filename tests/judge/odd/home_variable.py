"""Needs a variable that only the learner's own shell has.

koan: causal_mask
verdict: passed
graded: failed
note: HOME
"""
import os

import torch


def causal_mask(n_q, n_k):
    assert os.environ["HOME"]
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
