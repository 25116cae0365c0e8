"""The cheat sheet in Markdown, as GitHub and most readers take it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from grader.learn.cheatsheet.sheet import KeyFact, MissedQuestion, Sheet

KEY = "✓ proven by your tests, ! proven by a file that has changed since, ○ not proven yet"


def render(sheet: Sheet) -> str:
    """The whole file."""
    return "\n".join(_lines(sheet)) + "\n"


def mark(fact: KeyFact) -> str:
    """One character: is this proven?"""
    return "!" if fact.stale else "✓" if fact.holds else "○"


def _lines(sheet: Sheet) -> Iterator[str]:
    yield from (f"# {_text(sheet.title)}", "", sheet.summary)
    if sheet.missed:
        yield from ("", "## Missed most", "")
        yield from (_asked(one) for one in sheet.missed)
    if len(sheet.rows) > 1:
        yield from ("", "## Chapters at a glance", "", "| | chapter | koans | cards |", "|--|--|--|--|")
    for row in sheet.rows if len(sheet.rows) > 1 else ():
        counts = f"{row.passed} of {row.koans} | {row.proven} of {row.cards}"
        yield f"| {row.number} | {_text(row.title)} | {counts} |"
    yield from ("", "## Key facts", "", KEY)
    for part in sheet.parts:
        yield ""
        if len(sheet.parts) > 1:
            yield from (f"### {part.number} {_text(part.title)}", "")
        for fact in part.facts:
            missed = f" **(missed {fact.missed} ×)**" if fact.missed else ""
            yield f"- {mark(fact)} {_text(fact.says)}{missed}"
        if part.others:
            yield from ("", "## The other cards", "")
            yield from (_asked(one) for one in part.others)


def _asked(one: MissedQuestion) -> str:
    missed = f"{one.missed} × " if one.missed else ""
    return f"- {missed}**{_text(one.ask)}** {_text(one.answer)}"


def _text(text: str) -> str:
    """Text with nothing that Markdown would take for markup; what stands in backticks is code already."""
    pieces = re.split(r"(`[^`]+`)", " ".join(text.split()))
    pieces[::2] = [re.sub(r"([\\*<|\[\]`~&]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", piece) for piece in pieces[::2]]
    return "".join(pieces)
