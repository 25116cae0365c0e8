"""`koans cards export` and `koans cheatsheet`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from grader.book import terminal
from grader.cli import completion
from grader.cli.base import Json, dump, show, waiting, workbook
from grader.learn.progress import Progress


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write: .apkg, .tsv or .txt.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Also export locked cards; the back of each says so.")
    ] = False,
) -> None:
    """Write the unlocked cards for Anki (File, Import): a package with formulas and figures, or its text format.

    You can import again at any time. Anki then updates changed texts, adds new cards, and changes no schedule. Use only
    one of the two formats: Anki treats a package and a text file as different notes.

    \b
    Examples:
      koans cards export deck.apkg
      koans cards export deck.apkg --all
      koans cards export deck.tsv
    """
    from grader.book.files import write_file
    from grader.learn.cards.export import check, chosen, render
    from grader.learn.cards.note import notes

    check(file)
    book = workbook()
    with waiting("writing cards"), Progress(book.root, must_write=False) as progress:
        progress.check_readable()
        unlocked = progress.unlocked(book)
        cards = chosen(book, unlocked, everything)
        written = notes(book, cards, unlocked, progress.passes(book))
        write_file(str(file), render(file, written, progress.folder / "exported.json"))
    locked, stale = len(book.cards) - len(unlocked), sum("koans::stale" in note.tags for note in written)
    message = f"{len(cards)} cards written to {file}"
    if locked:
        message += (
            f"; {locked} of them are still locked; the back of each says so"
            if everything
            else f"; {locked} are still locked"
        )
    show(message)
    if stale:
        show(f"{stale} of them depend on files that changed after they passed; the back of each says so")


def cheatsheet(
    part: Annotated[
        str | None,
        typer.Argument(
            metavar="PART",
            help="A chapter, with all of its cards; default: all chapters.",
            autocompletion=completion.chapters,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to write: .md, .html or .pdf.", show_default=False),
    ] = None,
    paper: Annotated[Literal["a4", "letter"], typer.Option(help="Paper of a PDF.")] = "a4",
    as_json: Json = False,
) -> None:
    """For the night before an exam: what you missed most, all chapters at a glance, the key facts.

    Without -o, it is shown in the terminal. All chapters fit on two or three pages, one chapter on one or two.

    \b
    Examples:
      koans cheatsheet
      koans cheatsheet numerics
      koans cheatsheet -o sheet.pdf
      koans cheatsheet -o sheet.pdf --paper letter
      koans cheatsheet ch07 -o attention.html
    """
    from grader.book.files import write_file
    from grader.learn.cheatsheet import formats, markdown
    from grader.learn.cheatsheet.sheet import sheet

    if output:
        formats.check(output)
    book = workbook()
    chapter = book.chapter(part) if part else None
    with Progress(book.root, must_write=False) as progress:
        progress.check_readable()
        content = sheet(
            book,
            chapter,
            unlocked=progress.unlocked(book),
            passes=progress.passes(book),
            misses=progress.misses(),
            day=time.strftime("%Y-%m-%d", time.gmtime()),
        )
    if as_json:
        dump(content)
    if output:
        with waiting(f"writing {output}"):
            write_file(str(output), formats.render(output, content, paper))
        if not as_json:
            show(f"{output} written: {content.summary.partition(': ')[2]}")
    elif not as_json:
        show(terminal.markdown(markdown.render(content))) if sys.stdout.isatty() else print(
            markdown.render(content), end=""
        )
