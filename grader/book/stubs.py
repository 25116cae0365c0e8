"""Derives stubs from solutions: the marked lines become `raise NotImplementedError("your turn")`."""

from __future__ import annotations

import ast
from pathlib import Path

from grader.book import source_text
from grader.book.errors import KoansError
from grader.book.syntax import dump, parse
from grader.book.workbook import Koan, Workbook

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"
STUBS = "stubs"  # a student edition has this folder instead of solutions/
STUB = 'raise NotImplementedError("your turn")'


def derive(solution: str, where: str = "solution") -> str:
    """The stub of a solution's text. `where` names the solution in messages.

    Raises KoansError if there are no markers, or if they are not in pairs.
    """
    out: list[str] = []
    opened = 0
    for number, line in enumerate(solution.splitlines(), 1):
        mark = line.strip()
        if mark == BEGIN:
            if opened:
                raise KoansError(f"{where}:{number}: '{BEGIN}' again before the '{END}' of line {opened}")
            opened = number
            out.append(line[: len(line) - len(line.lstrip())] + STUB)
        elif mark == END:
            if not opened:
                raise KoansError(f"{where}:{number}: '{END}' without a '{BEGIN}'")
            opened = 0
        elif not opened:
            out.append(line)
    if opened:
        raise KoansError(f"{where}:{opened}: '{BEGIN}' without an '{END}'")
    if solution.splitlines() == out:
        raise KoansError(f"{where}: no '{BEGIN}' … '{END}' lines: what should the learner write?")
    return "\n".join(out) + "\n"


def strip_markers(solution: str) -> str:
    """The text of a solution without the lines of markers."""
    return "".join(line for line in solution.splitlines(True) if line.strip() not in (BEGIN, END))


def without_docstrings(text: str) -> str:
    """The text without docstrings, to compare two answers to the same prompt. Text that does not parse is unchanged."""
    try:
        tree = parse(text)
    except (SyntaxError, ValueError):
        return text
    lines = source_text.lines(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            first = node.body[0]
            for number in range(first.lineno - 1, first.end_lineno or first.lineno):
                lines[number] = ""
    return "".join(lines).strip("\n") + "\n"


def stub_of(workbook: Workbook, koan: Koan) -> str:
    """The text a learner starts from: derived from the solution, or in a student edition the stub that was released.

    Raises KoansError if there is neither, or if the markers of the solution are not in pairs.
    """
    file = workbook.solution(koan)
    if not file.exists():
        stub = workbook.root / STUBS / f"{koan.id}.py"
        if stub.is_file():
            return stub.read_text(encoding="utf-8")
        raise KoansError(f"{file}: missing, so the stub of {koan.id} cannot be made")
    return derive(file.read_text(encoding="utf-8"), file.relative_to(workbook.root).as_posix())


def not_started(workbook: Workbook, koan: Koan, exercise: Path | None = None) -> bool:
    """Whether the exercise has the syntax tree of its stub. Comments and blank lines do not count as a start.

    `exercise` is the file; without it, the learner's own. Raises KoansError if the koan has no stub.
    """
    file = exercise or workbook.exercise(koan)
    try:
        return dump(parse(source_text.read(file))) == dump(parse(stub_of(workbook, koan)))
    except (OSError, SyntaxError, ValueError):
        return False


def differing(workbook: Workbook) -> list[Koan]:
    """The koans whose exercise is missing or differs from its stub in any character."""
    koans = []
    for koan in workbook.koans.values():
        file, text = workbook.exercise(koan), stub_of(workbook, koan)
        if not file.is_file() or source_text.readable(file.read_bytes()) != text:
            koans.append(koan)
    return koans
