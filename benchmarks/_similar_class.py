"""A class that is made up, with planted copies, to measure `koans similarity`.

How an honest student comes about: they answer most of the koans. For each function they take one of the routes of
`_honest_answers`, the first ones more often, and at each place of the route what they write there: by habit, if the
place asks for one, otherwise at random, the first choice more often. They have their own names for variables, comments
and blank lines. No honest answer is made from another one.

A planted copy is made from the answers of one source, by what a copier does: see KINDS.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from benchmarks._honest_answers import COMMENTS, NAMES, ROUTES
from grader.book.stubs import STUB, strip_markers, stub_of
from grader.book.workbook import Workbook
from grader.course.intake.submission import Submission
from grader.course.similarity.survey import Handed, PairKind, Survey, survey

KOANS = tuple(dict.fromkeys(koan for koan, _ in ROUTES))
SLOT = re.compile(r"\{\{(?!\{)((?:(?!\{\{|\}\}).)*)\}\}", re.DOTALL)
NAME = re.compile(r"\$([a-z]+)")

Kind = Literal[
    *("renamed", "reordered", "reformatted", "inlined", "typed", "combined", "half of the koans"),
    *("half of each function", "last year", "oracle", "right answer", "solution"),
]
KINDS: tuple[Kind, ...] = (
    *("renamed", "reordered", "reformatted", "inlined", "typed", "combined", "half of the koans"),
    *("half of each function", "last year", "oracle", "right answer", "solution"),
)
Texts = dict[str, str]


@dataclass
class Body:
    """A function's body: for each line of its route what was written, and what variables are called."""

    route: list[str]
    names: dict[str, str]
    written: list[list[str]]

    @property
    def lines(self) -> list[str]:
        return [line for part in self.written for line in part]


@dataclass
class Student:
    """Somebody's habits, and what they have written: the body of each function, and whole texts by koan."""

    chance: random.Random
    popularity: float
    calls: dict[str, str]
    habits: dict[str, float] = field(default_factory=dict)
    bodies: dict[tuple[str, str], Body] = field(default_factory=dict)
    texts: Texts = field(default_factory=dict)

    def choice(self, options: Sequence[str], chance: random.Random | None = None) -> str:
        """One of the options: each is chosen `1 - popularity` times as often as the one before."""
        weights = [(1 - self.popularity) ** i for i in range(len(options))]
        return (chance or self.chance).choices(options, weights)[0]

    def body(self, route: str) -> Body:
        lines = [line for line in route.splitlines() if line.strip()]
        names: dict[str, str] = {}
        for word in NAME.findall(route):
            if word not in names:
                wanted = self.chance.choice(NAMES[word]) if self.chance.random() < 0.3 else self.calls[word]
                names[word] = wanted if wanted not in names.values() else f"{wanted}_{len(names)}"
        return Body(lines, names, [self.line(line, names) for line in lines])

    def line(self, route: str, names: Mapping[str, str]) -> list[str]:
        """A line of a route as this student writes it, perhaps with a comment above it or a blank line below."""
        text = route
        while SLOT.search(text):
            text = SLOT.sub(self._decide, text)
        text = NAME.sub(lambda match: names[match[1]], text)
        indent = text[: len(text) - len(text.lstrip())]
        comment = [indent + self.chance.choice(COMMENTS)] if self.chance.random() < 0.12 else []
        blank = [""] if self.chance.random() < 0.06 and not text.endswith(":") else []
        return [*comment, text, *blank]

    def _decide(self, match: re.Match[str]) -> str:
        habit, _, rest = match[1].partition(":")
        named = rest and re.fullmatch("[a-z]", habit)
        options = (rest if named else match[1]).split("||")
        if not named or self.chance.random() < 0.15:
            return self.choice(options)
        return self.choice(options, _Fixed(self.habits.setdefault(habit, self.chance.random())))


@dataclass(frozen=True)
class Plant:
    """A student of the class whose work is a copy: of what kind, and of whom ("" for the workbook's own answers)."""

    kind: Kind
    student: str
    source: str = ""


@dataclass(frozen=True)
class MadeUp:
    """A class and last year's, texts by student and koan, and who copied."""

    students: Mapping[str, Texts]
    earlier: Mapping[str, Texts]
    plants: tuple[Plant, ...]


def made_up(
    workbook: Workbook,
    seed: int,
    *,
    students: int = 100,
    earlier: int = 40,
    popularity: float = 0.4,
    kinds: Sequence[Kind] = KINDS,
) -> MadeUp:
    """A class with one planted copy of each kind; the others are honest. The same seed gives the same class.

    With a larger `popularity` more students write the same.
    """
    chance = random.Random(seed)
    stubs = {koan: stub_of(workbook, workbook.koans[koan]) for koan in KOANS}
    honest = {f"s{i:03}": _honest(chance, stubs, popularity) for i in range(students - len(kinds))}
    before = {f"old{i:03}": _honest(chance, stubs, popularity) for i in range(earlier)}
    # One source for each copy: somebody who answered nearly everything, as copiers choose.
    busy = sorted(honest, key=lambda name: -len(honest[name].texts))[: 3 * len(kinds)]
    sources = chance.sample(busy, len(kinds))
    copies: dict[str, Texts] = {}
    plants = []
    for number, (kind, source) in enumerate(zip(kinds, sources, strict=True)):
        name = f"s{students - len(kinds) + number:03}"
        own = _honest(chance, stubs, popularity)
        if kind in ("oracle", "right answer", "solution"):
            copies[name] = {**own.texts, **_from_workbook(kind, workbook, stubs, chance)}
            plants.append(Plant(kind, name))
        elif kind == "last year":
            source = chance.choice(sorted(before))
            copies[name] = {**own.texts, **{k: renamed(t, chance) for k, t in before[source].texts.items()}}
            plants.append(Plant(kind, name, source))
        else:
            copies[name] = _copy(kind, honest[source], own, stubs, chance)
            plants.append(Plant(kind, name, source))
    texts = {**{name: one.texts for name, one in honest.items()}, **copies}
    return MadeUp(texts, {name: one.texts for name, one in before.items()}, tuple(plants))


# Honest students


def _honest(chance: random.Random, stubs: Mapping[str, str], popularity: float, least: float = 0.7) -> Student:
    """Somebody who answers at least this share of the koans."""
    own = random.Random(chance.random())
    student = Student(own, popularity, {name: own.choice(names) for name, names in NAMES.items()})
    share = own.uniform(least, 1.0)
    for koan in KOANS:
        if own.random() > share:
            continue
        for (of, function), routes in ROUTES.items():
            if of == koan:
                student.bodies[koan, function] = student.body(student.choice(routes))
        bodies = {function: body.lines for (of, function), body in student.bodies.items() if of == koan}
        student.texts[koan] = _filled(stubs[koan], bodies)
    return student


class _Fixed(random.Random):
    """Gives one number again and again, so that a habit chooses the same place of every list."""

    def __new__(cls, place: float) -> _Fixed:
        return super().__new__(cls)

    def __init__(self, place: float) -> None:
        super().__init__()
        self.place = place

    def random(self) -> float:
        return self.place


def _filled(stub: str, bodies: Mapping[str, Sequence[str]]) -> str:
    """The stub with these bodies in its functions, and with the imports that they need."""
    lines = stub.splitlines()
    functions = [n for n in ast.parse(stub).body if isinstance(n, ast.FunctionDef)]
    for function in reversed(functions):
        at = function.body[-1].lineno - 1
        assert lines[at].strip() == STUB
        if function.name in bodies:
            lines[at : at + 1] = [f"    {line}" if line else "" for line in bodies[function.name]]
    text = "\n".join(lines) + "\n"
    needed = [m for m in ("math", "torch") if f"{m}." in text and f"import {m}\n" not in text]
    first = ast.parse(text).body[0].end_lineno or 1
    lines = text.splitlines()
    lines[first:first] = ["", *(f"import {m}" for m in needed)] if needed else []
    return "\n".join(lines) + "\n"


# Copies


def _copy(kind: Kind, source: Student, own: Student, stubs: Mapping[str, str], chance: random.Random) -> Texts:
    match kind:
        case "half of the koans":
            taken = chance.sample(sorted(source.texts), len(source.texts) // 2)
            return {**own.texts, **{koan: renamed(source.texts[koan], chance) for koan in taken}}
        case "half of each function":
            return {koan: _half(koan, source, own, stubs[koan]) for koan in source.texts}
        case _:
            edits: dict[str, tuple[Callable[[str, random.Random], str], ...]] = {
                "renamed": (renamed,),
                "reordered": (reordered, operands_swapped),
                "reformatted": (reformatted,),
                "inlined": (inlined,),
                "typed": (typed, renamed),
                "combined": (renamed, reordered, operands_swapped, reformatted),
            }
            texts = dict(source.texts)
            for edit in edits[kind]:
                texts = {koan: edit(text, chance) for koan, text in texts.items()}
            return texts


def _half(koan: str, source: Student, own: Student, stub: str) -> str:
    """The first half of each function from the source, and the rest of the same route as one writes oneself."""
    bodies = {}
    for (of, function), body in source.bodies.items():
        if of == koan:
            cut = (len(body.route) + 1) // 2
            rest = [line for route in body.route[cut:] for line in own.line(route, body.names)]
            bodies[function] = [*(line for part in body.written[:cut] for line in part), *rest]
    return _filled(stub, bodies)


def _functions(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def renamed(text: str, chance: random.Random) -> str:
    """All local variables get new names. Formatting and comments stay."""
    tree = ast.parse(text)
    for function in reversed(_functions(tree)):
        params = {arg.arg for arg in function.args.args}
        nodes = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
        stored = sorted({n.id for n in nodes if isinstance(n.ctx, ast.Store)} - params)
        bound = sorted({a.arg for n in ast.walk(function) if isinstance(n, ast.Lambda) for a in n.args.args})
        fresh = chance.sample([f"{a}{b}" for a in ("val", "tmp", "cur", "obj", "arr") for b in "abcdefghk"], 40)
        names = dict(zip([*stored, *bound], fresh, strict=False))
        lines = text.splitlines()
        for i in range(function.body[0].lineno, function.end_lineno or 0):
            for old, new in names.items():
                lines[i] = (
                    re.sub(rf"(?<![\w.\"']){re.escape(old)}(?![\w\"'])(?!=[^=])", new, lines[i])
                    if old not in ("dim",)
                    else lines[i]
                )
        text = "\n".join(lines) + "\n"
    ast.parse(text)
    return text


def _edited(text: str, edit: Callable[[ast.FunctionDef], None]) -> str:
    """The text with each function changed as a tree. Formatting and comments are lost."""
    tree = ast.parse(text)
    for function in _functions(tree):
        edit(function)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def reordered(text: str, chance: random.Random) -> str:
    """Neighboring statements that do not depend on each other change places."""

    def edit(function: ast.FunctionDef) -> None:
        i = 1
        while i + 1 < len(function.body):
            one, two = function.body[i], function.body[i + 1]
            if _independent(one, two):
                function.body[i], function.body[i + 1] = two, one
                i += 1
            i += 1

    return _edited(text, edit)


def _independent(one: ast.stmt, two: ast.stmt) -> bool:
    if not (isinstance(one, ast.Assign) and isinstance(two, ast.Assign)):
        return False
    names = [[n for n in ast.walk(statement) if isinstance(n, ast.Name)] for statement in (one, two)]
    stored = [{n.id for n in found if isinstance(n.ctx, ast.Store)} for found in names]
    used = [{n.id for n in found} for found in names]
    return not (stored[0] & used[1] or stored[1] & used[0]) and all(
        isinstance(place, ast.Name)
        for statement in (one, two)
        for target in statement.targets
        for place in (target.elts if isinstance(target, ast.Tuple) else [target])
    )


def operands_swapped(text: str, chance: random.Random) -> str:
    """The operands of + and * change places, wherever that changes nothing."""

    def edit(function: ast.FunctionDef) -> None:
        for node in ast.walk(function):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mult):
                sides = [*ast.walk(node.left), *ast.walk(node.right)]
                texts = (ast.List, ast.Tuple, ast.ListComp, ast.JoinedStr)
                if not any(isinstance(s, texts) or isinstance(getattr(s, "value", None), str) for s in sides):
                    node.left, node.right = node.right, node.left

    return _edited(text, edit)


def reformatted(text: str, chance: random.Random) -> str:
    """Another formatter's style, and new comments."""
    lines = []
    for line in ast.unparse(ast.parse(text)).splitlines():
        if line.startswith("    ") and chance.random() < 0.3:
            lines.append(line[: len(line) - len(line.lstrip())] + chance.choice(COMMENTS))
        lines.append(line)
    text = "\n".join(lines) + "\n"
    try:
        ast.parse(text)
    except SyntaxError:  # a comment within a docstring's lines is no problem; within a long string it is
        return ast.unparse(ast.parse(text)) + "\n"
    return text


def inlined(text: str, chance: random.Random) -> str:
    """Variables that are used once, in the next statement, disappear; results get a variable before `return`."""

    def edit(function: ast.FunctionDef) -> None:
        for one, two in [*pairwise(function.body)]:
            if (
                isinstance(one, ast.Assign)
                and isinstance(one.targets[0], ast.Name)
                and not isinstance(two, ast.For | ast.While)
            ):
                name = one.targets[0].id
                uses = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name]
                here = [n for n in ast.walk(two) if isinstance(n, ast.Name) and n.id == name]
                if len(uses) == 2 and len(here) == 1:
                    function.body.remove(one)
                    _Inline(name, one.value).visit(two)
        last = function.body[-1]
        if isinstance(last, ast.Return) and last.value is not None and not isinstance(last.value, ast.Name):
            function.body[-1:] = [
                ast.Assign([ast.Name("final_value", ast.Store())], last.value),
                ast.Return(ast.Name("final_value", ast.Load())),
            ]

    return _edited(text, edit)


class _Inline(ast.NodeTransformer):
    def __init__(self, name: str, value: ast.expr) -> None:
        self.name, self.value = name, value

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.value if node.id == self.name else node


def typed(text: str, chance: random.Random) -> str:
    """Types are added to variables."""

    def edit(function: ast.FunctionDef) -> None:
        for i, statement in enumerate(function.body):
            if isinstance(statement, ast.Assign) and [type(t) for t in statement.targets] == [ast.Name]:
                target = statement.targets[0]
                function.body[i] = ast.AnnAssign(target, ast.Name("object", ast.Load()), statement.value, simple=1)

    return _edited(text, edit)


# The workbook's own answers, as they are pasted


def _from_workbook(kind: Kind, workbook: Workbook, stubs: Mapping[str, str], chance: random.Random) -> Texts:
    if kind == "solution":
        texts = {k: strip_markers(workbook.solution(workbook.koans[k]).read_text(encoding="utf-8")) for k in KOANS}
        return {koan: renamed(text, chance) for koan, text in texts.items()}
    texts = {}
    for koan in KOANS:
        source = workbook.reference(workbook.koans[koan]).read_text(encoding="utf-8")
        tree = ast.parse(source)
        chosen: dict[str, ast.FunctionDef] = {}
        for node in _functions(tree):
            names = [ast.unparse(d) for d in node.decorator_list]
            if kind == "oracle" and "oracle" in names:
                chosen[node.name] = node
            for name in names:
                of = name.partition(".right(")[0]
                if kind == "right answer" and ".right(" in name and (of not in chosen or chance.random() < 0.5):
                    chosen[of] = node
        if chosen:
            texts[koan] = _pasted(tree, chosen)
    return texts


def _pasted(tree: ast.Module, chosen: Mapping[str, ast.FunctionDef]) -> str:
    """The file of an edition's reference, cut down to these functions and to what is no oracle."""
    kept: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "reference":
            kept += ast.parse("def lowp(t):\n    return t\n").body
        elif not (node.decorator_list if isinstance(node, ast.FunctionDef) else isinstance(node, ast.Expr)):
            kept.append(node)
    for name, node in chosen.items():
        kept.append(ast.FunctionDef(name, node.args, node.body, [], node.returns, lineno=1))
    text = ast.unparse(ast.fix_missing_locations(ast.Module(kept, [])))
    return text.replace(".fn(", "(") + "\n"


# What is found in it


def look(workbook: Workbook, made: MadeUp) -> Survey:
    """What `koans similarity` finds in the class."""
    students, earlier = (
        [Handed(Submission(name, name, "", texts=texts), name) for name, texts in people.items()]
        for people in (made.students, made.earlier)
    )
    return survey(workbook, [workbook.koans[koan] for koan in KOANS], students, earlier)


def outcome(made: MadeUp, found: Survey) -> tuple[set[Kind], list[str]]:
    """The kinds of the copies that were found, and the pairs that are no copies, in words."""
    planted: dict[tuple[PairKind, frozenset[str]], Kind] = {}
    for plant in made.plants:
        side: PairKind
        match plant.kind:
            case "oracle" | "right answer":
                side = "reference"
            case "solution":
                side = "solution"
            case "last year":
                side = "earlier"
            case _:
                side = "student"
        planted[side, frozenset({plant.student, plant.source} - {""})] = plant.kind
    kinds: set[Kind] = set()
    false = []
    for pair in found.pairs:
        names = {found.people[pair.one].name}
        if pair.other is not None:
            names.add((found.earlier if pair.kind == "earlier" else found.people)[pair.other].name)
        kind = planted.get((pair.kind, frozenset(names)))
        if kind is None:
            false.append(f"{pair.kind}: {' and '.join(sorted(names))}")
        else:
            kinds.add(kind)
    return kinds, false
