"""A verdict as entries of an editor's list of problems: a line of the learner's file and a message for each."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from grader.book import source_text
from grader.book.stubs import stub_of
from grader.book.syntax import parse
from grader.book.verdict import Status, TestResult, Verdict, one_line
from grader.book.workbook import Koan, Workbook

LONGEST = 300  # characters of a message

Format = Literal["gcc", "github"]


class Problem(msgspec.Struct, frozen=True):
    """One entry. `line` and `column` count from 1. A note is no mistake: the koan is not started, or not run here."""

    file: Path
    line: int
    column: int
    message: str
    note: bool = False


def problems(workbook: Workbook, koan: Koan, verdict: Verdict, text: str) -> list[Problem]:
    """The problems of the learner's file, one for each line at fault, by line. `text` is what the verdict is about."""
    if verdict.passed:
        return []
    file = workbook.exercise(koan)
    if verdict.status == Status.broken:
        line, column = _broken_place(koan, verdict, text)
        return [Problem(file, line, column, _one_line(verdict.message))]
    if verdict.status in (Status.not_started, Status.not_run_here):
        line = _definition(workbook, koan, text)
        why = f": {verdict.headline}" if verdict.status == Status.not_run_here else ""
        return [Problem(file, line, _column(text, line), _one_line(f"{verdict.status}{why}"), note=True)]
    by_line: dict[int, list[TestResult]] = {}
    for test in verdict.tests:
        if not test.gpu and test.status in (Status.failed, Status.not_started):
            line = _last_line(koan, test.message) or _definition(workbook, koan, text, test.function)
            by_line.setdefault(line, []).append(test)
    if verdict.status != Status.failed or not by_line:  # it timed out or crashed
        line = _last_line(koan, verdict.message) or _definition(workbook, koan, text)
        return [Problem(file, line, _column(text, line), _one_line(verdict.message))]
    return [Problem(file, line, _column(text, line), _message(by_line[line], verdict)) for line in sorted(by_line)]


def _message(tests: list[TestResult], verdict: Verdict) -> str:
    """What failed first at one line, and how many more tests fail there."""
    named = next((t for t in tests if verdict.names and set(t.looks) >= set(verdict.names)), None)
    first = named or tests[0]
    what = verdict.headline if named else first.headline or first.message.partition("\n")[0]
    raised = re.search(r"^  actual   (\w+: .+)$", first.message, re.MULTILINE) if " raised " in what else None
    what += f" ({raised[1]})" if raised else ""
    more = f" (and {len(tests) - 1} more)" if len(tests) > 1 else ""
    return _one_line(f"{what}; fails: {first.sentence}{more}")


def _one_line(text: str) -> str:
    return one_line(text.partition("\n\n")[0], LONGEST)


def _last_line(koan: Koan, message: str) -> int:
    """The deepest line of the koan's own file in a message. 0 if it names none.

    `explain` and `checks.message` write "line 3 of softmax.py" and "at softmax.py:3", the outermost first. faulthandler
    writes "softmax.py, line 3", the innermost first.
    """
    own = re.escape(f"{koan.name}.py")
    frames = re.findall(rf"^  (?:line (\d+) of {own}: |at {own}:(\d+): )", message, re.MULTILINE)
    if frames:
        return int("".join(frames[-1]))
    found = re.search(rf"^  File {own}, line (\d+)|^  {own}, line (\d+)", message, re.MULTILINE)
    return int(found[1] or found[2]) if found else 0


def _broken_place(koan: Koan, verdict: Verdict, text: str) -> tuple[int, int]:
    """Line and column of what keeps a file from being imported."""
    try:
        parse(text)
    except SyntaxError as error:
        return error.lineno or 1, error.offset or 1
    found = re.search(rf"in {re.escape(koan.name)}\.py, line (\d+)", verdict.message)
    line = int(found[1]) if found else _last_line(koan, verdict.message) or _import(text, verdict.message)
    return line, _column(text, line)


def _import(text: str, message: str) -> int:
    """The line that imports what a message says is not installed. 1 if there is none."""
    missing = re.search(r" imports ([\w.]+), which is not installed", message)
    for node in ast.walk(parse(text)) if missing else ():
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if missing and any(f"{name}.".startswith(f"{missing[1]}.") for name in names):
            return int(getattr(node, "lineno", 1))
    return 1


def _definition(workbook: Workbook, koan: Koan, text: str, function: str = "") -> int:
    """The line with the `def` of a function, or else of the first one that the koan asks for. 1 if there is none."""
    try:
        lines = _functions(text)
    except (SyntaxError, ValueError):
        return 1
    asked = (function, *_functions(stub_of(workbook, koan)), *lines)
    return next((lines[name] for name in asked if name in lines), 1)


def _functions(text: str) -> dict[str, int]:
    """The lines of a file's functions, by name. Raises SyntaxError or ValueError."""
    return {node.name: node.lineno for node in parse(text).body if isinstance(node, ast.FunctionDef)}


def _column(text: str, line: int) -> int:
    """The column where the text of a line begins."""
    lines = source_text.lines(text)
    found = lines[line - 1] if 0 < line <= len(lines) else ""
    return len(found) - len(found.lstrip()) + 1


def gcc(problem: Problem) -> str:
    """A line as C compilers write it. Most editors read it. The path is relative to the current folder."""
    kind = "note" if problem.note else "error"
    return f"{os.path.relpath(problem.file)}:{problem.line}:{problem.column}: {kind}: {problem.message}"


def github(problem: Problem) -> str:
    """A command of a GitHub workflow: https://docs.github.com/actions/reference/workflow-commands-for-github-actions"""
    place = f"file={_escaped(os.path.relpath(problem.file))},line={problem.line},col={problem.column}"
    text = problem.message.replace("%", "%25")
    return f"::{'notice' if problem.note else 'error'} {place}::{text}"


def _escaped(text: str) -> str:
    for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C")):
        text = text.replace(character, code)
    return text


FORMATS: Mapping[Format, Callable[[Problem], str]] = {"gcc": gcc, "github": github}


def lines(workbook: Workbook, koan: Koan, verdict: Verdict, text: str, form: Format) -> Iterator[str]:
    """The problems as lines in this format."""
    return map(FORMATS[form], problems(workbook, koan, verdict, text))
