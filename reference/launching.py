"""The arithmetic of launchers: how many programs a kernel needs, and how long its blocks are."""

from __future__ import annotations


def cdiv(length: int, block: int) -> int:
    """How many blocks hold so many elements. The last one may be partly empty."""
    return -(-length // block)


def next_power_of_2(n: int) -> int:
    """The smallest power of two that is at least n: tl.arange takes no other lengths. 1 for 0."""
    return 1 << max(0, n - 1).bit_length()
