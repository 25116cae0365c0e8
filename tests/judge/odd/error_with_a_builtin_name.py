"""An own error class that has the name of a builtin one.

koan: rank_and_size
verdict: failed
"""
class ValueError(Exception):
    pass


def rank_and_size(shape):
    size = 1
    for n in shape:
        if n < 0:
            raise ValueError(shape)
        size *= n
    return len(shape), size
