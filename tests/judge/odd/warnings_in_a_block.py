"""Warnings are errors in one block, which catches them.

koan: causal_mask
verdict: passed
"""
import warnings

import torch


def causal_mask(n_q, n_k):
    warnings.simplefilter("error")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("kept", stacklevel=1)
    assert len(caught) == 1
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
