"""One pytest session in a process, and the runs that it makes one after another.

Starting pytest takes longer than the tests of many koans. So a process starts it once. Each run then collects its test
file again, for its own target, and writes its results to its folder as Events, one JSON object a line.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any, NoReturn, TextIO

import msgspec
import pytest

from grader.book.errors import KoansError
from grader.book.verdict import Status, TestResult, clean
from grader.book.workbook import Koan, Workbook
from grader.checks import misconceptions, run_context
from grader.checks.oracle_cache import OracleCache
from grader.checks.run_context import Run
from grader.judge import pytest_plugin, reports, targets
from grader.judge.differential import DifferentialFunction
from grader.judge.explain import evidence_of
from grader.judge.mutation import effect
from grader.judge.printed import Printed
from grader.judge.runner import inner_pytest, symptom
from grader.judge.runner.examples import Examples
from grader.judge.runner.protocol import NO_WORKER, Event, EventKind, Job
from grader.judge.sandbox import confine, proxy

# pytest plugins that a run does not need. Each would cost it a millisecond or two.
UNUSED = (
    *("unraisableexception", "threadexception"),  # these collect garbage at the end of a run
    *("cacheprovider", "warnings", "logging", "junitxml", "pastebin", "doctest", "stepwise", "setuponly", "setupplan"),
    *("legacypath", "debugging", "faulthandler", "tmpdir", "monkeypatch", "recwarn", "subtests", "unittest"),
    *("terminal", "terminalprogress"),
)
PLAIN = frozenset({"parametrize", "card", "gpu", "hypothesis"})  # markers that need no part of pytest's protocol


def run_all(root: str, jobs: Iterable[Job], ended: Callable[[int], None], workbook: Workbook | None = None) -> int:
    """Make the runs of all jobs in one pytest session. After each, call `ended` with pytest's exit code for it.

    `workbook` is the workbook at `root`, if it was read already. Returns the exit code of the session. It is not 0 if
    the session could not start or was interrupted. Then `ended` is not called for the last job.
    """
    # The runner's own deadline replaces pytest-timeout, and nothing is cached. With --capture=no pytest leaves stdout
    # and stderr alone: `Printed` takes their place.
    options = [*(f"-pno:{name}" for name in UNUSED), "--capture=no"]
    # The plugin is given as an object: pytest would look for its name among all installed packages.
    return inner_pytest.run(Path(root), options, [pytest_plugin, SessionDriver(jobs, ended, workbook)])


class SessionDriver(pytest_plugin.Driver):
    """A pytest plugin that takes over the session: it collects and runs the tests of each job.

    If a job has the address of a sandbox, the code under test runs in a worker there. This process ends when its worker
    ends early.
    """

    def __init__(self, jobs: Iterable[Job], ended: Callable[[int], None], workbook: Workbook | None) -> None:
        super().__init__(workbook)
        self.jobs, self.ended = jobs, ended
        self.oracle_cache: OracleCache | None = None
        self.oracle_caches: dict[str, OracleCache] = {}  # by file, for the submissions of a batch
        self.examples = Examples()
        self.workers: dict[str, proxy.SandboxWorker] = {}  # by koan; see `reuse` in targets.Sandbox
        self.record: Record | None = None
        self.printed = Printed()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool:
        return True  # each run collects its own file

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for job in self.jobs:
            with open(os.path.join(job.folder, "events"), "w", encoding="utf-8") as stream:
                self.record = Record(stream, session, job)
                self.ended(self._run(session, job, self.record))
        session.testsfailed = 0  # each run has reported its own failures
        session.testscollected = 1  # with 0 pytest would end with exit code 5
        return True

    def _run(self, session: pytest.Session, job: Job, record: Record) -> int:
        session.testsfailed = 0
        try:
            effect.begin(observed=False)
            self.begin(
                session.config,
                job.target,
                job.seed,
                Run(job.brief, self._load_oracle_cache(job), races=job.claims != "first"),
                self._sandbox(job, record),
                job.sandbox_memory,
            )
        except KoansError as error:
            print(f"ERROR: {error}", file=sys.stderr)
            return pytest.ExitCode.USAGE_ERROR
        try:
            with self.printed.installed():
                run = self._run_symptom if job.symptom else self._run_tests
                code = run(session, job, record)
            by_machine = run_context.current().by_machine
        finally:
            self.end()
        if self.oracle_cache is not None:
            self.oracle_cache.save()
        if by_machine:
            record.write(Event("machine"))
        record.write(Event("threads", number=threading.active_count()))
        record.write(Event("finished", number=int(code)))
        return code

    def _run_tests(self, session: pytest.Session, job: Job, record: Record) -> pytest.ExitCode:
        items = inner_pytest.collect(session, Path(job.test_file))
        if session.testsfailed:  # the file could not be collected
            return pytest.ExitCode.INTERRUPTED
        if not items:
            return pytest.ExitCode.NO_TESTS_COLLECTED
        for item in items:
            # Without a next item pytest keeps no fixture for it. The next item is not known yet.
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if record.settled:
                break
        for oracle, mistakes in misconceptions.earned().items():
            record.write(Event("names", oracle.__name__, names=tuple(mistakes)))
        if not session.testsfailed and effect.none_seen():
            record.write(Event("broken", effect.NO_EFFECT))
        return pytest.ExitCode.TESTS_FAILED if session.testsfailed else pytest.ExitCode.OK

    def _run_symptom(self, session: pytest.Session, job: Job, record: Record) -> pytest.ExitCode:
        koan = pytest_plugin.koan_of(session.config, Path(job.test_file))
        assert koan is not None
        return symptom.write(koan, job.seed, record.write)

    def _load_oracle_cache(self, job: Job) -> OracleCache | None:
        """The oracle cache in the job's file. None if the process holds a learner's code.

        The cache of the run before is used again, with the entries it has in memory. The runs of a batch of submissions
        keep the caches of all its koans.
        """
        if not job.oracle_cache:
            self.oracle_cache = None
        elif self.oracle_cache is None or str(self.oracle_cache.file) != job.oracle_cache:
            kept = self.oracle_caches if job.keeps_results else {}
            self.oracle_cache = kept.setdefault(job.oracle_cache, OracleCache(Path(job.oracle_cache)))
        if self.oracle_cache is not None:
            self.oracle_cache.refresh()
        return self.oracle_cache

    def _sandbox(self, job: Job, record: Record) -> targets.Sandbox | None:
        if not job.sandbox:
            return None
        join = DifferentialFunction if job.twice else None
        reuse = self.workers if job.twice else None
        return targets.Sandbox(
            job.sandbox, job.timeout, job.sandbox_memory, record.worker_started, record.worker_ended, join, reuse
        )

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        assert self.record is not None
        if self.record.job.seeded:
            items[:] = [item for item in items if pytest_plugin.depends_on_seed(item)] or items
        if self.record.job.claims == "fast":
            items[:] = [item for item in items if pytest_plugin.needs_gpu(item)]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        assert self.record is not None
        self.record.write(Event("imports", names=self._imports()))
        self.record.write(Event("collected", number=len(session.items)))

    def _imports(self) -> tuple[str, ...]:
        """The koans that the code under test imports."""
        assert self.record is not None
        koan = pytest_plugin.koan_of(self.record.session.config, Path(self.record.job.test_file))
        return targets.imports_of(koan.id) if koan is not None else ()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        assert self.record is not None
        self.record.add_collect_report(report)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if hasattr(report, "koan"):
            report.koan["output"] = clean(self.printed.take())
            report.koan_error = call.excinfo.value if call.excinfo is not None else None  # type: ignore[attr-defined]
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Call a simple test directly. pytest's own protocol takes longer than most tests of koans."""
        assert self.record is not None
        self.record.write(Event("start", pytest_plugin.sentence(item)))
        self.printed.take()
        koan = pytest_plugin.koan_of(item.config, item.path)
        arguments = _arguments(item)
        if koan is None or arguments is None or not isinstance(item, pytest.Function):
            return None
        result, error = self._call_test(item, koan, arguments)
        item.session.testsfailed += result.status in (Status.failed, Status.not_started)
        self.record.add_result(item.nodeid, result, error)
        return True

    def _call_test(
        self, item: pytest.Function, koan: Koan, arguments: dict[str, Any]
    ) -> tuple[TestResult, BaseException | None]:
        """The result of a test, and what it raised."""
        assert self.record is not None
        error: BaseException | None = None
        start = time.perf_counter()
        try:
            pytest_plugin.prepare(item, koan)
            if self.record.job.keeps_results:
                self.examples.call(item, arguments, self.record.job.seed, self.printed.take)
            else:
                item.obj(**arguments)
        except pytest.exit.Exception:
            raise
        except BaseException as raised:  # as pytest does, because a test may raise SystemExit
            error = raised
        seconds = time.perf_counter() - start
        return pytest_plugin.result_of(item, koan, error, seconds, self.printed.take()), error

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        assert self.record is not None
        self.record.add_test_report(report)


def _arguments(item: pytest.Item) -> dict[str, Any] | None:
    """The arguments of a test's function: its parameters and the seed. None if it needs more from pytest than that."""
    if not isinstance(item, pytest.Function) or any(mark.name not in PLAIN for mark in item.iter_markers()):
        return None
    if any(mark.kwargs.get("indirect") for mark in item.iter_markers("parametrize")):
        return None
    arguments = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    if not set(item.fixturenames) <= {*arguments, "seed", "request"}:
        return None
    if "seed" in item.fixturenames:
        arguments["seed"] = pytest_plugin.seed_of(item)
    return arguments


class Record:
    """The results of one run so far, and the file to which it writes its events."""

    def __init__(self, stream: TextIO, session: pytest.Session, job: Job) -> None:
        self.stream, self.session, self.job = stream, session, job
        self.results: dict[str, TestResult] = {}
        self.errors: dict[str, BaseException | None] = {}  # what tests raised that pytest's protocol ran
        self.settled = False  # no further test can change the name of the failure

    def write(self, event: Event) -> None:
        self.stream.write(msgspec.json.encode(event).decode() + "\n")
        self.stream.flush()

    def worker_started(self, worker: proxy.SandboxWorker) -> None:
        self.write(Event("confined", confine.in_words(worker.level)))

    def worker_ended(self, end: proxy.End) -> NoReturn:
        """The submission's process has ended, so end the run. Tests that have not passed yet do not count as passed."""
        if not end.started:
            os._exit(NO_WORKER)
        kind: EventKind = "late" if end.late else "gone" if end.status is not None else "nonsense"
        self.write(Event(kind, end.nonsense or end.tail, number=end.status or 0))
        os._exit(0)

    def add_collect_report(self, report: pytest.CollectReport) -> None:
        if hasattr(report, "koan_broken"):
            self.write(Event("broken", str(report.koan_broken)[: pytest_plugin.LONGEST_TEXT]))
        elif report.failed:
            run_context.current().by_machine = True  # the trouble is in the workbook or in the machine
            self.write(Event("broken", str(report.longrepr)[: pytest_plugin.LONGEST_TEXT]))

    def add_test_report(self, report: pytest.TestReport) -> None:
        """Add the report of one phase of a test. The first phase that did not pass gives the test's result."""
        result = reports.result_in(report)
        if result is None:
            return
        before = self.results.get(report.nodeid)
        if before is None or before.status == Status.passed:
            seconds = result.seconds + (before.seconds if before else 0)
            ms = result.ms or (before.ms if before else {})
            self.results[report.nodeid] = msgspec.structs.replace(result, seconds=seconds, ms=ms)
            self.errors[report.nodeid] = getattr(report, "koan_error", None)
        if report.when == "teardown":
            self.add_result(report.nodeid, self.results[report.nodeid], self.errors.pop(report.nodeid, None))

    def add_result(self, test: str, result: TestResult, error: BaseException | None) -> None:
        """Add the final result of one test, which raised `error`."""
        self.results[test] = result
        failed = error if self.job.evidence and result.status == Status.failed else None
        self.write(Event("result", result=result, evidence=evidence_of(failed) if failed is not None else None))
        remaining = self.session.testscollected - len(self.results)
        if self.job.brief and remaining and self._name_is_settled(result):
            self.write(Event("settled", number=len(self.results)))
            self.settled = True

    def _name_is_settled(self, result: TestResult) -> bool:
        """No further test can change the name of the failure: the answer is known, or nothing looks like it."""
        target = self.job.target
        if target.kind == "mutant":
            return result.status == Status.failed and not result.looks
        return target.kind == "wrong" and misconceptions.settled(target.name)
