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

from grader.book.syntax import parse

Kind = Literal["import", "function", "value", "other"]
SkippedKind = Literal["a cell", "a shell line", "a magic"]
# Cell magics after which the cell is Python and its definitions last. After any other magic the cell is left out.
PYTHON_MAGICS = frozenset({"koan", "time", "capture"})
MAGIC = re.compile(r"[%!?]|[\w., \[\]]+=\s*[!%]|.*\?$")
SHELL = re.compile(r"!|[^%]*=\s*!")
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
        return f"{self.cell}, line {self.line}: {self.kind} left out: {self.text.strip()[:80]}"


class Statement(msgspec.Struct, frozen=True):
    """A top-level statement, or several that share a line, in the lines `first` to `last`, counted from 1.

    `binds` are the names it binds, `uses` the global names it uses. `tree` is its syntax tree as text. `constant` tells
    whether it only assigns constants.
    """

    first: int
    last: int
    kind: Kind
    binds: frozenset[str]
    uses: frozenset[str]
    tree: str
    constant: bool = False


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


def _statement(group: list[ast.stmt], lines: list[str]) -> Statement:
    first, last = _first(group[0]), group[-1].end_lineno or group[-1].lineno
    kinds = {_kind(node) for node in group}
    text = "\n".join(lines[first - 1 : last])
    try:
        uses = frozenset(_used(symtable.symtable(text, "cell", "exec")))
    except (SyntaxError, ValueError, RecursionError):  # a mistake that only compiling finds
        uses = frozenset(n.id for node in group for n in ast.walk(node) if isinstance(n, ast.Name))
    return Statement(
        first,
        last,
        kinds.pop() if len(kinds) == 1 else "other",
        frozenset(name for node in group for name in bound(node)),
        uses,
        "\n".join(ast.dump(node) for node in group),
        all(isinstance(node, ast.Assign) and not any(_runs(n) for n in ast.walk(node.value)) for node in group),
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


def bound(node: ast.AST) -> Iterator[str]:
    """The names that a statement binds, or whose value it changes by an assignment to an item or attribute."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
        inner: ast.expr = node
        while isinstance(inner, (ast.Attribute, ast.Subscript)):
            inner = inner.value
        if isinstance(inner, ast.Name):
            yield inner.id
    for child in ast.iter_child_nodes(node):
        yield from bound(child)


def _used(table: symtable.SymbolTable) -> Iterator[str]:
    """The names that the code uses from the globals of its module."""
    top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (top or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _used(child)
