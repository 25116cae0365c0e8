"""Selects the statements of a notebook that a koan's functions need, and the order in which they run.

A name that a statement uses when it runs has the value that it had there; a name that a function uses when it is called
has the value that it had after the koan's own cells (in a file), or that it has now (in a kernel).
"""

from __future__ import annotations

import builtins
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from grader.book.notebook_parser.statements import Parsed, Statement

Place = tuple[int, int]  # the number of a cell and of a statement in it
STUB_CELL = -1  # the number that stands for the stub
END = (1 << 60, 0)  # after all cells
BUILTINS = frozenset(dir(builtins))
ONLY_IN_NOTEBOOKS = re.compile(r"get_ipython|display|In|Out|_{1,3}|_i{0,3}\d*|_[iod]h")
DUNDER = re.compile(r"__\w+__")
# Modules with functions of the names of builtins: `pow`, `sum`, `abs`.
REPLACING = frozenset({"math", "operator", "torch", "numpy", "jax.numpy", "torch.nn.functional"})
BINDS = r"^[ \t]*(?:(?:async[ \t]+)?def[ \t]+{0}\b|class[ \t]+{0}\b|{0}[ \t]*(?:=|:|,|\+=)|(?:from|import)\b.*\b{0}\b)"
BY_MAGIC = re.compile(r"[ \t]*([\w., \[\]]+)=[ \t]*[!%]")
MOST_CALLS = 20_000  # the most pairs of a function and a statement that may call it which are followed
MOST_NAMES = 6  # the most missing names that are explained
MOST_SOUGHT = 40  # the most missing names that are looked for in what is not read


class Bindings:
    """Where each name is bound in some cells, and where its value is changed in place."""

    def __init__(self, cells: Sequence[Parsed]) -> None:
        self.cells = cells
        self.places: dict[str, list[Place]] = {}
        self.changes: dict[str, list[Place]] = {}
        self.sets: dict[str, list[Place]] = {}
        self.stars: list[Place] = []
        self.futures: list[Place] = []
        self.callable: set[str] = set()  # names of functions, classes and of what is imported
        for i, cell in enumerate(cells):
            for j, statement in enumerate(cell.statements):
                self._add((i, j), statement)

    def _add(self, place: Place, statement: Statement) -> None:
        for name in statement.binds:
            self.places.setdefault(name, []).append(place)
        for name in statement.changes:
            self.changes.setdefault(name, []).append(place)
        for name in statement.sets:
            self.sets.setdefault(name, []).append(place)
        self.stars += [place] * statement.star
        self.futures += [place] * statement.future
        self.callable |= statement.binds if statement.kind == "import" else statement.defines

    def at(self, place: Place) -> Statement:
        return self.cells[place[0]].statements[place[1]]

    def functions(self, name: str) -> list[Place]:
        """The places that bind `name` to a function, and not to data as `scores = scores(q, k)` does."""
        found: list[Place] = []
        is_function = False
        for place in self.places.get(name, []):
            statement = self.at(place)
            root = statement.copies.get(name, name)
            if name in statement.rebinds:
                is_function = is_function or name in statement.defines
            else:
                copied = root != name and root in self.callable
                is_function = name in statement.defines or statement.kind == "import" or copied
            found += [place] * is_function
        return found


class Slice:
    """The statements that one koan's answer needs.

    `chosen` are the places that define the koan's functions. `koans_of_cell` has the koans that each cell defines
    functions of, `names` are the names of the stub, `module` is the name under which other koans import this one.
    `live` cells are those that ran in a kernel. With `only_needed` nothing is taken along that may not be needed.
    """

    def __init__(
        self,
        bindings: Bindings,
        stub: Parsed,
        chosen: Mapping[str, Sequence[Place]],
        *,
        koans_of_cell: Sequence[frozenset[str]],
        names: frozenset[str],
        module: str,
        live: bool,
        only_needed: bool,
    ) -> None:
        self.bindings = bindings
        self.stub = stub
        self.chosen = chosen
        self.koans_of_cell = koans_of_cell
        self.names = names
        self.module = module
        self.live = live
        self.only_needed = only_needed
        self.own_cells = {place[0] for chain in chosen.values() for place in chain}
        self.last_own = max(self.own_cells)
        self.selected: set[Place] = set()
        self.before: dict[Place, set[Place]] = {}  # for a statement, those that must run before it
        self.unresolved: dict[
            str, set[Place]
        ] = {}  # names that nothing binds, and the statements that need them to run
        self.replaced: dict[
            str, Place
        ] = {}  # functions of the koan that a name was bound to, before their last definition
        self.refused: dict[str, Place] = {}  # names whose statement cannot be taken along
        self._known: dict[tuple[str, Place], tuple[Place, ...]] = {}
        self._grouped: dict[str, tuple[list[Place], list[Place], list[Place]]] = {}
        self._changing: dict[str, list[Place]] = {}
        self._seen: set[tuple[Place, Place]] = set()
        self._followed: set[tuple[Place, str]] = set()
        self.take([place for chain in chosen.values() for place in chain])

    def cell(self, number: int) -> Parsed:
        return self.stub if number == STUB_CELL else self.bindings.cells[number]

    def _at(self, place: Place) -> Statement:
        return self.cell(place[0]).statements[place[1]]

    def take_names(self, names: Iterable[str]) -> None:
        """Select the statements that give these names their values."""
        for name in names:
            self._take([(place, END, name) for place in self._values(name, END)])

    def take(self, places: Iterable[Place]) -> None:
        """Select these statements and all that they need."""
        self._take([(place, END, "") for place in places])

    def _take(self, queue: list[tuple[Place, Place, str]]) -> None:
        """Select statements and all that they need.

        Each entry is a statement, a statement that may call its functions (END: none that is selected does), and the
        name for which it is needed.
        """
        while queue:
            place, point, wanted = queue.pop()
            if (place, wanted) not in self._followed:
                self._followed.add((place, wanted))
                if wanted and wanted not in self._at(place).surely:  # the name may have an earlier value too
                    self._need(wanted, place, place, queue)
            if (place, point) in self._seen or (point != END and len(self._seen) > MOST_CALLS):
                continue
            self._seen.add((place, point))
            self.selected.add(place)
            statement = self._at(place)
            for name in sorted(statement.now):
                if point == END:
                    self._need(name, place, place, queue)
                else:
                    queue += [(one, point, name) for one in self._values(name, place)]
            for name in sorted(statement.uses - statement.now):
                needed = self._values(name, point)
                queue += [(one, END, name) for one in needed]
                if point != END:  # the statement at `point` may call this one's functions
                    self.before.setdefault(point, set()).update(needed)
                    queue += [(one, point, name) for one in needed]

    def _need(self, name: str, place: Place, point: Place, queue: list[tuple[Place, Place, str]]) -> None:
        """Put what gives `name` its value before the statement at `place`, which needs it to run, into the queue."""
        needed = self._values(name, place)
        self.before.setdefault(place, set()).update(needed)
        if not needed and name in self.unresolved:
            self.unresolved[name].add(place)
        queue += [(one, at, name) for one in needed for at in (END, point)]

    def take_open_imports(self) -> None:
        """Select `from m import *` if a name is left that may come from it, and what changes how the text is read.

        Such an import may replace a builtin too; for that alone only modules are taken that are known to have one.
        """
        limit = END if self.live else (self.last_own + 1, 0)
        names = {name: places for name, places in self.unresolved.items() if name not in BUILTINS}
        if not self.only_needed:
            self.take([place for place in self.bindings.futures if place < (self.last_own + 1, 0)])
        stars = [p for p in self.bindings.stars if p < limit] or self.bindings.stars
        stars = [p for p in stars if self._can_be_taken(p) and self.module not in self._at(p).modules]
        if not names and not self.only_needed:
            names = dict(self.unresolved)
            stars = [p for p in stars if self._at(p).modules & REPLACING]
        if names:
            self.take(stars)
            for places in names.values():
                for place in places:
                    earlier = [star for star in stars if star < place] or stars
                    self.before.setdefault(place, set()).update(earlier)

    def ordered(self) -> list[Place]:
        """The selected statements in an order in which they run: the koan's own cells last, but for what they need."""

        def key(place: Place) -> tuple[bool, bool, Place]:
            return not self._at(place).future, place[0] in self.own_cells, place

        order: dict[Place, None] = {}
        entered: set[Place] = set()
        for first in sorted(self.selected, key=key):
            stack = [(first, False)]
            while stack:
                place, left = stack.pop()
                if left:
                    order[place] = None
                elif place not in entered:
                    entered.add(place)
                    stack.append((place, True))
                    stack += [(one, False) for one in sorted(self.before.get(place, ()), key=key, reverse=True)]
        return list(order)

    def _values(self, name: str, point: Place) -> tuple[Place, ...]:
        """The statements that give `name` the value that it has before the statement at `point`, in order.

        There are none for builtins, for names that nothing binds and for those whose statement cannot be taken along.
        """
        if point[0] == STUB_CELL:
            point = END
        key = name, point
        if key not in self._known:
            self._known[key] = () if DUNDER.fullmatch(name) else self._find_values(name, point)
        return self._known[key]

    def _find_values(self, name: str, point: Place) -> tuple[Place, ...]:
        if name in self.chosen and point == END:
            return tuple(self.chosen[name])
        last = self._last_binding(name, point)
        binds_itself = point != END and name in self._at(point).binds  # `for i in x: y[i] = 1` needs no earlier `i`
        if last is None:
            in_stub = tuple((STUB_CELL, j) for j, s in enumerate(self.stub.statements) if name in s.binds)
            if not in_stub and not binds_itself:
                self.unresolved.setdefault(name, set())
            return in_stub
        if name in self.chosen and point != END and name in self._at(point).copies.values() and last > point:
            earlier = [p for p in self.bindings.places[name] if p < point and self._at(p).kind == "function"]
            self.replaced.update({name: earlier[-1]} if earlier else {})
        last = self._last_change(name, last, point) or last
        if self._can_be_taken(last):
            return (last,)
        if not binds_itself:
            self.refused[name] = last
        return ()

    def _groups(self, name: str) -> tuple[list[Place], list[Place], list[Place]]:
        """Where `name` is bound: in the koan's own cells, in cells of no koan, in cells of other koans."""
        if name not in self._grouped:
            places = [p for p in self.bindings.places.get(name, ()) if not self._at(p).guarded]
            places = [p for p in places if self.module not in self._at(p).modules]
            own = [p for p in places if p[0] in self.own_cells]
            unowned = [p for p in places if p[0] not in self.own_cells and not self.koans_of_cell[p[0]]]
            others = [p for p in places if p[0] not in self.own_cells and self.koans_of_cell[p[0]]]
            if name in self.names:
                # The stub gives this name. A definition of another koan is not meant, and a copy of the stub's is not
                # needed.
                given = {s.tree for s in self.stub.statements if name in s.binds}
                copied = given & {self._at(p).tree for p in unowned}
                unowned, others = [] if copied else unowned, []
            self._grouped[name] = own, unowned, others
        return self._grouped[name]

    def _last_binding(self, name: str, point: Place) -> Place | None:
        """The statement that binds `name` last before `point`, else one after it: the koan's own come first.

        In a file, the value at the end is the one that the last of the koan's own cells had, if there is one.
        """
        own, unowned, others = self._groups(name)
        if point == END and own:
            return own[-1]
        limit = point if point != END or self.live else (self.last_own, 0)
        for group in (own, unowned, others):
            if number := bisect_left(group, limit):
                return group[number - 1]
        return next((p for group in (own, unowned, others) for p in reversed(group) if p != point), None)

    def _last_change(self, name: str, since: Place, point: Place) -> Place | None:
        """The last statement that changes the value of `name` in place after it was bound at `since`."""
        if self.only_needed or self._at(since).kind == "import":
            return None
        if name not in self._changing:
            places = [p for p in self.bindings.changes.get(name, ()) if not self._at(p).guarded]
            self._changing[name] = [p for p in places if p[0] in self.own_cells or not self.koans_of_cell[p[0]]]
        limit = point if point != END or self.live else (self.last_own + 1, 0)
        places = self._changing[name]
        if self._at(since).kind == "function":
            places = [p for p in places if p[0] in self.own_cells and since[0] in self.own_cells]
        number = bisect_left(places, limit)
        return places[number - 1] if number and places[number - 1] > since else None

    def _can_be_taken(self, place: Place) -> bool:
        statement = self._at(place)
        return not statement.guarded and not statement.awaits and not self._reads(statement)

    def _reads(self, statement: Statement) -> str:
        """The function by which a statement reads what is not in the notebook, or an empty string."""
        if statement.kind == "function":
            return ""
        for call in statement.calls:
            root = call.partition(".")[0]
            own = [p for p in self.bindings.places.get(root, ()) if self._at(p).kind == "function"]
            if not own:
                return call
        return ""

    def lacks(self) -> tuple[str, ...]:
        """A sentence for each name that the answer uses and that could not be taken along."""
        names = {*self.unresolved, *self.refused} - BUILTINS
        if any(self._at(place).future for place in self.selected):  # annotations are not evaluated
            users = [self._at(place) for place in self.selected]
            names = {n for n in names if any(n in s.uses and n not in s.annotates for s in users)}
        sentences = [sentence for name in sorted(names)[:MOST_SOUGHT] if (sentence := self._why(name))]
        more = len(sentences) - MOST_NAMES + (max(0, len(names) - MOST_SOUGHT) if sentences else 0)
        for name, place in sorted(self.replaced.items()):
            where = self.cell(place[0]).cell.label
            sentences.append(
                f"uses the `{name}` of {where} under another name, but only its last definition is copied: give the "
                "earlier one a different name"
            )
        return (*sentences[:MOST_NAMES], *([f"uses {more} more names that are not copied"] if more > 0 else []))

    def _why(self, name: str) -> str:
        """Why a name could not be taken along and what to do, or an empty string if it may be there all the same."""
        if name in self.refused:
            return f"uses `{name}`, {self._why_refused(self.refused[name])}"
        guarded = [place for place in self.bindings.places.get(name, ()) if self._at(place).guarded]
        if guarded:
            return f"uses `{name}`, {self._why_refused(guarded[-1])}"
        if unread := self._unread(name):
            return f"uses `{name}`, {unread}"
        setters = self.bindings.sets.get(name, [])
        if any(place in self.selected for place in (*setters, *self.bindings.stars)):
            return ""
        if setters:
            where = self.cell(setters[0][0]).cell.label
            return f"uses `{name}`, which a function of {where} sets when it runs: define it outside of functions, too"
        if ONLY_IN_NOTEBOOKS.fullmatch(name):
            return f"uses `{name}`, which exists only in a notebook: remove it"
        return f"uses `{name}`, which no cell defines: is it misspelled, or was its cell removed?"

    def _why_refused(self, place: Place) -> str:
        statement, where = self._at(place), self.cell(place[0]).cell.label
        if statement.guarded:
            return f"which {where} defines under `if __name__ ...`, which is not copied: move it out of the `if`"
        if statement.awaits:
            return f"which {where} defines with `await`, which works there only in a notebook: define it without"
        return (
            f"which {where} reads from outside the notebook with `{self._reads(statement)}`, but only code is "
            "copied: write the value into the code, or compute it"
        )

    def _unread(self, name: str) -> str:
        """Where a name is bound in what is not read as Python, or an empty string."""
        binds = re.compile(BINDS.format(re.escape(name)), re.MULTILINE)
        for cell in reversed(self.bindings.cells):
            where = cell.cell.label
            if cell.error and binds.search("\n".join(cell.lines)):
                return f"which {where} defines, but {where} does not parse ({cell.error}): fix it"
            for line in cell.skipped:
                match = BY_MAGIC.match(line.text[:1000])
                if match and name in re.findall(r"\w+", match[1]):
                    return f"which {where} defines by {line.kind}, but only Python is copied: define it in Python"
                if line.kind == "a cell" and binds.search(cell.cell.text):
                    magic = line.text.split()[0][:40]
                    return (
                        f"which {where} defines under `{magic}`, but that cell is skipped: define it in a Python cell"
                    )
        return ""
