"""A cell's text as Python statements: what each binds and uses. Magics and shell lines are left out, and said."""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal

import msgspec

from grader.book.syntax import parse

Kind = Literal["import", "function", "value", "other"]
# Cell magics whose cell is Python that defines what it says. The body of any other is another language, or is not kept.
PYTHON_MAGICS = frozenset({"koan", "time", "capture"})
MAGIC = re.compile(r"[%!?]|[\w., \[\]]+=\s*[!%]|.*\?$")
SHELL = re.compile(r"!|[^%]*=\s*!")
MAGICS = 200  # lines of a cell that may be left out before it is given up


class Cell(msgspec.Struct, frozen=True):
    """A code cell as it stands. `label` says which: "cell 4", or "cell [4]" by its execution."""

    label: str
    text: str


class SkippedLine(msgspec.Struct, frozen=True):
    """A line that was left out, and what it is."""

    cell: str
    line: int
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.cell}, line {self.line}: {self.what} left out: {self.text.strip()[:80]}"


class Statement(msgspec.Struct, frozen=True):
    """A top-level statement in lines `first` to `last`, counted from 1. `tree` is its syntax tree in words."""

    first: int
    last: int
    kind: Kind
    binds: frozenset[str]
    uses: frozenset[str]
    tree: str
    constant: bool = False


class Parsed(msgspec.Struct, frozen=True):
    """A cell as statements; `error` says why there are none, and at which line."""

    cell: Cell
    lines: tuple[str, ...]
    statements: tuple[Statement, ...] = ()
    left: tuple[SkippedLine, ...] = ()
    error: str = ""


def read(cell: Cell) -> Parsed:
    """Parse a cell, without running anything."""
    lines, left = _without_cell_magic(cell)
    if not lines:
        return Parsed(cell, (), left=tuple(left))
    while True:
        try:
            statements = [_statement(group, lines) for group in _by_lines(parse("\n".join(lines)).body)]
            return Parsed(cell, tuple(lines), tuple(statements), tuple(left))
        except SyntaxError as error:
            number = min(max(error.lineno or 1, 1), len(lines))
            if len(left) > MAGICS or not MAGIC.match(lines[number - 1].strip()[:1000]):
                return Parsed(cell, tuple(lines), left=tuple(left), error=f"line {number}: {error.msg}")
            left += _leave_out(cell, lines, number)
        except (ValueError, RecursionError, MemoryError) as error:
            return Parsed(cell, tuple(lines), left=tuple(left), error=f"line 1: {str(error)[:100] or 'cannot be read'}")


@lru_cache(maxsize=512)
def known(cell: Cell) -> Parsed:
    """`read`, once for each cell: for a kernel, which looks at its whole history on every check."""
    return read(cell)


def _without_cell_magic(cell: Cell) -> tuple[list[str], list[SkippedLine]]:
    lines = re.split("\r\n|\r|\n", cell.text)  # as Python counts them
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if not lines[first].startswith("%%"):
        return lines, []
    magic = lines[first][2:].split()[:1] or [""]
    if magic[0] in PYTHON_MAGICS:
        lines[first] = ""
        return lines, []
    return [], [SkippedLine(cell.label, first + 1, "a cell", lines[first])]


def _leave_out(cell: Cell, lines: list[str], number: int) -> Iterator[SkippedLine]:
    """Put `pass` in the place of a magic or shell line, and nothing in that of the lines that it goes on in."""
    what = "a shell line" if SHELL.match(lines[number - 1].strip()[:1000]) else "a magic"
    instead = "pass"
    more = True
    while more and number <= len(lines):
        line = lines[number - 1]
        yield SkippedLine(cell.label, number, what, line)
        more = line.rstrip().endswith("\\")
        lines[number - 1] = line[: len(line) - len(line.lstrip())] * bool(instead) + instead
        instead = ""
        number += 1


def _by_lines(body: Iterable[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """Statements, those that share a line together."""
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
    except (SyntaxError, ValueError, RecursionError):  # says its own error when it is compiled
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
    """Does the expression do more than say a value?"""
    return isinstance(node, (ast.Call, ast.BinOp, ast.Await, ast.comprehension, ast.Subscript, ast.Attribute))


def bound(node: ast.AST) -> Iterator[str]:
    """Names that a statement binds, or whose value it changes by assigning into it."""
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
    """Names that a piece of code takes from its module's globals."""
    top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (top or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _used(child)
