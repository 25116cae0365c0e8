"""A koan's answer out of a notebook's cells: found by the names of its functions, wherever they stand.

What a function uses comes with it: imports, helpers and constants, of its own cell first, then of others, then of the
stub. Where several cells define it, the last counts.
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

TURN = ast.dump(ast.parse(STUB).body[0])
DEF = re.compile(r"^(?:async\s+)?def\s+(\w+)", re.MULTILINE)


class Outline(msgspec.Struct, frozen=True):
    """What a notebook is searched for: the koan's functions, those that the learner writes (`mine`) and all top-level
    names of its stub, and the stub itself. A kernel koan's text may hold nothing that it does not need.
    """

    koan: str
    kernel: bool
    mine: tuple[str, ...]
    names: tuple[str, ...]
    stub: str


class NotebookAnswer(msgspec.Struct, frozen=True):
    """A koan's text as a notebook has it. `origin` says for each line in which cell and line it stands, or ("", 0).

    `cells` are those that the koan's own functions come from, `others` those that define them differently. `error`: the
    cell does not parse. `started`: it is not the stub.
    """

    koan: str
    text: str
    origin: tuple[tuple[str, int], ...]
    cells: tuple[str, ...]
    others: tuple[str, ...] = ()
    error: str = ""
    started: bool = True


def outline(workbook: Workbook, koan: Koan) -> Outline:
    stub = stub_of(workbook, koan)
    tree = parse(stub)
    names = [name for node in tree.body if _defines(node) for name in statements.bound(node)]
    mine = [
        n.name for n in tree.body if isinstance(n, ast.FunctionDef) and any(ast.dump(s) == TURN for s in ast.walk(n))
    ]
    return Outline(koan.id, koan.kind == "kernel", tuple(mine), tuple(names), stub)


def outlines(workbook: Workbook, chapter: str = "") -> list[Outline]:
    """Of a chapter's koans, or without one of all."""
    return [outline(workbook, koan) for koan in workbook.koans.values() if chapter in ("", koan.chapter)]


def answers(
    cells: Iterable[Cell], wanted: Sequence[Outline], *, live: bool = False
) -> tuple[list[NotebookAnswer], list[SkippedLine]]:
    """The answers that these cells hold, and the lines that were left out.

    `live` cells are in the order in which they ran: what ran last counts, even the stub. In a file a stub does not
    count beside an answer.
    """
    parsed = [statements.known(cell) if live else statements.read(cell) for cell in cells]
    found = _Found(parsed, wanted, live)
    given = [answer for one in wanted if (answer := found.answer(one)) is not None]
    return given, [left for one in parsed for left in one.left]


def header(stub: str) -> str:
    """The stub's prompt: its docstring and the blank line after it."""
    first = parse(stub).body[0]
    return "".join(stub.splitlines(True)[: first.end_lineno]) + "\n"


def without_header(text: str) -> str:
    """A file's text without its prompt, as it stands in a cell. Text that does not parse keeps what it has."""
    try:
        first = parse(text).body[:1]
    except (SyntaxError, ValueError):
        return text.strip("\n")
    if not first or not isinstance(first[0], ast.Expr) or not isinstance(first[0].value, ast.Constant):
        return text.strip("\n")
    return "".join(text.splitlines(True)[first[0].end_lineno :]).strip("\n")


def _defines(node: ast.stmt) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign))


Place = tuple[int, int]  # which cell, which of its statements
STUB_CELL = -1


class _Found:
    """Where each name is bound in these cells, and to which koan a definition belongs."""

    def __init__(self, cells: Sequence[Parsed], wanted: Sequence[Outline], live: bool) -> None:
        self.cells = list(cells)
        self.live = live
        self.wanted = wanted
        self.places: dict[str, list[Place]] = {}
        for place, statement in self._statements():
            for name in statement.binds:
                self.places.setdefault(name, []).append(place)
        stubs = [(one, statement) for one in wanted for statement in statements.known(Cell("", one.stub)).statements]
        self.given = {s.tree for one, s in stubs if s.kind == "function" and not s.binds & set(one.mine)}
        self.homes: list[frozenset[str]] = []  # for each cell the koans that it has functions of
        for cell in self.cells:
            bound = {name for s in cell.statements if s.kind != "import" for name in s.binds}
            self.homes.append(frozenset(k for name in bound for k in self._owners(name, bound)))

    def _statements(self) -> Iterator[tuple[Place, Statement]]:
        for i, cell in enumerate(self.cells):
            for j, statement in enumerate(cell.statements):
                yield (i, j), statement

    def _owners(self, name: str, bound: set[str]) -> list[str]:
        """The koans that `name`, in a cell that binds all of `bound`, is an answer to: those that the cell has most of.
        Other koans may be given a function of the same name."""
        ranks = {k.koan: (len(bound & set(k.names)), name in k.mine) for k in self.wanted if name in k.names}
        best = max(ranks.values(), default=(0, False))
        return [koan for koan, rank in ranks.items() if rank == best and rank[1]]

    def _definitions(self, wanted: Outline, name: str) -> list[Place]:
        """Where the koan's own function is defined. A cell of another koan that brings its own copy counts only where
        there is no other."""
        found = []
        for i, j in self.places.get(name, []):
            bound = {n for s in self.cells[i].statements if s.kind != "import" for n in s.binds}
            if self.cells[i].statements[j].kind == "import" or wanted.koan in self._owners(name, bound):
                found.append((i, j))
        found = [place for place in found if self.homes[place[0]] <= {wanted.koan}] or found
        found = [place for place in found if self._at(place).tree not in self.given] or found
        if not self.live:
            found = [place for place in found if TURN not in self._at(place).tree] or found
        return found

    def _at(self, place: Place) -> Statement:
        return self.cells[place[0]].statements[place[1]]

    def answer(self, wanted: Outline) -> NotebookAnswer | None:
        definitions = {name: self._definitions(wanted, name) for name in wanted.mine}
        chosen = {name: places[-1] for name, places in definitions.items() if places}
        if not chosen:
            return self._unreadable(wanted)
        text = _Text(self, wanted, chosen).build()
        others = tuple(
            dict.fromkeys(
                self.cells[place[0]].cell.label
                for name, places in definitions.items()
                for place in places
                if self._at(place).tree != self._at(chosen[name]).tree
            )
        )
        return msgspec.structs.replace(text, others=others)

    def _unreadable(self, wanted: Outline) -> NotebookAnswer | None:
        """A cell that does not parse and begins one of the koan's functions: its text as it is."""
        for cell in reversed(self.cells):
            if cell.error and set(DEF.findall("\n".join(cell.lines))) & set(wanted.mine):
                top = header(wanted.stub)
                label = cell.cell.label
                origin = [("", 0)] * top.count("\n") + [(label, i) for i in range(1, len(cell.lines) + 1)]
                text = top + "\n".join(cell.lines) + "\n"
                return NotebookAnswer(wanted.koan, text, tuple(origin), (label,), error=f"{label}, {cell.error}")
        return None


class _Text:
    """Puts one koan's text together from statements."""

    def __init__(self, found: _Found, wanted: Outline, chosen: dict[str, Place]) -> None:
        self.wanted = wanted
        self.chosen = chosen
        self.found = found
        self.stub = statements.known(Cell("", wanted.stub))
        self.homes = list(dict.fromkeys(chosen[name][0] for name in wanted.mine if name in chosen))
        self.taken: set[Place] = set(chosen.values())

    def _cell(self, number: int) -> Parsed:
        return self.stub if number == STUB_CELL else self.found.cells[number]

    def _at(self, place: Place) -> Statement:
        return self._cell(place[0]).statements[place[1]]

    def build(self) -> NotebookAnswer:
        for name in self.wanted.names:
            if name not in self.chosen:
                self.taken.update(self._places(name))
        for home in self.homes:
            self.taken.update((home, j) for j, s in enumerate(self._cell(home).statements) if self._stays(home, s))
        self._close()
        before = sorted({place[0] for place in self.taken} - set(self.homes))
        lines = [(line, ("", 0)) for line in header(self.wanted.stub).splitlines()]
        imports = [line for i in before for line in self._lines(i, imports=True)]
        rest = [self._lines(i, imports=False) for i in before] + [self._lines(i) for i in self.homes]
        blocks = [block for block in (imports, *rest) if block]
        for n, block in enumerate(blocks):
            gap = 2 if n else 1 if block[0][0].startswith(("def ", "async ", "class ", "@")) else 0
            lines += [("", ("", 0))] * gap + block
        text = "".join(f"{line}\n" for line, _ in lines)
        return NotebookAnswer(
            self.wanted.koan,
            text,
            tuple(place for _, place in lines),
            tuple(self._cell(i).cell.label for i in self.homes),
            started=_tree(text) != _tree(self.wanted.stub),
        )

    def _stays(self, home: int, statement: Statement) -> bool:
        """Does a statement of the koan's own cell stay, used or not? Not what would run, or is another koan's."""
        if any(name in self.wanted.names for name in statement.binds):
            return False  # chosen already, from wherever it is
        if statement.kind == "import":
            return any(s.kind == "import" and s.binds & statement.binds for s in self.stub.statements)
        if self.wanted.kernel or any(name in k.names for name in statement.binds for k in self.found.wanted):
            return False
        return statement.kind == "function" or (statement.kind == "value" and statement.constant)

    def _close(self) -> None:
        """Take what is used, and what that uses."""
        missing = sorted(self._free())
        tried: set[str] = set()
        while missing:
            for name in missing:
                tried.add(name)
                self.taken.update(self._places(name))
            missing = sorted(self._free() - tried)

    def _free(self) -> set[str]:
        uses = {name for place in self.taken for name in self._at(place).uses}
        return uses - {name for place in self.taken for name in self._at(place).binds} - set(dir(builtins))

    def _places(self, name: str) -> list[Place]:
        """Every statement of one cell that makes `name` what it is. Without a cell that has it, the stub's."""
        places = self._candidates(name)
        if not places:
            return self._stub_places(name)
        last = [place for place in places if place[0] == places[-1][0]]
        if self._at(last[-1]).kind in ("function", "import"):  # replaces all that the cell said before
            return [last[-1]]
        return last

    def _candidates(self, name: str) -> list[Place]:
        """Where `name` is bound: in the koan's own cells, else in those that are no koan's, else in another koan's."""
        places = [p for p in self.found.places.get(name, []) if _lasting(self._at(p))]
        own = [p for p in places if p[0] in self.homes]
        if own:
            return own
        unowned = [p for p in places if not self.found.homes[p[0]]]
        if name not in self.wanted.names:
            return self._nearest(unowned) or places
        # The stub gives it: another koan's is not meant, nor is a copy of the stub's.
        copied = {self._at(p).tree for p in unowned} & {self._at(p).tree for p in self._stub_places(name)}
        return [] if copied else self._nearest(unowned)

    def _nearest(self, places: list[Place]) -> list[Place]:
        """In a file what stands above the koan's own cells is meant, if anything does."""
        if self.found.live:
            return places
        return [p for p in places if p < (min(self.homes), 0)] or places

    def _stub_places(self, name: str) -> list[Place]:
        return [(STUB_CELL, j) for j, s in enumerate(self.stub.statements) if name in s.binds]

    def _lines(self, number: int, imports: bool | None = None) -> list[tuple[str, tuple[str, int]]]:
        """The lines of a cell without the statements that are not taken, or only its imports, or all but these."""
        cell = self._cell(number)
        out: set[int] = set()
        taken = 0
        for j, statement in enumerate(cell.statements):
            wanted = imports is None or (statement.kind == "import") == imports
            taken += (number, j) in self.taken and wanted
            if (number, j) not in self.taken or not wanted:
                out.update(range(statement.first, statement.last + 1))
        if not taken:
            return []
        own = number in self.homes
        kept: list[tuple[str, tuple[str, int]]] = []
        spans = {n for j, s in enumerate(cell.statements) for n in range(s.first, s.last + 1)}
        for n, line in enumerate(cell.lines, 1):
            if n in out or (not own and n not in spans and line.strip()):
                continue
            if not line.strip() and out and len(kept) > 1 and not kept[-1][0].strip() and not kept[-2][0].strip():
                continue
            kept.append((line, (cell.cell.label, n)))
        while kept and not kept[0][0].strip():
            kept.pop(0)
        while kept and not kept[-1][0].strip():
            kept.pop()
        return kept


def _lasting(statement: Statement) -> bool:
    """Is a statement one that a file would have? A guard for running the file as a program is not."""
    return "id='__name__'" not in statement.tree


def _tree(text: str) -> str:
    try:
        return ast.dump(parse(text))
    except (SyntaxError, ValueError):
        return text
