"""Gradescope's results.json: https://gradescope-autograders.readthedocs.io/en/latest/specs/ ("Output format").

Every text is declared as plain text, so that nothing in a submission is read as HTML or Markdown.
"""

from __future__ import annotations

import msgspec

from grader.book.verdict import Status
from grader.course.grade import Grade
from grader.course.report.common import explanation, rows, safe_text, total


def results(grade: Grade) -> str:
    """One test for each koan. Gradescope has only passed and failed; the output of each starts with the status."""
    earned, _ = total(grade)
    tests = [
        {
            "name": safe_text(row.name),
            "name_format": "text",
            "number": str(i),
            "score": row.earned,
            "max_score": row.points,
            "status": "passed" if row.status == Status.passed else "failed",
            "output": f"{row.status.value}\n\n{explanation(row)}",
            "output_format": "text",
            "tags": [row.name.partition("/")[0], row.graded.rung],
            "visibility": "visible",
            "extra_data": {"verdict": row.status.value, "looks_like": [safe_text(n) for n in row.graded.verdict.names]},
        }
        for i, row in enumerate(rows(grade), 1)
    ]
    about = f"seed {grade.seed}; {safe_text(grade.isolation)}; {safe_text(grade.device)}"
    document = {
        "score": earned,
        "execution_time": round(grade.seconds),
        "output": f"nothing could be graded: {safe_text(grade.problem)}" if grade.problem else about,
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
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
