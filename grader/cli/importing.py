"""`koans cards import`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.base import Json, dump, show, waiting, workbook
from grader.learn.progress import Progress


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What Anki exported: .colpkg or .apkg.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be added.")] = False,
    as_json: Json = False,
) -> None:
    """Add the reviews that you made in Anki to your log. Each is added once, however often you import.

    In Anki, choose File, Export: an Anki Collection Package (.colpkg), or an Anki Deck Package (.apkg) of these cards
    with "Include scheduling information". Only its log of reviews is read, and nothing in Anki changes. Cards here then
    return by all reviews, as if you had made them here. It needs pip install 'tensor-koans[anki]'.

    \b
    Examples:
      koans cards import collection.colpkg
      koans cards import deck.apkg --dry-run
      koans cards import collection.colpkg --json
    """
    from grader.learn import anki_import
    from grader.learn.cards import anki_log
    from grader.learn.report.anki_import import imported

    book, now = workbook(), time.time()
    with waiting(f"reading {file.name}") as working, Progress(book.root, must_write=not dry_run) as progress:
        progress.check_readable()
        log = anki_log.read(file)
        working("adding reviews")
        unlocked = progress.unlocked(book) | progress.recall.reviews("card").keys()
        reviews, left = anki_import.select(log, book.cards, unlocked, now)
        result = anki_import.add(progress.recall, file, reviews, left, dry_run=dry_run)
    if as_json:
        dump(result)
    else:
        show(imported(result))
