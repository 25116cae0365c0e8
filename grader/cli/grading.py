"""`koans grade` and `koans report`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from grader.book.errors import KoansError
from grader.cli.base import Json, new_seed, show, waiting, workbook
from grader.judge.runner import Runner

FORMATS = (
    "Write a report: json, html, canvas, ctrf, junit for all; gradescope, classroom50, github, github-summary one "
    "each, with {} for the submission's name. May be given several times."
)

Formats = Annotated[list[str] | None, typer.Option("--format", metavar="NAME=FILE", help=FORMATS)]
ClassName = Annotated[str, typer.Option("--class", help="What the class is called in reports.")]
Gradebook = Annotated[Path | None, typer.Option(metavar="CSV", help="Canvas's own export, for --format canvas.")]
Assignment = Annotated[str, typer.Option(help="The assignment in it: its title or id; added if it is not there.")]


def grade(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH…",
            help="Folders with exercises/, notebooks, bare git repositories, folders of these, or a roster (CSV).",
        ),
    ],
    formats: Formats = None,
    name: ClassName = "class",
    gradebook: Gradebook = None,
    assignment: Assignment = "Tensor Koans",
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of all random inputs [default: a new one, which is shown].")
    ] = None,
    require_isolation: Annotated[
        bool, typer.Option("--require-isolation", help="Refuse to grade where the sandbox is not whole (exit code 2).")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Judge every koan again, ignoring the cache.")] = False,
    as_json: Json = False,
) -> None:
    """Grade submissions: a verdict per koan and a score each. Their code runs in a sandbox, apart from tests and
    solutions. Exit code 1 if one could not be graded.

    Only the files of our koans are read. SECURITY.md says what is promised. Verdicts are cached in .koans/grades.db:
    with the same --seed a second run grades only what has changed, and one that was stopped continues.

    \b
    Examples:
      koans grade ../forks/ada
      koans grade ../forks/ada --json > ada.json
      koans grade handed-in/ada.ipynb
      koans grade ../forks/ada --require-isolation --seed 1234
      koans grade . --format gradescope=/autograder/results/results.json
      koans grade . --format github=- --format github-summary=$GITHUB_STEP_SUMMARY
      koans grade ../forks --seed 1234 --class "Numerics" --format html=class.html
      koans grade roster.csv --seed 1234 --format gradescope='out/{}.json'
      koans grade ../forks --format canvas=import.csv --gradebook export.csv --assignment "Koans 1"
    """
    from grader.course.grade import Grade, check_isolation, classroom, grade_all
    from grader.course.intake.submissions import collect
    from grader.course.report import formats as files
    from grader.course.report import grades as grades_screen
    from grader.course.verdict_cache import VerdictCache

    book = workbook()
    reports = [files.parse(text) for text in formats or []]
    options = files.Options(gradebook, assignment, os.environ)
    files.check(reports, len(paths), options)
    with tempfile.TemporaryDirectory(prefix="koans-forks-") as scratch:
        submissions = collect(paths, Path(scratch))
        files.check(reports, len(submissions), options)
        if seed is None:
            seed = new_seed()
            typer.echo(f"koans: seed {seed}; --seed {seed} repeats this run, or goes on with it", err=True)
        with Runner(book, isolated=True) as runner, VerdictCache(book.root) as cache, waiting("grading") as set_line:
            if cache.message:
                typer.echo(f"koans: {cache.message}", err=True)
            if require_isolation:
                check_isolation(runner)

            def on_progress(done: int, total: int, what: str) -> None:
                set_line(f"{done} of {total}: {what}")

            used = None if again else cache
            graded = grade_all(book, submissions, runner, seed=seed, cache=used, on_progress=on_progress)
            grades: list[Grade] = list(graded)
    if len(grades) == 1 and grades[0].problem:
        raise KoansError(grades[0].problem)
    results = classroom(name, seed, grades)
    notes = files.write(reports, results, options)
    if as_json:
        files.write_file("-", files.grade_or_class(results))
    elif not any(report.file == "-" for report in reports):
        show(grades_screen.grade(grades[0]) if len(grades) == 1 else grades_screen.classroom(results))
    for note in notes:
        typer.echo(f"koans: {note}", err=True)
    raise typer.Exit(1 if any(one.problem for one in grades) else 0)


def report(
    results: Annotated[list[Path], typer.Argument(metavar="FILE…", help="What `koans grade --format json=…` wrote.")],
    formats: Formats = None,
    name: ClassName = "class",
    gradebook: Gradebook = None,
    assignment: Assignment = "Tensor Koans",
) -> None:
    """Write reports from results that were graded before, also in many places: one class of all of them.

    \b
    Examples:
      koans report graded/*.json --format html=class.html
      koans report graded/*.json --format canvas=import.csv --gradebook export.csv
    """
    from grader.course.grade import combine
    from grader.course.report import as_json as saved
    from grader.course.report import formats as files
    from grader.course.report import grades as grades_screen

    reports = [files.parse(text) for text in formats or []]
    options = files.Options(gradebook, assignment, os.environ)
    grades = [grade for file in results for grade in saved.read(file)]
    files.check(reports, len(grades), options)
    combined = combine(name, grades)
    for note in files.write(reports, combined, options):
        typer.echo(f"koans: {note}", err=True)
    if not any(one.file == "-" for one in reports):
        show(grades_screen.classroom(combined))
