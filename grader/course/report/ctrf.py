"""CTRF, the Common Test Report Format: https://ctrf.io, schema in https://github.com/ctrf-io/ctrf (schema/).

There is one test for each koan of each submission. A koan that was not started is `pending`. A koan that could not be
run here is `skipped`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from grader.book.verdict import Status
from grader.course.grade import Class
from grader.course.report.common import ReportRow, rows, safe_text

SPEC = "0.0.0"  # the version that the reference implementation (npm: ctrf 0.3) checks
STATUS: dict[Status, Literal["passed", "pending", "skipped"]] = {
    Status.passed: "passed",
    Status.not_started: "pending",
    Status.not_run_here: "skipped",
}  # the rest: failed


def report(classroom: Class) -> str:
    starts = [_milliseconds(grade.started) for grade in classroom.grades]
    ends = [start + round(1000 * g.seconds) for start, g in zip(starts, classroom.grades, strict=True)]
    tests: list[dict[str, Any]] = []
    for grade in classroom.grades:
        suite = safe_text(grade.submission) or "submission"
        if grade.problem:
            not_graded = {"name": "submission", "status": "failed", "duration": 0, "suite": [suite]}
            tests.append({**not_graded, "message": safe_text(grade.problem), "rawStatus": "not graded"})
        tests += [_test(row, suite) for row in rows(grade)]
    counts = {status: sum(t["status"] == status for t in tests) for status in ("passed", "failed", "skipped")}
    counts |= {status: sum(t["status"] == status for t in tests) for status in ("pending", "other")}
    first = classroom.grades[0] if classroom.grades else None
    document = {
        "reportFormat": "CTRF",
        "specVersion": SPEC,
        "generatedBy": "Tensor Koans",
        "results": {
            "tool": {"name": "koans", "version": first.versions.get("koans", "") if first else ""},
            "summary": {
                "tests": len(tests),
                **counts,
                "suites": len(classroom.grades),
                "start": min(starts, default=0),
                "stop": max(ends, default=0),
            },
            "tests": tests,
            "environment": {
                "reportName": safe_text(classroom.name),
                "extra": {
                    "seed": classroom.seed,
                    "versions": first.versions if first else {},
                    "isolation": sorted({safe_text(grade.isolation) for grade in classroom.grades}),
                },
            },
        },
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


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


def _milliseconds(stamp: str) -> int:
    return round(1000 * datetime.fromisoformat(stamp).timestamp())
