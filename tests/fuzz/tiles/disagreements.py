"""Where the tile machine and something that it is compared with do not agree, and why. Nothing else may differ."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A known disagreement: words that its message has, what it is, and the upstream thread, if there is one."""

    name: str
    words: tuple[str, ...]
    why: str
    link: str = ""


# Koans whose results do not depend on an order: every bit must be equal.
EXACT = ("vector_add", "fused_scale_bias_relu")

# What one machine finds and the other does not, by the name of the error.
FINDINGS: dict[str, Known] = {}

# Answers whose results, bytes or FLOPs differ: (koan, answer).
ANSWERS: dict[tuple[str, str], Known] = {}
