"""Short texts on a trace that the terminal, the page and the pictures share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grader.learn.trace.model import Launch, Rectangle, Step

VERBS = {"load": "load", "store": "store", "atomic": "atomic operation on"}
MOST_RANGES = 8


def shape(sizes: Sequence[int]) -> str:
    """320 × 80."""
    return " × ".join(map(str, sizes)) or "a number"


def grid(launch: Launch) -> str:
    """4 × 2, without the axes of 1 at its end."""
    width, height, depth = launch.grid
    return shape((width, height, depth) if depth > 1 else (width, height) if height > 1 else (width,))


def ranges(numbers: Iterable[int], dash: str = "–") -> list[str]:
    """0–3, 7: numbers in order, with those that follow each other put together."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [str(first) if first == last else f"{first}{dash}{last}" for first, last in found]


def programs(numbers: Sequence[int]) -> str:
    """program 3, or programs 0–3, 7."""
    parts = ranges(numbers)
    more = f" and {len(parts) - MOST_RANGES} more ranges" if len(parts) > MOST_RANGES else ""
    return f"program{'s' * (len(numbers) > 1)} {', '.join(parts[:MOST_RANGES])}{more}"


def place(rectangle: Rectangle, rows: int) -> str:
    """rows 0–127, columns 0–31; in a tensor of one row, elements 0–127."""
    across = _span(rectangle.left, rectangle.right)
    if rows == 1:
        return f"elements {across}"
    return f"rows {_span(rectangle.top, rectangle.bottom)}, columns {across}"


def _span(first: int, end: int) -> str:
    return str(first) if end - first == 1 else f"{first}–{end - 1}"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def step(step: Step) -> str:
    """load a_ptr: 12 programs, 3 distinct tiles, 24,576 bytes."""
    numbers = {program for tile in step.tiles for program in tile.programs}
    distinct = len(step.tiles)
    tiles = count(distinct, "distinct tile") if distinct < len(numbers) else count(distinct, "tile")
    return f"{VERBS[step.kind]} {step.argument}: {count(len(numbers), 'program')}, {tiles}, {count(step.bytes, 'byte')}"
