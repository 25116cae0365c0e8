"""Gradescope's results.json: https://gradescope-autograders.readthedocs.io/en/latest/specs/ ("Output format").

Every text is declared to be plain, so nothing of a submission is taken for HTML or Markdown.
"""

from __future__ import annotations

import msgspec

from grader.book.verdict import Status
from grader.course.grade import Grade
from grader.course.report.common import explained, rows, shown, total


def results(grade: Grade) -> str:
    """One test a koan. Gradescope knows passed and failed only: what did not pass here failed there, and says why."""
    earned, _ = total(grade)
    tests = [
        {
            "name": shown(row.name),
            "name_format": "text",
            "number": str(i),
            "score": row.earned,
            "max_score": row.points,
            "status": "passed" if row.status == Status.passed else "failed",
            "output": f"{row.status.value}\n\n{explained(row)}",
            "output_format": "text",
            "tags": [row.name.partition("/")[0], row.graded.rung],
            "visibility": "visible",
            "extra_data": {"verdict": row.status.value, "looks_like": [shown(n) for n in row.graded.verdict.names]},
        }
        for i, row in enumerate(rows(grade), 1)
    ]
    about = f"seed {grade.seed}; {shown(grade.isolation)}; {shown(grade.device)}"
    whole = {
        "score": earned,
        "execution_time": round(grade.seconds),
        "output": f"nothing could be graded: {shown(grade.problem)}" if grade.problem else about,
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "extra_data": {
            "seed": grade.seed,
            "trusted": grade.trusted,
            "cards": list(grade.cards),
            "versions": grade.versions,
            "started": grade.started,
        },
        "tests": tests,
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"
