"""Prints more than is kept: the end is what is shown.

koan: causal_mask
verdict: failed
"""
def causal_mask(n_q, n_k):
    for i in range(3000):
        print("line", i)
