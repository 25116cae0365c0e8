"""`koans grade`."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.base import Json, show, waiting, workbook
from grader.errors import KoansError
from grader.report import terminal
from grader.runner import Runner

FORMATS = (
    "Write a report: json, html, canvas, ctrf, junit for all; gradescope, classroom50, github, github-summary one "
    "each, with {} for the submission's name. May be given several times."
)


def grade(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR…", help="Roots of submissions: the folders with exercises/.")
    ],
    formats: Annotated[list[str] | None, typer.Option("--format", metavar="NAME=FILE", help=FORMATS)] = None,
    name: Annotated[str, typer.Option("--class", help="What the class is called in reports.")] = "class",
    gradebook: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Canvas's own export, for --format canvas.")
    ] = None,
    assignment: Annotated[
        str, typer.Option(help="The assignment in it: its title or id; added if it is not there.")
    ] = "Tensor Koans",
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of all random inputs [default: a new one, which is shown].")
    ] = None,
    require_isolation: Annotated[
        bool, typer.Option("--require-isolation", help="Refuse to grade where the sandbox is not whole (exit code 2).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Grade submissions: a verdict per koan and a score each. Their code runs in a sandbox, apart from tests and
    solutions. Exit code 1 if one could not be graded.

    Only the files of our koans are read. SECURITY.md says what is promised.

    \b
    Examples:
      koans grade ../forks/ada
      koans grade ../forks/ada --json > ada.json
      koans grade ../forks/ada --require-isolation --seed 1234
      koans grade . --format gradescope=/autograder/results/results.json
      koans grade . --format github=- --format github-summary=$GITHUB_STEP_SUMMARY
      koans grade ../forks/* --class "Numerics" --format html=class.html --format gradescope='out/{}.json'
      koans grade ../forks/* --format canvas=import.csv --gradebook export.csv --assignment "Koans 1"
    """
    from grader.grade import Grade, classroom
    from grader.grade import grade as grade_submission
    from grader.report import formats as files
    from grader.sandbox.confine import in_words, trusted

    book = workbook()
    seed = secrets.randbelow(2**31) if seed is None else seed
    reports = [files.parse(text) for text in formats or []]
    options = files.Options(gradebook, assignment, os.environ)
    files.check(reports, len(folders), options)
    with Runner(book, isolated=True) as runner, waiting("grading") as say:
        level = runner.level()
        if require_isolation and not trusted(level):
            raise KoansError(f"--require-isolation: {in_words(level)}; nothing was graded")

        def one(folder: Path) -> Grade:
            def tick(done: int, total: int, what: str) -> None:
                say(f"{folder.name}: {done} of {total}: {what}")

            return grade_submission(book, folder, runner, seed=seed or 0, tick=tick)

        grades = [one(folder) for folder in folders]
    if len(grades) == 1 and grades[0].problem:
        raise KoansError(grades[0].problem)
    found = classroom(name, seed, grades)
    notes = files.write(reports, found, options)
    if as_json:
        files.put("-", files.alone_or_all(found))
    elif not any(report.file == "-" for report in reports):
        show(*(terminal.grade(result) for result in found.grades))
    for note in notes:
        typer.echo(f"koans: {note}", err=True)
    raise typer.Exit(1 if any(result.problem for result in grades) else 0)
