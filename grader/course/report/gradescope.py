"""Gradescope's results.json: https://gradescope-autograders.readthedocs.io/en/latest/specs/ ("Output format").

Every text is declared as plain text, so that nothing in a submission is read as HTML or Markdown.
"""

from __future__ import annotations

from typing import Any

from grader.book.verdict import Status
from grader.course.grade import Grade
from grader.course.report.common import (
    explanation,
    json_text,
    rows,
    safe_text,
    seed_digest,
    seed_for_students,
    total,
    version,
    with_marks,
)


def results(grade: Grade) -> str:
    """One test for each koan, or one that says why nothing could be graded.

    Gradescope has only passed and failed; the output of each test starts with the status.
    """
    earned, points = total(grade)
    tests: list[dict[str, Any]] = [
        {
            "name": safe_text(row.name),
            "name_format": "text",
            "number": str(i),
            "score": row.earned,
            "max_score": 0 if row.extra else row.points,
            "status": "passed" if row.status == Status.passed else "failed",
            "output": f"{row.status.value}\n\n{explanation(row)}",
            "output_format": "text",
            "tags": [row.name.partition("/")[0], row.graded.rung],
            "visibility": "visible",
            "extra_data": {"verdict": row.status.value, "looks_like": [safe_text(n) for n in row.graded.verdict.names]},
        }
        for i, row in enumerate(rows(grade), 1)
    ]
    about = [f"{seed_for_students(grade)}; {safe_text(grade.isolation)}; {safe_text(grade.device)}"]
    if grade.problem:
        reason = f"nothing could be graded: {safe_text(grade.problem)}"
        tests = [_not_graded(reason, points)]
        about.insert(0, reason)
    about += with_marks(grade)
    about += [version(grade)] if version(grade) else []
    about += [f"note: {safe_text(note)}" for note in grade.notes]
    document = {
        "score": earned,
        "execution_time": round(grade.seconds),
        "output": "\n".join(about),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "extra_data": {
            "seed_digest": seed_digest(grade),
            "trusted": grade.trusted,
            "cards": list(grade.cards),
            "versions": grade.versions,
            "started": grade.started,
        },
        "tests": tests,
    }
    return json_text(document)


def _not_graded(reason: str, points: float) -> dict[str, Any]:
    return {
        "name": "submission",
        "name_format": "text",
        "number": "1",
        "score": 0,
        "max_score": points,
        "status": "failed",
        "output": reason,
        "output_format": "text",
        "tags": [],
        "visibility": "visible",
        "extra_data": {"verdict": "not graded", "looks_like": []},
    }
