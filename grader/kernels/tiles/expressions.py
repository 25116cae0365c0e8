"""Computes the expressions of a kernel from its checked syntax tree."""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from grader.kernels.kernel_text import YourTurn
from grader.kernels.tiles import arithmetic, costs, reductions, scans, shapes
from grader.kernels.tiles.arithmetic import SYMBOLS, as_mask, block_shape, is_number
from grader.kernels.tiles.casts import cast, to_tile
from grader.kernels.tiles.dtypes import BY_NAME, FP32, I1, DType, Pointer
from grader.kernels.tiles.findings import KernelError, Refused, UndefinedValue, Unexpected
from grader.kernels.tiles.library import LIBRARY, METHODS, Entry
from grader.kernels.tiles.load_store import origin_of
from grader.kernels.tiles.run_state import PART_COST, VARIABLE_COST, RunState
from grader.kernels.tiles.tile import LARGEST, PROGRAM_AXES, Array, Tile, both

OPERATION_NAMES = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "//": "divide",
    "%": "divide",
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), "compare"),
    **dict.fromkeys(("&", "|", "^", "<<", ">>"), "bits"),
}
COUNTED = frozenset(
    """exp exp2 log log2 sqrt rsqrt sin cos erf maximum minimum max min sum where fma dot cumsum""".split()  # noqa: SIM905
)
TAKES_TILES = frozenset(
    """zeros_like ravel permute trans split cat flip cumsum cumprod sort topk histogram gather""".split()  # noqa: SIM905
)
SMALL = 1 << 14
MOST_ELEMENTS = 1 << 12  # of a tuple, nested tuples included
GONE = object()  # the value of a variable that a loop counted with: it has none after the loop
DOT_COST = 1_500  # what numpy needs to start a product
MOST_CALLS = 24  # kernels that call one another, one inside the other


@dataclass(frozen=True)
class Function:
    """A kernel of the file, as a value."""

    node: ast.FunctionDef

    def __repr__(self) -> str:
        return self.node.name


@dataclass(frozen=True)
class BlockType:
    """The type of a tile with axes, as `x.type` gives it."""

    element: DType


@dataclass(frozen=True)
class Program:
    """The kernels of a text that can be called, its constants, and the numbers of its parts if they are noted."""

    functions: Mapping[str, ast.FunctionDef]
    constants: Mapping[str, Any]
    numbers: Mapping[ast.AST, int] | None = None
    reached: set[int] | None = None
    assigned: Callable[[str, Any], None] | None = None
    stubs: frozenset[str] = frozenset()  # the names of kernels that are still to be written


class Expressions:
    """The variables of one call of a kernel, and the values of expressions over them."""

    def __init__(self, program: Program, run: RunState, values: dict[str, Any], depth: int) -> None:
        self.program, self.run, self.values, self.depth = program, run, values, depth

    def call_kernel(self, node: ast.FunctionDef, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The result of another kernel of the file."""
        raise NotImplementedError

    def mark(self, node: ast.AST, sign: int = 1) -> None:
        """Note that some program reached a part of the text."""
        program = self.program
        if program.reached is not None and program.numbers is not None and not self.run.is_idle:
            program.reached.add(sign * program.numbers[node])

    def value(self, node: ast.expr) -> Any:
        """The value of an expression: a tile, a plain number, None, a type, a tuple, or a kernel."""
        self.run.spent += PART_COST
        return _EVALUATORS[type(node)](self, node)

    def constant(self, node: ast.Constant) -> Any:
        return node.value

    def name(self, node: ast.Name) -> Any:
        name = node.id
        value = self.values.get(name, GONE)
        if value is not GONE:
            return value
        if name in self.program.constants:
            return self.program.constants[name]
        if name in self.program.functions:
            return Function(self.program.functions[name])
        if name in self.program.stubs:
            raise YourTurn("your turn")
        raise Refused(
            f"{name} is not defined here: a variable that is first assigned in a loop or in one branch of an `if` "
            "does not exist after it"
        )

    def tuple_(self, node: ast.Tuple | ast.List) -> tuple[Any, ...]:
        values = tuple(self.value(x) for x in node.elts)
        self.run.pay(VARIABLE_COST * _checked_elements(values))
        return values

    def binary(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        return self.operated(type(node.op), left, right, node)

    def operated(self, operator: type[ast.AST], left: Any, right: Any, node: ast.AST) -> Any:
        """`left operator right`."""
        symbol = SYMBOLS[operator]
        self.reserve(left, right, times=_cost(symbol, left, right))
        result = arithmetic.binary(symbol, left, right)
        if type(result) is tuple:
            self.run.pay(VARIABLE_COST * _checked_elements(result))
        if isinstance(result, Tile):
            self.count(OPERATION_NAMES[symbol], result)
        return result

    def reserve(self, *values: Any, times: int = 1) -> None:
        """Pay for an operation on tiles before it makes its result."""
        sizes, tiles = 1, []
        for x in values:
            if isinstance(x, Tile):
                sizes *= x.data.size
                tiles.append(x)
        if not tiles:
            return
        if sizes <= SMALL or len(tiles) == 1:  # no result is larger
            self.run.charge(sizes, times)
            return
        first, *others = (t.data.shape for t in tiles)
        if all(shape == first for shape in others):
            self.run.charge(tiles[0].data.size, times)
            return
        programs = np.broadcast_shapes(*(t.data.shape[:PROGRAM_AXES] for t in tiles))
        self.run.charge(math.prod(programs) * math.prod(block_shape(*tiles)), times)

    def count(self, name: str, result: Tile) -> None:
        """Count the elements of an operation in all programs."""
        data, run = result.data, self.run
        a, b, c = data.shape[:PROGRAM_AXES]
        run.operations[name] += data.size // (a * b * c) * run.count

    def unary(self, node: ast.UnaryOp) -> Any:
        x = self.value(node.operand)
        self.reserve(x)
        match node.op:
            case ast.USub():
                return arithmetic.negative(x)
            case ast.UAdd():
                return arithmetic.positive(x)
            case ast.Invert():
                return arithmetic.inverted(x)
            case _:
                return arithmetic.inverted(as_mask(x, "not")) if isinstance(x, Tile) else not x

    def bool_operation(self, node: ast.BoolOp) -> Any:
        word = "and" if isinstance(node.op, ast.And) else "or"

        def operands() -> Any:
            for i, operand in enumerate(node.values):
                if i:
                    self.mark(operand)
                yield self.value(operand)

        return self.joined(word, operands())

    def joined(self, word: str, values: Any) -> Any:
        """Values joined by `and` or `or`. Plain ones may decide at once; tiles are joined element by element."""
        tiles: list[Any] = []
        last: Any = None
        for last in values:
            if isinstance(last, Tile):
                tiles.append(last)
            elif bool(last) == (word == "or"):
                return last
        if not tiles:
            return last
        while len(tiles) > 1:
            right, left = tiles.pop(), tiles.pop()
            self.reserve(left, right)
            tiles.append(arithmetic.logical(word, left, right))
        return tiles[0]

    def compare(self, node: ast.Compare) -> Any:
        def comparisons() -> Any:
            left = self.value(node.left)
            for op, comparator in zip(node.ops, node.comparators, strict=True):
                right = self.value(comparator)
                if isinstance(op, (ast.Is, ast.IsNot)):
                    yield (left is right) == isinstance(op, ast.Is)
                else:
                    yield self.operated(type(op), left, right, node)
                left = right

        found = comparisons()
        return next(found) if len(node.ops) == 1 else self.joined("and", found)

    def if_expression(self, node: ast.IfExp) -> Any:
        condition = self.condition(self.value(node.test), "if", block_of_one=False)
        if not isinstance(condition, Tile):
            arm = node.body if condition else node.orelse
            self.mark(arm)
            return self.value(arm)
        arms = []
        outer = self.run.active
        for arm, chosen in ((node.body, condition.data), (node.orelse, ~condition.data)):
            self.run.active = both(outer, chosen)
            self.mark(arm)
            arms.append(to_tile(self.value(arm)))
        self.run.active = outer
        a, b = arms
        if a.dtype != b.dtype or a.shape != b.shape:
            raise Refused(f"`x if … else y` gives {a.type} or {b.type}: both must have the same type")
        return selected(condition.data, a, b)

    def condition(self, x: Any, word: str, *, block_of_one: bool = True) -> Any:
        """A condition as a scalar tile of booleans, or as a plain value. Raises Refused for a tile with axes."""
        if not isinstance(x, Tile):
            if type(x) not in (bool, int, type(None)):
                raise Refused(f"the condition of `{word}` is a {type(x).__name__}, not a boolean")
            return x
        if x.shape and not (block_of_one and math.prod(x.shape) == 1):
            raise Refused(f"`{word}` needs one truth value, but this is a tile of {x.type}: choose with tl.where")
        tile = cast(shapes.item(x) if x.shape else x, I1)
        self.check_decides(tile, word)
        return tile

    def check_decides(self, x: Tile, word: str) -> None:
        """Raises UndefinedValue if a scalar that decides about an `if` or a loop is undefined in an active program."""
        if x.defined is None:
            return
        bad = both(self.run.active, ~x.defined)
        if bad is not None and bad.any():
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            program, why = self.run.program_at(index), origin_of(self.run, x)
            raise UndefinedValue(
                f"{self.run.kernel}: program {program} uses an undefined value as the condition of `{word}`: {why}",
                (self.run.kernel, "condition", self.run.origins.get(x.origin, "")),
            )

    def subscript(self, node: ast.Subscript) -> Any:
        x, index = self.value(node.value), _new_axes(node.slice)
        if index is None:
            index = self.index(node.slice)
        if isinstance(x, Tile):
            return shapes.indexed(x, index)
        if isinstance(x, tuple) and (type(index) is int or isinstance(index, slice)):
            try:
                return x[index]
            except (IndexError, TypeError) as error:
                raise Refused(f"`{ast.unparse(node)}`: {error}") from None
        raise Refused(f"`{ast.unparse(node)}`: only tiles and shapes can be indexed")

    def index(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Tuple):
            return tuple(self.index(x) for x in node.elts)
        if isinstance(node, ast.Slice):
            return slice(*(None if x is None else self.value(x) for x in (node.lower, node.upper, node.step)))
        return self.value(node)

    def attribute(self, node: ast.Attribute) -> Any:
        if (named := _language_name(node)) is not None:
            return BY_NAME[named]
        x = self.value(node.value)
        match node.attr:
            case "T" if isinstance(x, Tile):
                return shapes.permute(x, (1, 0))
            case "dtype" if isinstance(x, Tile):
                return x.dtype
            case "shape" if isinstance(x, Tile):
                return x.shape
            case "type" if isinstance(x, Tile):
                return BlockType(x.dtype) if x.shape else x.dtype
            case "element_ty" if isinstance(x, Pointer):
                return x.element
            case "element_ty" if isinstance(x, BlockType):
                return x.element
        what = x.type if isinstance(x, Tile) else str(x) if isinstance(x, DType) else f"a {type(x).__name__}"
        raise Refused(f"`{ast.unparse(node)}`: {what} has no .{node.attr}")

    def call(self, node: ast.Call) -> Any:
        function = node.func
        if isinstance(function, ast.Name):
            if function.id == "float":
                word = node.args[0]
                assert isinstance(word, ast.Constant)
                return float(word.value)  # type: ignore[arg-type]
            args, kwargs = self.arguments(node)
            if function.id in ("min", "max"):
                return self.extreme(function.id, args, kwargs)
            self.run.line = node.lineno
            called = self.value(function)
            if not isinstance(called, Function):
                raise Refused(f"`{function.id}` cannot be called")
            return self.call_kernel(called.node, args, kwargs)
        assert isinstance(function, ast.Attribute)
        name = _language_name(function)
        if name is None:
            owner = self.value(function.value)
            args, kwargs = self.arguments(node)
            self.run.line = node.lineno
            if not isinstance(owner, Tile) or function.attr not in METHODS:
                raise Refused(f"`{ast.unparse(function)}`: only tiles have .{function.attr}")
            return self.called(function.attr, METHODS[function.attr], [owner, *args], kwargs)
        args, kwargs = self.arguments(node)
        self.run.line = node.lineno
        if name in ("reduce", "associative_scan"):
            method = self.reduce if name == "reduce" else self.associative_scan
            try:
                inspect.signature(method).bind(*args, **kwargs)
            except TypeError as error:
                raise Refused(f"tl.{name}: {error}") from None
            return method(*args, **kwargs)
        if name not in LIBRARY:
            raise Refused(f"tl.{name} is not supported here")
        return self.called(name, LIBRARY[name], args, kwargs)

    def called(self, name: str, entry: Entry, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A function of triton.language."""
        own = entry.renamed(name, args, kwargs)
        given = [*args, *own.values()]
        if name in TAKES_TILES:
            for i, parameter in enumerate(entry.parameters[: 2 if name == "cat" else 1]):
                x = args[i] if i < len(args) else own[parameter]
                if not isinstance(x, Tile):
                    raise Refused(f"tl.{name} takes a tile, not {_said(x)}")
        if name == "dot":
            bound = {**dict(zip(entry.parameters, args, strict=False)), **own}
            self.pay_for_dot(bound.get("a"), bound.get("b"), bound.get("input_precision"))
        elif not entry.run:
            self.pay_for(name, given[1:] if name == "gather" else given)  # its two tiles need not fit one another
        try:
            result = entry.function(self.run, *args, **own) if entry.run else entry.function(*args, **own)
        except KernelError:
            raise
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
            takes = ", ".join(map(_said, given))
            raise Unexpected(f"tl.{name} does not take {takes or 'nothing'}") from error
        if name in COUNTED:
            for x in result if isinstance(result, tuple) else (result,):
                source = given[0] if name in ("max", "min", "sum") and given and isinstance(given[0], Tile) else x
                if isinstance(source, Tile):
                    self.count(name, source)
        return result

    def pay_for(self, name: str, values: Sequence[Any]) -> None:
        """Pay for a function of tiles before it makes its result."""
        times = costs.of_function(name)
        if name in ("to", "cast") and any(isinstance(x, DType) and x.bits <= 16 and x.is_float for x in values):
            times = costs.NARROWEST
        if name == "histogram" and len(values) > 1 and isinstance(values[0], Tile) and type(values[1]) is int:
            programs = math.prod(values[0].data.shape[:PROGRAM_AXES])
            self.run.charge(programs * min(max(values[1], 0), LARGEST), times)
        if times:
            self.reserve(*values, times=times)
        else:
            self.run.charge(0)

    def pay_for_dot(self, a: Any, b: Any, precision: Any) -> None:
        """Charge a product before it is computed, and count its FLOPs: 2·m·n·k for (…, m, k) by (…, k, n)."""
        if not all(isinstance(x, Tile) and len(x.shape) >= 2 for x in (a, b)):
            return
        *batch, m, k = a.shape
        n = b.shape[-1]
        programs = math.prod(np.broadcast_shapes(a.data.shape[:PROGRAM_AXES], b.data.shape[:PROGRAM_AXES]))
        products = programs * math.prod(batch)
        self.run.pay(products * DOT_COST)
        self.run.charge(a.data.size + b.data.size, costs.NARROW)
        self.run.charge(products * m * n, max(2, k // (4 if a.dtype.bits in (8, 64) or precision != "ieee" else 12)))
        active = self.run.active
        running = self.run.count if active is None else int(active.sum()) * (self.run.count // active.size)
        flops = 2 * math.prod(batch) * m * n * k * running
        self.run.flops += flops
        self.run.fp32_flops += flops if a.dtype is FP32 else 0

    def arguments(self, node: ast.Call) -> tuple[list[Any], dict[str, Any]]:
        """The values of a call's arguments."""
        args = [self.value(x) for x in node.args]
        if not node.keywords:
            return args, {}
        return args, {k.arg: self.value(k.value) for k in node.keywords if k.arg is not None}

    def extreme(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Python's min or max: of plain numbers as in Python, of tiles element by element."""
        if kwargs or not args:
            raise Refused(f"`{name}` takes at least two numbers or tiles")
        if not any(isinstance(x, Tile) for x in args):
            if not all(is_number(x) for x in args) or any(x != x for x in args):
                raise Refused(f"`{name}` takes numbers and tiles")
            return min(args) if name == "min" else max(args)
        if len(args) < 2:
            raise Refused(f"`{name}` of a tile takes two tiles; along an axis it is tl.{name}(x, axis=0)")
        function = arithmetic.minimum if name == "min" else arithmetic.maximum
        result = args[0]
        for x in args[1:]:
            self.reserve(result, x)
            result = function(result, x)
        self.count(f"{name}imum", result)
        return result

    def combine(self, function: Any, name: str) -> reductions.Combine:
        """A kernel of the file as a function of two groups of elements, each a scalar to the kernel."""
        if not isinstance(function, Function):
            raise Refused(f"tl.{name} takes a function of this file that is marked @triton.jit")

        def apply(a: Sequence[Tile], b: Sequence[Tile]) -> Sequence[Tile]:
            shape = np.broadcast_shapes(*(t.data.shape for t in (*a, *b)))
            size = math.prod(shape)
            self.run.charge(size * len(a), 8)
            flat = [t.moved(lambda data: np.broadcast_to(data, shape).reshape(size, 1, 1)) for t in (*a, *b)]
            outer = self.run.active, self.run.programs, self.run.combines
            self.run.active, self.run.programs, self.run.combines = None, (size, 1, 1), True
            try:
                result = self.call_kernel(function.node, flat, {})
            finally:
                self.run.active, self.run.programs, self.run.combines = outer
            results = result if isinstance(result, tuple) else (result,)

            def back(data: Array) -> Array:
                return np.broadcast_to(data, (size, 1, 1)).reshape(shape)

            tiles = [to_tile(r) for r in results]
            if any(t.shape for t in tiles):
                raise Refused(f"the function of tl.{name} must return scalars")
            return [
                Tile(back(t.data), t.dtype, None if t.defined is None else back(t.defined), t.origin) for t in tiles
            ]

        return apply

    def reduce(self, input: Any = None, axis: Any = None, combine_fn: Any = None, keep_dims: Any = False) -> Any:
        tiles = input if isinstance(input, tuple) else (input,)
        self._check_tiles(tiles, "reduce")
        results = reductions.reduced(tiles, axis, self.combine(combine_fn, "reduce"), keep_dims, "tl.reduce")
        return tuple(results) if isinstance(input, tuple) else results[0]

    def associative_scan(
        self, input: Any = None, axis: Any = None, combine_fn: Any = None, reverse: Any = False
    ) -> Any:
        tiles = input if isinstance(input, tuple) else (input,)
        self._check_tiles(tiles, "associative_scan")
        combine = self.combine(combine_fn, "associative_scan")
        results = scans.scanned(tiles, axis, combine, bool(reverse), "tl.associative_scan")
        return tuple(results) if isinstance(input, tuple) else results[0]

    def _check_tiles(self, tiles: tuple[Any, ...], name: str) -> None:
        if not tiles or not all(isinstance(t, Tile) and t.shape for t in tiles):
            raise Refused(f"tl.{name} takes a tile, or a tuple of tiles")
        self.reserve(*tiles)


def _checked_elements(values: tuple[Any, ...]) -> int:
    """How many elements a tuple has, nested tuples included. Raises Refused for too many."""
    count = 0
    for x in values:
        count += _checked_elements(x) if type(x) is tuple else 1
        if count > MOST_ELEMENTS:
            raise Refused(f"a tuple has more than {MOST_ELEMENTS:,} elements")
    return count + 1


def _cost(symbol: str, a: Any, b: Any) -> int:
    """What an element of `a symbol b` costs."""
    for x in (a, b):
        if isinstance(x, Tile) and x.dtype.bits < 32 and x.dtype.is_float:
            return costs.NARROW
    return costs.OPERATORS.get(symbol, 1)


def _said(x: object) -> str:
    """A value in a message."""
    if isinstance(x, Tile):
        return x.type
    return "a tuple" if isinstance(x, tuple) else str(x) if x is None or is_number(x) else f"a {type(x).__name__}"


def selected(chosen: Array, a: Any, b: Any) -> Any:
    """The value of `a` in the programs that are chosen and of `b` in the others. Both are of one type."""
    if a is b or not isinstance(a, Tile):
        return a
    if isinstance(b, Tile):
        if chosen.all():
            return a
        if not chosen.any():
            return b
        mask = chosen.reshape(chosen.shape + (1,) * len(a.shape))
        tile = Tile(np.where(mask, a.data, b.data), a.dtype)
        if a.defined is not None or b.defined is not None:
            masks = (np.True_ if t.defined is None else t.defined for t in (a, b))
            tile.defined, tile.origin = np.where(mask, *masks), a.origin or b.origin
        return tile
    raise AssertionError("the types were not compared")


@lru_cache(maxsize=4096)
def _new_axes(node: ast.expr) -> tuple[Any, ...] | None:
    """An index of `:` and None alone, such as [:, None]; None for any other."""
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    index: list[Any] = []
    for part in parts:
        if isinstance(part, ast.Slice) and part.lower is part.upper is part.step is None:
            index.append(slice(None))
        elif isinstance(part, ast.Constant) and part.value is None:
            index.append(None)
        else:
            return None
    return tuple(index)


@lru_cache(maxsize=4096)
def _dotted(text: str) -> str | None:
    head, _, name = text.rpartition(".")
    return name if head in ("tl", "tl.math") else None


def _language_name(node: ast.Attribute) -> str | None:
    """The name of something in triton.language; None for an attribute of a value."""
    if isinstance(node.value, ast.Name):
        return node.attr if node.value.id == "tl" else None
    if isinstance(node.value, ast.Attribute):
        return _dotted(ast.unparse(node)) if node.value.attr == "math" else None
    return None


_EVALUATORS: dict[type[ast.expr], Callable[[Expressions, Any], Any]] = {
    ast.Constant: Expressions.constant,
    ast.Name: Expressions.name,
    ast.Tuple: Expressions.tuple_,
    ast.List: Expressions.tuple_,
    ast.BinOp: Expressions.binary,
    ast.UnaryOp: Expressions.unary,
    ast.BoolOp: Expressions.bool_operation,
    ast.Compare: Expressions.compare,
    ast.IfExp: Expressions.if_expression,
    ast.Subscript: Expressions.subscript,
    ast.Attribute: Expressions.attribute,
    ast.Call: Expressions.call,
}
