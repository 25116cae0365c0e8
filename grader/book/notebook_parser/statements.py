"""Parses a cell into statements: what each binds and uses. Magics and shell lines are left out and listed."""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterable, Iterator
from functools import lru_cache
from textwrap import dedent
from typing import Literal

import msgspec

from grader.book.koan_imports import imported_modules
from grader.book.notebook_parser import scope
from grader.book.syntax import dump, parse

Kind = Literal["import", "function", "value", "other"]
SkippedKind = Literal["a cell", "a shell line", "a magic"]
# Cell magics after which the cell is Python and its definitions last. After any other magic the cell is left out.
PYTHON_MAGICS = frozenset({"koan", "time", "capture"})
MAGIC = re.compile(r"[%!?]|[\w., \[\]]+=\s*[!%]|.*\?$")
SHELL = re.compile(r"!|[^%]*=\s*!")
TIMED = re.compile(r"(\s*)%time\s+(?=[^\s-])(.*)")  # its statement runs in the notebook, and what it binds stays
MOST_MAGICS = 200  # the most lines of a cell that are left out; a cell with more does not parse


class Cell(msgspec.Struct, frozen=True):
    """A code cell. `label` is "cell 4" by its place in the file, or "cell [4]" by its execution count."""

    label: str
    text: str


class SkippedLine(msgspec.Struct, frozen=True):
    """A line that was left out."""

    cell: str
    line: int
    kind: SkippedKind
    text: str

    def __str__(self) -> str:
        return f"{self.cell}, line {self.line}: {self.kind} skipped: {self.text.strip()[:80]}"


class Statement(msgspec.Struct, frozen=True):
    """A top-level statement, or several that share a line, in the lines `first` to `last`, counted from 1.

    `tree` is its syntax tree as text. `binds` are the names it binds, `surely` the names it binds whenever it
    runs, and `changes` the names whose value it changes in place. `defines` are the names it binds to a function or a
    class, `rebinds` names that it binds to the result of a call on themselves (`f = cache(f)`), and `copies` has the
    name from which a name is bound (`f = torch.exp`: "torch"). `uses` are the global names it uses, `now` those that
    it uses when it runs, and not only when a function of it is called. `modules` are the modules that it imports names
    from, `star` tells whether all of them. `calls` are the functions that it calls when it runs and that read
    something which is not in the notebook, and `sets` the globals that its functions set. `annotates` are names that
    its annotations use. `constant` tells whether it only assigns constants, `future` whether it is
    `from __future__ import …`, `awaits` whether it needs a running loop, and `guarded` whether it is
    `if __name__ == "__main__":`.
    """

    first: int
    last: int
    kind: Kind
    tree: str
    binds: frozenset[str]
    surely: frozenset[str]
    changes: frozenset[str]
    defines: frozenset[str]
    rebinds: frozenset[str]
    copies: dict[str, str]
    uses: frozenset[str]
    now: frozenset[str]
    modules: frozenset[str]
    calls: tuple[str, ...]
    sets: frozenset[str]
    annotates: frozenset[str]
    constant: bool = False
    star: bool = False
    future: bool = False
    awaits: bool = False
    guarded: bool = False


class Parsed(msgspec.Struct, frozen=True):
    """A parsed cell. `error` says why it does not parse, and at which line. Then it has no statements."""

    cell: Cell
    lines: tuple[str, ...]
    statements: tuple[Statement, ...] = ()
    skipped: tuple[SkippedLine, ...] = ()
    error: str = ""


def read(cell: Cell) -> Parsed:
    """Parse a cell without running anything. Lines that are no Python become `pass`."""
    lines, skipped = _without_cell_magic(cell)
    if not lines:
        return Parsed(cell, (), skipped=tuple(skipped))
    while True:
        try:
            statements = [_statement(group, lines) for group in _by_lines(parse("\n".join(lines)).body)]
            return Parsed(cell, tuple(lines), tuple(statements), tuple(skipped))
        except SyntaxError as error:
            number = min(max(error.lineno or 1, 1), len(lines))
            if len(skipped) > MOST_MAGICS or not MAGIC.match(lines[number - 1].strip()[:1000]):
                return Parsed(cell, tuple(lines), skipped=tuple(skipped), error=f"line {number}: {error.msg}")
            timed = TIMED.fullmatch(lines[number - 1][:1000])
            if timed and _parses(timed[2]):
                lines[number - 1] = timed[1] + timed[2]
            else:
                skipped += _leave_out(cell, lines, number)
        except (ValueError, RecursionError, MemoryError) as error:
            return Parsed(
                cell, tuple(lines), skipped=tuple(skipped), error=f"line 1: {str(error)[:100] or 'cannot be read'}"
            )


@lru_cache(maxsize=512)
def read_cached(cell: Cell) -> Parsed:
    """The same as `read`, with a cache: a notebook's kernel parses its whole history at every check."""
    return read(cell)


def _without_cell_magic(cell: Cell) -> tuple[list[str], list[SkippedLine]]:
    lines = _dedented(re.split("\r\n|\r|\n", cell.text))  # as Python counts lines
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if not lines[first].startswith("%%"):
        return lines, []
    magic = lines[first][2:].split()[:1] or [""]
    if magic[0] in PYTHON_MAGICS:
        lines[first] = ""
        return _dedented(lines), []
    return [], [SkippedLine(cell.label, first + 1, "a cell", lines[first])]


def _dedented(lines: list[str]) -> list[str]:
    """The lines without the indent that all of them share, as IPython reads a cell and what follows a cell magic."""
    return dedent("\n".join(lines)).split("\n")


def _leave_out(cell: Cell, lines: list[str], number: int) -> Iterator[SkippedLine]:
    """Replace a magic or shell line by `pass`, and the lines on which it continues by empty lines."""
    kind: SkippedKind = "a shell line" if SHELL.match(lines[number - 1].strip()[:1000]) else "a magic"
    replacement = "pass"
    continues = True
    while continues and number <= len(lines):
        line = lines[number - 1]
        yield SkippedLine(cell.label, number, kind, line)
        continues = line.rstrip().endswith("\\")
        lines[number - 1] = line[: len(line) - len(line.lstrip())] * bool(replacement) + replacement
        replacement = ""
        number += 1


def _by_lines(body: Iterable[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """Groups of statements. Statements that share a line are in one group."""
    group: list[ast.stmt] = []
    for node in body:
        if group and _first(node) > (group[-1].end_lineno or 0):
            yield group
            group = []
        group.append(node)
    if group:
        yield group


def _first(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _parses(line: str) -> bool:
    try:
        parse(line)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _statement(group: list[ast.stmt], lines: list[str]) -> Statement:
    first, last = _first(group[0]), group[-1].end_lineno or group[-1].lineno
    kinds = {_kind(node) for node in group}
    text = "\n".join(lines[first - 1 : last])
    here = [node for statement in group for node in scope.nodes(statement)]
    now = scope.loaded(here)
    try:
        table = symtable.symtable(text, "cell", "exec")
        now |= set(scope.globals_of(table, called=False))
        later, sets = set(scope.globals_of(table, called=True)), set(scope.globals_set(table))
    except (SyntaxError, ValueError, RecursionError):  # a mistake that only compiling finds
        later, sets = {n.id for node in group for n in ast.walk(node) if isinstance(n, ast.Name)}, set()
    imports = [node for node in here if isinstance(node, ast.ImportFrom)]
    return Statement(
        first,
        last,
        kinds.pop() if len(kinds) == 1 else "other",
        "\n".join(dump(node) for node in group),
        binds=frozenset(scope.bound(here)),
        surely=frozenset(scope.surely_bound(group)),
        changes=frozenset(scope.changed(here)),
        defines=frozenset(scope.defined(here)),
        rebinds=frozenset(scope.rebound(here)),
        copies=dict(scope.copied(here)),
        uses=frozenset(now | later),
        now=frozenset(now),
        modules=frozenset(module for node in imports for module in imported_modules(node, "")),
        calls=tuple(scope.outside_calls(here)),
        sets=frozenset(sets),
        annotates=frozenset(scope.annotating(here)),
        constant=all(isinstance(n, ast.Assign) and not any(map(_runs, ast.walk(n.value))) for n in group),
        star=any(alias.name == "*" for node in imports for alias in node.names),
        future=any(node.module == "__future__" for node in imports),
        awaits=any(scope.awaits(node) for node in here),
        guarded=any(map(scope.main_guard, group)),
    )


def _kind(node: ast.stmt) -> Kind:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return "import"
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return "function"
    return "value" if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) else "other"


def _runs(node: ast.AST) -> bool:
    """Whether the expression does more than name a value or write it out."""
    return isinstance(node, (ast.Call, ast.BinOp, ast.Await, ast.comprehension, ast.Subscript, ast.Attribute))
