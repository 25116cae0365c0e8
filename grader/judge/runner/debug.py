"""Runs one test of a koan in a terminal, in the process that asks, and starts a debugger where it fails."""

from __future__ import annotations

import pdb
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import pytest

from grader.book.verdict import Status, Verdict
from grader.book.workbook import Koan, Workbook
from grader.checks.copies import clone
from grader.checks.message import Disagreement
from grader.judge import pytest_plugin
from grader.judge.runner import inner_pytest

DONE = (Status.passed, Status.not_run_here)


def first_failure(workbook: Workbook, koan: Koan, verdict: Verdict) -> bool:
    """Run the first test that the verdict does not report as passed, with pytest's --pdb. Returns whether it passes.

    There is no time limit, and the test reads from the terminal and writes to it.
    """
    done = {test.name for test in verdict.tests if test.status in DONE}
    options = ["--pdb", "--capture=no", "-q", "-pno:cacheprovider", f"--seed={verdict.seed}"]
    plugins = [pytest_plugin, _OneTest(workbook.test_file(koan), done)]
    return inner_pytest.run(workbook.root, options, plugins) == pytest.ExitCode.OK


class _OneTest:
    """A pytest plugin that collects the first test that is not done, and shows a debugger the learner's own code."""

    def __init__(self, file: Path, done: Collection[str]) -> None:
        self.file, self.done = file, done

    def pytest_collection(self, session: pytest.Session) -> bool:
        inner_pytest.collect(session, self.file)
        return True

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.name not in self.done][:1]

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(
        self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[object], report: pytest.TestReport
    ) -> None:
        """Before pytest's debugger starts: let it start in the learner's code, if an exception came from there.

        For a wrong result, first call the function again in a debugger, with the inputs that the message shows.
        """
        assert call.excinfo is not None
        error = call.excinfo.value
        raised = error.__cause__ or error
        own = node.path.with_name(node.path.name.removeprefix("test_"))
        cut = up_to(raised.__traceback__, str(own))
        if cut is not None:
            call.excinfo = pytest.ExceptionInfo.from_exc_info((type(raised), raised, cut))
        elif isinstance(error, Disagreement) and error.fn is not None and error.message.inputs is not None:
            print(f"\n{report.longrepr}\n\nThe same call again, from the first line of your function:")
            step_through(str(own), error.fn, *clone(error.message.inputs))


def step_through(file: str, fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Call the function in a debugger that stops at the first line in this file. `q` ends the session."""
    debugger = _OneFile(file)
    try:
        debugger.runcall(fn, *args, **kwargs)
    except Exception as error:  # `q` raises BdbQuit, and Triton wraps it; also, a second call may do something else
        if not debugger.ended:
            print(f"The call raised {type(error).__name__}: {error}")
    if debugger.ended:
        pytest.exit("the debugger was ended", returncode=int(pytest.ExitCode.TESTS_FAILED))
    print("The call has ended, and this is the test:")


class _OneFile(pdb.Pdb):
    """A debugger whose steps stop only in one file, and not in the libraries that the file calls."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file
        self.ended = False  # by `q`

    def set_quit(self) -> None:
        self.ended = True
        super().set_quit()

    def stop_here(self, frame: FrameType) -> bool:
        return frame.f_code.co_filename == self.file and super().stop_here(frame)

    def user_call(self, frame: FrameType, argument_list: None) -> None:
        """Stop at the first line of a function instead of its `def`."""


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
