"""A package that is not installed.

koan: causal_mask
verdict: broken
"""
import einops_that_is_not_installed


def causal_mask(n_q, n_k):
    return None
