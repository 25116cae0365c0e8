"""The cheat sheet in Markdown, in the dialect of GitHub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from grader.learn.cheatsheet.sheet import KeyFact, MissedQuestion, Sheet

Mark = Literal["✓", "!", "○"]
KEY = "✓ proven by your tests, ! proven by a file that has changed since, ○ not proven yet"


def render(sheet: Sheet) -> str:
    """The text of the file."""
    return "\n".join(_lines(sheet)) + "\n"


def mark(fact: KeyFact) -> Mark:
    """The character that says whether the fact is proven; KEY explains it."""
    return "!" if fact.stale else "✓" if fact.proven else "○"


def _lines(sheet: Sheet) -> Iterator[str]:
    yield from (f"# {_text(sheet.title)}", "", sheet.summary)
    if sheet.missed:
        yield from ("", "## Missed most", "")
        yield from (_question(question) for question in sheet.missed)
    if len(sheet.rows) > 1:
        yield from ("", "## Chapters at a glance", "", "| | chapter | koans | cards |", "|--|--|--|--|")
    for row in sheet.rows if len(sheet.rows) > 1 else ():
        counts = f"{row.passed} of {row.koans} | {row.unlocked} of {row.cards}"
        yield f"| {row.number} | {_text(row.title)} | {counts} |"
    yield from ("", "## Key facts", "", KEY)
    for part in sheet.parts:
        yield ""
        if len(sheet.parts) > 1:
            yield from (f"### {part.number} {_text(part.title)}", "")
        for fact in part.facts:
            missed = f" **(missed {fact.missed} ×)**" if fact.missed else ""
            yield f"- {mark(fact)} {_text(fact.text)}{missed}"
        if part.others:
            yield from ("", "## The other cards", "")
            yield from (_question(question) for question in part.others)


def _question(question: MissedQuestion) -> str:
    missed = f"{question.missed} × " if question.missed else ""
    return f"- {missed}**{_text(question.prompt)}** {_text(question.answer)}"


def _text(text: str) -> str:
    """The text with Markdown's special characters escaped, except in backticks, where they are code."""
    pieces = re.split(r"(`[^`]+`)", " ".join(text.split()))
    pieces[::2] = [re.sub(r"([\\*<|\[\]`~&]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", piece) for piece in pieces[::2]]
    return "".join(pieces)
