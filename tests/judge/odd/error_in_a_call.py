"""An error of an own class, raised three functions deep.

koan: causal_mask
verdict: failed
"""
class Missing(KeyError):
    pass


def inner(n):
    raise Missing(("rows", n))


def middle(n):
    return inner(n)


def causal_mask(n_q, n_k):
    return middle(n_q)
