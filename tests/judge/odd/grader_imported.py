"""Imports the grader.

koan: causal_mask
verdict: passed
graded: broken
note: grader
"""
import grader.checks
import torch


def causal_mask(n_q, n_k):
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
