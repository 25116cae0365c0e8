"""The page for a class: what it gets wrong, what has changed, how far each student is, and how each koan went.

It is one file that loads nothing from a network (grader/book/html.py). Everything can be read without a script: the
script sorts, filters and hides names.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from grader.book.errors import KoansError
from grader.book.html import parts
from grader.book.workbook import Chapter, Workbook
from grader.course.grade import Class
from grader.course.report.common import misconceptions as find_misconceptions
from grader.course.report.common import safe_text
from grader.course.report.page.changed import changed
from grader.course.report.page.controls import controls
from grader.course.report.page.evidence import evidence
from grader.course.report.page.foot import foot
from grader.course.report.page.head import head
from grader.course.report.page.koans import koans
from grader.course.report.page.matrix import matrix
from grader.course.report.page.messages import messages
from grader.course.report.page.misconceptions import misconceptions
from grader.course.report.page.overview import overview
from grader.course.report.page.points import points
from grader.course.report.page.reread import Reading
from grader.course.report.page.students import students
from grader.course.since import compare

SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def page(classroom: Class, workbook: Workbook | None = None, since: Class | None = None) -> Iterator[str]:
    """The page, in parts. The grades are gone through several times, one grade in memory at a time.

    The workbook has the titles of chapters, and the paragraphs to reread. `since` is an earlier result of the class.
    """
    chapters = _chapters(workbook)
    order = {koan.id: i for i, koan in enumerate(koan for chapter in chapters for koan in chapter.koans)}
    seen = overview(classroom, compare(classroom, since) if since else None, order)
    found = find_misconceptions(classroom)
    titles = {chapter.id: chapter.title for chapter in chapters}
    numbers = {row.label: row.number for row in seen.rows}
    body = chain(
        head(classroom, seen),
        controls(seen, titles),
        misconceptions(found, evidence(classroom), numbers, Reading(workbook), seen.changes),
        changed(seen),
        students(seen),
        points(seen),
        matrix(seen, titles),
        koans(seen, found),
        messages(classroom, seen.rows),
        foot([row.head for row in seen.rows]),
    )
    return parts(f"{safe_text(classroom.name, 200)}: Tensor Koans", body, style=STYLE, script=SCRIPT)


def _chapters(workbook: Workbook | None) -> tuple[Chapter, ...]:
    """The chapters. None where the workbook came without its texts."""
    try:
        return workbook.chapters if workbook else ()
    except KoansError:
        return ()
