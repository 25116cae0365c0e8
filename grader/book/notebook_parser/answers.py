"""Puts a koan's answer together from a notebook's cells. It is found by the names of the koan's functions, in any cell.

The answer includes what its functions use: imports, helpers and constants. They are looked up first in the cells of the
functions, then in other cells, then in the stub. If several cells define a function, the last definition counts.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from grader.book.notebook_parser import statements
from grader.book.notebook_parser.statements import Cell, Parsed, SkippedLine, Statement
from grader.book.stubs import STUB, stub_of
from grader.book.syntax import parse
from grader.book.workbook import Koan, Workbook

YOUR_TURN = ast.dump(ast.parse(STUB).body[0])
DEF = re.compile(r"^(?:async\s+)?def\s+(\w+)", re.MULTILINE)


class Outline(msgspec.Struct, frozen=True):
    """What to look for in a notebook: a koan's functions.

    `to_write` are the functions that the learner writes, `names` all top-level names of the stub, and `stub` is its
    text. The text of a `kernel` koan may hold nothing that it does not need.
    """

    koan: str
    kernel: bool
    to_write: tuple[str, ...]
    names: tuple[str, ...]
    stub: str


class NotebookAnswer(msgspec.Struct, frozen=True):
    """A koan's text from a notebook.

    `origin` has a cell and a line for each line of the text, or ("", 0) if the line comes from no cell. `cells` are the
    cells that define the koan's functions, `others` the cells that define them differently. `error` says why the cell
    does not parse, if it does not. `started` tells whether the answer differs from the stub.
    """

    koan: str
    text: str
    origin: tuple[tuple[str, int], ...]
    cells: tuple[str, ...]
    others: tuple[str, ...] = ()
    error: str = ""
    started: bool = True


def outline(workbook: Workbook, koan: Koan) -> Outline:
    """The outline of a koan, from its stub. Raises KoansError if it has none."""
    stub = stub_of(workbook, koan)
    tree = parse(stub)
    names = [name for node in tree.body if _defines(node) for name in statements.bound(node)]
    to_write = [
        n.name
        for n in tree.body
        if isinstance(n, ast.FunctionDef) and any(ast.dump(s) == YOUR_TURN for s in ast.walk(n))
    ]
    return Outline(koan.id, koan.kind == "kernel", tuple(to_write), tuple(names), stub)


def outlines(workbook: Workbook, chapter: str = "") -> list[Outline]:
    """The outlines of a chapter's koans, or without a chapter of all koans."""
    return [outline(workbook, koan) for koan in workbook.koans.values() if chapter in ("", koan.chapter)]


def answers(
    cells: Iterable[Cell], wanted: Sequence[Outline], *, live: bool = False
) -> tuple[list[NotebookAnswer], list[SkippedLine]]:
    """The answers in these cells, and the lines of the cells that were left out.

    `live` cells are in the order in which they ran, and what ran last counts, even if it is the stub. The cells of a
    file are in the order of the file, and a stub does not count if another cell has an answer.
    """
    parsed = [statements.read_cached(cell) if live else statements.read(cell) for cell in cells]
    definitions = _Definitions(parsed, wanted, live)
    found = [answer for one in wanted if (answer := definitions.answer(one)) is not None]
    return found, [line for cell in parsed for line in cell.skipped]


def header(stub: str) -> str:
    """The stub's prompt: its module docstring and the blank line after it."""
    first = parse(stub).body[0]
    return "".join(stub.splitlines(True)[: first.end_lineno]) + "\n"


def without_header(text: str) -> str:
    """A file's text without its prompt, as a cell holds it. Text that does not parse keeps its prompt."""
    try:
        first = parse(text).body[:1]
    except (SyntaxError, ValueError):
        return text.strip("\n")
    if not first or not isinstance(first[0], ast.Expr) or not isinstance(first[0].value, ast.Constant):
        return text.strip("\n")
    return "".join(text.splitlines(True)[first[0].end_lineno :]).strip("\n")


def _defines(node: ast.stmt) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign))


Place = tuple[int, int]  # the number of a cell and of a statement in it
STUB_CELL = -1  # the number that stands for the stub


class _Definitions:
    """Knows where each name is bound in these cells, and to which koan each definition belongs."""

    def __init__(self, cells: Sequence[Parsed], wanted: Sequence[Outline], live: bool) -> None:
        self.cells = list(cells)
        self.live = live
        self.wanted = wanted
        self.places: dict[str, list[Place]] = {}
        for place, statement in self._statements():
            for name in statement.binds:
                self.places.setdefault(name, []).append(place)
        stubs = [
            (one, statement) for one in wanted for statement in statements.read_cached(Cell("", one.stub)).statements
        ]
        self.given_functions = {s.tree for one, s in stubs if s.kind == "function" and not s.binds & set(one.to_write)}
        self.koans_of_cell: list[frozenset[str]] = []  # for each cell, the koans whose functions it defines
        for cell in self.cells:
            bound = {name for s in cell.statements if s.kind != "import" for name in s.binds}
            self.koans_of_cell.append(frozenset(k for name in bound for k in self._owners(name, bound)))

    def _statements(self) -> Iterator[tuple[Place, Statement]]:
        for i, cell in enumerate(self.cells):
            for j, statement in enumerate(cell.statements):
                yield (i, j), statement

    def _owners(self, name: str, bound: set[str]) -> list[str]:
        """The koans that `name` is an answer to, in a cell that binds all of `bound`.

        Several koans may have this name, because a stub may give a function of another koan. Then the cell belongs to
        the koans whose names it binds most of.
        """
        ranks = {k.koan: (len(bound & set(k.names)), name in k.to_write) for k in self.wanted if name in k.names}
        best = max(ranks.values(), default=(0, False))
        return [koan for koan, rank in ranks.items() if rank == best and rank[1]]

    def _definitions(self, wanted: Outline, name: str) -> list[Place]:
        """Where the koan's own function is defined.

        A copy in a cell of another koan counts only if there is no other definition. The same goes for a function that
        stubs give, and in a file for a function that is still a stub.
        """
        found = []
        for i, j in self.places.get(name, []):
            bound = {n for s in self.cells[i].statements if s.kind != "import" for n in s.binds}
            if self.cells[i].statements[j].kind == "import" or wanted.koan in self._owners(name, bound):
                found.append((i, j))
        found = [place for place in found if self.koans_of_cell[place[0]] <= {wanted.koan}] or found
        found = [place for place in found if self._at(place).tree not in self.given_functions] or found
        if not self.live:
            found = [place for place in found if YOUR_TURN not in self._at(place).tree] or found
        return found

    def _at(self, place: Place) -> Statement:
        return self.cells[place[0]].statements[place[1]]

    def answer(self, wanted: Outline) -> NotebookAnswer | None:
        definitions = {name: self._definitions(wanted, name) for name in wanted.to_write}
        chosen = {name: places[-1] for name, places in definitions.items() if places}
        if not chosen:
            return self._unreadable(wanted)
        answer = _AnswerText(self, wanted, chosen).build()
        others = tuple(
            dict.fromkeys(
                self.cells[place[0]].cell.label
                for name, places in definitions.items()
                for place in places
                if self._at(place).tree != self._at(chosen[name]).tree
            )
        )
        return msgspec.structs.replace(answer, others=others)

    def _unreadable(self, wanted: Outline) -> NotebookAnswer | None:
        """The unchanged text of a cell that does not parse and has the first line of one of the koan's functions."""
        for cell in reversed(self.cells):
            if cell.error and set(DEF.findall("\n".join(cell.lines))) & set(wanted.to_write):
                top = header(wanted.stub)
                label = cell.cell.label
                origin = [("", 0)] * top.count("\n") + [(label, i) for i in range(1, len(cell.lines) + 1)]
                text = top + "\n".join(cell.lines) + "\n"
                return NotebookAnswer(wanted.koan, text, tuple(origin), (label,), error=f"{label}, {cell.error}")
        return None


class _AnswerText:
    """Puts the text of one koan together from statements. `chosen` is where its functions are defined."""

    def __init__(self, definitions: _Definitions, wanted: Outline, chosen: dict[str, Place]) -> None:
        self.wanted = wanted
        self.chosen = chosen
        self.definitions = definitions
        self.stub = statements.read_cached(Cell("", wanted.stub))
        self.own_cells = list(dict.fromkeys(chosen[name][0] for name in wanted.to_write if name in chosen))
        self.selected: set[Place] = set(chosen.values())

    def _cell(self, number: int) -> Parsed:
        return self.stub if number == STUB_CELL else self.definitions.cells[number]

    def _at(self, place: Place) -> Statement:
        return self._cell(place[0]).statements[place[1]]

    def build(self) -> NotebookAnswer:
        for name in self.wanted.names:
            if name not in self.chosen:
                self.selected.update(self._places(name))
        for own in self.own_cells:
            self.selected.update((own, j) for j, s in enumerate(self._cell(own).statements) if self._belongs(s))
        self._add_dependencies()
        before = sorted({place[0] for place in self.selected} - set(self.own_cells))
        lines = [(line, ("", 0)) for line in header(self.wanted.stub).splitlines()]
        imports = [line for i in before for line in self._lines(i, imports=True)]
        rest = [self._lines(i, imports=False) for i in before] + [self._lines(i) for i in self.own_cells]
        blocks = [block for block in (imports, *rest) if block]
        for n, block in enumerate(blocks):
            gap = 2 if n else 1 if block[0][0].startswith(("def ", "async ", "class ", "@")) else 0
            lines += [("", ("", 0))] * gap + block
        text = "".join(f"{line}\n" for line, _ in lines)
        return NotebookAnswer(
            self.wanted.koan,
            text,
            tuple(place for _, place in lines),
            tuple(self._cell(i).cell.label for i in self.own_cells),
            started=_tree(text) != _tree(self.wanted.stub),
        )

    def _belongs(self, statement: Statement) -> bool:
        """Whether a statement of the koan's own cell belongs to the answer even if nothing uses it.

        It does not if it would run code, or if it is part of another koan.
        """
        if any(name in self.wanted.names for name in statement.binds):
            return False  # its definition is already chosen, maybe from another cell
        if statement.kind == "import":
            return any(s.kind == "import" and s.binds & statement.binds for s in self.stub.statements)
        if self.wanted.kernel or any(name in k.names for name in statement.binds for k in self.definitions.wanted):
            return False
        return statement.kind == "function" or (statement.kind == "value" and statement.constant)

    def _add_dependencies(self) -> None:
        """Select what the selected statements use, directly or through other statements."""
        missing = sorted(self._undefined_names())
        tried: set[str] = set()
        while missing:
            for name in missing:
                tried.add(name)
                self.selected.update(self._places(name))
            missing = sorted(self._undefined_names() - tried)

    def _undefined_names(self) -> set[str]:
        """The names that the selected statements use and do not bind, without builtins."""
        uses = {name for place in self.selected for name in self._at(place).uses}
        return uses - {name for place in self.selected for name in self._at(place).binds} - set(dir(builtins))

    def _places(self, name: str) -> list[Place]:
        """All statements of one cell that give `name` its value. If no cell has any: the statements of the stub."""
        places = self._candidates(name)
        if not places:
            return self._stub_places(name)
        last = [place for place in places if place[0] == places[-1][0]]
        if self._at(last[-1]).kind in ("function", "import"):  # it replaces what the cell bound before
            return [last[-1]]
        return last

    def _candidates(self, name: str) -> list[Place]:
        """Where `name` is bound: in the koan's own cells, else in cells of no koan, else in cells of other koans."""
        places = [p for p in self.definitions.places.get(name, []) if _is_no_main_guard(self._at(p))]
        own = [p for p in places if p[0] in self.own_cells]
        if own:
            return own
        unowned = [p for p in places if not self.definitions.koans_of_cell[p[0]]]
        if name not in self.wanted.names:
            return self._nearest(unowned) or places
        # The stub gives this name. A definition of another koan is not meant, and a copy of the stub's is not needed.
        copied = {self._at(p).tree for p in unowned} & {self._at(p).tree for p in self._stub_places(name)}
        return [] if copied else self._nearest(unowned)

    def _nearest(self, places: list[Place]) -> list[Place]:
        """In a file, only the places above the koan's own cells, if there are any."""
        if self.definitions.live:
            return places
        return [p for p in places if p < (min(self.own_cells), 0)] or places

    def _stub_places(self, name: str) -> list[Place]:
        return [(STUB_CELL, j) for j, s in enumerate(self.stub.statements) if name in s.binds]

    def _lines(self, number: int, imports: bool | None = None) -> list[tuple[str, tuple[str, int]]]:
        """The lines of a cell's selected statements: only imports, only others (`imports` false), or all (None)."""
        cell = self._cell(number)
        left_out: set[int] = set()
        count = 0
        for j, statement in enumerate(cell.statements):
            wanted = imports is None or (statement.kind == "import") == imports
            count += (number, j) in self.selected and wanted
            if (number, j) not in self.selected or not wanted:
                left_out.update(range(statement.first, statement.last + 1))
        if not count:
            return []
        own = number in self.own_cells
        lines: list[tuple[str, tuple[str, int]]] = []
        spans = {n for j, s in enumerate(cell.statements) for n in range(s.first, s.last + 1)}
        for n, line in enumerate(cell.lines, 1):
            if n in left_out or (not own and n not in spans and line.strip()):
                continue
            if (
                left_out
                and not line.strip()
                and len(lines) > 1
                and not lines[-1][0].strip()
                and not lines[-2][0].strip()
            ):
                continue
            lines.append((line, (cell.cell.label, n)))
        while lines and not lines[0][0].strip():
            lines.pop(0)
        while lines and not lines[-1][0].strip():
            lines.pop()
        return lines


def _is_no_main_guard(statement: Statement) -> bool:
    """Whether the statement is not `if __name__ == "__main__":`, which a file of a koan does not need."""
    return "id='__name__'" not in statement.tree


def _tree(text: str) -> str:
    """The syntax tree of a text, or the text itself if it does not parse."""
    try:
        return ast.dump(parse(text))
    except (SyntaxError, ValueError):
        return text
