"""`koans facts`."""

from __future__ import annotations

from typing import Annotated

import typer

from grader.book.errors import KoansError
from grader.cli.base import Json, dump, own_workbook, show, workbook


def facts(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Facts (N8-1), sources (N8, B1) or chapters (ch09); default: all."),
    ] = None,
    errata: Annotated[
        bool, typer.Option("--errata", help="List the errata: the claim, what holds, and the evidence.")
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Update docs/FACTS.md and docs/ERRATA.md.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 if one of them is stale.")] = False,
    as_json: Json = False,
) -> None:
    """Show what the sources say: each fact with its cards, questions and evidence, and where it is wrong.

    \b
    Examples:
      koans facts                 the table
      koans facts N8-1            everything about one fact
      koans facts ch09 B1         the facts of a chapter and of a source
      koans facts --errata
      koans facts --errata ch09 --json
      koans facts --write         after a change to cards, questions or tests
    """
    from grader.author import facts as sources
    from grader.author.report import fact_documents, fact_screens
    from grader.book import terminal

    book = own_workbook() if write or check else workbook()
    if write or check:
        if names or errata or as_json or (write and check):
            raise KoansError("--write and --check are for the whole pages: give one of them, and nothing else")
        changed = fact_documents.stale(book) if check else fact_documents.write(book)
        for name in changed:
            show(f"{name}: {'stale; `koans facts --write` writes it' if check else 'written'}")
        show(f"pages: {len(fact_documents.PAGES)}, {'stale' if check else 'written'}: {len(changed)}")
        raise typer.Exit(1 if check and changed else 0)
    if errata:
        wrong = sources.errata(book, names or ())
        if as_json:
            dump(wrong)
        else:
            show(fact_screens.errata(wrong))
        return
    coverage = sources.coverage(book, names or ())
    if as_json:
        dump(coverage)
    else:
        show(
            fact_screens.details(coverage[0])
            if len(coverage) == 1
            else fact_screens.table(coverage, terminal.console().width)
        )
        if not names:
            show(fact_screens.further(*sources.beyond(book)))
