"""A named tuple instead of a list.

koan: encode
verdict: failed
"""
from collections import namedtuple

Two = namedtuple("Two", "a b")


def encode(word, merges):
    ids = list(word.encode())
    return Two(*ids) if len(ids) == 2 else ids


def merge(ids, pair, new_id):
    return ids
