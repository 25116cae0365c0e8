"""The pytest plugin: `--target`, `--seed`, the markers, and failures a learner can read.

The same in a terminal, in an editor's test panel and inside the runner, which listens through `Recorder`.
"""

from __future__ import annotations

import os
import re
import zlib
from collections import defaultdict
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, NoReturn, TextIO

import msgspec
import pytest

from grader import checks, targets
from grader.checks import memo
from grader.checks.twin import Twin
from grader.errors import KoansError
from grader.explain import Explained, explain, explain_import
from grader.runner.protocol import Event, Job
from grader.sandbox import confine, proxy
from grader.verdict import Status, TestResult, settled
from grader.workbook import Koan, Workbook, find_root

os.environ.setdefault("TRITON_INTERPRET", "1")  # before anything imports triton
os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # looking for a GPU must not start CUDA in a parent

WORKBOOK = pytest.StashKey[Workbook]()
TARGET = pytest.StashKey[targets.Target]()
PRELOADED: Workbook | None = None  # what a warm process has read already, and starts anew when it changes
EXAMPLES, FEWER = 30, 10  # hypothesis examples a property test runs; in the gate, for most
TOLD = 20_000  # characters of any text of a result: a submission may make its lines as long as it likes


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("koans")
    group.addoption(
        "--target",
        default="learner",
        metavar="WHOSE",
        help="whose code is tested: learner (default), solutions, stub, wrong:NAME, right:NAME or a folder",
    )
    group.addoption(
        "--brief",
        action="store_true",
        help="report the first failing input found, not a smaller one, and end once a failure's name is settled",
    )
    group.addoption("--seed", type=int, default=0, metavar="N", help="seed of all random inputs (default 0; printed)")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "card(id): this test proves a drill card; it unlocks when all that name it pass")
    config.addinivalue_line("markers", "gpu: needs a CUDA device; proves the koan's second claim, `fast`")
    try:
        root = find_root(config.rootpath)
        workbook = PRELOADED if PRELOADED is not None and root == PRELOADED.root else Workbook(root)
        target = targets.parse(config.getoption("--target"))
        assert workbook.koans  # read the content now: a mistake in it is one line, not a failed import
        recorder = next((p for p in config.pluginmanager.get_plugins() if isinstance(p, Recorder)), None)
        targets.install(workbook, target, recorder.sandbox if recorder else None)
    except KoansError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[WORKBOOK], config.stash[TARGET] = workbook, target
    _configure_hypothesis(config.getoption("--seed"))
    checks.brief = config.getoption("--brief")


def _configure_hypothesis(seed: int) -> None:
    import hypothesis
    from hypothesis import core

    thorough = hypothesis.settings(
        derandomize=seed == 0,
        deadline=None,
        database=None,
        max_examples=EXAMPLES,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate, hypothesis.Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.register_profile("koans", thorough)
    hypothesis.settings.load_profile("koans")
    core.global_force_seed = seed or None  # type: ignore[assignment]


def _look_briefly(item: pytest.Item) -> None:
    """Once a test has failed the next step is clear: a counterexample is still looked for, but not made smaller.

    The gate tries fewer examples where that makes it no laxer: a wrong answer has to fail on these already, and its
    further seeds bring others.
    """
    from hypothesis import Phase, settings

    test = getattr(item, "obj", None)
    chosen = getattr(test, "_hypothesis_internal_use_settings", None)
    if chosen is not None:
        wrong = item.config.stash[TARGET].kind == "wrong"
        fewer = item.config.getoption("--brief") and (wrong or item.config.getoption("--seed"))
        examples = min(chosen.max_examples, FEWER) if fewer else chosen.max_examples
        brief = settings(chosen, phases=[Phase.explicit, Phase.generate], max_examples=examples)
        test._hypothesis_internal_use_settings = brief  # type: ignore[union-attr]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing of this run to one that may follow in the process."""
    targets.uninstall()
    checks.forget()
    memo.stop()


def pytest_report_header(config: pytest.Config) -> str:
    seed = config.getoption("--seed")
    return f"koans: target {config.stash[TARGET]}, seed {seed} (repeat with --seed {seed})"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A number for this test's random inputs: the same on every run with the same --seed."""
    return int(request.config.getoption("--seed") * 1_000_003 + zlib.crc32(request.node.nodeid.encode())) % 2**31


def koan_of(config: pytest.Config, path: Path) -> Koan | None:
    """The koan a test file belongs to, if any."""
    workbook = config.stash.get(WORKBOOK, None)
    if workbook is None or path.parent.parent != workbook.root / "exercises":
        return None
    return workbook.koans.get(f"{path.parent.name}/{path.stem.removeprefix('test_')}")


def sentence(item: pytest.Item) -> str:
    """A test's name as words, with its parameters."""
    name, bracket, params = item.name.partition("[")
    given: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    for key, value in given.items():  # pytest calls a dtype by its place: dtype1
        if str(value).startswith("torch."):
            params = re.sub(rf"\b{re.escape(key)}\d+\b", str(value), params)
    return name.removeprefix("test_").replace("_", " ") + (f" [{params.replace('torch.', '')}" if bracket else "")


def pytest_runtest_setup(item: pytest.Item) -> None:
    brief = item.session.testsfailed or item.config.getoption("--brief")
    if brief and koan_of(item.config, item.path):
        _look_briefly(item)
    koan = koan_of(item.config, item.path)
    if koan is not None:
        missing = _missing(koan, item.get_closest_marker("gpu") is not None)
        if missing:
            pytest.skip(f"not run here: {missing}")


def _missing(koan: Koan, gpu: bool) -> str:
    """What this machine lacks for one test of a koan, or an empty string."""
    if gpu:
        from grader.gpu import lack

        return lack()
    if koan.kind != "kernel":
        return ""
    from grader.interpreter.run import unfit

    return unfit()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    koan = koan_of(item.config, item.path)
    if koan is not None:  # our words replace pytest's traceback, which takes longer to draw than most tests
        item.repr_failure = lambda excinfo, style=None: ""  # type: ignore[method-assign]
    report = yield
    if koan is None:
        return report
    status, told = Status.passed, Explained("", "")
    if report.failed and call.excinfo is not None:
        told = explain(call.excinfo.value, koan)
        status = Status.not_started if told.not_started else Status.failed
        report.longrepr = told.message + ("" if told.not_started else f"\n\nnext: koans hint {koan.name}")
    elif report.skipped:
        status = Status.not_run_here
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else "skipped"
        told = Explained(reason.removeprefix("Skipped: ").removeprefix("not run here: "), "")
    report.koan = TestResult(  # type: ignore[attr-defined]
        name=item.name,
        sentence=sentence(item),
        status=status,
        message=told.message[:TOLD],
        headline=told.headline[:TOLD],
        looks=told.looks,
        cards=tuple(c for m in item.iter_markers("card") for c in m.args),
        gpu=item.get_closest_marker("gpu") is not None,
        seconds=round(report.duration, 4),
        output="".join(text for _, text in report.sections)[-4000:],
    )
    report.koan_id = koan.id  # type: ignore[attr-defined]
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    koan = koan_of(collector.config, collector.path) if isinstance(collector, pytest.Module) else None
    call = getattr(report, "call", None)
    if koan is None or call is None or call.excinfo is None or report.outcome != "failed":
        return report
    error = call.excinfo.value.__cause__ or call.excinfo.value
    report.koan_id = koan.id  # type: ignore[attr-defined]
    if isinstance(error, targets.NotRunHere):
        report.koan_lack = str(error)  # type: ignore[attr-defined]
        report.outcome, report.longrepr = (
            "skipped",
            (str(collector.path), 0, f"Skipped: not run here: {error}"),
        )
    else:
        report.koan_broken = report.longrepr = explain_import(error, koan)  # type: ignore[attr-defined]
    return report


def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport, config: pytest.Config
) -> tuple[str, str, str] | None:
    result: TestResult | None = getattr(report, "koan", None)
    if result is not None and result.status in (Status.not_started, Status.not_run_here):
        letter = "o" if result.status == Status.not_started else "n"
        return result.status.value, letter, result.status.value.upper()
    return None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line a koan: where it stands and what to do next."""
    counts: dict[str, dict[Status, int]] = defaultdict(lambda: defaultdict(int))
    broken: set[str] = set()
    for reports in terminalreporter.stats.values():
        for report in reports:
            koan = getattr(report, "koan_id", None)
            result: TestResult | None = getattr(report, "koan", None)
            if koan and hasattr(report, "koan_broken"):
                broken.add(koan)
            elif koan and result and (report.when == "call" or result.status != Status.passed):
                counts[koan][result.status] += 1
    if not counts and not broken:
        return
    terminalreporter.section("koans")
    for koan in sorted({*counts, *broken}):
        short, tally = koan.partition("/")[2], counts[koan]
        total = sum(tally.values())
        if koan in broken:
            line = f"{koan}  broken: it could not be imported"
        elif tally[Status.failed]:
            line = f"{koan}  {tally[Status.passed]} of {total} tests pass; next: koans hint {short}"
        elif tally[Status.not_started]:
            line = f"{koan}  not started; next: open exercises/{koan}.py"
        elif tally[Status.passed]:
            skipped = f", {tally[Status.not_run_here]} not run here" if tally[Status.not_run_here] else ""
            line = f"{koan}  {tally[Status.passed]} of {total} tests pass{skipped}"
        else:
            line = f"{koan}  not run here"
        terminalreporter.write_line(line)


class _OnTheWay(pytest.Directory):
    """A folder above the one test file `to`, whose neighbours are not even looked at."""

    def __init__(self, *, to: Path, **rest: Any) -> None:
        super().__init__(**rest)
        self.to = to

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        way = self.to.relative_to(self.path)
        entry = self.path / way.parts[0]
        if entry == self.to:
            yield from self.ihook.pytest_collect_file(file_path=entry, parent=self)
        else:
            yield self.ihook.pytest_collect_directory(path=entry, parent=self)


class Recorder:
    """A pytest plugin that writes Events to a file, one JSON object a line.

    With a sandbox's address the code under test runs in a worker there; the run ends where its worker does.
    """

    def __init__(self, stream: TextIO, job: Job | None = None) -> None:
        self.stream = stream
        self.sandbox: targets.Sandbox | None = None
        self.test_file = job.test_file if job is not None else ""
        if job is not None and job.memo:
            memo.start(Path(job.memo))
        if job is not None and job.sandbox:
            join = Twin if job.twice else None
            self.sandbox = targets.Sandbox(job.sandbox, job.timeout, job.memory, self.opened, join)
            proxy.on_end = self.gone
        self.results: dict[str, TestResult] = {}

    def _write(self, event: Event) -> None:
        self.stream.write(msgspec.json.encode(event).decode() + "\n")
        self.stream.flush()

    def opened(self, worker: proxy.Worker) -> None:
        self._write(Event("confined", confine.in_words(worker.level)))

    def gone(self, end: proxy.End) -> NoReturn:
        """The submission's process is no more, so its koan has no more to say: what it has not passed is not passed."""
        what = "late" if end.late else "gone" if end.status is not None else "nonsense"
        self._write(Event(what, end.nonsense or end.tail, number=end.status or 0))
        os._exit(0)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        return _OnTheWay.from_parent(parent, path=path, to=Path(self.test_file)) if self.test_file else None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.session = session
        self._write(Event("collected", number=len(session.items)))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if hasattr(report, "koan_broken"):
            self._write(Event("broken", str(report.koan_broken)[:TOLD]))
        elif hasattr(report, "koan_lack"):
            self._write(Event("lack", str(report.koan_lack)))
        elif report.failed:
            self._write(Event("broken", str(report.longrepr)[:TOLD]))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        self._write(Event("start", sentence(item)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result: TestResult | None = getattr(report, "koan", None)
        if result is None:
            return
        before = self.results.get(report.nodeid)
        if before is None or before.status == Status.passed:
            seconds = result.seconds + (before.seconds if before else 0)
            self.results[report.nodeid] = msgspec.structs.replace(result, seconds=seconds)
        if report.when == "teardown":
            self._write(Event("result", result=self.results[report.nodeid]))
            if self.session.config.getoption("--brief"):
                left = self.session.testscollected - len(self.results)
                if left and settled([*self.results.values()], left):
                    self._write(Event("settled", number=len(self.results)))
                    self.session.shouldfail = "settled"

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if memo.active is not None:
            memo.active.save()
        self._write(Event("finished", number=int(exitstatus)))
