"""What the terminal and the page say in the same words."""

from __future__ import annotations

from collections import Counter

from grader.course.similarity.evidence import strength
from grader.course.similarity.rarity import LEVELS
from grader.course.similarity.survey import Match, Pair, Survey

NO_PENALTY = "This is a reason to talk with a student, and never a penalty by itself."
CANNOT_KNOW = (
    "It compares texts only. It does not know who copied from whom. It does not know whether two students learned "
    "together or asked the same assistant, or whether they were allowed to."
)


def count(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"


def alike(pair: Pair) -> str:
    """How many functions of a pair are alike, and how much: "14 of 17 functions: 10 exactly, 4 mostly"."""
    levels = Counter(match.level for match in pair.matches)
    parts = ", ".join(f"{levels[level]} {level}" for level in reversed(LEVELS) if levels[level])
    return f"{len(pair.matches)} of {count(pair.compared, 'function')}: {parts}"


def by_chance(pair: Pair) -> str:
    """The evidence in words. Small numbers are not printed: the model does not reach so far."""
    strong = strength(pair.expected)
    if pair.expected < 1e-6:
        return f"{strong}: by chance less than once in a million classes like this"
    if pair.expected < 0.01:
        return f"{strong}: by chance about once in {_rounded(1 / pair.expected):,} classes like this"
    return f"{strong}: by chance about once in {max(1 / pair.expected, 2):.0f} classes like this"


def _rounded(number: float) -> int:
    """With two digits that are not 0."""
    digits = max(len(str(int(number))) - 2, 0)
    return int(round(number, -digits))


def rarity(match: Match) -> str:
    """How many others write it so: "2 of 57 others are as close"."""
    if not match.others:
        return f"none of {count(match.writers, 'other')} is as close"
    return f"{match.others} of {count(match.writers, 'other')} {'is' if match.others == 1 else 'are'} as close"


def also_shipped(pair: Pair) -> str:
    """That both sides may have the same source. Empty if they have not."""
    number = sum(match.shipped_too for match in pair.matches)
    if not number:
        return ""
    return f"In {count(number, 'function')} both also have an answer of the workbook, so they may have it from there."


def compared(found: Survey) -> str:
    earlier = f" and {len(found.earlier)} of an earlier class" if found.earlier else ""
    return (
        f"{count(len(found.people), 'submission')}{earlier}, {count(found.answers, 'answer')} to "
        f"{count(found.functions, 'function')} of {count(len(found.koans), 'koan')}"
    )
