"""Random kernels about values. Each comes with what it must compute: every variable is stored, and its value is known.

A kernel of `elementwise` has a chain of operations on tiles, `reductions` and `scans` one of those on each tile, and `products`
one `tl.dot`. Operations whose result a GPU leaves open are avoided: a float that is too large for the integer it becomes, a
division of integers by 0, a shift by the width.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.fuzz.tiles import exact
from tests.fuzz.tiles.exact import FLOATS, INTS, Value
from tests.fuzz.tiles.programs import HEAD, TYPES

PROGRAMS = 2  # of the grid: each has its own part of the inputs
SHAPES = ((16,), (32,), (4, 8), (8, 16), (2, 4, 8))
SPECIAL = (
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    1.0,
    -1.0,
    1e-40,
    -1e-40,
    65504.0,
    65519.0,
    65520.0,
    3.4e38,
    1e-7,
    2049.0,
    0.1,
    448.0,
    464.0,
)
WIDTH = {k: 1 if k == "i1" else np.dtype(v).itemsize * 8 for k, v in INTS.items()}
ROUNDED_OTHERWISE = ("/", "%", "sqrt")  # on a GPU, without the functions ending in _rn
KINDS = ("elementwise", "reductions", "scans", "products")


@dataclass(frozen=True)
class Check:
    """A variable that the kernel stores: its value, and how far a result may be from it.

    `ulps` are steps of its type; `within` is an absolute bound, broadcast against the value. `what` is the operation.
    """

    what: str
    line: str
    value: Value
    ulps: float = 0.0
    within: Any = None


@dataclass(frozen=True)
class ValueProgram:
    """`inputs` are tiles for the pointers p0, p1, … with the grid's programs first. `checks` belong to o0, o1, …"""

    source: str
    inputs: tuple[Value, ...]
    checks: tuple[Check, ...]


def value_program(kind: str, seed: object, gpu: bool = False) -> ValueProgram:
    """The program of a kind and a seed. `gpu`: what a GPU rounds otherwise is not used further."""
    maker = _Maker(random.Random(f"{kind} {seed}"), gpu)
    getattr(maker, kind)()
    return maker.finished()


@dataclass
class _Var:
    name: str
    value: Value  # with the programs first
    shape: tuple[int, ...]


def rank_of(value: Value) -> int:
    return int(value.data.ndim) - 1


@dataclass
class _Maker:
    rng: random.Random
    gpu: bool = False
    lines: list[str] = field(default_factory=list)
    helpers: list[str] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    scope: list[_Var] = field(default_factory=list)
    positions: dict[tuple[int, ...], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.numpy = np.random.default_rng(self.rng.randrange(2**32))

    def finished(self) -> ValueProgram:
        names = [f"p{i}" for i in range(len(self.inputs))] + [f"o{i}" for i in range(len(self.checks))]
        body = "".join(f"    {line}\n" for line in ("pid = tl.program_id(0)", *self.lines))
        source = HEAD + "".join(self.helpers) + f"@triton.jit\ndef kernel({', '.join(names)}):\n{body}"
        return ValueProgram(source, tuple(self.inputs), tuple(self.checks))

    # Inputs and outputs

    def offsets(self, shape: tuple[int, ...]) -> str:
        """The name of the positions of a program's tile of this shape. They are computed once."""
        if shape not in self.positions:
            parts, stride = [], 1
            for axis in reversed(range(len(shape))):
                index = ", ".join(":" if i == axis else "None" for i in range(len(shape)))
                part = f"tl.arange(0, {shape[axis]})" + (f"[{index}]" if len(shape) > 1 else "")
                parts.append(part if stride == 1 else f"{part} * {stride}")
                stride *= shape[axis]
            self.positions[shape] = f"at{len(self.positions)}"
            self.lines.append(f"{self.positions[shape]} = " + " + ".join([f"pid * {stride}", *reversed(parts)]))
        return self.positions[shape]

    def load(self, kind: str, shape: tuple[int, ...], data: Any = None) -> _Var:
        data = self.data(kind, (PROGRAMS, *shape)) if data is None else data
        self.inputs.append(Value(kind, data))
        name = f"x{len(self.inputs) - 1}"
        at = self.offsets(shape)
        self.lines.append(f"{name} = tl.load(p{len(self.inputs) - 1} + {at})")
        var = _Var(name, self.inputs[-1], shape)
        self.scope.append(var)
        return var

    def store(self, text: str, value: Value, *, ulps: float = 0.0, within: Any = None, what: str = "") -> _Var:
        """A new variable with this text, which is stored and checked."""
        if self.gpu and value.floating and what in ROUNDED_OTHERWISE:
            ulps = max(ulps, 2.0)
        name = f"v{len(self.checks)}"
        line = f"{name} = {text}"
        shape = value.data.shape[1:]
        at = self.offsets(shape)
        self.lines += [line, f"tl.store(o{len(self.checks)} + {at}, {name})"]
        if value.data.shape[0] == 1:
            value = Value(value.kind, np.broadcast_to(value.data, (PROGRAMS, *shape)))
        self.checks.append(Check(f"{what or text.split('(')[0]} {value.kind}", line, value, ulps, within))
        var = _Var(name, value, shape)
        if ulps == 0 and within is None:
            self.scope.append(var)
        return var

    def data(self, kind: str, shape: tuple[int, ...]) -> Any:
        """Numbers of every size, and special ones."""
        size = int(np.prod(shape))
        rng = self.numpy
        if kind == "i1":
            return rng.integers(0, 2, size).astype(bool).reshape(shape)
        if kind in INTS:
            width = WIDTH[kind]
            raw = rng.integers(0, 2**63, size, dtype=np.uint64) * np.uint64(2) + rng.integers(
                0, 2, size, dtype=np.uint64
            )
            raw >>= rng.integers(64 - width, 64, size).astype(np.uint64)
            signs = rng.integers(0, 2, size).astype(bool)
            numbers = np.where(signs, raw, ~raw + np.uint64(1)).astype(INTS[kind])
            info = np.iinfo(INTS[kind])
            special = np.array([0, 1, info.max, info.min, info.max - 1], dtype=INTS[kind])
            return np.where(rng.random(size) < 0.15, rng.choice(special, size), numbers).reshape(shape)
        numbers = rng.standard_normal(size) * 2.0 ** rng.integers(-3, 4, size)
        wide = rng.standard_normal(size) * 2.0 ** rng.integers(-20, 20, size)
        numbers = np.where(rng.random(size) < 0.3, wide, numbers)
        numbers = np.where(rng.random(size) < 0.15, rng.choice(np.array(SPECIAL), size), numbers)
        numbers = np.where(rng.random(size) < 0.15, np.rint(numbers), numbers)
        return exact.round_to(numbers, kind).reshape(shape)

    # Elementwise

    def elementwise(self) -> None:
        shape = self.rng.choice(SHAPES)
        first = self.rng.choice(tuple(TYPES))
        for kind in (first, first, self.rng.choice(tuple(TYPES))):
            self.load(kind, shape)
        for _ in range(self.rng.choice((2, 3, 4, 5))):
            self.step()

    def step(self) -> None:
        forms: tuple[tuple[Callable[[], None], int], ...] = (
            (self.arithmetic, 30), (self.bitwise, 10), (self.compared, 8), (self.extremum, 10), (self.cast, 18), (self.unary, 8),
            (self.function, 6), (self.selected, 6), (self.fused, 5), (self.clamped, 3), (self.bits, 3), (self.rounded_toward_zero, 2),
        )  # fmt: skip
        self.rng.choices([f for f, _ in forms], [w for _, w in forms])[0]()

    def pick(self, kinds: tuple[str, ...], like: _Var | None = None) -> _Var:
        """A variable of one of these kinds, cast if there is none. Never fp8."""
        found = [v for v in self.scope if v.value.kind in kinds and (like is None or v.shape == like.shape)]
        if found:
            return self.rng.choice(found[-5:])
        var = self.rng.choice([v for v in self.scope if like is None or v.shape == like.shape])
        kind = self.rng.choice(kinds)
        return self.cast_to(var, kind)

    def operand(self, var: _Var, divides: bool = False) -> tuple[str, Value]:
        """The other side of an operation: a variable or a number. A division of floats is in fp32 or fp64."""
        if self.rng.random() < 0.35:
            number, kind = self.number(var.value.kind), var.value.kind
            return _written(number), exact.literal(number, "fp32" if divides and kind in ("fp16", "bf16") else kind)
        kinds = (var.value.kind,) if self.rng.random() < 0.7 else (*INTS, *FLOATS)
        other = self.pick(kinds, var)
        return other.name, other.value

    def number(self, kind: str) -> bool | int | float:
        if kind == "i1":
            return self.rng.random() < 0.5
        if kind in INTS:
            small = self.rng.choice((0, 1, 2, 3, 5, 7, 100, 127))
            return -small if not kind.startswith("u") and self.rng.random() < 0.4 else small
        return self.rng.choice((0.0, 1.0, 2, -3, 0.1, -0.7, 1e-3, 3.14159, 1000.5, 0.5, 7, -1e-5, 6e4))

    def arithmetic(self) -> None:
        operator = self.rng.choice(("+", "-", "*", "+", "-", "*", "/", "%", "//"))
        kinds = FLOATS if self.rng.random() < 0.6 else tuple(k for k in INTS if k != "i1" or operator in "+-*")
        if operator == "//":
            kinds = tuple(k for k in INTS if k != "i1")
        left = self.pick(kinds)
        text, right = self.operand(left, divides=operator in ("/", "%"))
        kind = exact.promoted(left.value.kind, right.kind)
        if operator in ("//", "%") and kind in INTS:
            divisor = self.rng.choice((3, 5, 7, 10, 1, -3 if not left.value.kind.startswith("u") else 3))
            text, right = _written(divisor), exact.literal(divisor, left.value.kind)
        elif operator in ("//", "%") and right.kind == "i1":
            return
        if operator == "//" and kind not in INTS:
            return
        if (
            operator == "/"
            and {left.value.kind, right.kind} <= set(INTS)
            and _signed(left.value.kind) != _signed(right.kind)
        ):
            return  # Triton refuses it
        swap = self.rng.random() < 0.3 and operator not in ("//", "%")
        a, b = (right, left.value) if swap else (left.value, right)
        names = (text, left.name) if swap else (left.name, text)
        self.store(f"{names[0]} {operator} {names[1]}", exact.arithmetic(operator, a, b), what=operator)

    def bitwise(self) -> None:
        operator = self.rng.choice(("&", "|", "^", "<<", ">>"))
        left = self.pick(tuple(k for k in INTS if k != "i1" or operator in "&|^"))
        if operator in ("<<", ">>"):
            if self.rng.random() < 0.5:
                amount = self.rng.randrange(WIDTH[left.value.kind])
                self.store(
                    f"{left.name} {operator} {amount}",
                    exact.bitwise(operator, left.value, exact.literal(amount, left.value.kind)),
                    what=operator,
                )
            else:
                other = self.pick((left.value.kind,), left)
                shift = exact.bitwise("&", other.value, exact.literal(7, left.value.kind))
                self.store(
                    f"{left.name} {operator} ({other.name} & 7)",
                    exact.bitwise(operator, left.value, shift),
                    what=operator,
                )
            return
        other = self.pick((left.value.kind,) if self.rng.random() < 0.7 else tuple(INTS), left)
        self.store(
            f"{left.name} {operator} {other.name}", exact.bitwise(operator, left.value, other.value), what=operator
        )

    def compared(self) -> None:
        left = self.pick((*INTS, *FLOATS))
        text, right = self.operand(left)
        operator = self.rng.choice(("<", "<=", ">", ">=", "==", "!="))
        self.store(
            f"{left.name} {operator} {text}",
            exact.compared(operator, left.value, right),
            what=f"{operator} of {left.value.kind}",
        )

    def extremum(self) -> None:
        left = self.pick((*INTS, *FLOATS))
        text, right = self.operand(left)
        name = self.rng.choice(("maximum", "minimum"))
        call = f"tl.{name}" if self.rng.random() < 0.7 else name[:3]
        self.store(f"{call}({left.name}, {text})", exact.extremum(name, left.value, right), what=name)

    def cast(self) -> None:
        self.cast_to(self.rng.choice(self.scope), self.rng.choice(tuple(TYPES)))

    def cast_to(self, var: _Var, kind: str) -> _Var:
        """A cast of the variable, over fp32 where Triton has none: between fp8 and integers, fp64 and fp8, and two of fp8."""
        source = var.value
        if source.kind == kind:
            return var
        fp8 = [k for k in (source.kind, kind) if k.startswith("fp8")]
        others = [k for k in (source.kind, kind) if not k.startswith("fp8")]
        if len(fp8) == 2 or (fp8 and (others[0] in INTS or others[0] == "fp64")):
            var = self.store(
                f"{var.name}.to(tl.float32)", exact.cast(source, "fp32"), what=f"cast from {source.kind} to"
            )
            source = var.value
        name = var.name
        if source.floating and kind in INTS and kind != "i1":
            width = WIDTH[kind]
            low, high = (
                (0.0, 2.0**width - 1) if kind.startswith("u") else (-(2.0 ** (width - 1)), 2.0 ** (width - 1) - 1)
            )
            limit = float(max(1.0, _below(high, source.kind)))
            least = 0.0 if low == 0 else -limit
            inside = (source.data >= least) & (source.data <= limit)
            name = f"tl.where(({name} >= {least!r}) & ({name} <= {limit!r}), {name}, 0.0)"
            source = Value(source.kind, np.where(inside, source.data, 0.0))
        return self.store(f"{name}.to(tl.{TYPES[kind]})", exact.cast(source, kind), what=f"cast from {source.kind} to")

    def unary(self) -> None:
        form = self.rng.choice(("-", "abs", "~"))
        var = self.pick(tuple(INTS) if form == "~" else (*INTS, *FLOATS))
        if form == "-":
            self.store(f"-{var.name}", exact.negative(var.value), what="unary -")
        elif form == "~":
            self.store(f"~{var.name}", exact.inverted(var.value), what="~")
        else:
            self.store(f"tl.abs({var.name})", exact.absolute(var.value))

    def function(self) -> None:
        var = self.pick(("fp32", "fp64"))
        names = [n for n in exact.FUNCTIONS if n != "sqrt_rn" or var.value.kind == "fp32"]
        name = self.rng.choice(names)
        if name in ("sin", "cos"):  # far from 0 a GPU's are not close
            small = exact.round_to(np.where(np.abs(var.value.data) < 1000, var.value.data, 0.5), var.value.kind)
            var = self.store(f"tl.where(tl.abs({var.name}) < 1000.0, {var.name}, 0.5)", Value(var.value.kind, small))
        ulps = 0.0 if name in exact.EXACT else 4.0 if var.value.kind == "fp64" or name in ("sigmoid", "erf") else 2.0
        self.store(f"tl.{name}({var.name})", exact.function(name, var.value), ulps=ulps, what=name)

    def selected(self) -> None:
        left = self.pick((*INTS, *FLOATS))
        text, right = self.operand(left)
        condition = self.pick(("i1",), left)
        self.store(
            f"tl.where({condition.name}, {left.name}, {text})", exact.selected(condition.value, left.value, right)
        )

    def fused(self) -> None:
        a = self.pick(FLOATS)
        b, c = self.pick((a.value.kind,), a), self.pick((a.value.kind,), a)
        self.store(f"tl.fma({a.name}, {b.name}, {c.name})", exact.fused(a.value, b.value, c.value))

    def clamped(self) -> None:
        var = self.pick(("fp32", "fp16", "i32"))
        low, high = (-3, 5) if var.value.kind in INTS else (-1.5, 2.5)
        if np.isnan(var.value.data.astype(float)).any():
            return
        bounds = [exact.literal(n, var.value.kind) for n in (low, high)]
        value = exact.extremum("minimum", exact.extremum("maximum", var.value, bounds[0]), bounds[1])
        self.store(f"tl.clamp({var.name}, {low}, {high})", value)

    def bits(self) -> None:
        """The bits of fp32 as an integer and back."""
        var = self.pick(("fp32",))
        safe = np.where(np.isnan(var.value.data), 1.0, var.value.data)
        var = self.store(f"tl.where({var.name} == {var.name}, {var.name}, 1.0)", Value("fp32", safe))
        raw = safe.astype(np.float32).view(np.int32)
        self.store(f"{var.name}.to(tl.int32, bitcast=True)", Value("i32", raw), what="bitcast to")

    def rounded_toward_zero(self) -> None:
        var = self.pick(("fp32",))
        kind = self.rng.choice(("fp16", "bf16"))
        near = exact.round_to(var.value.data, kind)
        with np.errstate(all="ignore"):
            nearer = _toward_zero(near, kind)
            cut = np.where(np.abs(near) > np.abs(var.value.data), nearer, near)
        self.store(
            f"{var.name}.to(tl.{TYPES[kind]}, fp_downcast_rounding='rtz')",
            Value(kind, cut),
            what="cast toward zero from fp32 to",
        )

    # Reductions and scans

    def small(self, kind: str, shape: tuple[int, ...]) -> Any:
        """Numbers whose sums are exact in every order, in every type."""
        whole = self.numpy.integers(-3, 4, shape)
        return whole.astype(INTS[kind]) if kind in INTS else whole.astype(np.float64)

    def ones(self, kind: str, shape: tuple[int, ...]) -> Any:
        """Numbers whose products are exact in every order, in every type."""
        if kind in INTS:
            return self.data(kind, shape)
        signs = np.where(self.numpy.random(shape) < 0.5, 1.0, -1.0)
        return signs * np.where(self.numpy.random(shape) < 0.1, self.rng.choice((2.0, 0.5)), 1.0)

    def reductions(self) -> None:
        for _ in range(self.rng.choice((1, 2, 3))):
            self.reduction()

    def reduction(self) -> None:
        shape = self.rng.choice(SHAPES)
        kind = self.rng.choice((*INTS, *FLOATS, "fp32", "fp16"))
        name = self.rng.choice(("sum", "sum", "max", "min", "argmax", "argmin", "xor_sum", "add", "largest", "product"))
        if name in ("xor_sum", "product") and (kind not in INTS or kind == "i1"):
            kind = self.rng.choice(tuple(k for k in INTS if k != "i1"))
        if name in ("add", "largest") and kind == "i1":
            kind = "i32"
        axis = self.rng.choice((*range(len(shape)), -1))
        everything = name not in ("argmax", "argmin") and self.rng.random() < 0.2
        keep = self.rng.random() < 0.3
        rough = name == "sum" and kind in FLOATS and self.rng.random() < 0.4
        if rough:
            data = exact.round_to(self.numpy.standard_normal((PROGRAMS, *shape)), kind)
        elif name in ("sum", "add"):
            data = self.data(kind, (PROGRAMS, *shape)) if kind in INTS else self.small(kind, (PROGRAMS, *shape))
        else:
            data = self.data(kind, (PROGRAMS, *shape))
            if name.startswith("arg") and kind not in INTS:
                data = np.where(np.isnan(data), 1.0, data)
            if name.startswith("arg") and self.rng.random() < 0.5:  # ties: the first one wins
                data = self.small(kind, (PROGRAMS, *shape))
        var = self.load(kind, shape, data)
        axes: Any = tuple(range(1, len(shape) + 1)) if everything else axis % len(shape) + 1
        options = {"axis": axes, "keepdims": keep}
        data = data.astype(INTS[_summed(kind)]) if kind in INTS and name == "sum" else data
        kept = ", keep_dims=True" if keep else ""
        where = "None" if everything else str(axis)
        match name:
            case "sum":
                result = _summed(kind)
                value = np.sum(data, **options, dtype=INTS.get(result, np.float64))
                bound = None
                if rough:
                    unit = 2.0**-52 if kind == "fp64" else 2.0 ** (1 - exact.FORMATS[kind].precision)
                    bound = np.sum(np.abs(data), **options) * unit * 16
                self.store(f"tl.sum({var.name}, {where}{kept})", Value(result, value), within=bound)
            case "max" | "min":
                result = _widened(kind)
                self.store(
                    f"tl.{name}({var.name}, {where}{kept})", Value(result, _extreme(name, data, kind, result, options))
                )
            case "argmax" | "argmin":
                found = getattr(np, name)(data, axis=axes)
                if keep:
                    found = np.expand_dims(found, axes)
                self.store(f"tl.{name}({var.name}, {axis}{kept})", Value("i32", found.astype(np.int32)))
            case "xor_sum":
                self.store(
                    f"tl.xor_sum({var.name}, {where}{kept})", Value(kind, np.bitwise_xor.reduce(data, **options))
                )
            case "add":
                value = np.sum(data, **options, dtype=INTS.get(kind, np.float64))
                self.store(f"tl.reduce({var.name}, {where}, {self.helper('a + b')}{kept})", Value(kind, value))
            case "largest":
                value = _extreme("max", data, kind, kind, options)
                self.store(
                    f"tl.reduce({var.name}, {where}, {self.helper('tl.maximum(a, b)')}{kept})", Value(kind, value)
                )
            case "product":
                value = np.prod(data, **options, dtype=INTS[kind])
                self.store(f"tl.reduce({var.name}, {where}, {self.helper('a * b')}{kept})", Value(kind, value))

    def helper(self, body: str) -> str:
        name = f"combine{len(self.helpers)}"
        self.helpers.append(f"@triton.jit\ndef {name}(a, b):\n    return {body}\n")
        return name

    def scans(self) -> None:
        for _ in range(self.rng.choice((1, 2, 3))):
            self.scan()

    def scan(self) -> None:
        shape = self.rng.choice(SHAPES)
        kind = self.rng.choice((*INTS, *FLOATS, "fp32", "fp16"))
        name = self.rng.choice(("cumsum", "cumprod", "add", "largest"))
        if name in ("add", "largest") and kind == "i1":
            kind = "i32"
        axis = self.rng.choice((*range(len(shape)), -1))
        at, reverse = axis % len(shape) + 1, self.rng.random() < 0.4
        whole = (PROGRAMS, *shape)
        if name == "largest":
            data = self.data(kind, whole)
        elif name == "cumprod":
            data = self.ones(kind, whole)
        else:
            data = self.data(kind, whole) if kind in INTS else self.small(kind, whole)
        var = self.load(kind, shape, data)
        result = _summed(kind) if name.startswith("cum") else kind
        ordered = np.flip(data, at) if reverse else data
        ordered = ordered.astype(INTS[result]) if result in INTS else ordered
        function = {"cumsum": np.cumsum, "add": np.cumsum, "cumprod": np.cumprod, "largest": _running_maximum}[name]
        value = function(ordered, axis=at, **({} if name == "largest" else {"dtype": ordered.dtype}))
        value = np.flip(value, at) if reverse else value
        backward = ", reverse=True" if reverse else ""
        combine = {"add": "a + b", "largest": "tl.maximum(a, b)"}.get(name)
        call = (
            f"tl.associative_scan({var.name}, {axis}, {self.helper(combine)}{backward})"
            if combine
            else f"tl.{name}({var.name}, {axis}{backward})"
        )
        self.store(call, Value(result, value))

    # Products

    def products(self) -> None:
        kind = self.rng.choice(("fp16", "bf16", "fp32", "fp32", "fp8e4nv", "fp8e5", "i8", "fp64"))
        m, k, n = self.rng.choice((16, 32)), self.rng.choice((32, 64)), self.rng.choice((16, 32))
        precision = self.rng.choice(("", "", "ieee", "tf32")) if kind == "fp32" else ""
        form = "whole" if kind == "i8" else self.rng.choice(("whole", "selecting", "rough"))
        shapes = (PROGRAMS, m, k), (PROGRAMS, k, n)
        if form == "whole":
            left, right = (self.small(kind, s) if kind != "i8" else self.data(kind, s) for s in shapes)
        elif form == "selecting":  # each result is one element of the left: every product but one is with 0
            left = exact.round_to(
                self.numpy.standard_normal(shapes[0]) * 2.0 ** self.numpy.integers(-6, 5, shapes[0]), kind
            )
            right = np.zeros(shapes[1])
            for program in range(PROGRAMS):
                right[program, self.numpy.integers(0, k, n), np.arange(n)] = 1.0
        else:
            left, right = (exact.round_to(self.numpy.standard_normal(s), kind) for s in shapes)
        a, b = self.load(kind, (m, k), left), self.load(kind, (k, n), right)
        x, y = left, right
        if kind == "fp32" and precision != "ieee":
            x, y = exact.round_away(left, "tf32"), exact.round_away(right, "tf32")
        result = "i32" if kind == "i8" else "fp64" if kind == "fp64" else "fp32"
        total = x.astype(np.int64) @ y.astype(np.int64) if kind == "i8" else x @ y
        arguments = ""
        if self.rng.random() < 0.4 and kind != "fp64":
            start = self.small(result, (PROGRAMS, m, n))
            acc = self.load(result, (m, n), start)
            arguments, total = f", {acc.name}", total + start
        arguments += f", input_precision='{precision}'" if precision else ""
        bound = None
        if form == "rough" or (form == "selecting" and ", x2" in arguments):
            bound = (np.abs(x) @ np.abs(y) + 3) * (2.0**-52 if kind == "fp64" else 2.0**-23) * 8
        value = Value(result, total.astype(np.int32) if kind == "i8" else exact.round_to(total, result))
        what = f"tl.dot of {kind} {precision}, {form},"
        self.store(f"tl.dot({a.name}, {b.name}{arguments})", value, within=bound, what=what)


def _signed(kind: str) -> bool:
    return kind.startswith("i") and kind != "i1"


def _written(number: bool | int | float) -> str:
    return repr(number)


def _below(high: float, kind: str) -> float:
    """The largest value of a float type that is at most so much."""
    if kind == "fp64":
        return high if high < 2.0**53 else np.nextafter(high, 0.0)
    form = exact.FORMATS[kind]
    near = min(float(exact.round_to(np.array(high), kind)), form.largest)
    return float(_toward_zero(np.array(near), kind)) if near > high or near >= 2.0**31 else near


def _toward_zero(x: Any, kind: str) -> Any:
    """The next value of a type toward zero. After ∞ comes the largest."""
    form = exact.FORMATS[kind]
    exponent = np.frexp(x)[1] - 1
    exponent = np.where(np.abs(x) == np.ldexp(1.0, exponent), np.maximum(exponent - 1, form.least), exponent)
    step = np.ldexp(1.0, np.maximum(exponent, form.least) - (form.precision - 1))
    return np.copysign(np.where(np.isinf(x), form.largest, np.abs(x) - step), x)


def _summed(kind: str) -> str:
    """The type of a sum: narrow integers become 32 bits wide."""
    if kind not in INTS or WIDTH[kind] >= 32:
        return kind
    return "i32" if kind.startswith("i") and kind != "i1" else "u32"


def _widened(kind: str) -> str:
    """The type of `tl.max`: narrow types become 32 bits wide."""
    if kind in INTS:
        return kind if WIDTH[kind] >= 32 else "i32"
    return kind if kind == "fp64" else "fp32"


def _extreme(name: str, data: Any, kind: str, result: str, options: dict[str, Any]) -> Any:
    """The largest or smallest. NaN counts only where all are NaN, and −0 is less than +0."""
    if kind in INTS:
        return getattr(np, name)(data.astype(INTS[result]), **options)
    sign = 1.0 if name == "max" else -1.0
    empty = np.isnan(data).all(**options)
    best = sign * np.max(np.where(np.isnan(data), -np.inf, sign * data), **options)
    zero = -0.0 if name == "max" else 0.0  # the worse of the two zeros
    better = (data == 0) & (np.signbit(data) == (name == "min"))
    best = np.where(best == 0, np.where(better.any(**options), -zero, zero), best)
    return np.where(empty, np.nan, best)


def _running_maximum(data: Any, axis: int) -> Any:
    if data.dtype != np.float64:
        return np.maximum.accumulate(data, axis=axis)
    out = np.moveaxis(data.copy(), axis, 0)
    for i in range(1, out.shape[0]):
        out[i] = exact.extremum("maximum", Value("fp64", out[i - 1]), Value("fp64", out[i])).data
    return np.moveaxis(out, 0, axis)
