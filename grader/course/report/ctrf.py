"""CTRF, the Common Test Report Format: https://ctrf.io, schema in https://github.com/ctrf-io/ctrf (schema/).

There is one test for each koan of each submission. A koan that was not started is `pending`. A koan that could not be
run here is `skipped`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from grader.book.verdict import Status, one_line
from grader.course.classroom import heads
from grader.course.grade import Class, Grade
from grader.course.report.common import ReportRow, json_line, rows, safe_text, seed_digest, total
from grader.course.report.names import labels

SPEC = "0.0.0"  # the version that the reference implementation (npm: ctrf 0.3) checks
STATUS: dict[Status, Literal["passed", "pending", "skipped"]] = {
    Status.passed: "passed",
    Status.not_started: "pending",
    Status.not_run_here: "skipped",
}  # the rest: failed
STATUSES = ("passed", "failed", "skipped", "pending", "other")


def report(classroom: Class) -> Iterator[str]:
    """The report, a line for each test. The grades are gone through twice: the counts stand before the tests."""
    counts = Counter(test["status"] for tests in _tests(classroom) for test in tests)
    graded = heads(classroom.grades)
    starts = [_milliseconds(grade.started) for grade in graded]
    ends = [start + round(1000 * grade.seconds) for start, grade in zip(starts, graded, strict=True)]
    first = graded[0] if graded else None
    tool = {"name": "koans", "version": first.versions.get("koans", "") if first else ""}
    summary = {"tests": counts.total(), **{status: counts[status] for status in STATUSES}}
    summary |= {"suites": len(graded), "start": min(starts, default=0), "stop": max(ends, default=0)}
    yield f'{{"reportFormat":"CTRF","specVersion":"{SPEC}","generatedBy":"Tensor Koans","results":{{\n'
    yield f'"tool":{json_line(tool)},\n"summary":{json_line(summary)},\n"tests":['
    comma = ""
    for tests in _tests(classroom):
        for test in tests:
            yield f"{comma}\n{json_line(test)}"
            comma = ","
    environment = {
        "reportName": one_line(classroom.name),
        **(_version(first) if first and len(graded) == 1 else {}),
        "extra": {
            "seedDigest": seed_digest(classroom),
            "versions": first.versions if first else {},
            "isolation": sorted({safe_text(grade.isolation) for grade in graded}),
            "submissions": [_origin(grade) for grade in classroom.grades],
            "notes": [safe_text(note) for note in classroom.notes],
        },
    }
    yield f'\n],\n"environment":{json_line(environment)}\n}}}}\n'


def _tests(classroom: Class) -> Iterator[list[dict[str, Any]]]:
    """The tests of each submission."""
    for suite, grade in zip(labels(classroom.grades), classroom.grades, strict=True):
        tests = [_test(row, suite) for row in rows(grade)]
        if grade.problem:
            not_graded = {"name": "submission", "status": "failed", "duration": 0, "suite": [suite]}
            not_graded |= {"message": safe_text(grade.problem), "rawStatus": "not graded"}
            tests.insert(0, {**not_graded, "extra": {"points": total(grade)[1], "earned": 0}})
        yield tests


def _test(row: ReportRow, suite: str) -> dict[str, Any]:
    verdict = row.graded.verdict
    test: dict[str, Any] = {
        "name": safe_text(row.name),
        "status": STATUS.get(row.status, "failed"),
        "duration": round(1000 * verdict.seconds),
        "suite": [suite, row.name.partition("/")[0]],
        "rawStatus": row.status.value,
        "filePath": f"exercises/{verdict.koan}.py",
        "tags": [row.graded.rung],
        "extra": {"points": row.points, "earned": row.earned, "looksLike": [safe_text(n) for n in verdict.names]},
    }
    if row.status != Status.passed:
        test["message"] = safe_text(verdict.headline or verdict.message)
        test["trace"] = safe_text(verdict.message)
    if verdict.output:
        test["stdout"] = safe_text(verdict.output).splitlines()
    return test


def _version(grade: Grade) -> dict[str, str]:
    """The fields that CTRF has for this."""
    found = {"commit": one_line(grade.commit), "branchName": one_line(grade.branch)}
    return {name: value for name, value in found.items() if value}


def _origin(grade: Grade) -> dict[str, Any]:
    known = {name: one_line(getattr(grade, name)) for name in ("id", "student", "commit", "branch", "authored")}
    known["handedIn"] = one_line(grade.handed_in)
    found: dict[str, Any] = {name: value for name, value in known.items() if value}
    return found | {"notes": [safe_text(note) for note in grade.notes]}


def _milliseconds(stamp: str) -> int:
    try:
        return round(1000 * datetime.fromisoformat(stamp).timestamp())
    except ValueError:  # a file of results may hold anything
        return 0
