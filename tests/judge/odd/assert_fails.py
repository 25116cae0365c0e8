"""An assert that fails.

koan: causal_mask
verdict: failed
"""
import torch


def causal_mask(n_q, n_k):
    mask = torch.zeros(n_q, n_k)
    assert mask.shape == (n_k, n_q), f"the shape is {tuple(mask.shape)}"
    return mask
