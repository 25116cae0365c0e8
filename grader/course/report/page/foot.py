"""What graded the submissions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from grader.course.grade import Grade
from grader.course.report.page.markup import count, text


def foot(grades: Sequence[Grade]) -> Iterable[str]:
    lines = Counter(
        "; ".join([*(f"{k} {v}" for k, v in grade.versions.items()), grade.device, grade.isolation])
        for grade in grades
        if grade.isolation
    )
    yield "<section><h2>Graded with</h2>"
    for line, number in lines.items():
        yield f'<p class="dim">{text(line, 600)} ({count(number, "submission")})</p>'
    yield "</section>"
