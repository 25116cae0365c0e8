"""Sizes of inputs for the checks of kernels: longer than a block, and drawn, so that no kernel can tell them."""

from __future__ import annotations

from typing import Any

# Larger tiles of keys do not fit into a GPU's registers and shared memory at the widths that `compiles` asks for.
LARGEST_BLOCK = 512
SPREAD = 64


def beyond_a_block(fn: Any, name: str, seed: int) -> int:
    """An odd length, a little more than a block of the kernel's own CONFIG[name]. No block divides it."""
    return int(min(fn.config[name], LARGEST_BLOCK)) + 1 + seed % SPREAD // 2 * 2


def beyond_any_block(seed: int) -> int:
    """An odd length that no single tile can hold, whatever CONFIG says."""
    return LARGEST_BLOCK + 1 + seed % (4 * SPREAD) // 2 * 2
