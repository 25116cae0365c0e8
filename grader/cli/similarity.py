"""`koans similarity`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.book.errors import needs
from grader.book.files import write_file
from grader.book.workbook import Workbook, find_root
from grader.cli.base import Json, dump, installed, say, show, waiting


def similarity(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="CLASS",
            help="A class, as for `koans grade`: a folder or an archive of submissions, a roster (CSV), or several "
            "submissions.",
        ),
    ],
    last_year: Annotated[
        list[Path] | None,
        typer.Option(
            "--last-year",
            metavar="PATH",
            help="An earlier class, from which somebody may have copied. May be given several times.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="KOAN", help="Compare only this koan or chapter. May be given several times."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with the texts side by side.")
    ] = None,
    name: Annotated[str, typer.Option("--class", metavar="NAME", help="The name of the class on the page.")] = "class",
    hide_names: Annotated[
        bool, typer.Option("--hide-names", help="Show numbers for names. The texts stay as they are.")
    ] = False,
    judge: Annotated[
        Path | None,
        typer.Option("--workbook", metavar="DIR", help="The workbook of the class [default: the installed one]."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show which answers are more alike than chance explains, for you alone. It changes no grade.

    It compares every student with every other one, with the workbook's solutions, oracles and right answers, and with
    an earlier class. Names, comments, formatting and order make no difference. A match counts by its rarity: what many
    of the class write says nothing. Nothing that was handed in is run. INSTRUCTORS.md says how the evidence is weighed
    and what it cannot know. Exit code 0, also if there are pairs to look at.

    \b
    Examples:
      koans similarity ../forks
      koans similarity ../forks --html similar.html
      koans similarity submissions.zip --last-year ../2025 --html similar.html
      koans similarity roster.csv --only ch07_attention --only softmax --json
      koans similarity ../forks --html for-a-colleague.html --hide-names
    """
    needs("`koans similarity`", "linux")  # its sandbox, in which submissions are read
    from grader.course.intake.client import Intake
    from grader.course.similarity.as_json import as_json as data
    from grader.course.similarity.handed import Classes
    from grader.course.similarity.page import page
    from grader.course.similarity.screen import screen
    from grader.course.similarity.survey import survey, unnamed

    book = Workbook(find_root(judge) if judge is not None else installed())
    koans = book.named(only) if only else list(book.koans.values())
    with Intake(book) as intake, waiting("starting") as set_line:
        classes = Classes(book, intake, paths, last_year or [])
        found = survey(book, koans, classes.now, classes.earlier, on_progress=set_line, notes=classes.notes)
    if hide_names:
        found = unnamed(found)
    to_output = html is not None and str(html) == "-"
    if as_json:
        dump(data(found))
    elif not to_output:
        show(screen(found))
    if html is not None:  # after the results, which are shown even if a disk is full
        with waiting(f"writing {html}"):
            write_file(html, "".join(page(book, found, name)))
        if not to_output:
            say(f"wrote {html}")
