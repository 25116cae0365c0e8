"""`koans grade` and `koans report`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from grader.book.errors import KoansError, needs
from grader.book.files import write_file
from grader.book.places import SHIPPED
from grader.book.workbook import Workbook, find_root
from grader.cli.base import Json, installed, say, show, waiting
from grader.judge.runner import Runner

if TYPE_CHECKING:
    from grader.course.engine.protocol import Engine
    from grader.course.grade import Class
    from grader.course.report.formats import Options, ReportFile
    from grader.course.scheme import Scheme

FORMATS = (
    "Write a report: one file for all (json, json-full, html, csv, canvas, moodle, ctrf, junit), or one file for each "
    "submission, with {} for its id (gradescope, classroom50, github, github-summary). May be given several times."
)

Formats = Annotated[list[str] | None, typer.Option("--format", metavar="NAME=FILE", help=FORMATS)]
ClassName = Annotated[str, typer.Option("--class", metavar="NAME", help="The name of the class in reports.")]
GRADEBOOK = "What the platform exports: Canvas's gradebook for canvas, Moodle's grading worksheet for moodle."
Gradebook = Annotated[Path | None, typer.Option(metavar="CSV", help=GRADEBOOK)]
Since = Annotated[
    list[Path] | None,
    typer.Option(
        "--since",
        metavar="FILE",
        help="An earlier result (--format json=…): html shows what has changed since then. May be given several times.",
    ),
]
Column = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="For canvas: the column of that export, an assignment's title or id; added if it is missing [default: the "
        "title of the assignment, or Tensor Koans].",
        show_default=False,
    ),
]
Assignments = Annotated[
    list[Path] | None,
    typer.Option(
        "--assignment",
        metavar="DIR",
        help="An assignment, which decides about koans, points and dates: its folder, or its assignment.toml. "
        "May be given several times.",
        show_default=False,
    ),
]


def grade(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            help="A class: a folder or an archive of submissions, as a learning platform exports them, or a roster "
            "(CSV). Or submissions: folders with exercises/, repositories, archives, notebooks.",
        ),
    ],
    formats: Formats = None,
    name: ClassName = "class",
    gradebook: Gradebook = None,
    column: Column = None,
    assignments: Assignments = None,
    since: Since = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            min=0,
            max=2**63 - 1,
            help="Seed of all random inputs [default: from the assignment's secret, else a new seed, which is shown].",
        ),
    ] = None,
    judge: Annotated[
        Path | None,
        typer.Option("--workbook", metavar="DIR", help="The workbook that judges [default: the installed one]."),
    ] = None,
    require_isolation: Annotated[
        bool,
        typer.Option("--require-isolation", help="Refuse to grade if a part of the sandbox is missing (exit code 2)."),
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Judge every koan again, and replace the cached verdicts.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option("-j", "--jobs", metavar="N", min=1, help="Runs at the same time [default: one for each core]."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="ENGINE",
            help="Grade on Dask: local:N (N worker processes), or the scheduler of a cluster (tls://HOST:8786).",
        ),
    ] = None,
    certificates: Annotated[
        Path | None,
        typer.Option(
            "--certificates",
            metavar="DIR",
            envvar="KOANS_CERTIFICATES",
            help="The certificates of the cluster (`koans engine certificates` makes them).",
        ),
    ] = None,
    single: Annotated[
        bool, typer.Option("--single", help="PATH is one submission, even if it looks like a class.")
    ] = False,
    feedback: Annotated[
        bool, typer.Option("--feedback", help="Let a workbook judge its own exercises. The result is not a grade.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Grade submissions: each gets a verdict per koan and a score. Exit code 1 if one could not be graded.

    Submitted code runs in a sandbox, separate from tests and solutions; SECURITY.md says what is promised. Tests and
    references come from the installed workbook or from --workbook, never from a submission or the current folder. The
    command reads only the files of koans, and each of them once. Verdicts are cached in .koans/verdicts of the
    workbook. With the same --seed, a second run grades only what has changed, and an interrupted run continues.

    With --assignment, only its koans are graded, and its points, dates, extensions and overrides count. The seed
    follows from its secret.

    \b
    Examples:
      koans grade ../forks/ada
      koans grade ../forks/ada --json > ada.json
      koans grade handed-in/ada.ipynb
      koans grade submissions.zip --seed 1234 --format html=class.html
      koans grade ../forks/ada --require-isolation --seed 1234
      koans grade /autograder/submission \\
        --format gradescope=/autograder/results/results.json
      koans grade . --workbook ../koans --format github=- \\
        --format github-summary=$GITHUB_STEP_SUMMARY
      koans grade ../forks --seed 1234 --class "Numerics" --format html=class.html
      koans grade ../forks --since last-week.json --format html=class.html
      koans grade roster.csv --seed 1234 --format gradescope='out/{}.json'
      koans grade ../forks --seed 1234 --on local:4
      koans grade ../forks --seed 1234 --on tls://head:8786 --certificates ~/certs
      koans grade ../forks --format canvas=import.csv \\
        --gradebook export.csv --column "Koans 1"
      koans grade ../forks --assignment assignments/koans-1 \\
        --format html=class.html --format json=class.json
    """
    needs("`koans grade`", "linux")  # its sandbox, in which submissions are read and run
    from grader.course.classroom import Spool, classroom, heads
    from grader.course.grade import as_feedback, grade_all, lack_of_isolation
    from grader.course.intake.client import Intake
    from grader.course.intake.collect import apart, collect
    from grader.course.marking import marked
    from grader.course.report import formats as files
    from grader.course.report import read_json
    from grader.course.scheme import koans_of, read_all, seeding
    from grader.course.seeds import draw
    from grader.course.verdict_cache import VerdictCache

    if on is not None and jobs is not None:
        raise KoansError("--jobs is for one machine: with --on, the number of workers says how many runs there are")
    book = Workbook(find_root(judge) if judge is not None else installed())
    schemes = read_all(assignments or [], book)
    if schemes and feedback:
        raise KoansError("--feedback is no grade, so it takes no --assignment")
    reports = [files.parse(text) for text in formats or []]
    before = read_json.earlier(since or [])
    inputs = (*paths, *(since or []))
    options = files.Options(gradebook, _column(column, schemes), os.environ, inputs, book, before)
    files.check(reports, len(paths), options)
    one_each = single or feedback or any(files.is_for_one(report) for report in reports)
    with Intake(book) as intake:
        collected = collect(paths, intake, one_each=one_each)
        sources = collected.sources if feedback else tuple(apart(book.root, collected.sources))
        files.check(reports, len(sources), options)
        seeds = seed if seed is not None else seeding(schemes)
        if seeds is None:
            seeds = draw()
            say(f"seed {seeds}; --seed {seeds} repeats or continues this run")
        cache = VerdictCache(book.root, again=again, tell=say)
        with waiting("starting") as set_line, _engine(on, book, certificates) as engine:

            def on_progress(done: int, total: int, what: str) -> None:
                set_line(f"{done} of {total}: {what}")

            refusal = lack_of_isolation(engine) if require_isolation else ""
            if refusal:
                sources = tuple(msgspec.structs.replace(source, places=(), problem=refusal) for source in sources)
            graded = grade_all(
                book,
                intake.take_all(sources),
                engine,
                seed=seeds,
                koans=koans_of(schemes),
                count=len(sources),
                cache=cache,
                parallel=jobs,
                on_progress=on_progress,
            )
            grades = (as_feedback(one) if feedback else one for one in graded)
            details = any(one.name == files.FULL for one in reports)
            results = classroom(name, seeds if isinstance(seeds, int) else 0, grades, collected.notes, details=details)
    if schemes:
        results = marked(results, schemes, book, Spool())
    deliver(reports, results, options, as_json=as_json)
    if refusal:
        raise KoansError(refusal)
    raise typer.Exit(1 if any(one.problem for one in heads(results.grades)) or not results.grades else 0)


@contextmanager
def _engine(on: str | None, book: Workbook, certificates: Path | None) -> Iterator[Engine]:
    """What computes the verdicts: this machine's runner, or the Dask cluster that `on` names."""
    if on is None:
        with Runner(book, isolated=True) as runner:
            yield runner
        return
    from grader.course.engine.opening import opened

    with opened(on, book, certificates, say) as engine:
        yield engine


def report(
    results: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Files that `koans grade --format json=…` wrote.")
    ],
    formats: Formats = None,
    name: ClassName = "class",
    gradebook: Gradebook = None,
    column: Column = None,
    assignments: Assignments = None,
    since: Since = None,
    judge: Annotated[
        Path | None,
        typer.Option("--workbook", metavar="DIR", help="The workbook that judged [default: the installed one]."),
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="All students; a student who is in no FILE gets a row with 0 points."),
    ] = None,
) -> None:
    """Write reports from results that were graded before; several files become one class.

    A student in several files counts once: the latest hand-in counts, or else the latest grading. A roster has a column
    `student` or `id`; an export from Canvas works, too.

    With --assignment, its points, dates, extensions and overrides count anew: nothing is graded again. The assignment
    decides which of several hand-ins counts.

    \b
    Examples:
      koans report graded/*.json --format html=class.html
      koans report graded/*.json --format canvas=import.csv --gradebook export.csv
      koans report class.json --since last-week.json --format html=class.html
      koans report graded/*.json --roster students.csv --format html=class.html
      koans report class.json --assignment assignments/koans-1 \\
        --format html=class.html
    """
    from grader.course.classroom import Spool
    from grader.course.intake import roster as rosters
    from grader.course.marking import marked
    from grader.course.report import formats as files
    from grader.course.report import read_json
    from grader.course.scheme import read_all
    from grader.course.students import Found, combine, together, with_roster

    reports = [files.parse(text) for text in formats or []]
    inputs = (*results, *(since or []), *([] if roster is None else [roster]))
    book = Workbook(find_root(judge) if judge is not None else installed() if assignments else SHIPPED)
    schemes = read_all(assignments or [], book)
    before = read_json.earlier(since or [])
    options = files.Options(gradebook, _column(column, schemes), os.environ, inputs, book, before)
    if any(one.name == files.FULL for one in reports):
        raise KoansError(f"--format {files.FULL}: a file of results may lack details; `koans grade` writes this format")
    spool = Spool()
    found = [Found(str(file), read_json.read(file, spool)) for file in results]
    combined = together(name, found) if schemes else combine(name, found)
    if roster is not None:
        combined = with_roster(combined, rosters.read(roster))
    if schemes:
        combined = marked(combined, schemes, book, spool)
    files.check(reports, len(combined.grades), options)
    deliver(reports, combined, options)


def _column(column: str | None, schemes: Sequence[Scheme]) -> str:
    """The column of Canvas's gradebook for all points."""
    from grader.course.report.formats import COLUMN

    return column or (schemes[0].title if len(schemes) == 1 else COLUMN)


def deliver(reports: Sequence[ReportFile], results: Class, options: Options, *, as_json: bool = False) -> None:
    """Write the reports. Show the results, unless JSON or a report goes to standard output. Raises KoansError."""
    from grader.course.report import formats as files
    from grader.course.report import grades as grades_screen
    from grader.course.report.names import labels
    from grader.course.since import compare, in_a_line

    notes: list[str] = []
    try:
        notes = files.write(reports, results, options)
    finally:  # what was graded is shown even if a disk is full
        lines = list(results.notes)
        if as_json or any(one.file == "-" for one in reports):
            for label, one in zip(labels(results.grades), results.grades, strict=True):
                lines += [f"{label}: {line}" for line in (one.problem, *one.notes) if line]
        elif len(results.grades) == 1:
            show(grades_screen.grade(results.grades[0]))
        else:  # the screen has these lines
            show(grades_screen.classroom(results))
            lines = []
        if as_json:
            write_file("-", files.Streamed("json", results))
        if options.since is not None:
            notes = [*notes, in_a_line(compare(results, options.since))]
        for line in [*lines, *notes]:
            say(line)
