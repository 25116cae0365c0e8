"""A grade without the results of single tests: all that reports show, at a fraction of the size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from grader.book.verdict import Status, TestResult, Verdict
from grader.course.grade import Grade


def lean(grade: Grade) -> Grade:
    """The grade as reports need it. Its texts, names and points are the same."""
    koans = tuple(msgspec.structs.replace(koan, verdict=_lean(koan.verdict)) for koan in grade.koans)
    return msgspec.structs.replace(grade, koans=koans)


def stand_in(
    status: Status, looks: Mapping[str, str], uncompiled: bool, races: Iterable[Mapping[str, float]]
) -> tuple[TestResult, ...]:
    """The tests of a lean verdict. One without a name stands for all, and one for each race on a GPU has its times."""
    whole = [TestResult("", "", status, looks=dict(looks), uncompiled=uncompiled)] if looks or uncompiled else []
    return (*whole, *(TestResult("", "", status, gpu=True, ms=dict(ms)) for ms in races))


def descriptions(verdict: Verdict) -> dict[str, str]:
    """What each of the verdict's names means."""
    if not verdict.names:
        return {}
    known = {name: says for test in verdict.tests for name, says in test.looks.items()}
    return {name: known.get(name, name) for name in verdict.names}


def headline(verdict: Verdict) -> str:
    """The headline. That of an untouched stub is empty: it would only repeat the message."""
    untouched = verdict.status == Status.not_started and verdict.headline == verdict.message
    return "" if untouched else verdict.headline


def races(verdict: Verdict) -> list[dict[str, float]]:
    """The milliseconds of each race on a GPU."""
    return [test.ms for test in verdict.tests if test.ms]


def _lean(verdict: Verdict) -> Verdict:
    return msgspec.structs.replace(
        verdict,
        target="",
        seed=0,
        headline=headline(verdict),
        tests=stand_in(verdict.status, descriptions(verdict), verdict.uncompiled, races(verdict)),
        isolation="",
        imports=(),
        evidence=msgspec.UNSET,
    )
