"""Points as they are counted and shown: with at most two decimals."""

from __future__ import annotations


def tidy(points: float) -> float:
    """The points with two decimals, as an int if that is what they are, so that files hold 7 and not 7.0."""
    rounded = round(points, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def amount(points: float) -> str:
    """Points as text: "7", "7.5", "7.25"."""
    return f"{points:.2f}".rstrip("0").rstrip(".")
