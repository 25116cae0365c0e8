"""The small parts of the page that every section writes: texts, names, headings and bars."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Literal

from grader.book.html import coded
from grader.book.points import amount
from grader.book.verdict import one_line
from grader.course.grade import Grade
from grader.course.mark import Mark
from grader.course.report.common import days_of, safe_text, version

Order = Literal["ascending", "descending"]


def text(content: str, longest: int = 300) -> str:
    return escape(safe_text(content, longest))


def description(content: str) -> str:
    """The description of a wrong answer, with text between backticks as code."""
    return coded(text(content))


def name(label: str, number: int) -> str:
    """A student's name, which may be written from right to left without turning around what stands beside it.

    `number` replaces it while names are hidden.
    """
    return f'<bdi data-s="{number}">{text(label)}</bdi>'


def koan(id_: str) -> str:
    """A koan's id, which may go on after its chapter on a new line where there is little room."""
    return f"<code>{text(id_).replace('/', '/<wbr/>')}</code>"


def private(html: str) -> str:
    """What may tell who somebody is. It is not shown while names are hidden."""
    return f'<span class="private">{html}</span>'


def names(people: Iterable[str]) -> str:
    """Names in a list. While names are hidden, they stand in the order of their numbers."""
    return f'<span data-people="">{", ".join(people)}</span>'


def row_name(label: str, number: int) -> str:
    return f'<th scope="row">{name(label, number)}</th>'


def row_head(label: str, number: int, grade: Grade) -> str:
    about = "; ".join(part for part in (one_line(grade.submission), version(grade)) if part)
    return f'<th scope="row" title="{text(about)}">{name(label, number)}</th>'


def heading(title: str, first: Order, css: str, more: str = "", **data: str) -> str:
    """A column's heading, a button that sorts the table. `first` is the order of the first click.

    `more` is shown above it. `data` are data attributes of the heading.
    """
    about = f' title="{text(more)}"' if more else ""
    own = "".join(f' data-{key}="{text(value)}"' for key, value in data.items())
    button = f'<button type="button"{about}>{text(title, 80)}</button>'
    return f'<th scope="col" class="{css}" data-first="{first}"{own}>{button}</th>'


def count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def about(mark: Mark) -> str:
    """What decided about the points: days late, a deduction, and notes, in which names may stand."""
    lost = f", {amount(mark.deducted)} deducted" if mark.deducted else ""
    late = [f"{days_of(mark)} late{lost}"] if mark.days_late else []
    told = [*late, *(private(text(one_line(note, 400))) for note in mark.notes)]
    return f'<div class="dim about">{"<br>".join(told)}</div>' if told else ""
