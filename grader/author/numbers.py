"""Holds the numbers of a chapter's texts to the code: `python -m grader.author.numbers [CHAPTER ...]`.

`content/CH/numbers.py` has a function `numbers()` that yields phrases of the texts. It builds each phrase from values
that it computes, so a phrase that no text has is a number that is wrong or out of date. `GIVEN` maps phrases that are
not computed (a released configuration, an input of an example) to where they come from. Every number of the texts must
be in a phrase of either kind.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from grader.author import content_script
from grader.book.errors import KoansError
from grader.book.workbook import Chapter, Workbook, find_root

# Code, names (Llama-3.1-8B, fp16, arXiv:2002.04745) and years are not numbers that the workbook computes.
CODE = re.compile(r"```.*?```|`[^`]*`", re.S)
NAME = re.compile(r"arXiv:[\d.]+|https?://\S+|\b[A-Za-z_][\w.-]*\d[\w.-]*|\b20[12]\d\b(?!,\d)")
# A number that must come from somewhere: with a fraction, of three digits or more, a percentage, or a power.
NUMBER = re.compile(
    r"(?<![\w.,])(?:\d+(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|\d{3,}|\d+(?= ?%))(?:e[-+]?\d+)?|\d+e[-+]?\d+|\d+[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+"
)


class Place(msgspec.Struct, frozen=True):
    """A text of a chapter: its name for messages, and its words with single spaces."""

    name: str
    text: str


class Phrases(msgspec.Struct, frozen=True):
    """What a numbers.py says: the phrases that it computed, and the given ones with where they come from."""

    computed: tuple[str, ...]
    given: dict[str, str]


class Problem(msgspec.Struct, frozen=True):
    """A phrase that no text has, or a number that no phrase has."""

    chapter: str
    where: str
    message: str


def scripts(root: Path) -> list[Path]:
    """The numbers.py of each chapter that has one, in order."""
    return sorted((root / "content").glob("ch*/numbers.py"))


def texts(workbook: Workbook, chapter: Chapter) -> Iterator[Place]:
    """What readers see of a chapter: its text, its afterwords, its cards and its questions."""
    yield _place("chapter.md", workbook.text(chapter))
    for koan in chapter.koans:
        yield _place(f"{koan.name}.md", workbook.notes(koan).afterword)
    for card in workbook.cards.values():
        if card.chapter == chapter.id:
            erratum = card.erratum.words if card.erratum else ""
            yield _place(f"card {card.id}", "\n".join([card.front, card.back, erratum, card.key]))
    for question in workbook.questions_of(chapter):
        options = [f"{option.text}\n{option.why}" for option in question.options]
        yield _place(f"question {question.id}", "\n".join([question.prompt, question.answer, *options]))


def phrases(script: Path) -> Phrases:
    """The phrases of a numbers.py. Runs it. Raises KoansError if it cannot be imported, or has no numbers()."""
    module = content_script.load(script, "numbers")
    given = {_spaced(phrase): why for phrase, why in getattr(module, "GIVEN", {}).items()}
    return Phrases(tuple(_spaced(phrase) for phrase in module.numbers()), given)


def problems(workbook: Workbook, chapter: Chapter, phrases: Phrases) -> Iterator[Problem]:
    """Where a chapter's texts and the phrases of its numbers.py disagree."""
    places = list(texts(workbook, chapter))
    every = [*phrases.computed, *phrases.given]
    for phrase in every:
        if not any(_found(phrase, place.text) for place in places):
            yield Problem(chapter.id, "numbers.py", f"no text of the chapter says: {phrase}")
    for place in places:
        for start, end in uncovered(place.text, every):
            around = place.text[max(0, start - 30) : end + 30]
            yield Problem(chapter.id, place.name, f"{place.text[start:end]} is not in numbers.py: …{around}…")


def uncovered(text: str, phrases: Sequence[str]) -> list[tuple[int, int]]:
    """Where a text has a number that is in none of these phrases, as spans."""
    names = [match.span() for match in (*CODE.finditer(text), *NAME.finditer(text))]
    known = [match.span() for phrase in phrases for match in _found(phrase, text)]
    spans = [match.span() for match in NUMBER.finditer(text)]
    return [span for span in spans if not any(a <= span[0] and span[1] <= b for a, b in (*names, *known))]


def _found(phrase: str, text: str) -> list[re.Match[str]]:
    """The places where a phrase stands in a text. A phrase that ends in a digit does not end within a number."""
    return list(re.finditer(rf"(?<!\d)(?<!\d[.,]){re.escape(phrase)}(?!\d|[.,]\d)", text))


def _place(name: str, text: str) -> Place:
    return Place(name, _spaced(text))


def _spaced(text: str) -> str:
    return " ".join(text.split())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns its exit status: 0 all numbers hold, 1 problems were found, 2 it could not run."""
    parser = argparse.ArgumentParser(
        prog="python -m grader.author.numbers",
        description="Print every number of the chapters' texts as content/CH/numbers.py computes it, and what differs.",
        epilog="exit status: 0 all numbers hold, 1 problems were found, 2 a script cannot run",
    )
    parser.add_argument("chapters", nargs="*", help="chapters (ch08); default: all")
    args = parser.parse_args(argv)
    try:
        return _run(Workbook(find_root(Path("."))), args.chapters)
    except KoansError as error:
        print(error, file=sys.stderr)
        return 2


def _run(workbook: Workbook, names: Sequence[str]) -> int:
    wanted = {workbook.chapter(name).id for name in names}
    found = 0
    for script in scripts(workbook.root):
        if wanted and script.parent.name not in wanted:
            continue
        own = phrases(script)
        print(script.parent.name)
        for phrase in own.computed:
            print(f"  {phrase}")
        for phrase, why in own.given.items():
            print(f"  {phrase}  (given: {why})")
        for problem in problems(workbook, workbook.chapter(script.parent.name), own):
            found += 1
            print(f"  problem, {problem.where}: {problem.message}")
    print(f"problems: {found}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
