"""What each submission failed at, and notes about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grader.book.verdict import Status
from grader.course.grade import Class
from grader.course.report.common import version
from grader.course.report.page.markup import count, name, private, text
from grader.course.report.page.overview import Row

NO_FAILURE = (Status.passed, Status.not_started, Status.not_run_here)


def messages(classroom: Class, rows: Sequence[Row]) -> Iterable[str]:
    yield '<section id="messages"><h2>Messages for each submission</h2><div data-rows="">'
    for row, grade in zip(rows, classroom.grades, strict=True):
        failures = [koan.verdict for koan in grade.koans if koan.verdict.status not in NO_FAILURE]
        if failures or grade.notes or version(grade):
            yield f"<details><summary>{name(row.label, row.number)}: {count(len(failures), 'koan')}</summary><ul>"
            yield f'<li class="dim private">{text(version(grade))}</li>' if version(grade) else ""
            yield from (f'<li class="private">{text(note)}</li>' for note in grade.notes)
            for verdict in failures:
                message = text((verdict.headline or verdict.message).partition("\n")[0])
                yield f'<li data-k="{text(verdict.koan)}"><code>{text(verdict.koan)}</code> {verdict.status.value}'
                yield f"{private(f': {message}')}</li>"
            yield "</ul></details>"
    yield "</div></section>"
