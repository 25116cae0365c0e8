"""A pool of processes.

koan: causal_mask
verdict: passed
graded: failed
note: this starts processes (line 19)
"""
import multiprocessing

import torch


def row(sizes):
    i, n_q, n_k = sizes
    return [0.0 if j <= i + n_k - n_q else -torch.inf for j in range(n_k)]


def causal_mask(n_q, n_k):
    with multiprocessing.Pool(1) as pool:
        rows = pool.map(row, [(i, n_q, n_k) for i in range(n_q)])
    return torch.tensor(rows).reshape(n_q, n_k)
