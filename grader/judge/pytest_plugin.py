"""The pytest plugin: `--target`, `--seed`, the markers, and failures a learner can read.

It works in a terminal, in an editor's test panel and inside the runner. The runner makes several runs in one session
(`Driver`).
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections import defaultdict
from collections.abc import Generator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from grader.book.errors import KoansError
from grader.book.verdict import Status, TestResult, speed
from grader.book.workbook import Koan, Workbook, find_root
from grader.checks import compilation, run_context, throughput
from grader.gpu import NO_GPU, lack
from grader.gpu.client import LIMIT as RACE_SECONDS
from grader.judge import reports, targets
from grader.judge.collected_tests import KoanTests
from grader.judge.explain import Explained, explain, explain_import
from grader.judge.printed import shortened

os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # the search for a GPU must not start CUDA before a fork

WORKBOOK = pytest.StashKey[Workbook]()
DRAWN = 2**31  # seeds from here on are not typed by hand, but drawn for a grading (see course/seeds)
TARGET = pytest.StashKey[targets.Target]()
SEED = pytest.StashKey[int]()
# The hypothesis examples of a property test, and of those that a brief run shortens (see `_shorten`).
EXAMPLES, FEWER = 30, 10
# The most characters of a text in a result, because a submission can make its lines as long as it likes.
LONGEST_TEXT = 20_000


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
        help="report the first failing input instead of a smaller one, and stop once the name of a failure is known",
    )
    group.addoption("--seed", type=int, default=0, metavar="N", help="seed of all random inputs (default 0; printed)")


class Driver:
    """Begins and ends runs. In plain pytest a session is one run. The runner's driver makes several in one session.

    `workbook` is the workbook to use, if it was read already.
    """

    def __init__(self, workbook: Workbook | None = None) -> None:
        self.workbook = workbook

    def begin(
        self,
        config: pytest.Config,
        target: targets.Target,
        seed: int,
        run: run_context.Run,
        sandbox: targets.Sandbox | None = None,
        memory: int = 0,
    ) -> None:
        """Begin a run: `exercises.*` imports the target's code, inputs come from `seed`, and checks share `run`.

        `memory` is as in `targets.install`.
        """
        config.stash[TARGET], config.stash[SEED] = target, seed
        targets.install(config.stash[WORKBOOK], target, sandbox, memory)
        _configure_hypothesis(seed)
        run_context.start(run)

    def end(self) -> None:
        """End the run, so that nothing of it affects the next run in this process."""
        targets.uninstall()
        run_context.start(run_context.Run())


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "card(id): this test proves a drill card; the card unlocks when all tests that name it pass"
    )
    config.addinivalue_line("markers", "gpu: needs a CUDA device; proves the koan's second claim, `fast`")
    driver = next((p for p in config.pluginmanager.get_plugins() if isinstance(p, Driver)), None)
    try:
        workbook = (driver and driver.workbook) or Workbook(find_root(config.rootpath))
        list(workbook.koans)  # read the content now, so that a mistake in it is one line and not a failed import
        config.stash[WORKBOOK] = workbook
        if driver is None:
            target = targets.parse(config.getoption("--target"))
            Driver().begin(config, target, config.getoption("--seed"), run_context.Run(config.getoption("--brief")))
            if not reports.in_worker(config):
                config.pluginmanager.register(reports.Naming())
    except KoansError as error:
        raise pytest.UsageError(str(error)) from None


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


def _shorten(item: pytest.Item) -> None:
    """Let a hypothesis test report its first counterexample. It does not look for a smaller one.

    A brief run also tries fewer examples, if the target is a wrong answer or the seed is not 0. The gate stays as
    strict: a wrong answer must fail on these examples already, and every other seed brings other examples.
    """
    from hypothesis import Phase, settings

    test = getattr(item, "obj", None)
    normal = getattr(test, "_hypothesis_internal_use_settings", None)
    if normal is None:  # it is no hypothesis test
        return
    wrong = item.config.stash[TARGET].kind == "wrong"
    fewer = run_context.current().brief and (wrong or item.config.stash[SEED])
    examples = min(normal.max_examples, FEWER) if fewer else normal.max_examples
    brief = settings(normal, phases=[Phase.explicit, Phase.generate], max_examples=examples)
    test._hypothesis_internal_use_settings = brief  # type: ignore[union-attr]


def pytest_unconfigure(config: pytest.Config) -> None:
    Driver().end()


def pytest_report_header(config: pytest.Config) -> str | list[str]:
    if SEED not in config.stash:  # the session has several runs, each with its own seed
        return []
    seed = config.stash[SEED]
    return f"koans: target {config.stash[TARGET]}, seed {seed} (repeat with --seed {seed})"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A number for this test's random inputs. It is the same in every run with the same --seed."""
    return seed_of(request.node)


def depends_on_seed(item: pytest.Item) -> bool:
    """Whether another seed gives the test other inputs."""
    is_property = hasattr(getattr(item, "obj", None), "hypothesis")
    return is_property or "seed" in getattr(item, "fixturenames", ())


def needs_gpu(item: pytest.Item) -> bool:
    """Whether the test belongs to the koan's second claim, `fast`."""
    return item.get_closest_marker("gpu") is not None


def seed_of(item: pytest.Item) -> int:
    """The seed of one test, made of the run's seed and the test's name.

    A submission can try all 2**31 seeds of a test until one draws the inputs that it was given. From a seed that
    `koans grade` draws, which is larger, a hash keeps it from the seed of the run, and so from other tests' inputs.
    """
    seed = item.config.stash[SEED]
    test = _test_id(item)
    if seed < DRAWN:
        return int(seed * 1_000_003 + zlib.crc32(test.encode())) % 2**31
    digest = hashlib.blake2b(f"{seed} {test}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") % 2**31


def _test_id(item: pytest.Item) -> str:
    """The id that pytest gives a test in a clone. It is the same wherever the file of tests is."""
    koan = koan_of(item.config, item.path)
    _, separator, test = item.nodeid.partition("::")
    return f"exercises/{koan.chapter}/test_{koan.name}.py{separator}{test}" if koan else item.nodeid


def koan_of(config: pytest.Config, path: Path) -> Koan | None:
    """The koan a test file belongs to, if any."""
    return _koan_of(config.stash.get(WORKBOOK, None), path)


@lru_cache(maxsize=8)
def _koan_of(workbook: Workbook | None, path: Path) -> Koan | None:
    if workbook is None or path.parent.parent not in (workbook.root / "exercises", workbook.shipped / "exercises"):
        return None
    return workbook.koans.get(f"{path.parent.name}/{path.stem.removeprefix('test_')}")


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect a koan's tests at its exercise, too: a learner's folder has only the exercises."""
    koan = koan_of(parent.config, module_path)
    if koan is None or module_path.name != f"{koan.name}.py":
        return None
    return KoanTests.at(parent, module_path, parent.config.stash[WORKBOOK].test_file(koan))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect each exercise of a folder that has no tests beside them. pytest itself collects a file that is named."""
    koan = koan_of(parent.config, file_path)
    if koan is None or file_path.name != f"{koan.name}.py" or parent.session.isinitpath(file_path):
        return None
    if parent.config.stash[WORKBOOK].test_file(koan).parent == file_path.parent:
        return None
    return pytest_pycollect_makemodule(file_path, parent)


def sentence(item: pytest.Item) -> str:
    """A test's name as words, with its parameters."""
    name, bracket, params = item.name.partition("[")
    parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    for key, value in parameters.items():  # pytest names a dtype by its position, as in dtype1
        if str(value).startswith("torch."):
            params = re.sub(rf"\b{re.escape(key)}\d+\b", str(value), params)
    return name.removeprefix("test_").replace("_", " ") + (f" [{params.replace('torch.', '')}" if bracket else "")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give a race on a GPU more time than other tests have. A limit that a test sets itself stays."""
    if not config.pluginmanager.hasplugin("timeout"):
        return

    for item in items:
        if needs_gpu(item) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(RACE_SECONDS))


def pytest_runtest_setup(item: pytest.Item) -> None:
    koan = koan_of(item.config, item.path)
    if koan is not None:
        prepare(item, koan)


def prepare(item: pytest.Item, koan: Koan) -> None:
    """Prepare a koan's test. Skips it if this machine lacks something that it needs."""
    # After a first failure the learner knows what to do next, so no time is spent on smaller counterexamples.
    run = run_context.current()
    run.shrinks = koan.kind != "hunt"
    if item.session.testsfailed or run.brief:
        _shorten(item)
    if needs_gpu(item):
        missing = lack() if run.races else NO_GPU
        if missing:
            pytest.skip(f"not run here: {missing}")


def result_of(item: pytest.Item, koan: Koan, error: BaseException | None, seconds: float, output: str) -> TestResult:
    """The result of one test, from what it raised, if anything, and what it printed."""
    status, explained = Status.passed, Explained("", "")
    if isinstance(error, pytest.skip.Exception):
        status = Status.not_run_here
        explained = Explained(str(error.msg).removeprefix("not run here: "), "")
    elif error is not None:
        run_context.note(error)
        explained = explain(error, koan)
        status = Status.not_started if explained.not_started else Status.failed
    return TestResult(
        name=item.name,
        sentence=sentence(item),
        status=status,
        message=explained.message[:LONGEST_TEXT],
        headline=explained.headline[:LONGEST_TEXT],
        looks=explained.looks,
        function=explained.function,
        cards=tuple(c for m in item.iter_markers("card") for c in m.args),
        gpu=needs_gpu(item),
        seconds=round(seconds, 4),
        output=shortened(output),
        ms=throughput.take_times(),
        uncompiled=compilation.take_uncompiled() and status == Status.not_run_here,
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    koan = koan_of(item.config, item.path)
    if koan is not None:  # our message replaces pytest's traceback, which takes longer to format than most tests run
        item.repr_failure = lambda excinfo, style=None: ""  # type: ignore[method-assign]
    report = yield
    if koan is None:
        return report
    error: BaseException | None = None
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "skipped"
        error = pytest.skip.Exception(str(reason).removeprefix("Skipped: "))
    elif report.failed and call.excinfo is not None:
        error = call.excinfo.value
    result = result_of(item, koan, error, report.duration, "".join(text for _, text in report.sections))
    reports.add(report, result, koan.id)
    if report.when == "teardown" and reports.in_worker(item.config):
        reports.add_names(report, item, koan.id)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    item.stash[reports.NEXT] = nextitem


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return reports.scheduler(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    koan = koan_of(collector.config, collector.path) if isinstance(collector, pytest.Module) else None
    call = getattr(report, "call", None)
    if koan is None or call is None or call.excinfo is None or report.outcome != "failed":
        return report
    error = call.excinfo.value
    if isinstance(error, pytest.Collector.CollectError):  # pytest raises it from an ImportError
        error = error.__cause__ or error
    report.koan_id = koan.id  # type: ignore[attr-defined]
    run_context.note(error)
    report.koan_broken = report.longrepr = explain_import(error, koan)  # type: ignore[attr-defined]
    return report


def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport, config: pytest.Config
) -> tuple[str, str, str] | None:
    result = reports.result_in(report)
    if result is not None and result.status in (Status.not_started, Status.not_run_here):
        letter = "o" if result.status == Status.not_started else "n"
        return result.status.value, letter, result.status.value.upper()
    return None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line for each koan: how many tests pass and what to do next."""
    counts: dict[str, dict[Status, int]] = defaultdict(lambda: defaultdict(int))
    timed: dict[str, list[TestResult]] = defaultdict(list)
    broken: set[str] = set()
    for group in terminalreporter.stats.values():
        for report in group:
            koan = getattr(report, "koan_id", None)
            result = reports.result_in(report)
            if koan and hasattr(report, "koan_broken"):
                broken.add(koan)
            elif koan and result and (report.when == "call" or result.status != Status.passed):
                counts[koan][result.status] += 1
                timed[koan].append(result)
    if not counts and not broken:
        return
    terminalreporter.section("koans")
    for koan in sorted({*counts, *broken}):
        summary = "broken: it could not be imported" if koan in broken else _summary(koan, counts[koan], timed[koan])
        terminalreporter.write_line(f"{koan}  {summary}")


def _summary(koan: str, counts: dict[Status, int], results: list[TestResult]) -> str:
    """The line about a koan whose tests were collected. `counts` is the number of tests by status."""
    passed = f"{counts[Status.passed]} of {sum(counts.values())} tests pass"
    if counts[Status.failed]:
        return f"{passed}; next: koans hint {koan.partition('/')[2]}"
    if counts[Status.not_started]:
        return f"not started; next: open exercises/{koan}.py"
    if not counts[Status.passed]:
        return "not run here"
    not_run = counts[Status.not_run_here]
    how_fast = speed(results)
    return passed + (f", {not_run} not run here" if not_run else "") + (f"; {how_fast}" if how_fast else "")
