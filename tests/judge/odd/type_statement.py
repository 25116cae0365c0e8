"""A type statement, which Python 3.11 does not have.

koan: causal_mask
verdict: broken
"""
type Size = int


def causal_mask(n_q: Size, n_k: Size):
    return None
