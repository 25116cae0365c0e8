"""Runs tests of a koan in a terminal, in the process that asks, and starts a debugger where one fails."""

from __future__ import annotations

import bdb
import os
import pdb
import types
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn

import pytest

from grader.book.verdict import Status, Verdict
from grader.book.workbook import Koan, Workbook
from grader.checks.copies import clone
from grader.checks.message import Disagreement
from grader.judge import pytest_plugin
from grader.judge.at_home import DebuggerEnded
from grader.judge.runner import inner_pytest

DONE = (Status.passed, Status.not_run_here)
OURS = str(Path(__file__).parent.parent.parent) + os.sep  # the folder of the package `grader`
PYTESTS = ("_pytest", "pluggy", "pytest")  # packages
SKIPPED = ["grader.*", "contextlib", *PYTESTS, *(f"{name}.*" for name in PYTESTS)]  # modules without a stop


def first_failure(workbook: Workbook, koan: Koan, verdict: Verdict) -> bool:
    """Run the tests that the verdict does not report as passed until one fails, with pytest's --pdb.

    Returns whether all of them pass. There is no time limit, and the tests read from the terminal and write to it.
    """
    done = {test.name for test in verdict.tests if test.status in DONE}
    debugger = f"--pdbcls={__name__}:{Debugger.__name__}"
    options = ["--pdb", debugger, "-x", "--capture=no", "-q", "-pno:cacheprovider", f"--seed={verdict.seed}"]
    tests = _Remaining(workbook.test_file(koan), done)
    passed = inner_pytest.run(workbook.root, options, [pytest_plugin, tests]) == pytest.ExitCode.OK
    if passed:
        failed = f"{tests.count} test{'s' * (tests.count != 1)}"
        print(f"\n{koan.id}: no test fails here (seed {verdict.seed}). In a normal run, {failed} did not pass.")
        print(
            "A normal run has a time limit and no terminal: remove breakpoint() and input(), then run the koan again."
        )
    return passed


class _Remaining:
    """A pytest plugin that collects the tests that are not done, and shows a debugger the learner's own code."""

    def __init__(self, file: Path, done: Collection[str]) -> None:
        self.file, self.done = file, done
        self.count = 0

    def pytest_collection(self, session: pytest.Session) -> bool:
        inner_pytest.collect(session, self.file)
        return True

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.name not in self.done]
        self.count = len(items)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Run the tests, without a summary: the debugger has shown what there is to say."""
        try:
            return (yield)
        finally:
            session.config.pluginmanager.unregister(name="terminalreporter")

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        print(f"\ntest: {pytest_plugin.sentence(item)}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str]:
        return report.outcome, "", ""  # no letter

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_exception_interact(
        self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[object], report: pytest.TestReport
    ) -> Generator[None, object, object]:
        """Before pytest's debugger starts: let it start in the learner's code, if an exception came from there.

        For a wrong result, first call the function again in a debugger, with the inputs that the message shows.
        """
        assert call.excinfo is not None
        try:
            _show_own_code(node.path, call, report)
            return (yield)
        except DebuggerEnded:
            pytest.exit("the debugger was ended", returncode=int(pytest.ExitCode.TESTS_FAILED))


def _show_own_code(test_file: Path, call: pytest.CallInfo[object], report: pytest.TestReport) -> None:
    assert call.excinfo is not None
    error = call.excinfo.value
    if isinstance(error, DebuggerEnded):
        raise error
    raised = error.__cause__ or error
    own = test_file.with_name(test_file.name.removeprefix("test_"))
    cut = up_to(raised.__traceback__, str(own))
    if cut is not None:
        call.excinfo = pytest.ExceptionInfo.from_exc_info((type(raised), raised, cut))
    elif isinstance(error, Disagreement) and error.fn is not None and error.message.inputs is not None:
        print(f"\n{report.longrepr}\n\nThe same call again, from the first line of your function:")
        step_through(str(own), error.fn, *clone(error.message.inputs))


def step_through(file: str, fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Call the function in a debugger that stops at the first line in this file. `q` raises DebuggerEnded."""
    try:
        _OneFile(file).runcall(fn, *args, **kwargs)
    except Exception as error:  # a second call may do something else
        print(f"The call raised {type(error).__name__}: {error}")
    print("The call has ended. This is the test:")


class Debugger(pdb.Pdb):
    """A debugger that hides the frames of the workbook and of pytest."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"skip": SKIPPED, **options})

    def do_quit(self, arg: str) -> NoReturn:
        """End at once, without an exception that the code or a check may catch."""
        self.set_quit()
        raise DebuggerEnded

    do_q = do_exit = do_EOF = do_quit  # noqa: N815

    def get_stack(self, f: FrameType | None, t: TracebackType | None) -> tuple[list[tuple[FrameType, int]], int]:
        stack, at = super().get_stack(f, t)
        return seen(stack, at)


class _OneFile(Debugger):
    """A debugger whose steps stop only in one file, and not in the libraries that the file calls."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file

    def stop_here(self, frame: FrameType) -> bool:
        return frame.f_code.co_filename == self.file and super().stop_here(frame)

    def user_call(self, frame: FrameType, argument_list: None) -> None:
        """Stop at the first line of a function instead of its `def`."""


def seen(stack: list[tuple[FrameType, int]], at: int) -> tuple[list[tuple[FrameType, int]], int]:
    """The entries of a stack from the test on, without ours, and the place of entry `at` among them."""
    hidden = [_hidden(frame) for frame, _ in stack]
    first = max((i for i, (frame, _) in enumerate(stack) if _is_pytests(frame)), default=-1) + 1
    kept = [i for i in range(first, len(stack)) if not hidden[i]]
    if not kept:
        return stack, at
    return [stack[i] for i in kept], max(sum(i <= at for i in kept) - 1, 0)


def _hidden(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(OURS) or frame.f_code.co_filename == bdb.__file__


def _is_pytests(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] in PYTESTS


def up_to(traceback: TracebackType | None, file: str) -> TracebackType | None:
    """The traceback without the frames below the last one of this file. None if it has no frame of the file."""
    parts = []
    while traceback is not None:
        parts.append(traceback)
        traceback = traceback.tb_next
    while parts and parts[-1].tb_frame.f_code.co_filename != file:
        parts.pop()
    cut: TracebackType | None = None
    for part in reversed(parts):
        cut = types.TracebackType(cut, part.tb_frame, part.tb_lasti, part.tb_lineno)
    return cut
