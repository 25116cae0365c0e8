"""What is shown of a long output: the first and the last lines, and a line between them that says how many more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

MARK = re.compile(r"^… ([\d,]{1,20}) more lines? …$", re.MULTILINE)


class Excerpt(NamedTuple):
    """The first lines, how many lines are left out, and the last lines."""

    first: list[str]
    left_out: int
    last: list[str]


def mark(left_out: int) -> str:
    """The line that stands for lines that are left out."""
    return f"… {left_out:,} more line{'s' * (left_out != 1)} …"


def marked(line: str) -> int:
    """How many lines this line stands for: 1 if it is no mark."""
    found = MARK.fullmatch(line)
    return max(1, int(found[1].replace(",", "") or 1)) if found else 1


def excerpt(text: str, most: int) -> Excerpt:
    """At most `most` lines of a text, or all of them before the first mark and after the last one."""
    lines = text.strip("\n").split("\n")
    marks = [i for i, line in enumerate(lines) if MARK.fullmatch(line)]
    if not marks and len(lines) <= most:
        return Excerpt(lines, 0, [])
    before, after = (lines[: marks[0]], lines[marks[-1] + 1 :]) if marks else (lines, lines)
    first, last = before[: most - most // 2], after[max(0, len(after) - most // 2) :]
    return Excerpt(first, _count(lines) - len(first) - len(last), last)


def _count(lines: Sequence[str]) -> int:
    return sum(map(marked, lines))
