"""Parses the command line while it is imported.

koan: causal_mask
verdict: passed
"""
import argparse

import torch

options = argparse.ArgumentParser().parse_args()


def causal_mask(n_q, n_k):
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
