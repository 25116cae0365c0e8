"""`koans symptom`: what a hunt's code shows, as text, a picture, a page or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.book.errors import KoansError
from grader.cli import completion
from grader.cli.base import Json, Seed, dump, show, waiting, workbook
from grader.cli.tracking import koan_or_current
from grader.judge.runner import Runner
from grader.learn import attempts
from grader.learn.progress import Progress


def symptom(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", help="A hunt; default: the current koan.", show_default=False, autocompletion=completion.koans
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write a page (FILE.html) or a picture (FILE.png, FILE.svg).",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Show what a hunt's code does at work, beside the same code in order: a curve, a text, a histogram or a count.

    A hunt is a koan whose file is whole and has one planted mistake. The symptom is computed by running your file as it
    is now, so it changes with each repair. That the symptom is gone is no proof: `koans run` has the tests.

    Exit code 0 if your code ran to its end, 1 if it did not.

    \b
    Examples:
      koans symptom hunt_early_stop
      koans symptom hunt_early_stop -o symptom.png
      koans symptom hunt_early_stop --seed 3
      koans symptom --json                 of the current koan
    """
    from grader.book.files import check_ending, write_file
    from grader.learn.report.symptom import SymptomView
    from grader.learn.report.symptom_page import page, picture

    if file is not None and as_json:
        raise KoansError("give -o or --json, not both")
    if file is not None:
        check_ending(file, (".html", ".png", ".svg"))
    book = workbook()
    with Progress(book.root, must_write=False) as progress:
        koan = koan_or_current(book, progress, name)
    with Runner(book) as runner, waiting(f"running {koan.id}"):
        run = runner.symptom(koan, attempts.LEARNER, seed)
    if file is not None:
        form = file.suffix.lower().removeprefix(".")
        write_file(file, page(koan, run) if form == "html" else picture(koan, run, form))
        show(f"{file} written")
    elif as_json:
        dump(run)
    else:
        show(SymptomView(run))
    raise typer.Exit(1 if run.problem else 0)
