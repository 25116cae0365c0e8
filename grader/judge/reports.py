"""What pytest's reports say about koans, and the names in them once all tests have run.

With pytest-xdist the tests run in workers, and what is shown comes from another process. So a report holds plain data
only, and the last report of a koan brings the names that its failures have earned in their worker.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from grader.book.verdict import Status, TestResult, cleaned, earned_names, named_message
from grader.checks import misconceptions

NEXT = pytest.StashKey[pytest.Item | None]()  # of an item: the item that runs after it


def add(report: pytest.TestReport, result: TestResult, koan_id: str) -> None:
    """Put the result of a koan's test into its report."""
    result = cleaned(result)
    if report.failed:
        untouched = result.status == Status.not_started
        report.longrepr = result.message if untouched else _with_next_step(result.message, koan_id)
    report.koan = msgspec.to_builtins(result)  # type: ignore[attr-defined]
    report.koan_id = koan_id  # type: ignore[attr-defined]


def result_in(report: pytest.CollectReport | pytest.TestReport) -> TestResult | None:
    """The result in the report of a koan's test. None in any other report."""
    data = getattr(report, "koan", None)
    return None if data is None else msgspec.convert(data, TestResult)


def _with_next_step(message: str, koan_id: str) -> str:
    return f"{message}\n\nnext: koans hint {koan_id.partition('/')[2]}"


def in_worker(config: pytest.Config) -> bool:
    """Whether this process is a worker of pytest-xdist."""
    return hasattr(config, "workerinput")


def add_names(report: pytest.TestReport, item: pytest.Item, koan_id: str) -> None:
    """Put the names that the koan's failures have earned into the report, if this process runs no more of its tests."""
    following = item.stash.get(NEXT, None)
    ends = item.session.shouldfail or item.session.shouldstop
    if ends or following is None or following.path != item.path:
        report.koan_names = _earned(koan_id)  # type: ignore[attr-defined]


def _earned(koan_id: str) -> dict[str, list[str]]:
    """The names that the failures of a koan have earned in this process, by function."""
    module = f"reference.{koan_id.replace('/', '.')}"
    return {oracle.__name__: names for oracle, names in misconceptions.earned(module).items()}


class _Failure(NamedTuple):
    result: TestResult
    report: pytest.TestReport


@dataclass
class _Reported:
    """What the reports of one koan's tests say.

    `workers` are the workers of pytest-xdist that ran the tests; without xdist there is one without a name. `names` are
    the wrong answers that all failures of a function look like, by function.
    """

    failures: list[_Failure] = field(default_factory=list)
    workers: set[str] = field(default_factory=set)
    names: dict[str, list[str]] = field(default_factory=dict)


class Naming:
    """A pytest plugin that names the misconceptions in the reports at the end of a session.

    Only then is it known whether all failures of a koan agree with one.
    """

    def __init__(self) -> None:
        self._koans: defaultdict[str, _Reported] = defaultdict(_Reported)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result = result_in(report)
        if result is None:
            return
        reported = self._koans[report.koan_id]
        reported.workers.add(getattr(report, "worker_id", ""))
        reported.names |= getattr(report, "koan_names", {})
        if report.failed and result.status == Status.failed:
            reported.failures.append(_Failure(result, report))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        for koan_id, reported in self._koans.items():
            if len(reported.workers) == 1 and reported.failures:  # else no process knows all failures of this koan
                names = _earned(koan_id) if reported.workers == {""} else reported.names
                _name(koan_id, reported.failures, names)


def _name(koan_id: str, failures: list[_Failure], names: dict[str, list[str]]) -> None:
    """Write the names into the report of the first failure that looks like all of them."""
    earned = earned_names([failure.result for failure in failures], names)
    first = next((f for f in failures if earned and set(f.result.looks) >= set(earned)), None)
    if first is not None:
        _, message = named_message(first.result, earned)
        first.report.longrepr = _with_next_step(message, koan_id)


def scheduler(config: pytest.Config, log: Any) -> Any:
    """The scheduler of pytest-xdist that keeps all tests of a koan in one worker, so that it knows all failures.

    None if no koans are tested, or every worker runs all tests.
    """
    from xdist.scheduler import LoadFileScheduling

    exercises = (config.rootpath / "exercises").resolve()
    folders = [Path(config.invocation_params.dir, arg.partition("::")[0]).resolve() for arg in config.args]
    koans = any(folder.is_relative_to(exercises) or exercises.is_relative_to(folder) for folder in folders)
    return LoadFileScheduling(config, log) if koans and config.getoption("dist") != "each" else None
