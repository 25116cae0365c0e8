"""numpy computes, and torch returns.

koan: causal_mask
verdict: passed
"""
import numpy as np
import torch


def causal_mask(n_q, n_k):
    with np.errstate(all="ignore"):
        future = np.arange(n_k)[None, :] > np.arange(n_q)[:, None] + n_k - n_q
        return torch.from_numpy(np.where(future, -np.inf, 0.0).astype(np.float32))
