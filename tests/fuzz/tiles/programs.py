"""Random kernels about types: operators, casts, literals, shapes, reductions, products, loops, branches, helpers.

Most of them compile. The generator knows roughly what type each variable has, and now and then takes an operand that
does not fit. It never stores, and loads only elements that exist, so what a kernel does at run time is no mistake.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Any

from tests.fuzz.tiles.front_end import Job

HEAD = "import triton\nimport triton.language as tl\nCONFIG = {}\n"
TYPES = {
    "i1": "int1", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64",
    "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64",
    "fp8e4nv": "float8e4nv", "fp8e5": "float8e5", "fp16": "float16", "bf16": "bfloat16", "fp32": "float32", "fp64": "float64",
}  # fmt: skip
INTS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")
FLOATS = ("fp16", "bf16", "fp32", "fp64")
COMMON = ("fp16", "bf16", "fp32", "fp32", "fp32", "i32", "i32", "i1", "i64")
SHAPES = ((16,), (16,), (32,), (16, 16), (16, 16), (16, 32), (4, 8), (8, 1), (1, 8), (2, 4, 8))
ELEMENTS = 4096  # of each tensor
LITERALS = ("0", "1", "2", "3", "7", "-1", "-5", "100", "127", "128", "200", "255", "256", "-129", "40000", "65536", "2147483647",
            "2147483648", "4294967295", "4294967296", "-2147483649", "True", "False", "0.0", "1.0", "0.5", "-2.5", "1e-3", "3.4e38",
            "1e39", "1e-40", "float('inf')", "float('-inf')")  # fmt: skip
SMALL = ("1", "2", "3", "4", "-1", "5")
FLOAT_MATH = ("exp", "exp2", "log", "log2", "sqrt", "rsqrt", "sqrt_rn", "sin", "cos", "erf", "floor", "ceil", "sigmoid")
ARITHMETIC = ("+", "-", "*", "/", "//", "%")
BITWISE = ("&", "|", "^", "<<", ">>")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


@dataclass(frozen=True)
class Var:
    """What the generator believes of an expression. `kind` is a type of TYPES, "*" and a type, or "const"."""

    text: str
    kind: str
    shape: tuple[int, ...] = ()

    @property
    def tile(self) -> bool:
        return bool(self.shape)

    @property
    def number(self) -> bool:
        return not self.kind.startswith("*")


@dataclass(frozen=True)
class Program:
    """A kernel and its arguments. `tensors` are the element types of the pointers, `numbers` the other arguments."""

    source: str
    tensors: dict[str, str]
    numbers: dict[str, int | float | bool]
    constants: dict[str, Any]

    @property
    def job(self) -> Job:
        numbers = {name: kind_of(value) for name, value in self.numbers.items()}
        constants = self.constants | {name: self.numbers[name] for name, k in numbers.items() if k == "constexpr"}
        signature = {name: f"*{kind}" for name, kind in self.tensors.items()} | numbers
        return Job(self.source, signature | dict.fromkeys(self.constants, "constexpr"), constants)


def kind_of(value: int | float | bool) -> str:
    """The type that Triton's launcher gives to a number. A 1 is compiled as a constant."""
    if isinstance(value, bool):
        return "u1"
    if isinstance(value, float):
        return "fp32"
    if value == 1:
        return "constexpr"
    if -(2**31) <= value < 2**31:
        return "i32"
    return "i64" if value < 2**63 else "u64"


def program(seed: object) -> Program:
    """The program of a seed."""
    return Maker(random.Random(str(seed))).program()


@dataclass
class Maker:
    rng: random.Random
    lines: list[str] = field(default_factory=list)
    helpers: list[str] = field(default_factory=list)
    scope: list[Var] = field(default_factory=list)
    count: int = 0
    depth: int = 0

    def program(self) -> Program:
        rng = self.rng
        tensors = {f"p{i}": self.dtype() for i in range(rng.choice((1, 2, 3)))}
        numbers: dict[str, int | float | bool] = {"n": rng.choice((2, 3, 5, 2, 3, 1)), "f": rng.choice((0.5, 3.0))}
        if rng.random() < 0.3:
            numbers["m"] = rng.choice((2**31, 2**40, -(2**31), 2**63, 0, 16))
        if rng.random() < 0.1:
            numbers["t"] = rng.random() < 0.5
        constants: dict[str, Any] = {"B": 16}
        if rng.random() < 0.4:
            constants["C"] = rng.choice((2, 3, 0, -1, 0.5, 2.0, True, False, 2**33))
        self.scope = [Var(name, kind_of(value)) for name, value in numbers.items()]
        self.scope += [Var(name, "const") for name in constants]
        for name, kind in tensors.items():
            self.load(name, kind)
        for _ in range(rng.choice((1, 2, 3, 4, 5, 7, 9))):
            self.statement()
        parameters = [*tensors, *numbers, *(f"{name}: tl.constexpr" for name in constants)]
        body = "".join(f"    {line}\n" for line in self.lines)
        kernel = f"@triton.jit\ndef kernel({', '.join(parameters)}):\n{body}"
        return Program(HEAD + "".join(self.helpers) + kernel, tensors, numbers, constants)

    # Values

    def dtype(self) -> str:
        return self.rng.choice(COMMON) if self.rng.random() < 0.6 else self.rng.choice(tuple(TYPES))

    def new(self) -> str:
        self.count += 1
        return f"v{self.count - 1}"

    def write(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def assign(self, value: Var) -> Var:
        name = self.new()
        self.write(f"{name} = {value.text}")
        kind = value.kind
        if kind == "const":  # an assigned constant is a scalar
            kind = "fp32" if "." in value.text or "e" in value.text else "i32"
        var = Var(name, kind, value.shape)
        self.scope.append(var)
        return var

    def offsets(self, shape: tuple[int, ...]) -> str:
        """An expression for the positions of a tile of this shape in a tensor."""
        parts, stride = [], 1
        for axis in reversed(range(len(shape))):
            index = ", ".join(":" if i == axis else "None" for i in range(len(shape)))
            part = f"tl.arange(0, {shape[axis]})" + (f"[{index}]" if len(shape) > 1 else "")
            parts.append(part if stride == 1 else f"{part} * {stride}")
            stride *= shape[axis]
        return " + ".join(reversed(parts))

    def load(self, name: str, kind: str) -> Var:
        shape = self.rng.choice(SHAPES)
        at = self.offsets(shape)
        if self.rng.random() < 0.15:
            return self.assign(Var(f"tl.load({name} + {self.rng.choice(SMALL[:4])})", kind))
        pointer = self.assign(
            Var(f"{name} + {at}" if self.rng.random() < 0.7 else f"({at}) + {name}", "*" + kind, shape)
        )
        form = self.rng.random()
        if form < 0.6:
            return self.assign(Var(f"tl.load({pointer.text})", kind, shape))
        mask = self.rng.choice(
            (
                *(f"({at}) < {bound}" for bound in ("n", "7", "B", "2.5")),
                "n > 2",
                "True",
                "n" if self.rng.random() < 0.1 else "n > 3",
            )
        )
        other = self.rng.choice(("0", "0.0", "-1", "1.5", "float('-inf')", "f", "True", "n"))
        return self.assign(Var(f"tl.load({pointer.text}, mask={mask}, other={other})", kind, shape))

    def pick(self, *, tile: bool | None = None, wanted: tuple[str, ...] | None = None, shape: Any = None) -> Var:
        """A variable, most often one that fits."""
        rng, found = self.rng, [v for v in self.scope if v.number]
        if rng.random() < 0.97:
            for fits in (
                lambda v: v.kind != "const" or rng.random() < 0.1,
                lambda v: tile is None or v.tile == tile,
                lambda v: wanted is None or v.kind in wanted,
                lambda v: shape is None or v.shape == shape,
            ):
                found = [v for v in found if fits(v)] or found
        elif rng.random() < 0.2:
            found = self.scope
        return rng.choice(found[-8:] if rng.random() < 0.7 else found)

    def floating(self, **rest: Any) -> Var:
        """A value of fp32 or fp64, most often."""
        var = self.pick(wanted=("fp32", "fp64"), **rest)
        if var.kind not in ("fp32", "fp64", "const") and self.rng.random() < 0.9:
            return Var(f"{var.text}.to(tl.float32)", "fp32", var.shape)
        return var

    def integer(self, **rest: Any) -> Var:
        var = self.pick(wanted=INTS, **rest)
        if var.kind not in (*INTS, "i1", "const") and self.rng.random() < 0.9:
            return Var(f"{var.text}.to(tl.int32)", "i32", var.shape)
        return var

    def literal(self) -> Var:
        return Var(self.rng.choice(LITERALS if self.rng.random() < 0.5 else SMALL), "const")

    def compatible(self, var: Var) -> Var:
        """An operand beside `var`: a literal, a scalar, or a tile whose shape can be broadcast."""
        form = self.rng.random()
        if form < 0.3:
            return self.literal()
        if form < 0.4:
            return Var(self.rng.choice(("B", "n", "f")), "const")
        candidates = [v for v in self.scope if v.number and _broadcasts(v.shape, var.shape)]
        if not candidates or self.rng.random() < 0.02:
            return self.pick()
        return self.rng.choice(candidates[-8:])

    # Expressions

    def expression(self) -> Var:
        makers = (
            (self.binary, 26), (self.compare, 8), (self.unary, 8), (self.cast, 12), (self.float_math, 6), (self.extremum, 7),
            (self.logic, 6), (self.where, 7), (self.reduction, 9), (self.scan, 4), (self.shape_change, 10), (self.product, 5),
            (self.full, 5), (self.constant, 6), (self.ternary, 4), (self.three, 4), (self.call, 6), (self.grid_size, 2), (self.joined, 4),
            (self.function, 4), (self.rarer, 4), (self.picked, 3),
        )  # fmt: skip
        maker = self.rng.choices([m for m, _ in makers], [w for _, w in makers])[0]
        return maker()

    def binary(self) -> Var:
        operator = self.rng.choice(ARITHMETIC if self.rng.random() < 0.75 else BITWISE)
        whole = operator in ("//", *BITWISE)
        left = self.integer() if whole else self.pick()
        right = self.compatible(left)
        if whole and right.kind not in (*INTS, "i1", "const") and self.rng.random() < 0.9:
            right = Var(self.rng.choice(SMALL[:4]), "const")
        if self.rng.random() < 0.3:
            left, right = right, left
        kind = _promoted(left, right)
        if operator == "/" and kind in (*INTS, "i1"):
            kind = "fp32"
        return Var(f"({left.text} {operator} {right.text})", kind, _joint(left, right))

    def compare(self) -> Var:
        left = self.pick()
        right = self.compatible(left)
        operator = self.rng.choice(COMPARISONS)
        if self.rng.random() < 0.1:
            third = self.compatible(left)
            return Var(
                f"({left.text} {operator} {right.text} {self.rng.choice(COMPARISONS)} {third.text})",
                "i1",
                _joint(left, right),
            )
        return Var(f"({left.text} {operator} {right.text})", "i1", _joint(left, right))

    def unary(self) -> Var:
        form = self.rng.choice(("-", "-", "~", "not ", "+", "abs"))
        if form == "abs":
            var = self.pick()
            return Var(f"tl.abs({var.text})", var.kind, var.shape)
        var = {"~": self.integer, "not ": lambda: self.pick(wanted=("i1",))}.get(form, self.pick)()
        if form == "+" and self.rng.random() < 0.9:
            form = "-"
        if form == "not " and var.kind != "i1" and self.rng.random() < 0.9:
            var = Var(f"({var.text} != 0)", "i1", var.shape)
        return Var(f"({form}{var.text})", "i1" if form == "not " else var.kind, var.shape)

    def cast(self) -> Var:
        var, kind = self.pick(), self.rng.choice(tuple(TYPES))
        form = self.rng.random()
        if form < 0.08:
            same = [k for k in TYPES if _bits(k) == _bits(var.kind)] or [kind]
            kind = self.rng.choice(same) if self.rng.random() < 0.9 else kind
            return Var(f"{var.text}.to(tl.{TYPES[kind]}, bitcast=True)", kind, var.shape)
        if form < 0.14:
            other = self.pick()
            return Var(f"{var.text}.to({other.text}.dtype)", other.kind, var.shape)
        if form < 0.18:
            return Var(f"{var.text}.to(p0.dtype.element_ty)", "fp32", var.shape)
        if form < 0.3:
            return Var(f"tl.cast({var.text}, tl.{TYPES[kind]})", kind, var.shape)
        return Var(f"{var.text}.to(tl.{TYPES[kind]})", kind, var.shape)

    def float_math(self) -> Var:
        var = self.floating()
        return Var(f"tl.{self.rng.choice(FLOAT_MATH)}({var.text})", var.kind, var.shape)

    def extremum(self) -> Var:
        left = self.pick()
        right = self.compatible(left)
        name = self.rng.choice(("max", "min", "tl.maximum", "tl.minimum", "tl.maximum", "tl.minimum"))
        more = f", {self.compatible(left).text}" if name in ("max", "min") and self.rng.random() < 0.2 else ""
        return Var(f"{name}({left.text}, {right.text}{more})", _promoted(left, right), _joint(left, right))

    def logic(self) -> Var:
        left = self.pick(wanted=("i1",))
        right = self.compatible(left)
        if right.kind not in ("i1", "const") and self.rng.random() < 0.97:
            right = Var(f"({right.text} > 0)", "i1", right.shape)
        if left.kind not in ("i1", "const") and self.rng.random() < 0.97:
            left = Var(f"({left.text} != 0)", "i1", left.shape)
        return Var(f"({left.text} {self.rng.choice(('and', 'or'))} {right.text})", "i1", _joint(left, right))

    def where(self) -> Var:
        left = self.pick()
        right = self.compatible(left)
        condition = self.pick(wanted=("i1",), shape=left.shape)
        text = condition.text if condition.kind == "i1" or self.rng.random() < 0.2 else f"{condition.text} > 0"
        if not _broadcasts(condition.shape, left.shape) and self.rng.random() < 0.9:
            text = f"{left.text} == {left.text}"
        return Var(f"tl.where({text}, {left.text}, {right.text})", _promoted(left, right), _joint(left, right))

    def reduction(self) -> Var:
        var = self.pick(tile=True)
        rank = max(1, len(var.shape))
        axis = self.rng.choice((*range(rank), rank - 1, None, -1)) if self.rng.random() < 0.95 else rank
        keep = self.rng.random() < 0.25
        shape = _reduced(var.shape, axis, keep)
        form = self.rng.choice(("sum", "sum", "max", "min", "argmax", "argmin", "xor_sum", "reduce"))
        if form in ("argmax", "argmin") and axis is None:
            axis = 0
            shape = _reduced(var.shape, 0, keep)
        kept = ", keep_dims=True" if keep else ""
        if form == "reduce":
            return Var(f"tl.reduce({var.text}, {axis}, {self.combiner()}{kept})", var.kind, shape)
        if form == "xor_sum":
            var = self.integer(tile=True)
            axis = 0
            shape = _reduced(var.shape, axis, keep)
        where = f", axis={axis}" if self.rng.random() < 0.6 else f", {axis}"
        if axis is None and self.rng.random() < 0.5:
            where = ""
        if form == "sum" and self.rng.random() < 0.15:
            kept += f", dtype=tl.{TYPES[self.dtype()]}"
        kind = "i32" if form.startswith("arg") else var.kind
        if form in ("max", "min") and kind in ("fp16", "bf16", "i8", "i16", "u8", "u16", "i1"):
            kind = "fp32" if kind in FLOATS else "i32"
        return Var(f"tl.{form}({var.text}{where}{kept})", kind, shape)

    def scan(self) -> Var:
        var = self.pick(tile=True)
        axis = self.rng.randrange(-1, max(1, len(var.shape)))
        reverse = self.rng.choice(("", "", ", reverse=True"))
        if self.rng.random() < 0.3:
            return Var(f"tl.associative_scan({var.text}, {axis}, {self.combiner()}{reverse})", var.kind, var.shape)
        name = self.rng.choice(("cumsum", "cumprod"))
        kind = f", dtype=tl.{TYPES[self.dtype()]}" if self.rng.random() < 0.15 else ""
        return Var(f"tl.{name}({var.text}, {axis}{reverse}{kind})", var.kind, var.shape)

    def combiner(self) -> str:
        """The name of a new helper that combines two values."""
        name = f"combine{len(self.helpers)}"
        body = self.rng.choice(
            ("a + b", "a * b", "tl.maximum(a, b)", "a if a > b else b", "tl.where(a > b, a, b)", "a - b", "(a + b) / 2")
        )
        self.helpers.append(f"@triton.jit\ndef {name}(a, b):\n    return {body}\n")
        return name

    def shape_change(self) -> Var:
        var = self.pick(tile=self.rng.random() < 0.92)
        shape, text = var.shape, var.text
        numel = math.prod(shape)
        form = self.rng.randrange(10)
        if form < 3 and len(shape) < 3:
            axis = self.rng.randrange(len(shape) + 1)
            index = [":"] * len(shape)
            index.insert(axis, "None")
            if self.rng.random() < 0.04:
                index.append(":")
            return Var(f"{text}[{', '.join(index)}]", var.kind, (*shape[:axis], 1, *shape[axis:]))
        if form == 3:
            new = self.rng.choice(
                (
                    (numel,),
                    (1, numel),
                    (numel // 4, 4),
                    (2, numel // 2),
                    (numel // 2,) if self.rng.random() < 0.1 else (numel, 1),
                )
            )
            new = new if math.prod(new) == numel else (numel,)
            as_arguments = ", ".join(map(str, new))
            return Var(
                self.rng.choice((f"tl.reshape({text}, {_tuple(new)})", f"{text}.reshape({as_arguments})")),
                var.kind,
                new,
            )
        if form == 4 and len(shape) >= 2:
            new = (*shape[:-2], shape[-1], shape[-2])
            return Var(
                self.rng.choice(
                    (
                        f"tl.trans({text})",
                        f"{text}.T",
                        f"tl.permute({text}, ({', '.join(map(str, _swapped(len(shape))))}))",
                    )
                ),
                var.kind,
                new,
            )
        if form == 5:
            new = tuple(8 if n == 1 else n for n in shape) or (16,)
            if self.rng.random() < 0.05:
                new = (2, *new)
            return Var(f"tl.broadcast_to({text}, {_tuple(new)})", var.kind, new)
        if form == 6:
            axis = self.rng.randrange(-1, len(shape) + 1)
            at = axis if axis >= 0 else len(shape)
            return Var(f"tl.expand_dims({text}, {axis})", var.kind, (*shape[:at], 1, *shape[at:]))
        if form == 7:
            return Var(f"tl.ravel({text})", var.kind, (numel,))
        if form == 8:
            return Var(f"tl.flip({text}{self.rng.choice(('', ', 0', ', dim=0'))})", var.kind, shape)
        return Var(f"tl.zeros_like({text})", var.kind, shape)

    def product(self) -> Var:
        kind = self.rng.choice(("fp16", "bf16", "fp32", "fp8e4nv", "fp8e5", "i8", "fp64", "fp16"))
        m, k, n = (self.rng.choice((16, 32, 32, 8 if self.rng.random() < 0.1 else 32)) for _ in range(3))
        left, right = (self.square(kind, shape) for shape in ((m, k), (k if self.rng.random() < 0.97 else 2 * k, n)))
        options = ""
        if self.rng.random() < 0.35:
            accumulator = self.rng.choice(("fp32", "fp32", "fp16", "i32" if kind == "i8" else "fp32", "fp64"))
            options += f", tl.zeros(({m}, {n}), tl.{TYPES[accumulator]})"
        if self.rng.random() < 0.2:
            options += f", input_precision={self.rng.choice(('tf32', 'ieee', 'tf32x3'))!r}"
        if self.rng.random() < 0.15:
            options += f", out_dtype=tl.{TYPES[self.rng.choice(('fp16', 'fp32', 'bf16'))]}"
        return Var(f"tl.dot({left}, {right}{options})", "i32" if kind == "i8" else "fp32", (m, n))

    def square(self, kind: str, shape: tuple[int, int]) -> str:
        """A tile for a product."""
        var = self.pick(tile=True, shape=shape)
        if var.shape == shape and self.rng.random() < 0.8:
            return var.text if var.kind == kind else f"{var.text}.to(tl.{TYPES[kind]})"
        if self.rng.random() < 0.05:
            kind = self.dtype()
        return f"tl.full({_tuple(shape)}, 2, tl.{TYPES[kind]})"

    def full(self) -> Var:
        kind, shape = self.dtype(), self.rng.choice(SHAPES)
        form = self.rng.random()
        if form < 0.3:
            return Var(f"tl.zeros({_tuple(shape)}, {self.rng.choice(('', 'dtype='))}tl.{TYPES[kind]})", kind, shape)
        if form < 0.5:
            end = self.rng.choice(
                (
                    "16",
                    "B",
                    "B * 2",
                    "32",
                    "2 * B - B",
                    "8 + 8",
                    "n" if self.rng.random() < 0.1 else "B",
                    "24" if self.rng.random() < 0.1 else "8",
                )
            )
            return Var(f"tl.arange(0, {end})", "i32", (16,))
        if form < 0.6:
            return Var("tl.zeros((B, 2 * B), tl.float32)", "fp32", (16, 32))
        value = self.rng.choice((*SMALL, "0.5", "float('-inf')", "n", "f", "True", "300", "0.0"))
        if self.rng.random() < 0.08:
            shape = (12,)
        return Var(f"tl.full({_tuple(shape)}, {value}, tl.{TYPES[kind]})", kind, shape)

    def constant(self) -> Var:
        operator = self.rng.choice(("+", "-", "*", "//", "%", "/", "<<", ">>", "&", "|", "^", "<", "==", "and", "or"))
        left = self.rng.choice(("B", "B", "C" if any(v.text == "C" for v in self.scope) else "B", "3"))
        right = self.rng.choice(("2", "3", "B", "0.5" if operator in "+-*/" else "1", "16"))
        text = f"({left} {operator} {right})"
        if self.rng.random() < 0.3:
            text = self.rng.choice(
                (f"(-{text})", f"min({text}, 5)", f"max({text}, B, 2)", f"(not {text})", f"tl.cdiv({text}, 4)")
            )
        return Var(text, "const")

    def ternary(self) -> Var:
        left = self.pick()
        right = self.pick(wanted=(left.kind,), shape=left.shape)
        condition = self.rng.choice(
            (
                "B > 2",
                "n > 2",
                "n == 3",
                "f > 0.0",
                "B is None",
                "tl.program_id(0) == 0",
                "True",
                "n",
                "tl.sum(tl.arange(0, 4)) > 2",
            )
        )
        return Var(f"({left.text} if {condition} else {right.text})", left.kind, left.shape)

    def three(self) -> Var:
        left = self.floating() if self.rng.random() < 0.7 else self.pick()
        second, third = self.compatible(left), self.compatible(left)
        name = self.rng.choice(("fma", "clamp"))
        return Var(f"tl.{name}({left.text}, {second.text}, {third.text})", left.kind, _joint(left, second))

    def function(self) -> Var:
        form = self.rng.randrange(4)
        if form == 0:
            left = self.integer()
            right = Var(self.rng.choice(("4", "B", "n")), "const")
            return Var(f"tl.cdiv({left.text}, {right.text})", left.kind, left.shape)
        left = self.floating()
        right = self.floating(shape=left.shape)
        if not _broadcasts(left.shape, right.shape):
            right = Var("2.0", "const")
        name = self.rng.choice(("fdiv", "div_rn", "add", "sub", "mul"))
        return Var(f"tl.{name}({left.text}, {right.text})", left.kind, _joint(left, right))

    def rarer(self) -> Var:
        """What few kernels use."""
        rng = self.rng
        form = rng.choice(
            (
                "sort",
                "topk",
                "gather",
                "histogram",
                "rand",
                "randint",
                "umulhi",
                "atomic",
                "method",
                "swizzle2d",
                "expand",
            )
        )
        var = self.pick(tile=True)
        last = len(var.shape) - 1
        if form == "sort":
            return Var(
                f"tl.sort({var.text}{rng.choice(('', f', dim={last}', ', descending=True', ', 0'))})",
                var.kind,
                var.shape,
            )
        if form == "topk":
            count = rng.choice((2, 4, 1, 3 if rng.random() < 0.2 else 2, 64 if rng.random() < 0.2 else 2))
            return Var(f"tl.topk({var.text}, {count})", var.kind, (*var.shape[:-1], count) if var.shape else ())
        if form == "gather":
            index = self.integer(tile=True, shape=var.shape)
            return Var(f"tl.gather({var.text}, {index.text}, {rng.choice((0, last, -1))})", var.kind, index.shape)
        if form == "histogram":
            index = self.integer(tile=True)
            text = index.text if index.kind in ("i32", "u32") or rng.random() < 0.3 else f"{index.text}.to(tl.int32)"
            return Var(f"tl.histogram({text}, {rng.choice((8, 16))})", "i32", (16,))
        if form in ("rand", "randint"):
            seed, offset = rng.choice(("n", "7", "B", "f" if rng.random() < 0.2 else "n")), self.integer()
            name = rng.choice(("rand", "randn")) if form == "rand" else "randint"
            return Var(f"tl.{name}({seed}, {offset.text})", "fp32" if form == "rand" else "i32", offset.shape)
        if form == "umulhi":
            left, right = self.integer(), self.integer()
            return Var(
                f"tl.umulhi({left.text}, {right.text})",
                left.kind,
                _joint(left, right) if _broadcasts(left.shape, right.shape) else (),
            )
        if form == "atomic":
            pointers = [v for v in self.scope if v.kind.startswith("*") and v.kind != "*tuple"]
            pointer = rng.choice(pointers) if pointers else var
            value = self.compatible(pointer)
            name = rng.choice(("add", "max", "min", "and", "xor", "xchg"))
            mask = rng.choice(("", "", ", mask=n > 2"))
            return Var(
                f"tl.atomic_{name}({pointer.text}, {value.text}{mask})", pointer.kind.removeprefix("*"), pointer.shape
            )
        if form == "swizzle2d":
            return Var(f"tl.swizzle2d(tl.program_id(0), {rng.choice(('n', '1'))}, 4, 4, 2)", "*tuple")
        if form == "expand":
            return Var(f"tl.expand_dims({var.text}, (0, {rng.choice((1, 2, -1))}))", var.kind, (1, *var.shape, 1))
        name = rng.choice(
            (
                "sum(0)",
                "max(0)",
                "abs()",
                "exp()",
                "cumsum(0)",
                "trans()",
                "ravel()",
                "argmax(0)",
                "sigmoid()",
                "sqrt()",
                "flip()",
            )
        )
        shape = _reduced(var.shape, 0, False) if name.startswith(("sum", "max", "arg")) else var.shape
        return Var(f"{var.text}.{name}", var.kind, shape)

    def picked(self) -> Var:
        if self.rng.random() < 0.5:
            var = self.pick(tile=True)
            return Var(f"{var.text}.shape[0]", "const")
        return Var(self.literal().text, "const")

    def grid_size(self) -> Var:
        name = self.rng.choice(("program_id", "num_programs"))
        axis = self.rng.choice(("0", "1", "2", "axis=0", "3" if self.rng.random() < 0.1 else "0"))
        return Var(f"tl.{name}({axis})", "i32")

    def joined(self) -> Var:
        left = self.pick(tile=self.rng.random() < 0.9)
        right = self.pick(shape=left.shape, wanted=(left.kind,))
        name = self.rng.choice(("join", "interleave", "cat"))
        if name == "join":
            return Var(f"tl.join({left.text}, {right.text})", left.kind, (*left.shape, 2))
        shape = (*left.shape[:-1], 2 * left.shape[-1]) if left.shape else (2,)
        if name == "cat":
            shape = (2 * left.shape[0], *left.shape[1:]) if left.shape else (2,)
        return Var(f"tl.{name}({left.text}, {right.text})", left.kind, shape)

    def call(self) -> Var:
        """A call of a new helper with one or two values."""
        left = self.pick()
        right = self.compatible(left)
        name = f"helper{len(self.helpers)}"
        form = self.rng.randrange(5)
        if form == 0:
            body = f"    return a {self.rng.choice('+-*')} b\n"
        elif form == 1:
            local = f"h{len(self.helpers)}"
            body = f"    {local} = a * 2\n    return {local}\n"
        elif form == 2:
            body = f"    if b is None:\n        return a\n    else:\n        return a {self.rng.choice('+*')} b\n"
        elif form == 3:
            body = f"    if n > 2:\n        return a\n    return {self.rng.choice(('a', 'a + a', 'b'))}\n"
        else:
            body = "    return tl.maximum(a, b)\n"
        extra = ", n" if form == 3 else ""
        annotated = "b: tl.constexpr" if right.kind == "const" and self.rng.random() < 0.3 else "b"
        self.helpers.append(f"@triton.jit\ndef {name}(a, {annotated}{extra}):\n{body}")
        shape = left.shape if form in (1, 3) else _joint(left, right)
        return Var(
            f"{name}({left.text}, {right.text}{extra})", left.kind if form in (1, 3) else _promoted(left, right), shape
        )

    # Statements

    def statement(self) -> None:
        forms = (
            (self.plain, 60),
            (self.augmented, 7),
            (self.annotated, 3),
            (self.two, 5),
            (self.branch, 7),
            (self.loop, 8),
            (self.pair, 3),
        )
        form = self.rng.choices(
            [f for f, _ in forms], [w if self.depth < 2 or f == self.plain else 0 for f, w in forms]
        )[0]
        form()

    def plain(self) -> None:
        self.assign(self.expression())

    def augmented(self) -> None:
        target = self.rng.choice([v for v in self.scope if v.text.startswith("v")])
        right = self.compatible(target)
        self.write(f"{target.text} {self.rng.choice(('+', '*', '-', '+', '/', '&'))}= {right.text}")

    def annotated(self) -> None:
        value, name = self.constant() if self.rng.random() < 0.7 else self.expression(), self.new()
        self.write(f"{name}: tl.constexpr = {value.text}")
        self.scope.append(Var(name, value.kind, value.shape))

    def two(self) -> None:
        first, second = self.expression(), self.expression()
        names = self.new(), self.new()
        self.write(f"{names[0]}, {names[1]} = {first.text}, {second.text}")
        for name, value in zip(names, (first, second), strict=True):
            self.scope.append(Var(name, value.kind if value.kind != "const" else "i32", value.shape))

    def pair(self) -> None:
        """An assignment of two results of one call."""
        var = self.pick(tile=True)
        names = self.new(), self.new()
        form = self.rng.randrange(3)
        if form == 0:
            self.write(
                f"{names[0]}, {names[1]} = tl.{self.rng.choice(('max', 'min'))}({var.text}, 0, return_indices=True)"
            )
            shapes, kinds = (_reduced(var.shape, 0, False),) * 2, (var.kind, "i32")
        elif form == 1:
            self.write(f"{names[0]}, {names[1]} = tl.split(tl.join({var.text}, {var.text}))")
            shapes, kinds = (var.shape,) * 2, (var.kind,) * 2
        else:
            helper = f"helper{len(self.helpers)}"
            self.helpers.append(f"@triton.jit\ndef {helper}(a):\n    return a, a > 0\n")
            self.write(f"{names[0]}, {names[1]} = {helper}({var.text})")
            shapes, kinds = (var.shape,) * 2, (var.kind, "i1")
        self.scope += [Var(name, kind, shape) for name, kind, shape in zip(names, kinds, shapes, strict=True)]

    def condition(self) -> str:
        scalars = [v.text for v in self.scope if not v.tile and v.number and v.kind in ("i32", "i1", "fp32")]
        if self.rng.random() < 0.04:
            return f"{self.pick(tile=True).text} > 0"
        return self.rng.choice(("tl.program_id(0) == 0", "tl.program_id(0) % 2 == 0", "B > 8", "B > 32", "tl.program_id(0) < n - 1",
                                f"{self.rng.choice(scalars or ['n'])} > 0 or tl.program_id(0) > 0"))  # fmt: skip

    def block(self) -> None:
        """One to three indented statements."""
        self.depth += 1
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            self.statement()
        self.depth -= 1

    def changed(self, scope: list[Var]) -> None:
        """A statement that assigns to a variable of the outer scope, most often with the type that it has."""
        candidates = [v for v in scope if v.text.startswith("v") and v.number]
        if not candidates:
            return
        target = self.rng.choice(candidates[-6:])
        form = self.rng.random()
        if form < 0.35:
            text = f"{target.text} + {target.text}"
        elif form < 0.5:
            text = f"({target.text} * {self.compatible(target).text}).to({target.text}.dtype)"
        elif form < 0.7:
            text = f"{target.text} + {self.rng.choice(SMALL)}"
        elif form < 0.8:
            text = f"tl.zeros_like({target.text})"
        elif form < 0.93:
            text = f"tl.maximum({target.text}, {target.text})"
        else:
            text = self.expression().text
        self.depth += 1
        self.write(f"{target.text} = {text}")
        self.depth -= 1

    def branch(self) -> None:
        outer = list(self.scope)
        self.write(f"if {self.condition()}:")
        self.changed(outer)
        self.block()
        self.scope = list(outer)
        if self.rng.random() < 0.5:
            if self.rng.random() < 0.2:
                self.write(f"elif {self.condition()}:")
                self.block()
                self.scope = list(outer)
            self.write("else:")
            self.changed(outer)
            self.block()
            self.scope = list(outer)
        elif not outer:
            return
        if self.rng.random() < 0.4:  # a variable that both arms define
            name, value = self.new(), self.expression()
            other = self.expression().text if self.rng.random() < 0.15 else value.text
            self.write(f"if {self.condition()}:")
            self.write(f"    {name} = {value.text}")
            self.write("else:")
            self.write(f"    {name} = {other}")
            self.scope.append(Var(name, value.kind if value.kind != "const" else "i32", value.shape))

    def loop(self) -> None:
        outer = list(self.scope)
        variable = f"k{self.count}"
        self.count += 1
        form = self.rng.random()
        if form < 0.2:
            self.write(f"{variable} = {self.rng.choice(('0', '0', 'n * 0'))}")
            self.write(f"while {variable} < {self.rng.choice(('n', '3', 'B - 14'))}:")
            self.changed(outer)
            self.block()
            self.write(f"    {variable} += 1")
        else:
            bounds = self.rng.choice(
                (
                    "n",
                    "0, n",
                    "0, B, 4",
                    "1, n + 2",
                    "0, n, n",
                    "3, 0, -1",
                    "n",
                    "0, 40, B",
                    "0, f" if self.rng.random() < 0.1 else "2",
                )
            )
            name = self.rng.choice(("range", "range", "range", "tl.range", "tl.static_range"))
            if name == "tl.static_range" and self.rng.random() < 0.9:
                bounds = self.rng.choice(("3", "0, 3", "0, B, 8", "B // 8"))
            self.write(f"for {variable} in {name}({bounds}):")
            self.scope.append(Var(variable, "i32"))
            self.changed(outer)
            self.block()
        self.scope = list(outer)


def _broadcasts(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(a == b or 1 in (a, b) for a, b in zip(reversed(one), reversed(other), strict=False))


def _joint(left: Var, right: Var) -> tuple[int, ...]:
    short, long = sorted((left.shape, right.shape), key=len)
    padded = (1,) * (len(long) - len(short)) + short
    return tuple(b if a == 1 else a for a, b in zip(padded, long, strict=True))


def _reduced(shape: tuple[int, ...], axis: int | None, keep: bool) -> tuple[int, ...]:
    if axis is None:
        return (1,) * len(shape) if keep else ()
    axis %= max(1, len(shape))
    return (*shape[:axis], *((1,) if keep else ()), *shape[axis + 1 :])


def _promoted(left: Var, right: Var) -> str:
    """Roughly the type of an operation on both."""
    if left.kind == "const" or right.kind == "const":
        other, const = (right, left) if left.kind == "const" else (left, right)
        if other.kind == "const":
            return "const"
        floating = "." in const.text or "float" in const.text
        return "fp32" if floating and other.kind not in FLOATS else other.kind
    order = (
        "i1",
        "i8",
        "u8",
        "i16",
        "u16",
        "i32",
        "u32",
        "i64",
        "u64",
        "fp8e5",
        "fp8e4nv",
        "bf16",
        "fp16",
        "fp32",
        "fp64",
    )
    return max(left.kind, right.kind, key=lambda k: order.index(k) if k in order else 0)


def _bits(kind: str) -> int:
    return (
        1
        if kind == "i1"
        else int("".join(c for c in kind.replace("fp8e4nv", "8").replace("fp8e5", "8") if c.isdigit()) or 0)
    )


def _swapped(rank: int) -> list[int]:
    return [*range(rank - 2), rank - 1, rank - 2]


def _tuple(shape: tuple[int, ...]) -> str:
    return f"({shape[0]},)" if len(shape) == 1 else str(shape)
