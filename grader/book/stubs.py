"""Derives stubs from solutions.

The lines that learners write become `raise NotImplementedError("your turn")`. In a hunt nothing is left out: where the
solution marks a bug, the stub has the planted text instead of the right lines.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from grader.book import source_text
from grader.book.errors import KoansError
from grader.book.syntax import dump, parse
from grader.book.workbook import Koan, Workbook

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"
BEGIN_BUG = "### BEGIN BUG"
PLANTED = "### PLANTED"
END_BUG = "### END BUG"
COMMENT = "# "  # before each line of the planted text
STUBS = "stubs"  # a student edition has this folder instead of solutions/
STUB = 'raise NotImplementedError("your turn")'


Part = Literal["given", "marker", "solution", "planted"]
# What begins at each marker, and after which parts the marker may stand.
MARKERS: dict[str, tuple[Part, tuple[str, ...]]] = {
    BEGIN: ("solution", ("",)),
    END: ("given", (BEGIN,)),
    BEGIN_BUG: ("solution", ("",)),
    PLANTED: ("planted", (BEGIN_BUG,)),
    END_BUG: ("given", (PLANTED,)),
}
CLOSED_BY = {BEGIN: END, BEGIN_BUG: PLANTED, PLANTED: END_BUG}


class Line(msgspec.Struct, frozen=True):
    """A line of a solution: its number from 1, its text with the line end, and what it belongs to.

    "solution" is what learners write, or in a hunt the right lines. "planted" lines are comments in the solution.
    """

    number: int
    text: str
    part: Part


def parts(solution: str, where: str = "solution") -> Iterator[Line]:
    """The lines of a solution. `where` names it in messages. Raises KoansError if markers are missing or misplaced."""
    part: Part = "given"
    opened, since = "", 0
    for number, line in enumerate(solution.splitlines(True), 1):
        mark = line.strip()
        if mark not in MARKERS:
            yield Line(number, line, part)
            continue
        begins, after = MARKERS[mark]
        if opened not in after:
            why = f"line {since} is still open: '{opened}'" if opened else "nothing was opened before it"
            raise KoansError(f"{where}:{number}: '{mark}' does not belong here: {why}")
        part, opened, since = begins, mark if begins != "given" else "", number
        yield Line(number, line, "marker")
    if opened:
        raise KoansError(f"{where}:{since}: '{opened}' without a '{CLOSED_BY[opened]}'")


def derive(solution: str, where: str = "solution") -> str:
    """The stub of a solution's text. `where` names the solution in messages.

    Raises KoansError if there are no markers, if they are misplaced, or if a planted line is no comment.
    """
    out: list[str] = []
    for line in parts(solution, where):
        indent = line.text[: len(line.text) - len(line.text.lstrip())]
        if line.text.strip() == BEGIN:
            out.append(f"{indent}{STUB}\n")
        elif line.part == "planted":
            if not line.text.lstrip().startswith(COMMENT):
                raise KoansError(f"{where}:{line.number}: a planted line begins with '{COMMENT}'")
            out.append(indent + line.text.lstrip().removeprefix(COMMENT))
        elif line.part == "given":
            out.append(line.text)
    if solution.splitlines(True) == out:
        raise KoansError(
            f"{where}: no '{BEGIN}' … '{END}' lines: what should the learner write? (A hunt has '{BEGIN_BUG}'.)"
        )
    return "".join(out).removesuffix("\n") + "\n"


def strip_markers(solution: str) -> str:
    """The text of a solution without the lines of markers and without planted lines."""
    return "".join(line.text for line in parts(solution) if line.part in ("given", "solution"))


def is_untouched(text: str, stub: str) -> bool:
    """Whether a text is the stub, but for comments on lines of their own and blank lines. It is not parsed."""
    return _code_lines(text) == _code_lines(stub)


def _code_lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


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
        stub = workbook.released_stub(koan)
        if stub.is_file():
            return stub.read_text(encoding="utf-8")
        raise KoansError(f"{file}: missing, so the stub of {koan.id} cannot be made")
    return derive(file.read_text(encoding="utf-8"), workbook.name_of(file))


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
