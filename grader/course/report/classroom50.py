"""Classroom 50's result.json, `classroom50/result/v1`.

Documented at https://github.com/foundation50/classroom50/wiki/Advanced-Autograding ("The result.json contract") and in
that repository's schemas/result-v1.schema.json. An autograder runs in the learner's checkout, with the classroom, the
assignment and the links in its environment; Classroom 50's runner then stamps owner, assignment_type, datetime (when it
was submitted) and graded_at itself, and rejects a result whose identity is not the repository's.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from grader.book.errors import KoansError
from grader.book.verdict import Status
from grader.course.grade import Grade
from grader.course.report.common import explained, rows, shown, total

NEEDED = ("CLASSROOM", "ASSIGNMENT", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL")


def result(grade: Grade, environment: Mapping[str, str]) -> str:
    """One test a koan. Raises KoansError naming what the environment lacks."""
    lacking = [name for name in NEEDED if not environment.get(name)]
    owner = environment.get("OWNER") or environment.get("USERNAME", "")
    if not owner:
        lacking.append("OWNER")
    if lacking:
        raise KoansError(
            f"classroom50: {', '.join(lacking)} not set; Classroom 50's runner sets them for an autograder"
        )
    earned, points = total(grade)
    tests = [
        {
            "test-name": shown(row.name),
            "passed": row.status == Status.passed,
            "score": row.earned,
            "max-score": row.points,
            "verdict": row.status.value,
            "output": explained(row),
        }
        for row in rows(grade)
    ]
    if grade.problem:
        tests = [{"test-name": "submission", "passed": False, "score": 0, "max-score": points}]
        tests[0]["output"] = shown(grade.problem)
    whole = {
        "schema": "classroom50/result/v1",
        "classroom": shown(environment["CLASSROOM"]),
        "assignment": shown(environment["ASSIGNMENT"]),
        "assignment_type": shown(environment.get("ASSIGNMENT_TYPE") or "individual"),
        "owner": shown(owner),
        "submission": shown(environment["SUBMISSION_TAG"]),
        "commit": shown(environment["COMMIT_URL"]),
        "release": shown(environment["RELEASE_URL"]),
        "review": shown(environment.get("REVIEW_URL") or environment["COMMIT_URL"]),
        "datetime": grade.started,
        "graded_at": grade.started,
        "score": earned,
        "max-score": points,
        "tests": tests,
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"
