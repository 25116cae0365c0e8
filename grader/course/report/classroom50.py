"""Classroom 50's result.json, `classroom50/result/v1`.

It is documented at https://github.com/foundation50/classroom50/wiki/Advanced-Autograding ("The result.json contract")
and in that repository's schemas/result-v1.schema.json. An autograder runs in the learner's checkout. Environment
variables give it the classroom, the assignment and the links. Classroom 50's runner then sets owner, assignment_type,
datetime (the time of submission) and graded_at itself, and rejects a result that names another repository.

Scores are whole numbers there, and none may be above its maximum. So halves are rounded up, and extra credit fills only
what is missing from the total. The exact points of a koan stand in a field of our own, which the contract allows.
"""

from __future__ import annotations

from collections.abc import Mapping

from grader.book.errors import KoansError
from grader.book.points import amount
from grader.book.verdict import Status
from grader.course.grade import Grade
from grader.course.report.common import explanation, json_text, rows, safe_text, total

REQUIRED = ("CLASSROOM", "ASSIGNMENT", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL")


def check(environment: Mapping[str, str]) -> None:
    """Raise KoansError with the variables that the environment lacks."""
    missing = [name for name in REQUIRED if not environment.get(name)]
    if not _owner(environment):
        missing.append("OWNER")
    if missing:
        raise KoansError(
            f"classroom50: {', '.join(missing)} not set; Classroom 50's runner sets them for an autograder"
        )


def _owner(environment: Mapping[str, str]) -> str:
    return environment.get("OWNER") or environment.get("USERNAME", "")


def whole(points: float) -> int:
    """The points as a whole number. Half a point counts as one."""
    return int(points + 0.5)


def result(grade: Grade, environment: Mapping[str, str]) -> str:
    """One test for each koan, or one that says why nothing could be graded. Raises KoansError as `check` does."""
    check(environment)
    earned, points = total(grade)
    tests = [
        {
            "test-name": safe_text(row.name),
            "passed": row.status == Status.passed,
            "score": min(whole(row.earned), 0 if row.extra else whole(row.points)),
            "max-score": 0 if row.extra else whole(row.points),
            "points": f"{amount(row.earned)} of {amount(row.points)}{' (extra credit)' * row.extra}",
            "verdict": row.status.value,
            "output": explanation(row),
        }
        for row in rows(grade)
    ]
    if grade.problem:
        tests = [{"test-name": "submission", "passed": False, "score": 0, "max-score": whole(points)}]
        tests[0]["output"] = safe_text(grade.problem)
    document = {
        "schema": "classroom50/result/v1",
        "classroom": safe_text(environment["CLASSROOM"]),
        "assignment": safe_text(environment["ASSIGNMENT"]),
        "assignment_type": safe_text(environment.get("ASSIGNMENT_TYPE") or "individual"),
        "owner": safe_text(_owner(environment)),
        "submission": safe_text(environment["SUBMISSION_TAG"]),
        "commit": safe_text(environment["COMMIT_URL"]),
        "release": safe_text(environment["RELEASE_URL"]),
        "review": safe_text(environment.get("REVIEW_URL") or environment["COMMIT_URL"]),
        "datetime": grade.started,
        "graded_at": grade.started,
        "score": min(whole(earned), whole(points)),
        "max-score": whole(points),
        "tests": tests,
    }
    return json_text(document)
