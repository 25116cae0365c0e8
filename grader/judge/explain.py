"""Turns an exception into a message for the learner: what was raised, where in their own file, and the likely cause."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path

from grader.book.forbidden import Forbidden
from grader.book.koan_imports import koan_of
from grader.book.no_terminal import NoTerminal
from grader.book.own_lines import own_lines, unwritten
from grader.book.verdict import Evidence
from grader.book.workbook import Koan
from grader.checks.message import Disagreement, NotStarted
from grader.kernels.kernel_text import YourTurn

LINES = 12  # the most lines of an exception's text in a message


@dataclass(frozen=True)
class Explained:
    """What a failing test shows: see `TestResult`. Without a headline the first line of the message is the headline."""

    message: str
    headline: str
    looks: dict[str, str] = field(default_factory=dict)
    function: str = ""
    not_started: bool = False


def explain(error: BaseException, koan: Koan) -> Explained:
    """The message of a failing test."""
    if _is_your_turn(error):
        other = error.imported if isinstance(error, NotStarted) else unwritten(error)
        if other:
            text = f"it calls {other}, which is not written yet: write exercises/{other}.py first"
            return Explained(text, "")
        return Explained(f"not started: open exercises/{koan.id}.py", "", not_started=True)
    if isinstance(error, Disagreement):
        message = error.message
        return Explained(message.text, message.sentence, dict(message.looks), message.function)
    if isinstance(error, Forbidden):
        return Explained(str(error), "")
    if isinstance(error, NoTerminal):
        return Explained(_explain_no_terminal(error, koan), "")
    if type(error).__module__.startswith("_pytest") and "Timeout" in str(error):
        return Explained(f"no answer in time\n{own_frames(error)}", "")
    notes = [n for n in getattr(error, "__notes__", []) if "alsifying example" in n]
    if isinstance(error, AssertionError):
        text = str(error).strip() or "the assertion does not hold"
        return Explained("\n".join([*_first_lines(text), *_test_line(error), *notes]), "")
    raised = f"{koan.name} raised {type(error).__name__}: {str(error).strip()}".rstrip(": ")
    return Explained("\n".join([*_first_lines(raised), own_frames(error), *notes]).rstrip(), "")


def evidence_of(error: BaseException) -> Evidence:
    """The parts of the message of a failing test. Only a check that disagrees has some."""
    if not isinstance(error, Disagreement):
        return Evidence()
    message = error.message
    return message.evidence or Evidence(what=message.sentence, function=message.function)


def _is_your_turn(error: BaseException) -> bool:
    """Whether it was raised by a stub."""
    if isinstance(error, (NotStarted, YourTurn)):
        return True
    return isinstance(error, NotImplementedError) and "your turn" in str(error)


def explain_import(error: BaseException, koan: Koan) -> str:
    """The message for a file that cannot be imported: the line, and the likely cause."""
    name = f"exercises/{koan.id}.py"
    if isinstance(error, SyntaxError):
        return _explain_syntax(error, name)
    if isinstance(error, NoTerminal):
        return _explain_no_terminal(error, koan)
    if isinstance(error, ModuleNotFoundError):
        missing = error.name or ""
        if not missing or missing.startswith("exercises"):
            return str(error)
        return f"{name} imports {missing}, which is not installed here; a koan needs only torch and Python"
    other = koan_of(getattr(error, "name", None) or "")
    if isinstance(error, ImportError) and other and other != koan.id:
        return f"{name} imports {other}: {error}"
    if isinstance(error, ImportError) and str(error).startswith("cannot import name '"):
        wanted = str(error).split("'")[1]
        return f"{name} does not define '{wanted}', which the tests call: keep that name"
    frames = own_frames(error)
    return f"importing {name} raised {type(error).__name__}: {str(error).strip()}\n{frames}".rstrip().rstrip(":")


def _explain_no_terminal(error: NoTerminal, koan: Koan) -> str:
    """What a call does that needs a terminal, and where there is one."""
    own, where = own_lines(error), own_frames(error)
    file = own[-1].file if own else f"{koan.name}.py"
    advice = f"`koans debug {koan.name}` runs the failing test in your terminal, where the call works."
    return f"{file} calls {error.call}, but a run has no terminal\n{where}\n\n{advice}"


def _explain_syntax(error: SyntaxError, name: str) -> str:
    """The line with the mistake, and below it a caret where the mistake is."""
    file = Path(error.filename).name if error.filename else name
    kind = type(error).__name__.replace("KernelSyntaxError", "not a kernel")
    message = f"{kind} in {file}, line {error.lineno}: {error.msg}"
    line = (error.text or "").rstrip()
    if not line:
        return message
    indent = len(line) - len(line.lstrip())
    caret = " " * max(0, (error.offset or 1) - 1 - indent) + "^"
    return "\n".join([message, "", f"    {line.strip()}", f"    {caret}"])


def own_frames(error: BaseException) -> str:
    """The last three lines of a traceback that are in the koan's own file, or in another koan's that it imports."""
    lines = [line for line in own_lines(error) if "/" in line.koan]
    if isinstance(error, RecursionError):
        lines = lines[:1]
    return "\n".join(f"  line {line.number} of {line.file}: {line.text}" for line in lines[-3:])


def _first_lines(text: str) -> list[str]:
    lines = text.splitlines()
    return lines if len(lines) <= LINES else [*lines[:LINES], "  …"]


def _test_line(error: BaseException) -> list[str]:
    """The line of the test whose assertion failed, in a list, or an empty list if it is not known."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/test_" in f.filename.replace("\\", "/")]
    return [f"  checked by: {frames[-1].line}"] if frames and frames[-1].line else []
