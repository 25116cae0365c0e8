"""Runs the statements of a kernel: assignments, loops, branches, returns and calls.

All programs run a statement together. Where they differ, a mask says which are active: both arms of an `if` run, each
for its own programs, and a loop runs until its last program is done. As in the compiler, a body that no program enters
is still checked, and a variable keeps its type.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from grader.kernels.tiles.arithmetic import is_number
from grader.kernels.tiles.casts import cast, to_tile
from grader.kernels.tiles.dtypes import DType, promoted_integers
from grader.kernels.tiles.expressions import GONE, MOST_CALLS, Expressions, Program, selected
from grader.kernels.tiles.findings import Refused, UndefinedValue
from grader.kernels.tiles.run_state import STATEMENT_COST, RunState
from grader.kernels.tiles.tile import HELD, PROGRAM_AXES, Array, Tile, both


class Frame(Expressions):
    """One call of a kernel: its variables, and where it is."""

    def __init__(self, program: Program, run: RunState, values: dict[str, Any], depth: int = 0) -> None:
        super().__init__(program, run, values, depth)
        self.loops = 0  # how many loops are around the statement
        self.constants_announced: set[str] = set()  # names that a bare `x: tl.constexpr` has announced
        self.returns: list[tuple[Array | None, Any]] = []  # the programs that returned, and what

    def block(self, statements: Sequence[ast.stmt]) -> None:
        """Run statements one after the other. What follows a `return` is not even checked, as in the compiler."""
        for statement in statements:
            self.run.line = statement.lineno
            self.run.pay(STATEMENT_COST)
            self.mark(statement)
            _STATEMENTS[type(statement)](self, statement)
            if isinstance(statement, ast.Return):
                break

    def result(self) -> Any:
        """What the call returned, program by program. Raises Refused if the types differ."""
        if not self.returns:
            return None
        (_, value), *others = self.returns
        for programs, other in others:
            value, other = _of_one_type(value, other)
            value = _selected(self.run, np.ones((1, 1, 1), bool) if programs is None else programs, other, value)
        return value

    def set(self, name: str, value: Any) -> None:
        """Give a variable a value."""
        self.values[name] = value
        if self.program.assigned is not None:
            self.program.assigned(name, value)
        if isinstance(value, Tile) and value.defined is not None:
            HELD.add(value.defined)

    def assign(self, node: ast.Assign) -> None:
        if len(node.targets) != 1:
            raise Refused("Triton assigns to one target at a time: write a = …, then b = a")
        target = node.targets[0]
        value = self.value(node.value)
        if isinstance(target, ast.Name) and target.id in self.constants_announced:
            self.constants_announced.discard(target.id)
            self.set(target.id, value)
            return
        self.bind(target, value)

    def bind(self, target: ast.expr, value: Any) -> None:
        """Assign a value to a name, or a tuple to names. A plain number becomes a scalar tile, as in the compiler."""
        if isinstance(target, ast.Name):
            self.set(target.id, _as_variable(value))
            return
        assert isinstance(target, ast.Tuple)
        if not isinstance(value, tuple):
            raise Refused("only a tuple can be unpacked into several names")
        if len(value) != len(target.elts):
            raise Refused(f"{len(value)} values do not fit {len(target.elts)} names")
        for part, x in zip(target.elts, value, strict=True):
            self.bind(part, x)

    def assign_constant(self, node: ast.AnnAssign) -> None:
        assert isinstance(node.target, ast.Name)
        name = node.target.id
        if node.value is None:
            self.constants_announced.add(name)
            return
        value = self.value(node.value)
        if name in self.values:
            raise Refused(f"{name} exists already, and a tl.constexpr cannot be assigned again: give it another name")
        self.set(name, value)

    def assign_updated(self, node: ast.AugAssign) -> None:
        assert isinstance(node.target, ast.Name)
        left = self.value(ast.Name(node.target.id, ast.Load()))
        self.bind(node.target, self.operated(type(node.op), left, self.value(node.value), node))

    def expression(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.value(node.value)

    def nothing(self, node: ast.Pass) -> None:
        """`pass`."""

    def return_(self, node: ast.Return) -> None:
        if self.loops:
            raise Refused("Triton does not compile a `return` inside a loop")
        value = None if node.value is None else self.value(node.value)
        self.returns.append((self.run.active, value))
        self.run.active = np.zeros((1, 1, 1), bool)

    def if_(self, node: ast.If) -> None:
        condition = self.condition(self.value(node.test), "if")
        if not isinstance(condition, Tile):
            if condition:
                self.block(node.body)
            else:
                self.mark(node, -1)
                self.block(node.orelse)
            return
        if self.loops and _returns(node):
            raise Refused("Triton does not compile a `return` inside a loop")
        outer, before = self.run.active, self.values
        self.run.charge_choice(2 * len(before))
        chosen = condition.data
        then, still_then = self._arm(node.body, before, both(outer, chosen))
        self.run.active = both(outer, ~chosen)
        self.mark(node, -1)
        other, still_other = self._arm(node.orelse, before, both(outer, ~chosen))
        self.run.active, self.run.line = outer, node.lineno
        if still_then is not None or still_other is not None:  # an arm returned: its programs are done
            self.run.active = _united(both(outer, chosen), both(outer, ~chosen), still_then, still_other)
        self.values = _joined(self.run, before, then, other, chosen)

    def _arm(
        self, statements: Sequence[ast.stmt], before: Mapping[str, Any], active: Array | None
    ) -> tuple[dict[str, Any], Array | None]:
        """The variables after an arm of an `if`, and the programs that are still active if some returned in it."""
        self.values, self.run.active = dict(before), active
        returned = len(self.returns)
        self.block(statements)
        return self.values, self.run.active if len(self.returns) > returned else None

    def while_(self, node: ast.While) -> None:
        if node.orelse:
            raise Refused("Triton does not compile the `else` of a loop")
        outer, before = self.run.active, dict(self.values)
        active, passes = outer, 0
        self.loops += 1
        while True:
            self.run.active, self.run.line = active, node.lineno
            condition = self.condition(self.value(node.test), "while")
            if not isinstance(condition, Tile):
                raise Refused("`while` needs a condition that is computed from variables, not a constant")
            active = both(active, condition.data)
            ends = active is not None and not active.any()
            if ends and passes:
                break
            if active is not None and active.all():
                active = outer
            self._pass(node, before, active, outer)
            passes += 1
            if ends:
                break
        self.loops -= 1
        self.run.active, self.values = outer, {name: self.values[name] for name in before}

    def _pass(
        self,
        node: ast.For | ast.While,
        before: Mapping[str, Any],
        active: Array | None,
        outer: Array | None,
        counter: str = "",
    ) -> None:
        """Run a loop's body once, for the active programs. The others keep what they have.

        A variable keeps the type that it had `before` the loop. The counter may change in any way, because the next
        pass sets it.
        """
        self.run.charge_choice(3 * len(self.values))
        old = dict(self.values)
        self.values, self.run.active = dict(old), active
        self.block(node.body)
        self.run.line = node.lineno
        for name, value in old.items():
            new = self.values[name]
            if new is value or name == counter:
                continue
            if new is GONE:
                old[name] = GONE
                continue
            _check_carried(name, before[name], new)
            if active is not outer and active is not None:
                new = _selected(self.run, active, new, value)
            old[name] = new
        old.pop(counter, None)
        self.values = old

    def for_(self, node: ast.For) -> None:
        if node.orelse:
            raise Refused("Triton does not compile the `else` of a loop")
        if not isinstance(node.target, ast.Name):
            raise Refused("a loop in a kernel counts with one variable")
        assert isinstance(node.iter, ast.Call)
        args, kwargs = self.arguments(node.iter)
        name = ast.unparse(node.iter.func)
        if name == "tl.static_range":
            for i in _static_range(args, kwargs):
                self.run.charge(0)
                self.set(node.target.id, i)
                self.block(node.body)
            return
        start, end, step = _bounds(args, kwargs, name)
        for limit in (start, end, step):
            self.check_decides(limit, "for")
        self.run.charge_choice(len(self.values))
        outer, before = self.run.active, dict(self.values)
        if before.pop(node.target.id, None) is not None:
            before[node.target.id] = self.values[node.target.id] = GONE
        self.loops += 1
        if isinstance(_limits(args, kwargs, name)[2], Tile):
            self.check_computed_step(step)
        for index, active in _iterations(start, end, step, outer):
            self.run.charge(0)
            old = self.values
            self.values = {**old, node.target.id: index}
            if self.program.assigned is not None:
                self.program.assigned(node.target.id, index)
            current = {**before, node.target.id: index}
            self._pass(node, current, active, outer, node.target.id)
        self.loops -= 1
        self.run.active, self.values = outer, {name: self.values.get(name, GONE) for name in before}

    def check_computed_step(self, step: Tile) -> None:
        """Raises UndefinedValue for a step below 1 that the kernel computes: only a constant one counts down."""
        wrong = both(self.run.active, step.data < 1)
        if wrong is not None and wrong.any():
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise UndefinedValue(
                f"{self.run.kernel}: program {self.run.program_at(index)} runs a loop whose computed step is below 1: "
                "on a GPU, anything may happen then; count down with a constant step, range(n, 0, -1)",
                (self.run.kernel, "step"),
            )

    def call_kernel(self, node: ast.FunctionDef, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        if self.depth >= MOST_CALLS:
            raise Refused(
                f"{node.name} calls itself, or kernels call each other too deeply: Triton does not compile this"
            )
        values = bound_parameters(node, args, kwargs)
        frame = Frame(self.program, self.run, values, self.depth + 1)
        active, line = self.run.active, self.run.line
        frame.block(node.body)
        self.run.active, self.run.line = active, line
        return frame.result()


def bound_parameters(node: ast.FunctionDef, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a kernel's parameters. Raises Refused for a missing one, or one too many."""
    plain = [*node.args.posonlyargs, *node.args.args]
    names = [p.arg for p in plain]
    if len(args) > len(names):
        raise Refused(f"{node.name} has {len(names)} parameters but gets {len(args)} values")
    values = dict(zip(names, args, strict=False))
    keywords = [p.arg for p in node.args.kwonlyargs]
    for name, value in kwargs.items():
        if name not in names and name not in keywords:
            raise Refused(f"{node.name} has no parameter {name}")
        if name in values:
            raise Refused(f"{node.name} gets {name} twice")
        values[name] = value
    defaults = zip(reversed(plain), reversed(node.args.defaults), strict=False)
    pairs = [*defaults, *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]
    for parameter, default in pairs:
        if parameter.arg not in values and default is not None:
            values[parameter.arg] = ast.literal_eval(default)
    missing = [name for name in (*names, *keywords) if name not in values]
    if missing:
        raise Refused(f"{node.name} needs a value for {missing[0]}")
    return values


def _as_variable(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_as_variable(x) for x in value)
    if value is None or isinstance(value, (Tile, DType)):
        return value
    if is_number(value):
        return to_tile(value)
    raise Refused(f"a {type(value).__name__} cannot be assigned to a variable in a kernel")


def _said(value: Any) -> str:
    return value.type if isinstance(value, Tile) else f"the constant {value}" if is_number(value) else repr(value)


def _check_carried(name: str, before: Any, after: Any) -> None:
    """Raises Refused if a variable leaves a pass of a loop with another type than it had before the loop."""
    if isinstance(before, Tile) and isinstance(after, Tile):
        if before.dtype == after.dtype and before.shape == after.shape:
            return
        advice = "give it this type and shape before the loop, for example with tl.zeros"
        becomes_a_tile = after.shape and not before.shape
        cause = ("carried", "number", "tile") if becomes_a_tile else ("carried", str(before.type), str(after.type))
        raise Refused(f"{name} is {before.type} before the loop and {after.type} after an iteration: {advice}", cause)
    if isinstance(before, Tile) or isinstance(after, Tile):
        raise Refused(
            f"{name} is {_said(before)} before the loop and {_said(after)} after an iteration: a "
            "compile-time constant cannot change in a loop; use another name"
        )
    if isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after):
        for x, y in zip(before, after, strict=True):
            _check_carried(name, x, y)


def _selected(run: RunState, chosen: Array, a: Any, b: Any) -> Any:
    if isinstance(a, tuple):
        return tuple(_selected(run, chosen, x, y) for x, y in zip(a, b, strict=True))
    if a is not b and isinstance(a, Tile) and isinstance(b, Tile):
        programs = np.broadcast_shapes(chosen.shape, a.data.shape[:PROGRAM_AXES], b.data.shape[:PROGRAM_AXES])
        run.charge(math.prod((*programs, *a.shape)), 4)
    return selected(chosen, a, b)


@lru_cache(maxsize=4096)
def _returns(node: ast.If) -> bool:
    return any(isinstance(n, ast.Return) for n in ast.walk(node))


def _united(one: Array | None, other: Array | None, still_one: Array | None, still_other: Array | None) -> Array:
    """The programs that are active after an `if`: in each arm all of its programs, or the ones that did not return."""
    first = still_one if still_one is not None else one
    second = still_other if still_other is not None else other
    assert first is not None
    assert second is not None
    return first | second


def _joined(
    run: RunState, before: Mapping[str, Any], then: Mapping[str, Any], other: Mapping[str, Any], chosen: Array
) -> dict[str, Any]:
    """The variables after an `if`: those from before it, and those that both arms made. Raises Refused."""
    values: dict[str, Any] = {}
    for name, old in before.items():
        a, b = then[name], other[name]
        if a is b or a is GONE or b is GONE:
            values[name] = a if a is b else GONE
            continue
        for new, arm in ((a, "if"), (b, "else")):
            if not _same_type(old, new):
                raise Refused(
                    f"{name} is {_said(old)} before the `if` and {_said(new)} in its {arm} branch: "
                    "a variable cannot change its type"
                )
        values[name] = _selected(run, chosen, a, b)
    for name, a in then.items():
        if name in before or name not in other:
            continue
        b = other[name]
        if a is GONE or b is GONE:
            continue
        if not _same_type(a, b):
            raise Refused(
                f"{name} is {_said(a)} in the `if` branch and {_said(b)} in the `else` branch: these types must agree"
            )
        values[name] = _selected(run, chosen, a, b)
    return values


def _same_type(a: Any, b: Any) -> bool:
    if isinstance(a, Tile) and isinstance(b, Tile):
        return a.dtype == b.dtype and a.shape == b.shape
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(_same_type(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and a == b


def _of_one_type(a: Any, b: Any) -> tuple[Any, Any]:
    """Two results of one kernel in one type. Raises Refused."""
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        pairs = [_of_one_type(x, y) for x, y in zip(a, b, strict=True)]
        return tuple(x for x, _ in pairs), tuple(y for _, y in pairs)
    if not isinstance(a, Tile) and not isinstance(b, Tile) and type(a) is type(b) and a == b:
        return a, b
    if (isinstance(a, Tile) or is_number(a)) and (isinstance(b, Tile) or is_number(b)):
        x, y = to_tile(a), to_tile(b)
        if x.dtype == y.dtype and x.shape == y.shape:
            return x, y
    raise Refused(f"a kernel returns {_said(a)} in one place and {_said(b)} in another: both must have the same type")


def _limits(args: Sequence[Any], kwargs: Mapping[str, Any], name: str) -> tuple[Any, Any, Any]:
    """Start, end and step of a loop as they are given. Raises Refused."""
    given = dict(zip(("arg1", "arg2", "step"), args, strict=False))
    named = {key: value for key, value in kwargs.items() if key in ("arg1", "arg2", "step")}
    if len(args) > 3 or given.keys() & named.keys() or (named and name == "range"):
        raise Refused(f"{name} takes (end), (start, end) or (start, end, step)")
    given |= named
    if given.get("arg1") is None:
        raise Refused(f"{name} takes (end), (start, end) or (start, end, step)")
    step = given.get("step")
    start, end = (0, given["arg1"]) if given.get("arg2") is None else (given["arg1"], given["arg2"])
    return start, end, 1 if step is None else step


def _static_range(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[int]:
    if not kwargs.keys() <= {"arg1", "arg2", "step"}:
        raise Refused("tl.static_range takes (end), (start, end) or (start, end, step)")
    limits = _limits(args, kwargs, "tl.static_range")
    if not all(type(x) is int for x in limits):
        raise Refused("tl.static_range counts with numbers that are known at compile time")
    if limits[2] == 0:
        raise Refused("the step of a loop must not be 0")
    yield from range(*limits)


_RANGE_OPTIONS = frozenset(
    """num_stages loop_unroll_factor disallow_acc_multi_buffer flatten warp_specialize disable_licm step arg1
    arg2""".split()  # noqa: SIM905
)


def _bounds(args: Sequence[Any], kwargs: Mapping[str, Any], name: str) -> tuple[Tile, Tile, Tile]:
    """Start, end and step of a loop, in the type of its counter. Raises Refused."""
    if kwargs and (name == "range" or not set(kwargs) <= _RANGE_OPTIONS):
        raise Refused(f"{name} takes (end), (start, end) or (start, end, step)")
    tiles = [to_tile(x) for x in _limits(args, kwargs, name)]
    for x in tiles:
        if not x.dtype.is_int:
            raise Refused(f"a loop counts with whole numbers, not with {x.dtype}")
        if x.shape:
            raise Refused(f"a loop counts with scalars, not with {x.type}")
    dtype = promoted_integers(promoted_integers(tiles[0].dtype, tiles[1].dtype), tiles[2].dtype)
    a, b, c = (cast(x, dtype) for x in tiles)
    return a, b, c


def _iterations(start: Tile, end: Tile, step: Tile, outer: Array | None) -> Iterator[tuple[Tile, Array | None]]:
    """The counter of each pass and the programs that take it. At least one pass, so that the body is checked."""
    dtype = start.dtype
    first, last, by = (x.data.astype(np.int64) for x in (start, end, step))
    if not by.all():
        raise Refused("the step of a loop must not be 0")
    passes = np.maximum(0, -((first - last) // by))  # as Python counts
    most = int(passes.max()) if outer is None else int(np.where(outer, passes, 0).max())
    uniform = passes.size == 1 or bool((passes == passes.flat[0]).all())
    for i in range(most):
        index = Tile((first + i * by).astype(dtype.storage), dtype)
        active = outer if uniform else both(outer, passes > i)
        yield index, active
    if most == 0:
        yield Tile(first.astype(dtype.storage), dtype), np.zeros((1, 1, 1), bool)


_STATEMENTS: dict[type[ast.stmt], Callable[[Frame, Any], None]] = {
    ast.Assign: Frame.assign,
    ast.AnnAssign: Frame.assign_constant,
    ast.AugAssign: Frame.assign_updated,
    ast.Expr: Frame.expression,
    ast.Pass: Frame.nothing,
    ast.Return: Frame.return_,
    ast.If: Frame.if_,
    ast.While: Frame.while_,
    ast.For: Frame.for_,
}
