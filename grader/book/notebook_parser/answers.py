"""Puts a koan's answer together from a notebook's cells. It is found by the names of the koan's functions, in any cell.

The answer includes what its functions use: imports, helpers and constants, and what these use. They are looked up first
in the cells of the functions, then in other cells, then in the stub. If several cells define a function, the last
definition counts, also beside functions of other koans, with the later statements that wrap it
(`softmax = cache(softmax)`). What cannot be taken along, such as data that a cell loads, is said in words.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from grader.book.koan_imports import module_name
from grader.book.notebook_parser import scope, statements
from grader.book.notebook_parser.slicing import Bindings, Place, Slice
from grader.book.notebook_parser.statements import Cell, Parsed, SkippedLine, Statement
from grader.book.stubs import STUB, stub_of
from grader.book.syntax import dump, parse
from grader.book.workbook import Koan, Workbook

Origin = tuple[str, int]  # the label of a cell and a line in it
Line = tuple[str, Origin]
YOUR_TURN = dump(ast.parse(STUB).body[0])
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
    cells that define the koan's functions, `others` those that define them differently and not as the stub. `error`
    says why the cell does not parse, if it does not. `started` tells whether the answer differs from the stub.
    `notes` has a sentence for each name that the text uses and that could not be taken along, and for a later
    definition that does not parse.
    """

    koan: str
    text: str
    origin: tuple[tuple[str, int], ...]
    cells: tuple[str, ...]
    others: tuple[str, ...] = ()
    error: str = ""
    started: bool = True
    notes: tuple[str, ...] = ()


def outline(workbook: Workbook, koan: Koan) -> Outline:
    """The outline of a koan, from its stub. Raises KoansError if it has none."""
    stub = stub_of(workbook, koan)
    tree = parse(stub)
    names = [name for node in tree.body if _defines(node) for name in sorted(scope.bound(scope.nodes(node)))]
    hunt = koan.kind == "hunt"  # the mistake may be in any of its functions
    to_write = [
        n.name
        for n in tree.body
        if isinstance(n, ast.FunctionDef) and (hunt or any(dump(s) == YOUR_TURN for s in ast.walk(n)))
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


class _Definitions:
    """Knows where each name is bound in these cells, and to which koan each definition belongs."""

    def __init__(self, cells: Sequence[Parsed], wanted: Sequence[Outline], live: bool) -> None:
        self.cells = list(cells)
        self.live = live
        self.wanted = wanted
        self.bindings = Bindings(self.cells)
        stubs = [
            (one, statement) for one in wanted for statement in statements.read_cached(Cell("", one.stub)).statements
        ]
        self.given_functions = {s.tree for one, s in stubs if s.kind == "function" and not s.binds & set(one.to_write)}
        to_write = {name for one in wanted for name in one.to_write}
        self.functions = {name: self.bindings.functions(name) for name in to_write}
        self.bound_in_cell = [
            {name for s in cell.statements if s.kind != "import" for name in s.binds} for cell in self.cells
        ]
        koans: list[set[str]] = [set() for _ in self.cells]
        for name, chain in self.functions.items():
            for place in chain:
                if self._at(place).kind != "import":
                    koans[place[0]].update(self._owners(name, self.bound_in_cell[place[0]]))
        self.koans_of_cell = [frozenset(one) for one in koans]  # for each cell, those whose functions it defines

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

        What a stub of another koan gives under this name is no definition. If a learner has changed it there, it counts
        only if no cell of the koan's own answers it. An import and a function that stubs give count only if there is no
        other definition. The same goes in a file for a function that is still a stub.
        """
        found, helpers = [], []
        for place in self.functions.get(name) or self.bindings.places.get(name, []):
            statement = self._at(place)
            if statement.kind == "import":
                if module_name(wanted.koan) not in statement.modules:
                    found.append(place)
            elif wanted.koan in self._owners(name, self.bound_in_cell[place[0]]):
                found.append(place)
            elif statement.tree not in self.given_functions and not self.is_stub(place):
                helpers.append(place)
        if all(self._at(place).kind == "import" or self.is_stub(place) for place in found):
            found = sorted([*found, *helpers])
        found = [place for place in found if not self._at(place).guarded] or found
        found = [place for place in found if self._at(place).kind != "import"] or found
        found = [place for place in found if self._at(place).tree not in self.given_functions] or found
        if not self.live:
            found = [place for place in found if not self.is_stub(place)] or found
        return found

    def is_stub(self, place: Place) -> bool:
        """Whether a statement defines a function that is still to be written."""
        return YOUR_TURN in self._at(place).tree

    def _chain(self, found: Sequence[Place], name: str) -> list[Place]:
        """The last of these definitions, with the statements before it that it wraps."""
        chain: list[Place] = []
        for place in reversed(found):
            chain.insert(0, place)
            if name not in self._at(place).rebinds:
                break
        return chain

    def _at(self, place: Place) -> Statement:
        return self.bindings.at(place)

    def answer(self, wanted: Outline) -> NotebookAnswer | None:
        definitions = {name: self._definitions(wanted, name) for name in wanted.to_write}
        chosen = {name: self._chain(places, name) for name, places in definitions.items() if places}
        if not chosen:
            return self._unreadable(wanted)
        answer = _AnswerText(self, wanted, chosen).build()
        others = tuple(
            dict.fromkeys(
                self.cells[place[0]].cell.label
                for name, places in definitions.items()
                for place in places
                if place[0] not in {cell for cell, _ in chosen[name]}
                and not self.is_stub(place)
                and self._at(place).tree not in {self._at(one).tree for one in chosen[name]}
            )
        )
        notes = (*answer.notes, *([] if self.live else self._later_unparsed(wanted, answer.cells)))
        return msgspec.structs.replace(answer, others=others, notes=notes)

    def _later_unparsed(self, wanted: Outline, own: Sequence[str]) -> Iterator[str]:
        """A sentence if a cell below the koan's own defines one of its functions and does not parse."""
        for cell in reversed(self.cells):
            if cell.cell.label in own:
                return
            if cell.error and set(DEF.findall("\n".join(cell.lines))) & set(wanted.to_write):
                yield f"{cell.cell.label} does not parse ({cell.error}), so {' and '.join(own)} counts"
                return

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

    def __init__(self, definitions: _Definitions, wanted: Outline, chosen: dict[str, list[Place]]) -> None:
        self.wanted = wanted
        self.definitions = definitions
        self.stub = statements.read_cached(Cell("", wanted.stub))
        places = sorted({place for chain in chosen.values() for place in chain})
        self.own_cells = list(dict.fromkeys(cell for cell, _ in places))
        self.slice = Slice(
            definitions.bindings,
            self.stub,
            chosen,
            koans_of_cell=definitions.koans_of_cell,
            names=frozenset(wanted.names),
            module=module_name(wanted.koan),
            live=definitions.live,
            only_needed=wanted.kernel,
        )

    def build(self) -> NotebookAnswer:
        self.slice.take_names([name for name in self.wanted.names if name not in self.slice.chosen])
        belonging = [
            (own, j)
            for own in self.own_cells
            for j, s in enumerate(self.definitions.cells[own].statements)
            if self._belongs(s)
        ]
        self.slice.take(belonging)
        text, origin = self._text()
        started = _tree(text) != _tree(self.wanted.stub)
        notes: tuple[str, ...] = ()
        if started:
            self.slice.take_open_imports()
            text, origin = self._text()
            notes = self.slice.lacks()
        cells = tuple(self.definitions.cells[i].cell.label for i in self.own_cells)
        return NotebookAnswer(self.wanted.koan, text, origin, cells, started=started, notes=notes)

    def _text(self) -> tuple[str, tuple[Origin, ...]]:
        lines = [(line, ("", 0)) for line in header(self.wanted.stub).splitlines()]
        for n, block in enumerate(self._blocks()):
            gap = 2 if n else 1 if block[0][0].startswith(("def ", "async ", "class ", "@")) else 0
            lines += [("", ("", 0))] * gap + block
        return "".join(f"{line}\n" for line, _ in lines), tuple(place for _, place in lines)

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

    def _blocks(self) -> list[list[Line]]:
        """The lines of the selected statements, in an order in which they run, a block for each run of one cell."""
        runs: list[list[Place]] = []
        for place in self.slice.ordered():
            if runs and runs[-1][-1][0] == place[0] and runs[-1][-1] < place:
                runs[-1].append(place)
            else:
                runs.append([place])
        last = {run[0][0]: n for n, run in enumerate(runs)}
        blocks, seen = [], set[int]()
        for n, run in enumerate(runs):
            cell = run[0][0]
            blocks.append(self._lines(run, head=cell not in seen, tail=last[cell] == n))
            seen.add(cell)
        return [block for block in blocks if block]

    def _lines(self, run: Sequence[Place], *, head: bool, tail: bool) -> list[Line]:
        """The lines of statements of one cell. Comments between them stay if the cell is the koan's own.

        With `head` also the comments before the first statement are looked at, with `tail` those after the last.
        """
        number = run[0][0]
        cell = self.slice.cell(number)
        own = number in self.own_cells
        selected = {j for _, j in run}
        spans, left_out = set[int](), set[int]()
        for j, statement in enumerate(cell.statements):
            span = range(statement.first, statement.last + 1)
            spans.update(span)
            if j not in selected:
                left_out.update(span)
        first = 1 if head else cell.statements[run[0][1]].first
        end = len(cell.lines) if tail else cell.statements[run[-1][1]].last
        lines: list[Line] = []
        for n, line in enumerate(cell.lines[first - 1 : end], first):
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


def _tree(text: str) -> str:
    """The syntax tree of a text, or the text itself if it does not parse."""
    try:
        return dump(parse(text))
    except (SyntaxError, ValueError):
        return text
