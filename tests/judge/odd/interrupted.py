"""Raises KeyboardInterrupt.

koan: causal_mask
verdict: failed
"""
def causal_mask(n_q, n_k):
    raise KeyboardInterrupt
