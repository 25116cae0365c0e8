"""Exports cards for Anki. The suffix of the file chooses the format."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path

from grader.book.errors import KoansError
from grader.book.workbook import Card, Workbook
from grader.learn.cards import changes, tsv
from grader.learn.cards.note import Note

SUFFIXES = (".apkg", ".tsv", ".txt")


def check(file: Path) -> None:
    """Raise KoansError if the suffix names no format."""
    if file.suffix.lower() not in SUFFIXES:
        raise KoansError(f"{file}: its name must end in .apkg (a package for Anki), .tsv or .txt (Anki's text format)")


def chosen(workbook: Workbook, unlocked: Container[str], everything: bool) -> list[Card]:
    """The unlocked cards, or every card if `everything`. Raises KoansError if there are none."""
    cards = [card for card in workbook.cards.values() if everything or card.id in unlocked]
    if not cards:
        raise KoansError(
            "no card is unlocked yet: pass a koan to unlock its cards, or add --all to write the locked cards, too"
        )
    return cards


def render(file: Path, notes: Sequence[Note], record: Path) -> str | bytes:
    """The content of the file. `record` is the file that remembers when each note changed.

    Raises KoansError if genanki is not installed or `record` cannot be written.
    """
    if file.suffix.lower() != ".apkg":
        return tsv.render(notes)
    try:
        from grader.learn.cards import apkg
    except ImportError:
        raise KoansError(f"{file}: .apkg needs a library that is not installed: pip install genanki") from None
    try:
        return apkg.render(notes, changes.times(record, apkg.digests(notes)))
    except KoansError as error:
        raise KoansError(f"{error}; no deck was written") from None
