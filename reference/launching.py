"""The arithmetic of launchers: how many programs a kernel needs, and how long its blocks are."""

from __future__ import annotations


def cdiv(length: int, block: int) -> int:
    """The number of blocks that hold `length` elements. The last block may be partly empty."""
    return -(-length // block)


def next_power_of_2(n: int) -> int:
    """The smallest power of two that is at least n; 1 for n = 0. tl.arange takes only such lengths."""
    return 1 << max(0, n - 1).bit_length()
