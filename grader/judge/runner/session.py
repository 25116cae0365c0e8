"""One pytest session in a process, and the runs that go through it one after another.

Starting pytest takes longer than the tests of many a koan. So a process starts it once; each run then collects its
test file anew, against its own target. What a run learns is written to its folder as Events, one JSON object a line.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TextIO

import msgspec
import pytest

from grader.book.errors import KoansError
from grader.book.verdict import Status, TestResult, settled
from grader.book.workbook import Koan, Workbook
from grader.checks.context import Run
from grader.checks.oracle_cache import OracleCache
from grader.judge import plugin, targets
from grader.judge.differential import Twin
from grader.judge.runner.protocol import Event, Job
from grader.judge.sandbox import confine, proxy

# pytest plugins a run has no use for; each costs a millisecond or two of the learner's wait.
UNUSED = (
    *("unraisableexception", "threadexception"),  # each collects garbage at the end of a run
    *("cacheprovider", "warnings", "logging", "junitxml", "pastebin", "doctest", "stepwise", "setuponly", "setupplan"),
    *("legacypath", "debugging", "faulthandler", "tmpdir", "monkeypatch", "recwarn", "subtests", "unittest"),
    *("terminal", "terminalprogress"),
)
PLAIN = frozenset({"parametrize", "card", "gpu", "hypothesis"})  # markers that ask nothing of pytest's protocol
SETTINGS = str(Path(__file__).with_name("pytest.ini"))  # short: pyproject.toml takes 3 ms to read


def run_all(root: str, jobs: Iterable[Job], ended: Callable[[int], None], workbook: Workbook | None = None) -> int:
    """Go through the jobs in one pytest session and tell `ended` the exit code of each, as pytest would give it.

    `workbook` is the one at `root`, if it was read already. Returns the exit code of the session: not 0 if it could not
    start or was cut short, in which case the last job has no end.
    """
    # The runner's own deadline replaces pytest-timeout; nothing is cached, nothing depends on the user's options.
    args = [f"--rootdir={root}", "-c", SETTINGS, "--assert=plain", *(f"-pno:{name}" for name in UNUSED)]
    # No conftest, and values tied to their options: pytest takes a word that stands alone and is a folder for a place
    # with a conftest to import, before it knows the options of the plugin.
    args += ["--noconftest"]
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # looking for installed plugins takes longer than many a koan
    # The plugin itself, not its name: pytest would look for a name among all installed packages.
    return int(pytest.main(args, plugins=[plugin, Runs(jobs, ended, workbook)]))


class _OnTheWay(pytest.Directory):
    """A folder above the one test file `to`, whose neighbours are not even looked at."""

    def __init__(self, *, to: Path, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self.to = to

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        way = self.to.relative_to(self.path)
        entry = self.path / way.parts[0]
        if entry == self.to:
            yield from self.ihook.pytest_collect_file(file_path=entry, parent=self)
        else:
            yield self.ihook.pytest_collect_directory(path=entry, parent=self)


class Runs(plugin.Driver):
    """A pytest plugin that takes over the session: it collects and runs what the jobs ask for.

    With a sandbox's address the code under test runs in a worker there; the process ends where its worker does.
    """

    def __init__(self, jobs: Iterable[Job], ended: Callable[[int], None], workbook: Workbook | None) -> None:
        super().__init__(workbook)
        self.jobs, self.ended = jobs, ended
        self.memo: OracleCache | None = None
        self.workers: dict[str, proxy.Worker] = {}  # by koan: see targets.Sandbox
        self.record: Record | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool:
        return True  # each run collects its own file

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for job in self.jobs:
            with open(os.path.join(job.folder, "events"), "w", encoding="utf-8") as stream:
                self.record = Record(stream, session, job)
                self.ended(self._run(session, job, self.record))
        session.testsfailed = 0  # each run has told its own
        session.testscollected = 1  # none would be an exit code of its own
        return True

    def _run(self, session: pytest.Session, job: Job, record: Record) -> int:
        session.testsfailed = 0
        try:
            target = targets.parse(job.target)
            self.begin(session.config, target, job.seed, Run(job.brief, self._memo(job)), self._sandbox(job, record))
        except KoansError as error:
            print(f"ERROR: {error}", file=sys.stderr)
            return pytest.ExitCode.USAGE_ERROR
        try:
            items = session.perform_collect([job.test_file])
            code = pytest.ExitCode.INTERRUPTED if session.testsfailed else pytest.ExitCode.NO_TESTS_COLLECTED
            if not session.testsfailed:
                for item in items:
                    # There is no next item: what comes next is not known, and no fixture is kept for it.
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                    if record.settled:
                        break
                if items:
                    code = pytest.ExitCode.TESTS_FAILED if session.testsfailed else pytest.ExitCode.OK
        finally:
            self.end()
        if self.memo is not None:
            self.memo.save()
        record.write(Event("finished", number=int(code)))
        return code

    def _memo(self, job: Job) -> OracleCache | None:
        """The memo of the job's file; the one of the run before, with what it left in memory, if the file is the same.

        None if the process holds code of a learner's.
        """
        if not job.memo:
            self.memo = None
        elif self.memo is None or str(self.memo.file) != job.memo:
            self.memo = OracleCache(Path(job.memo))
        if self.memo is not None:
            self.memo.refresh()
        return self.memo

    def _sandbox(self, job: Job, record: Record) -> targets.Sandbox | None:
        if not job.sandbox:
            return None
        join = Twin if job.twice else None
        reuse = self.workers if job.twice else None
        return targets.Sandbox(job.sandbox, job.timeout, job.memory, record.opened, record.gone, join, reuse)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        assert self.record is not None
        return _OnTheWay.from_parent(parent, path=path, to=Path(self.record.job.test_file))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        assert self.record is not None
        self.record.write(Event("collected", number=len(session.items)))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        assert self.record is not None
        self.record.collected(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Run a test that needs nothing of pytest's without its protocol, which takes longer than most koans' tests."""
        assert self.record is not None
        self.record.write(Event("start", plugin.sentence(item)))
        koan = plugin.koan_of(item.config, item.path)
        arguments = _arguments(item)
        if koan is None or arguments is None or not isinstance(item, pytest.Function):
            return None
        result = _tested(item, koan, arguments)
        item.session.testsfailed += result.status in (Status.failed, Status.not_started)
        self.record.told(item.nodeid, result)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        assert self.record is not None
        self.record.tested(report)


def _arguments(item: pytest.Item) -> dict[str, Any] | None:
    """What to call a test's function with: its parameters and the seed. None if it wants more from pytest than that."""
    if not isinstance(item, pytest.Function) or any(mark.name not in PLAIN for mark in item.iter_markers()):
        return None
    if any(mark.kwargs.get("indirect") for mark in item.iter_markers("parametrize")):
        return None
    given = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    if not given.keys() | {"seed", "request"} >= set(item.fixturenames):
        return None
    return given | ({"seed": plugin.seed_of(item)} if "seed" in item.fixturenames else {})


def _tested(item: pytest.Function, koan: Koan, arguments: dict[str, Any]) -> TestResult:
    error: BaseException | None = None
    out, err = io.StringIO(), io.StringIO()
    start = time.perf_counter()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            plugin.prepare(item, koan)
            item.obj(**arguments)
        except (KeyboardInterrupt, pytest.exit.Exception):
            raise
        except BaseException as raised:  # as pytest does: a test may raise SystemExit
            error = raised
        return plugin.result_of(item, koan, error, time.perf_counter() - start, out.getvalue() + err.getvalue())


class Record:
    """What one run has said so far, and the file it says it in."""

    def __init__(self, stream: TextIO, session: pytest.Session, job: Job) -> None:
        self.stream, self.session, self.job = stream, session, job
        self.results: dict[str, TestResult] = {}
        self.settled = False  # no further test can change the name of the failure

    def write(self, event: Event) -> None:
        self.stream.write(msgspec.json.encode(event).decode() + "\n")
        self.stream.flush()

    def opened(self, worker: proxy.Worker) -> None:
        self.write(Event("confined", confine.in_words(worker.level)))

    def gone(self, end: proxy.End) -> NoReturn:
        """The submission's process is no more, so its koan has no more to say: what it has not passed is not passed."""
        what = "late" if end.late else "gone" if end.status is not None else "nonsense"
        self.write(Event(what, end.nonsense or end.tail, number=end.status or 0))
        os._exit(0)

    def collected(self, report: pytest.CollectReport) -> None:
        if hasattr(report, "koan_broken"):
            self.write(Event("broken", str(report.koan_broken)[: plugin.TOLD]))
        elif hasattr(report, "koan_lack"):
            self.write(Event("lack", str(report.koan_lack)))
        elif report.failed:
            self.write(Event("broken", str(report.longrepr)[: plugin.TOLD]))

    def tested(self, report: pytest.TestReport) -> None:
        result: TestResult | None = getattr(report, "koan", None)
        if result is None:
            return
        before = self.results.get(report.nodeid)
        if before is None or before.status == Status.passed:
            seconds = result.seconds + (before.seconds if before else 0)
            ms = result.ms or (before.ms if before else {})
            self.results[report.nodeid] = msgspec.structs.replace(result, seconds=seconds, ms=ms)
        if report.when == "teardown":
            self.told(report.nodeid, self.results[report.nodeid])

    def told(self, test: str, result: TestResult) -> None:
        """All that there is to say of one test."""
        self.results[test] = result
        self.write(Event("result", result=result))
        if self.job.brief:
            left = self.session.testscollected - len(self.results)
            if left and settled([*self.results.values()], left):
                self.write(Event("settled", number=len(self.results)))
                self.settled = True
