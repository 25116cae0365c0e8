"""Raises an error that is no Exception.

koan: causal_mask
verdict: failed
"""
class Stop(BaseException):
    pass


def causal_mask(n_q, n_k):
    raise Stop("now")
