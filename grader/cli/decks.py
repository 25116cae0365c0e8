"""What leaves the workbook to be learnt by heart: decks for Anki, the cheat sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.base import show, waiting, workbook
from grader.errors import KoansError
from grader.progress import Progress


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write: .apkg, .tsv or .txt.")],
    everything: Annotated[bool, typer.Option("--all", help="Locked cards too; their backs say so.")] = False,
) -> None:
    """Write the unlocked cards for Anki (File, Import): a package with formulas and figures, or its text format.

    Importing again brings edited texts up to date, adds what is new and leaves every schedule as it is. Keep to one of
    the two formats: Anki will not turn the notes of one into those of the other.

    \b
    Examples:
      koans cards export deck.apkg
      koans cards export deck.apkg --all
      koans cards export deck.tsv
    """
    from grader.cards.export import check, render
    from grader.cards.note import notes
    from grader.report.formats import put

    check(file)
    book = workbook()
    with waiting("writing cards"), Progress(book.root) as progress:
        unlocked = progress.unlocked(book)
        cards = [c for c in book.cards.values() if everything or c.id in unlocked]
        if not cards:
            raise KoansError("no card is unlocked yet: koans that pass unlock them, --all writes the locked ones too")
        made = notes(book, cards, unlocked, progress.passes(book))
        put(str(file), render(file, made, progress.folder / "exported.json"))
    locked, stale = len(book.cards) - len(unlocked), sum("koans::stale" in note.tags for note in made)
    says = f"{len(cards)} cards written to {file}"
    if locked:
        says += f"; {locked} of them are still locked, and say so" if everything else f"; {locked} are still locked"
    show(says)
    if stale:
        show(f"{stale} of them rest on files that have changed since they passed, and say so")


def cheatsheet() -> None: ...
