"""A named tuple instead of a tuple.

koan: rank_and_size
verdict: passed
"""
from typing import NamedTuple


class RankAndSize(NamedTuple):
    rank: int
    size: int


def rank_and_size(shape):
    if any(n < 0 for n in shape):
        raise ValueError(shape)
    size = 1
    for n in shape:
        size *= n
    return RankAndSize(len(shape), size)
