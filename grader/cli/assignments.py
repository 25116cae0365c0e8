"""`koans assignment new`, `check`, `list`, `extend` and `override`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from grader.book.workbook import Workbook, find_root
from grader.cli.base import Json, dump, installed, show

app = typer.Typer(rich_markup_mode=None, help="Decide about koans, points and dates of a course's assignments.")

Place = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the assignment.")]
Student = Annotated[str, typer.Argument(metavar="STUDENT", help="The student's id or name, or a group's name.")]
Comment = Annotated[str, typer.Option("--comment", metavar="TEXT", help="Why.", show_default=False)]
Judge = Annotated[
    Path | None,
    typer.Option(
        "--workbook",
        metavar="DIR",
        help="The workbook with the koans [default: the installed one].",
        show_default=False,
    ),
]


def _book(judge: Path | None) -> Workbook:
    return Workbook(find_root(judge) if judge is not None else installed())


@app.command("new", short_help="Make the folder of an assignment.")
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make, such as assignments/koans-1.")],
    title: Annotated[
        str, typer.Option(metavar="TEXT", help="Its title [default: the folder's name].", show_default=False)
    ] = "",
    koans: Annotated[
        list[str] | None,
        typer.Option("--koan", metavar="ID", help="A koan or a chapter of it. May be given several times."),
    ] = None,
    opens: Annotated[str, typer.Option(metavar="TIME", help="When it opens.", show_default=False)] = "",
    due: Annotated[str, typer.Option(metavar="TIME", help="When it is due.", show_default=False)] = "",
    zone: Annotated[
        str, typer.Option("--time-zone", metavar="NAME", help="The time zone of these times, as in Europe/Berlin.")
    ] = "UTC",
    judge: Judge = None,
) -> None:
    """Make the folder of an assignment: assignment.toml with every field explained, and a secret for its seeds.

    \b
    Examples:
      koans assignment new assignments/koans-1 --title "Koans 1" \\
        --koan ch06 --koan causal_mask --due "2026-11-20 23:59" \\
        --time-zone Europe/Berlin
    """
    from grader.course.new_assignment import Choices, create
    from grader.course.report.schemes import summary

    scheme = create(folder, Choices(title, tuple(koans or ()), opens, due, zone), _book(judge))
    show(summary(scheme), Text(f"next: read {scheme.file}, then `koans assignment check {folder}`", "dim"))


@app.command("check", short_help="Check an assignment, and show what it says.")
def check(place: Place, judge: Judge = None, as_json: Json = False) -> None:
    """Check an assignment: its fields, its koans, and the rows of extensions.csv and overrides.csv.

    \b
    Examples:
      koans assignment check assignments/koans-1
      koans assignment check assignments/koans-1 --json
    """
    from grader.course.report.schemes import details, record
    from grader.course.scheme import read

    scheme = read(place, _book(judge))
    if as_json:
        dump(record(scheme))
    else:
        show(details(scheme))


@app.command("list", short_help="List the assignments of a course.")
def list_assignments(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder that has the folders of the assignments.")
    ] = Path("assignments"),
    judge: Judge = None,
    as_json: Json = False,
) -> None:
    """List the assignments of a course by the time when they are due, with koans and points.

    \b
    Examples:
      koans assignment list
      koans assignment list courses/2026/assignments --json
    """
    from grader.course.report.schemes import record, summary
    from grader.course.scheme import below

    found = below(folder, _book(judge))
    if as_json:
        dump([record(scheme) for scheme in found])
    else:
        show(*map(summary, found))


@app.command("extend", short_help="Give a student or a group more time.")
def extend(
    place: Place,
    student: Student,
    due: Annotated[str, typer.Argument(metavar="TIME", help='A time, a day, or a length such as "+3 days".')],
    comment: Comment = "",
    judge: Judge = None,
) -> None:
    """Give a student or a group more time. Adds a row to extensions.csv, with your name and the time.

    \b
    Examples:
      koans assignment extend assignments/koans-1 ada "2026-11-24 23:59"
      koans assignment extend assignments/koans-1 ada "+3 days" --comment ill
    """
    from grader.course import assignment
    from grader.course import scheme as schemes
    from grader.course.report.schemes import time

    scheme = schemes.read(place, _book(judge))
    made = schemes.extend(scheme, {"student": student, "due": due, "comment": comment})
    until = made.of(assignment.due(scheme.assignment))
    show(Text(f"{scheme.title}: {made.student} has until {time(until)}" if until else f"{scheme.title} is never due"))


@app.command("override", short_help="Decide about a student's points.")
def override(
    place: Place,
    student: Student,
    points: Annotated[str, typer.Argument(metavar="POINTS", help="The points, as in 2 or 1.5.")],
    koan: Annotated[
        str,
        typer.Option(metavar="ID", help="Of this koan [default: of the whole assignment].", show_default=False),
    ] = "",
    comment: Comment = "",
    judge: Judge = None,
) -> None:
    """Decide about a student's points. Adds a row to overrides.csv, with your name and the time.

    Points for a koan replace what its verdict earns, before a deduction for late work. Points for the whole assignment
    replace the mark.

    \b
    Examples:
      koans assignment override assignments/koans-1 ada 3 --koan softmax
      koans assignment override assignments/koans-1 ben 12 --comment "oral exam"
    """
    from grader.book.points import amount
    from grader.course import scheme as schemes

    scheme = schemes.read(place, _book(judge))
    made = schemes.override(scheme, {"student": student, "koan": koan, "points": points, "comment": comment})
    what = made.koan or "the whole assignment"
    show(Text(f"{scheme.title}: {made.student} has {amount(float(made.points))} points for {what}"))
