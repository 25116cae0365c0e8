"""Asks for input.

koan: causal_mask
verdict: failed
"""
def causal_mask(n_q, n_k):
    return int(input("size? "))
