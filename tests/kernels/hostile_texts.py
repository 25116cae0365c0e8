"""Kernel files that a stranger may write to crash, stop, fill or deceive the machine that runs them.

Each is short here and as long as it must be when it is built. `TEXTS` has them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

HEAD = "import triton\nimport triton.language as tl\n"
SIGNATURE = "x_ptr, out_ptr, n, BLOCK: tl.constexpr"
CONFIG = 'CONFIG = {"BLOCK": 64}\n'
MIB = 1 << 20


@dataclass(frozen=True)
class Hostile:
    """A text, and the grid of its launch."""

    build: Callable[[], str]
    grid: tuple[int, ...] = (4,)


def file(*kernels: str, config: str = CONFIG) -> str:
    return HEAD + config + "\n".join(kernels)


def kernel(body: str, signature: str = SIGNATURE, name: str = "k") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"@triton.jit\ndef {name}({signature}):\n{lines}"


def body(text: str) -> str:
    return file(kernel("i = tl.arange(0, BLOCK)\nx = tl.load(x_ptr + i)\n" + text))


def nested_blocks(head: str, depth: int, inside: str) -> str:
    return "".join(" " * d + head + "\n" for d in range(depth)) + " " * depth + inside


def indented_chain(head: str, depth: int) -> str:
    return head + "".join(f"elif n == {i}:\n    n = n\n" for i in range(depth))


def call_tree(levels: int, calls: int) -> str:
    """Helpers that each call the next one several times."""
    helpers = [kernel("\n".join([f"a = h{i + 1}(a)"] * calls) + "\nreturn a", "a", f"h{i}") for i in range(levels)]
    return file(kernel("tl.store(out_ptr, h0(1.0))"), *helpers, kernel("return a + 1.0", "a", f"h{levels}"))


def cyclic(length: int) -> str:
    helpers = [kernel(f"return h{(i + 1) % length}(a) + 1.0", "a", f"h{i}") for i in range(length)]
    return file(kernel("tl.store(out_ptr, h0(1.0))"), *helpers)


def _nesting() -> Iterator[tuple[str, Callable[[], str]]]:
    for depth in (60, 150, 190, 300, 900, 2_900, 100_000):
        yield f"parentheses {depth}", lambda d=depth: body("y = " + "(" * d + "n" + ")" * d)
        yield f"minus signs {depth}", lambda d=depth: body("y = " + "-" * d + "n")
        yield f"a long sum {depth}", lambda d=depth: body("y = " + "+".join("n" * d))
        yield f"sums of sums {depth}", lambda d=depth: body("y = " + "n + (" * d + "n" + ")" * d)
        yield f"attributes of attributes {depth}", lambda d=depth: body("y = x" + ".T" * d)
        yield f"subscripts of subscripts {depth}", lambda d=depth: body("y = x" + "[None]" * d)
        yield f"calls of calls {depth}", lambda d=depth: body("y = x" + ".to(tl.float32)" * d)
        yield f"calls in calls {depth}", lambda d=depth: body("y = " + "tl.abs(" * d + "x" + ")" * d)
        yield f"choices in choices {depth}", lambda d=depth: body("y = " + "n if n else " * d + "n")
        yield f"elif after elif {depth}", lambda d=depth: body(indented_chain("if n == -1:\n    n = n\n", d))
    for depth in (95, 200):
        yield f"if in if {depth}", lambda d=depth: body(nested_blocks("if n > 0:", d, "n = n"))
        yield f"for in for {depth}", lambda d=depth: body(nested_blocks("for j in range(9):", d, "n = n"))
        yield f"while in while {depth}", lambda d=depth: body(nested_blocks("while n > 0:", d, "n = n"))
        yield (
            f"static for in static for {depth}",
            lambda d=depth: body(nested_blocks("for j in tl.static_range(9):", d, "n = n")),
        )
    for depth in (90, 900, 90_000):
        yield f"not not {depth}", lambda d=depth: body("y = " + "not " * d + "n")
        yield f"and {depth}", lambda d=depth: body("y = " + " and ".join(["n"] * d))
        yield f"a chain of comparisons {depth}", lambda d=depth: body("y = " + " < ".join(["n"] * d))
        yield f"tuples in tuples {depth}", lambda d=depth: body("y = " + "(" * d + "n" + ",)" * d)
        yield f"lists in lists {depth}", lambda d=depth: body("y = " + "[" * d + "n" + "]" * d)
        yield f"a long tuple {depth}", lambda d=depth: body("y = (" + "n," * d + ")")
        yield f"many targets {depth}", lambda d=depth: body("y = " * d + "n")
        yield (
            f"CONFIG nested {depth}",
            lambda d=depth: file(kernel("pass"), config=f"CONFIG = {'[' * d}{']' * d}"),
        )
        yield (
            f"CONFIG with a long sum {depth}",
            lambda d=depth: file(kernel("pass"), config='CONFIG = {"BLOCK": ' + "1+" * d + "1}\n"),
        )
        yield (
            f"CONFIG with minus signs {depth}",
            lambda d=depth: file(kernel("pass"), config='CONFIG = {"BLOCK": ' + "-" * d + "1}\n"),
        )
        yield (
            f"TUNE nested {depth}",
            lambda d=depth: file(kernel("pass"), config=CONFIG + f"TUNE = {'[' * d}{']' * d}\n"),
        )


CONSTANTS = {
    "shift by a billion": "y = 1 << 1000000000",
    "shift by a huge number": "y = 1 << (1 << 62)",
    "shift right by a huge number": "y = 1 >> 99999999999999999999999999",
    "shift by a negative number": "y = 1 << -1",
    "shift of shifts": "y = ((1 << 60) << 60) << 60",
    "squares in a loop": "c: tl.constexpr = 3\nfor j in tl.static_range(60):\n    c = c * c",
    "squares written out": "c = 3\n" + "c = c * c\n" * 40,
    "doubled for long": "c = 1\nfor j in tl.static_range(100000):\n    c = c + c",
    "shifted for long": "c = 1\nfor j in tl.static_range(100000):\n    c = c << 60",
    "division by zero": "y = 1 / 0",
    "floor division by zero": "y = 1 // 0",
    "remainder by zero": "y = 1 % 0",
    "float division by zero": "y = 1.0 / 0.0",
    "tl.cdiv by zero": "y = tl.cdiv(1, 0)",
    "too large for a float": f"y = {10**300} * {10**300} * 1.5",
    "huge literal": "y = x + 0x" + "f" * 20_000,
    "huge literal wrongly used": "y = x.a(0x" + "f" * 20_000 + ")",
    "huge literal compared": "y = x < 0x" + "f" * 20_000,
    "huge literal as a statement": "0x" + "f" * 20_000,
    "huge decimal literal": "y = " + "9" * 5_000,
    "not of a float": "y = ~1.5",
    "and of a float": "y = 1 & 1.5",
    "shift of a float": "y = 1.5 << 2",
    "arithmetic on None": "y = None + 1",
    "comparison of None": "y = None < 1",
    "minus None": "y = -None",
    "infinite remainder": 'y = 5 % float("inf")',
    "infinity as a whole number": 'y = tl.full((4,), float("inf"), tl.int32)',
    "nan as a whole number": 'y = tl.full((4,), float("nan"), tl.int64)',
    "a huge float in a tile": "y = tl.full((4,), 1e400, tl.float16)",
    "a huge number in a tile": f"y = tl.full((4,), {2**200}, tl.int8)",
    "a huge number added": f"y = i + {2**200}",
    "a huge number added to a float": f"y = x + {2**2000}",
    "a tuple multiplied": "y = (1, 2) * 1000000000",
    "a number times a tuple": "y = 1000000000 * (1, 2)",
    "a list multiplied": "y = [0] * 1000000000",
    "a tuple doubled": "t = (1, 2)\nfor j in tl.static_range(60):\n    t = t + t",
    "a tuple of tuples doubled": "t = (1, 2)\nfor j in tl.static_range(60):\n    t = (t, t)",
    "a tuple of tuples compared": "t = (1, 2)\nfor j in tl.static_range(60):\n    t = (t, t)\ny = t == t",
    "a tuple of tiles doubled": "t = (x, x)\nfor j in tl.static_range(60):\n    t = t + t",
    "a tuple compared": "y = (1, 2) < (2, 1)",
    "a tuple as a condition": "if (1, 2):\n    pass",
    "an index far out": "y = (1, 2)[1000000000]",
    "a slice of a tuple": "y = (1, 2)[0:100000000000]",
    "an index of None": "y = (1, 2)[None]",
    "an index of a tile": "y = (1, 2)[x]",
    "an index of a float": "y = (1, 2)[1.5]",
    "too many to unpack": "a, b = 1, 2, 3",
    "too few to unpack": "a, b, c = 1, 2",
    "a number unpacked": "a, b = 1",
    "a tile unpacked": "a, b = x",
    "nested targets": "(a, (b, c)) = (1, (2, 3))",
    "a variable read too early": "y = z + 1\nz = 2",
    "max of nothing": "y = max()",
    "max of one": "y = max(1)",
    "max of a tuple": "y = max((1, 2), (2, 1))",
    "max of None": "y = max(None, 1)",
    "min by keyword": "y = min(1, 2, key=1)",
    "range as a value": "y = range(3)",
    "bool of infinity": 'y = not float("inf")',
    "a minus shift of n": "y = n << -5",
    "a shift of n by a huge number": f"y = n << {10**30}",
    "n divided by zero": "y = n // 0",
    "n divided by zero at run time": "y = n // (n - n)\ntl.store(out_ptr + i, y)",
    "the least number divided by -1": "y = (i - 2147483647 - 1) // (0 - 1 + i * 0)",
    "the least number rest -1": "y = (i - 2147483647 - 1) % (0 - 1 + i * 0)",
}

LOOPS = {
    "a range without end": "for j in range(1000000000000000000):\n    pass",
    "an empty loop of a billion": "for j in range(1000000000):\n    pass",
    "a huge range": f"for j in range({10**40}):\n    pass",
    "a static range without end": "for j in tl.static_range(1000000000):\n    pass",
    "a static range with arithmetic": "for j in tl.static_range(1000000000):\n    n = n + j",
    "static ranges nested": "for j in tl.static_range(30000):\n    for q in tl.static_range(30000):\n        pass",
    "ranges nested": "\n".join("    " * d + f"for a{d} in range(1000000):" for d in range(8))
    + "\n"
    + "    " * 8
    + "n = n + 1",
    "empty inner loops": "for j in range(1000000000):\n    for q in range(0):\n        pass",
    "step of zero": "for j in range(0, 10, 0):\n    pass",
    "step of zero at run time": "for j in range(0, n, n - n):\n    pass",
    "static step of zero": "for j in tl.static_range(0, 10, 0):\n    pass",
    "step below zero": "for j in range(10, 0, -1):\n    pass",
    "step below zero at run time": "for j in range(0, n, 0 - n):\n    pass",
    "a float as a bound": "for j in range(1.5):\n    pass",
    "infinity as a bound": 'for j in range(0, float("inf")):\n    pass',
    "nan as a bound": 'for j in tl.static_range(0, float("nan")):\n    pass',
    "None as a bound": "for j in range(None):\n    pass",
    "a tile as a bound": "for j in range(x):\n    pass",
    "a loaded bound": "for j in range(0, tl.load(x_ptr).to(tl.int32) + 2147483647):\n    pass",
    "a tuple as a bound": "for j in range((1, 2)):\n    pass",
    "no bound": "for j in range():\n    pass",
    "four bounds": "for j in range(1, 2, 3, 4):\n    pass",
    "bounds by unknown keywords": "for j in tl.range(0, 3, evil=1):\n    pass",
    "bounds by star": "for j in range(*(1, 2)):\n    pass",
    "bound wraps": "for j in range(2147483600, 2147483647, 100):\n    n = n + 1",
    "bound at the limit of i64": f"for j in range({2**63 - 10}, {2**63 - 1}, 7):\n    n = n + 1",
    "bound per program": "for j in range(tl.program_id(0) * 1000000000):\n    n = n + j",
    "bounds far apart": "for j in range(-2147483648, 2147483647):\n    pass",
    "while one": "while 1:\n    pass",
    "while True": "while True:\n    pass",
    "while true with a store": "while True:\n    tl.store(out_ptr + i, x)",
    "while n": "while n > 0:\n    n = n + 1",
    "while n unchanged": "while n > 0:\n    pass",
    "while with a float": "f = 1.0 * n\nwhile f > 0:\n    f = f * 1.0000001",
    "while nan": 'f = n * float("nan")\nwhile f != f:\n    f = f + 1.0',
    "while a tile": "while x:\n    pass",
    "while a pointer": "while x_ptr:\n    pass",
    "while None": "while None is None:\n    pass",
    "while on memory": "while tl.load(out_ptr) == tl.load(out_ptr):\n    tl.store(out_ptr, 1.0)",
    "while a lock is taken": "while tl.atomic_cas(out_ptr, 0.0, 0.0) == 0.0:\n    pass",
    "a while for each program": "p = tl.program_id(0)\nwhile p < 1000000000:\n    p += 1",
    "break": "for j in range(3):\n    break",
    "continue": "while True:\n    continue",
    "return in a loop": "for j in range(1000000000):\n    return",
    "for else": "for j in range(3):\n    pass\nelse:\n    n = n",
    "loop over a tuple": "for j in (1, 2):\n    pass",
    "loop over a tile": "for j in x:\n    pass",
    "loop with a tuple of targets": "for a, b in range(3):\n    pass",
    "growing tile in a loop": "for j in range(3):\n    x = tl.cat(x, x, can_reorder=True)",
    "growing tile in a static loop": "for j in tl.static_range(60):\n    x = tl.cat(x, x, can_reorder=True)",
    "growing rank in a static loop": "for j in tl.static_range(80):\n    x = x[None]",
    "joined in a static loop": "for j in tl.static_range(60):\n    x = tl.join(x, x)",
    "interleaved in a static loop": "for j in tl.static_range(60):\n    x = tl.interleave(x, x)",
}

BIG = "b = tl.arange(0, 1048576)\nf = b * 1.0\n"
TILES = {
    "arange of 2^21": "y = tl.arange(0, 2097152)",
    "arange of 2^30": "y = tl.arange(0, 1073741824)",
    "arange of 2^62": "y = tl.arange(0, 4611686018427387904)",
    "arange of 2^80": f"y = tl.arange(0, {2**80})",
    "arange far up": "y = tl.arange(2147483000, 2147483647)",
    "arange backwards": "y = tl.arange(8, 0)",
    "arange of nothing": "y = tl.arange(0, 0)",
    "arange of floats": "y = tl.arange(0.0, 8.0)",
    "arange of None": "y = tl.arange(None, 8)",
    "arange of a tile": "y = tl.arange(0, x)",
    "zeros of 2^40": "y = tl.zeros((1048576, 1048576), tl.float32)",
    "zeros of ten axes": "y = tl.zeros((1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024), tl.float32)",
    "zeros of 40 axes": "y = tl.zeros((" + "1, " * 40 + "), tl.float32)",
    "zeros of 61 axes": "y = tl.zeros((" + "1, " * 61 + "), tl.float32)",
    "zeros of 1,000 axes": "y = tl.zeros((" + "1, " * 1000 + "), tl.float32)",
    "zeros of no size": "y = tl.zeros((0,), tl.float32)",
    "zeros of a negative size": "y = tl.zeros((-4,), tl.float32)",
    "zeros of half a size": "y = tl.zeros((4.0,), tl.float32)",
    "zeros of a huge size": f"y = tl.zeros(({2**100},), tl.float32)",
    "zeros of None": "y = tl.zeros(None, tl.float32)",
    "zeros of a tile's size": "y = tl.zeros((x,), tl.float32)",
    "zeros of no type": "y = tl.zeros((4,), 3)",
    "axes by None": "y = x[" + "None, " * 80 + "]",
    "an outer sum": BIG + "y = f[:, None] + f[None, :]",
    "an outer mask": BIG + "y = (f[:, None] > 0) & (f[None, :] > 0)",
    "an outer where": BIG + "y = tl.where(f[:, None] > 0, f[None, :], 0.0)",
    "an outer load": BIG + "y = tl.load(x_ptr + b[:, None] * 0 + b[None, :] * 0)",
    "broadcast far": BIG + "y = tl.broadcast_to(f[:, None], (1048576, 1048576))",
    "broadcast both": BIG + "y, z = tl.broadcast(f[:, None], f[None, :])",
    "many live tiles": BIG + "".join(f"y{j} = f + {j}\n" for j in range(600)) + "tl.store(out_ptr + i, tl.sum(y0, 0))",
    "many live tiles in a tuple": BIG + "t = (f,)\nfor j in tl.static_range(1500):\n    t = t + (f + j,)",
    "many live doubles": BIG + "".join(f"y{j} = f.to(tl.float64) + {j}\n" for j in range(300)),
    "big arithmetic for long": BIG + "for j in range(1000000):\n    f = f * 1.5 + 1.0",
    "exponentials for long": BIG + "for j in range(1000000):\n    f = tl.exp(f)",
    "sines for long": BIG + "for j in range(1000000):\n    f = tl.sin(f * 1e30)",
    "erf for long": BIG + "for j in range(1000000):\n    f = tl.erf(f)",
    "fma for long": BIG + "for j in range(1000000):\n    f = tl.fma(f, f, f)",
    "divisions for long": BIG + "for j in range(1000000):\n    b = (b + 12345) // 7 % 1000",
    "bf16 for long": BIG + "h = f.to(tl.bfloat16)\nfor j in range(1000000):\n    h = h * h",
    "fp8 for long": BIG + "for j in range(1000000):\n    f = f.to(tl.float8e4nv).to(tl.float32)",
    "fp8e5 for long": BIG + "for j in range(1000000):\n    f = f.to(tl.float8e5).to(tl.float32)",
    "casts with rounding for long": BIG
    + 'for j in range(1000000):\n    f = f.to(tl.float16, fp_downcast_rounding="rtz").to(tl.float32)',
    "sorted": BIG + "for j in range(1000):\n    f = tl.sort(f)",
    "sorted over many programs": "y = tl.arange(0, 65536) * tl.program_id(0)\ny = tl.sort(y)",
    "topk": BIG + "y = tl.topk(f, 1048576)",
    "topk of none": "y = tl.topk(x, 0)",
    "topk of a huge number": f"y = tl.topk(x, {2**70})",
    "a histogram of 2^40": "y = tl.histogram(i, 1099511627776)",
    "a histogram of 2^62": f"y = tl.histogram(i, {2**62})",
    "a histogram of 2^26": "y = tl.histogram(i, 67108864)",
    "a histogram of none": "y = tl.histogram(i, 0)",
    "a histogram of less": "y = tl.histogram(i, -8)",
    "a histogram of far numbers": "y = tl.histogram(i * 0 - 2000000000, 64)",
    "histograms for long": BIG + "for j in range(1000000):\n    y = tl.histogram(b, 1048576)",
    "sums that run": BIG + "for j in range(1000000):\n    f = tl.cumsum(f, 0)",
    "products that run": BIG + "for j in range(1000000):\n    f = tl.cumprod(f, 0, reverse=True)",
    "flips": BIG + "for j in range(1000000):\n    f = tl.flip(f, 0)",
    "argmax for long": BIG + "for j in range(1000000):\n    b = b + tl.argmax(f, 0)",
    "xor sums for long": BIG + "for j in range(1000000):\n    b = b + tl.xor_sum(b, 0)",
    "gathers for long": BIG + "for j in range(1000000):\n    f = tl.gather(f, b, 0)",
    "a gather from outside": "y = tl.gather(x, i + 1000000000, 0)",
    "a gather from below": "y = tl.gather(x, i - 1000000000, 0)",
    "a gather along no axis": "y = tl.gather(x, i, 5)",
    "a gather with floats": "y = tl.gather(x, x, 0)",
    "random numbers for long": BIG + "for j in range(1000000):\n    f = f + tl.rand(j, b)",
    "normal numbers for long": BIG + "for j in range(1000000):\n    f = f + tl.randn(j, b)",
    "random numbers of many rounds": "y = tl.rand(1, i, 1000000000)",
    "random numbers of few rounds": "y = tl.rand(1, i, -5)",
    "random numbers of half a round": "y = tl.rand(1, i, 1.5)",
    "a random huge seed": f"y = tl.rand({2**200}, i)",
    "largest products": "a = tl.zeros((1024, 1024), tl.float32)\nfor j in range(1000000):\n    a = tl.dot(a, a)",
    "a product of 2^40": "a = tl.zeros((65536, 16), tl.float16)\ny = tl.dot(a, tl.trans(a))",
    "a product in fp8": "a = tl.zeros((1024, 1024), tl.float8e5)\nfor j in range(1000000):\n    y = tl.dot(a, a)",
    "a product in int8": "a = tl.zeros((1024, 1024), tl.int8)\nfor j in range(1000000):\n    y = tl.dot(a, a)",
    "a product in tf32x3": 'a = tl.zeros((1024, 1024), tl.float32)\nfor j in range(1000000):\n    a = tl.dot(a, a, input_precision="tf32x3")',
    "a product in ieee": 'a = tl.zeros((1024, 1024), tl.float32)\nfor j in range(1000000):\n    a = tl.dot(a, a, input_precision="ieee")',
    "a product in float64": "a = tl.zeros((1024, 1024), tl.float64)\nfor j in range(1000000):\n    a = tl.dot(a, a)",
    "a product of three axes": "a = tl.zeros((64, 128, 128), tl.float16)\nfor j in range(1000000):\n    y = tl.dot(a, a)",
    "a product of vectors": "y = tl.dot(x, x)",
    "reshaped far": BIG + "y = tl.reshape(f, (1048576, 1048576))",
    "reshaped to 61 axes": "y = tl.reshape(x, (64, " + "1, " * 60 + "))",
    "reshaped by -1": "y = tl.reshape(x, (-1, 8))",
    "reshaped to no size": "y = tl.reshape(x, (0, 8))",
    "permuted by a wrong order": "y = tl.permute(x, (5, 7))",
    "permuted by a huge order": f"y = tl.permute(x, ({2**70},))",
    "expanded far out": "y = tl.expand_dims(x, 1000000000)",
    "expanded by a tile": "y = tl.expand_dims(x, x)",
    "expanded often": "y = x\nfor j in tl.static_range(100):\n    y = tl.expand_dims(y, 0)",
    "split of a vector": "a, b = tl.split(x)",
    "a sum along no axis": "y = tl.sum(x, 9)",
    "a sum along a huge axis": f"y = tl.sum(x, {2**70})",
    "a sum along a float": "y = tl.sum(x, 0.5)",
    "a sum along a tile": "y = tl.sum(x, x)",
    "a sum of a number": "y = tl.sum(3, 0)",
    "swizzled by zero": "y = tl.swizzle2d(i, i, 0, 0, 0)",
    "clamped by nothing": "y = tl.clamp(x, None, None)",
    "where of a number": "y = tl.where(1, x, x)",
    "a cast to a number": "y = x.to(3)",
    "a cast to a bit": "y = tl.cast(x, tl.float32, bitcast=5)",
    "a bitcast to another width": "y = tl.cast(x, tl.int8, bitcast=True)",
    "a tile of 2^20 in 2^20 programs": BIG + "y = f + tl.program_id(0)\ntl.store(out_ptr + i, tl.sum(y, 0))",
}
GRIDS: dict[str, tuple[int, ...]] = {
    "a tile of 2^20 in 2^20 programs": (1 << 20,),
    "sorted over many programs": (1 << 16,),
    "a while for each program": (1 << 16,),
    "bound per program": (1 << 16,),
}

FUNCTIONS = {
    "recursion": file(kernel("tl.store(out_ptr, h(1.0))"), kernel("return h(a)", "a", "h")),
    "recursion with a condition": file(
        kernel("tl.store(out_ptr, h(n))"), kernel("if a > 0:\n    return h(a - 1)\nreturn a", "a", "h")
    ),
    "a kernel that calls itself": file(kernel("k(x_ptr, out_ptr, n, BLOCK)")),
    "recursion around": cyclic(3),
    "recursion far around": cyclic(900),
    "a call tree of 2^40": call_tree(40, 2),
    "a call tree of 9^30": call_tree(30, 9),
    "a chain of 100 helpers": call_tree(100, 1),
    "a chain of 900 helpers": call_tree(900, 1),
    "too few arguments": file(kernel("y = h(1)"), kernel("return a + b", "a, b", "h")),
    "too many arguments": file(kernel("y = h(1, 2, 3)"), kernel("return a + b", "a, b", "h")),
    "an argument twice": file(kernel("y = h(1, a=2)"), kernel("return a + b", "a, b", "h")),
    "an unknown argument": file(kernel("y = h(1, 2, c=3)"), kernel("return a + b", "a, b", "h")),
    "no result": file(kernel("y = h(1) + 1"), kernel("pass", "a", "h")),
    "a kernel as a value": file(kernel("y = h"), kernel("pass", "a", "h")),
    "a kernel as an argument": file(kernel("y = h(h)"), kernel("return a", "a", "h")),
    "a kernel called through an argument": file(
        kernel("y = h(g)"), kernel("return a(1)", "a", "h"), kernel("return a", "a", "g")
    ),
    "a kernel's attribute": file(kernel("y = h.text"), kernel("return a", "a", "h")),
    "a kernel compared": file(kernel("y = h == h"), kernel("return a", "a", "h")),
    "a kernel as a condition": file(kernel("if h:\n    pass"), kernel("return a", "a", "h")),
    "a reduction by recursion": file(
        kernel("y = tl.reduce(tl.arange(0, BLOCK), 0, h)"), kernel("return h(a, b)", "a, b", "h")
    ),
    "a reduction that loops": file(
        kernel("y = tl.reduce(tl.arange(0, BLOCK), 0, h)"), kernel("while True:\n    pass\nreturn a", "a, b", "h")
    ),
    "a reduction without result": file(
        kernel("y = tl.reduce(tl.arange(0, BLOCK), 0, h) + 1"), kernel("pass", "a, b", "h")
    ),
    "a reduction with two results": file(
        kernel("y = tl.reduce(tl.arange(0, BLOCK), 0, h)"), kernel("return a, b", "a, b", "h")
    ),
    "a reduction of another shape": file(
        kernel("y = tl.reduce(tl.arange(0, BLOCK), 0, h)"), kernel("return tl.zeros((8,), tl.int32)", "a, b", "h")
    ),
    "a reduction of three": file(
        kernel("y = tl.reduce(tl.arange(0, BLOCK), 0, h)"), kernel("return a", "a, b, c", "h")
    ),
    "a reduction that stores": file(
        kernel("y = tl.reduce(tl.arange(0, BLOCK), 0, h)"), kernel("tl.store(a, b)\nreturn a", "a, b", "h")
    ),
    "a reduction by a number": file(kernel("y = tl.reduce(tl.arange(0, BLOCK), 0, 3)")),
    "a reduction by a builtin": file(kernel("y = tl.reduce(tl.arange(0, BLOCK), 0, max)")),
    "reductions for long": file(
        kernel(BIG + "for j in range(1000000):\n    b = b + tl.reduce(b, 0, h)"), kernel("return a + b", "a, b", "h")
    ),
    "a reduction of a hard function": file(
        kernel(BIG + "y = tl.reduce(b, 0, h)"),
        kernel("for j in range(100000):\n    a = a * 3 + b\nreturn a", "a, b", "h"),
    ),
    "scans for long": file(
        kernel(BIG + "for j in range(1000000):\n    b = tl.associative_scan(b, 0, h)"),
        kernel("return a + b", "a, b", "h"),
    ),
    "a scan of many": file(
        kernel(BIG + "y = tl.associative_scan((b, b, b, b, b, b, b, b), 0, h)"),
        kernel(
            "return (a, b, c, d, e, f, g, p)",
            "a, b, c, d, e, f, g, p, a1, b1, c1, d1, e1, f1, g1, p1",
            "h",
        ),
    ),
    "a scan by recursion": file(
        kernel("y = tl.associative_scan(tl.arange(0, BLOCK), 0, h)"), kernel("return h(a, b)", "a, b", "h")
    ),
    "a scan of shapes": file(
        kernel("y = tl.associative_scan(tl.arange(0, BLOCK), 0, h)"), kernel("return a[None] + b", "a, b", "h")
    ),
    "many parameters": file(kernel("pass", SIGNATURE + "".join(f", p{j}=0" for j in range(3_000)))),
    "10,000 parameters": file(kernel("pass", SIGNATURE + "".join(f", p{j}=0" for j in range(10_000)))),
    "a parameter twice": file(kernel("pass", SIGNATURE + ", n")),
    "a huge default": file(kernel("y = n + d", SIGNATURE + ", d=0x" + "f" * 20_000)),
    "a string as default": file(kernel("pass", SIGNATURE + ', d="a"')),
    "a call as default": file(kernel("pass", SIGNATURE + ", d=open(1)")),
    "a lambda as default": file(kernel("pass", SIGNATURE + ", d=lambda: 0")),
    "a call as annotation": file(kernel("pass", SIGNATURE + ", d: open(1) = 0")),
    "a result's annotation": file("@triton.jit\ndef k(x_ptr, out_ptr, n, BLOCK) -> open(1):\n    pass\n"),
    "star parameters": file(kernel("pass", "*a")),
    "keyword parameters": file(kernel("pass", "**a")),
    "parameters that are missing": file(kernel("pass", "x_ptr")),
}

POINTERS = {
    "a load of 2^62": f"y = tl.load(x_ptr + {2**62})",
    "a load of less": "y = tl.load(x_ptr - 1000000000)",
    "a load that wraps": f"y = tl.load(x_ptr + {2**62} + {2**62} + {2**62} + {2**62})",
    "a load that wraps by elements": "y = tl.load(x_ptr + i.to(tl.int64) * 4611686018427387904)",
    "a load of the next tensor": "y = tl.load(x_ptr + 1048576)",
    "a load by nan": 'y = tl.load(x_ptr + (x * float("nan")).to(tl.int64))',
    "a load by a float": "y = tl.load(x_ptr + 1.5)",
    "pointers added": "y = tl.load(x_ptr + out_ptr)",
    "pointers multiplied": "y = tl.load(x_ptr * 2)",
    "pointers subtracted": "y = tl.load(x_ptr + (out_ptr - x_ptr))",
    "a pointer as a number": "y = x_ptr.to(tl.int64)",
    "a number as a pointer": "y = tl.load(n)",
    "a number as a pointer, by cast": "y = tl.load(n.to(x_ptr.dtype))",
    "a constant as a pointer": "y = tl.load(0)",
    "None as a pointer": "y = tl.load(None)",
    "a tuple as a pointer": "y = tl.load((x_ptr, x_ptr))",
    "a pointer stored": "tl.store(out_ptr, x_ptr)",
    "a pointer to a pointer": "y = tl.load(tl.load(x_ptr))",
    "pointers compared": "y = x_ptr < out_ptr\ntl.store(out_ptr, y.to(tl.float32))",
    "pointers as a mask": "y = tl.load(x_ptr + i, mask=x_ptr + i)",
    "a mask of another shape": "y = tl.load(x_ptr + i, mask=tl.zeros((8,), tl.int1))",
    "a mask of floats": "y = tl.load(x_ptr + i, mask=x)",
    "other of another shape": "y = tl.load(x_ptr + i, mask=i < 3, other=tl.zeros((8, 8), tl.float32))",
    "other of another type": "y = tl.load(x_ptr + i, mask=i < 3, other=x_ptr)",
    "other of a huge number": f"y = tl.load(x_ptr + i, mask=i < 3, other={2**300})",
    "stores for long": BIG + "for j in range(1000000):\n    tl.store(out_ptr + b * 0, f)",
    "small stores for long": "for j in range(100000000):\n    tl.store(out_ptr, 1.0)",
    "small loads for long": "for j in range(100000000):\n    y = tl.load(x_ptr)",
    "loads for long": BIG + "for j in range(1000000):\n    y = tl.load(x_ptr + b * 0)",
    "atomics for long": BIG + "for j in range(1000000):\n    tl.atomic_add(out_ptr + b * 0, f)",
    "atomic results for long": BIG + "for j in range(1000000):\n    f = tl.atomic_add(out_ptr + b * 0, f)",
    "maxima for long": BIG + "for j in range(1000000):\n    tl.atomic_max(out_ptr + b * 0, f)",
    "compare and swap for long": BIG + "for j in range(1000000):\n    tl.atomic_cas(out_ptr + b * 0, f, f)",
    "exchange for long": BIG + "for j in range(1000000):\n    tl.atomic_xchg(out_ptr + b * 0, f)",
    "an atomic outside": "tl.atomic_add(out_ptr + 1000000000 + i, x)",
    "an atomic on a float": "tl.atomic_and(out_ptr + i, x)",
    "an atomic on a number": "tl.atomic_add(3, 3)",
    "an atomic of odd order": 'tl.atomic_add(out_ptr, 1.0, sem="evil")',
    "an eviction of odd kind": 'y = tl.load(x_ptr, eviction_policy="\\x00")',
    "a cache modifier of numbers": "y = tl.load(x_ptr, cache_modifier=3)",
    "an unknown keyword": "y = tl.load(x_ptr, evil=3)",
    "a boundary check": "y = tl.load(x_ptr, boundary_check=(0,), padding_option=1)",
    "is volatile": "y = tl.load(x_ptr, volatile=1 << 70)",
    "too many arguments of tl": "y = tl.load(x_ptr, None, None, None, None, None, None, None, None, None)",
    "no arguments of tl": "y = tl.load()",
    "an argument of tl twice": "y = tl.exp(x, x=x)",
    "all values of tl.exp": "y = tl.exp(None)",
    "exp of a tuple": "y = tl.exp((1, 2))",
    "exp of a pointer": "y = tl.exp(x_ptr)",
    "exp of a dtype": "y = tl.exp(tl.float32)",
    "a dtype added": "y = tl.float32 + 1",
    "a dtype called": "y = tl.float32(1)",
    "a dtype compared": "y = x.dtype == 3",
    "a dtype as a condition": "if x.dtype:\n    pass",
    "a store of None": "tl.store(out_ptr, None)",
    "a store of a dtype": "tl.store(out_ptr, tl.float32)",
    "a store of a tuple": "tl.store(out_ptr, (1.0, 2.0))",
    "a store of nan": 'tl.store(out_ptr, float("nan"))',
    "a store of a huge number": f"tl.store(out_ptr, {2**300})",
    "a store of another shape": "tl.store(out_ptr, x)",
    "a store to the input": "tl.store(x_ptr + i, x)",
    "a race": "tl.store(out_ptr + i, x + tl.program_id(0))",
    "a program of axis 9": "y = tl.program_id(9)",
    "a program of axis -1": "y = tl.program_id(-1)",
    "a program of axis n": "y = tl.program_id(n)",
    "a program of a huge axis": f"y = tl.program_id({2**80})",
}

ATTRIBUTES = {
    name: body(text)
    for name, text in {
        "a class": "y = x.__class__",
        "a class by call": "y = x.__class__()",
        "subclasses": "y = (1).__class__.__base__.__subclasses__()",
        "globals": "y = tl.load.__globals__",
        "builtins": "y = tl.__builtins__",
        "tl's dict": "y = tl.__dict__",
        "tl itself": "y = tl",
        "tl.math's dict": "y = tl.math.__dict__",
        "tl.core": "y = tl.core.builtins",
        "the module": "y = triton.runtime.driver",
        "x.data": "y = x.data",
        "x.defined": "y = x.defined",
        "x.numpy": "y = x.numpy()",
        "x.dtype.name": "y = x.dtype.name",
        "x.shape of a shape": "y = x.shape.shape",
        "x.shape far out": "y = x.shape[99]",
        "x.shape as a tile": "y = x.shape + x",
        "x.type.element_ty": "y = x.type.element_ty.element_ty",
        "x.to as a value": "y = x.to",
        "x.to.to": "y = x.to.to(tl.float32)",
        "x.T called": "y = x.T()",
        "x.dtype called": "y = x.dtype(3)",
        "x.reshape of strings": 'y = x.reshape("a")',
        "real": "y = n.real",
        "bit_length": "y = (5).bit_length()",
        "range's self": "y = range.__self__",
        "max's call": "y = max.__call__(1, 2)",
        "a keyword of dunder": "y = tl.load(x_ptr, __class__=1)",
        "the builder": "y = tl.exp(x, _semantic=1)",
        "a generator": "y = tl.rand(1, i, _generator=1)",
        "print": "print(x)",
        "open": 'y = open("/etc/passwd")',
        "eval": 'y = eval("1")',
        "exec": 'exec("import os")',
        "getattr": 'y = getattr(x, "data")',
        "__import__": '__import__("os").system("true")',
        "_reached": "_reached(1)",
        "an import": "import os",
        "a lambda": "y = (lambda: 0)()",
        "a comprehension": "y = [j for j in range(9)]",
        "a generator expression": "y = max(j for j in range(9))",
        "a dict": "y = {}",
        "a set": "y = {1}",
        "a walrus": "y = (z := 3)",
        "a string": 'y = "a" * 1000000000',
        "a formatted string": 'y = f"{x.__class__}"',
        "bytes": 'y = b"a"',
        "a complex number": "y = 1j",
        "dots": "y = ...",
        "a star": "y = max(*x)",
        "two stars": "y = tl.load(x_ptr, **x)",
        "starred": "y = (*x, 1)",
        "a starred target": "*a, b = 1, 2, 3",
        "an attribute as target": "x.data = 3",
        "an element as target": "x[0] = 3",
        "tl as target": "tl = 3",
        "max as target": "max = 3",
        "a loop over tl": "for tl in range(3):\n    pass",
        "a dunder as target": "__name__ = 3",
        "an assertion": "assert False",
        "an error": "raise SystemExit",
        "a deletion": "del x",
        "a global": "global x",
        "a nonlocal": "nonlocal x",
        "a try": "try:\n    pass\nexcept ValueError:\n    pass",
        "a with": "with x:\n    pass",
        "a match": "match n:\n    case 1:\n        pass",
        "a def": "def f():\n    pass",
        "a class statement": "class A:\n    pass",
        "a yield": "yield x",
        "an await": "await x",
        "a power": "y = 9 ** 9 ** 9",
        "a matrix product": "y = x @ x",
        "in": "y = n in (1, 2)",
        "is": "y = n is n",
        "a bare name": "x",
        "a bare constant": "9 ** 9 ** 9",
        "float of a name": "y = float(x)",
        "float of a long text": 'y = float("' + "9" * 100_000 + '")',
        "static_print": 'tl.static_print("a")',
        "device_print": 'tl.device_print("a", x)',
        "inline assembly": 'y = tl.inline_asm_elementwise("exit", "=r", [x], tl.int32, True, 1)',
        "extra": "y = tl.extra.cuda.smid()",
        "a message of formats": 'tl.static_assert(False, "{0.__class__} %s %n")',
        "a message of controls": 'tl.static_assert(False, "\\x1b[2J\\r\\n1 passed")',
        "a message of 40,000": 'tl.static_assert(False, "' + "a" * 40_000 + '")',
        "a message of two lines": 'tl.static_assert(False, """a\n    b""")',
        "a message of surrogates": 'tl.static_assert(False, "\\ud800")',
        "a message for the device": 'tl.device_assert(x != x, "{0}\\n" )',
        "an assertion of a tile": "tl.static_assert(x > 0)",
        "an assertion of None": "tl.static_assert(None)",
        "assume nothing": "tl.assume(n < 0)",
        "cast to a string": 'y = x.to("float32")',
        "a rounding of odd kind": 'y = x.to(tl.float16, fp_downcast_rounding="evil")',
        "a precision of odd kind": 'y = tl.dot(x, x, input_precision="evil")',
        "a precision of numbers": "y = tl.dot(x[:, None] + x, x[:, None] + x, input_precision=3)",
        "multiple_of by text": 'y = tl.multiple_of(x, "a")',
        "multiple_of by zero": "y = tl.multiple_of(x, 0)",
        "max_contiguous by a tuple": "y = tl.max_contiguous(x, (1, 2, 3, 4))",
    }.items()
}

FORMS: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "only CONFIG": lambda: "CONFIG = {}\n",
    "a null byte": lambda: body("y = n\x00"),
    "a byte order mark": lambda: "\ufeff" + body("y = n"),
    "two byte order marks": lambda: "\ufeff\ufeff" + body("y = n"),
    "a lone surrogate": lambda: body("y = n # \ud800"),
    "a lone surrogate as a name": lambda: body("\ud800 = n"),
    "wide letters": lambda: body("y = ｔｌ.exp(x)"),
    "wide dunders": lambda: body("y = x.＿＿class＿＿"),
    "a wide underscore": lambda: body("＿y = n"),
    "other letters": lambda: body("у = n\ny = у + у"),
    "right to left": lambda: body("y = n # \u202e evil"),
    "a form feed": lambda: body("y = n\x0c"),
    "a line separator": lambda: body("y = n # \u2028 import os"),
    "a carriage return": lambda: body("y = n # \rimport os"),
    "an escape": lambda: body("y = n # \x1b[2J"),
    "an escape in a name": lambda: body("y\x1b = n"),
    "tabs and spaces": lambda: body("if n > 0:\n\ty = n\n        y = n"),
    "a coding line": lambda: "# -*- coding: utf-7 -*-\n" + body("y = n"),
    "an unknown coding line": lambda: "# -*- coding: evil -*-\n" + body("y = n"),
    "a line of 1 MB": lambda: body("y = n" + " + n" * (MIB // 4)),
    "a name of 1 MB": lambda: body("y" * MIB + " = n"),
    "a comment of 1 MB": lambda: body("y = n # " + "a" * MIB),
    "a docstring of 1 MB": lambda: file(kernel('"""' + "a" * MIB + '"""')),
    "a string of 1 MB": lambda: body('tl.static_assert(n > 0, "' + "a" * MIB + '")'),
    "a million empty lines": lambda: body("y = n" + "\n" * MIB),
    "16 MB": lambda: body("y = n # " + "a" * 16 * MIB),
    "lines joined": lambda: body("y = n + \\\n" + "\\\n" * 100_000 + "n"),
    "semicolons": lambda: body("y = n;" * 50_000),
    "100,000 statements": lambda: body("y = n\n" * 100_000),
    "7,000 statements": lambda: body("y = n\n" * 7_000),
    "7,000 additions": lambda: body("x = x + 1.0\n" * 5_000),
    "10,000 kernels": lambda: file(*(kernel("pass", "a", f"k{j}") for j in range(10_000)), kernel("pass")),
    "2,000 kernels": lambda: file(*(kernel("pass", "a", f"k{j}") for j in range(2_000)), kernel("pass")),
    "50,000 constants": lambda: file(
        kernel("pass"), config=CONFIG + "".join(f"A{j} = tl.constexpr(1)\n" for j in range(50_000))
    ),
    "2,500 constants": lambda: file(
        kernel("pass"), config=CONFIG + "".join(f"A{j} = tl.constexpr(1)\n" for j in range(2_500))
    ),
    "50,000 variables": lambda: body("".join(f"y{j} = n\n" for j in range(50_000))),
    "5,000 variables": lambda: body("".join(f"y{j} = n\n" for j in range(5_000))),
    "100,000 decorators": lambda: file("@triton.jit\n" * 100_000 + "def k(a):\n    pass\n"),
    "decorated by text": lambda: file('@triton.jit("a" * 9)\ndef k(a):\n    pass\n'),
    "decorated by autotune": lambda: file("@triton.autotune(1)\n" + kernel("pass")),
    "not decorated": lambda: file("def k(a):\n    pass\n"),
    "an async kernel": lambda: file("@triton.jit\nasync def k(a):\n    pass\n"),
    "a class in the file": lambda: file("class A:\n    pass\n"),
    "a call in the file": lambda: file("print(1)\n"),
    "a while in the file": lambda: file("while True:\n    pass\n"),
    "os imported": lambda: "import os\n" + file(kernel("pass")),
    "all imported": lambda: "from triton import *\n" + file(kernel("pass")),
    "tl renamed": lambda: "import os as tl\n" + file(kernel("pass")),
    "a kernel named tl": lambda: file(kernel("pass", name="tl")),
    "a kernel named CONFIG": lambda: file(kernel("pass", name="CONFIG")),
    "a kernel twice": lambda: file(kernel("pass"), kernel("pass")),
    "a docstring with a def": lambda: file(kernel('"""a\ndef k():\n    """\npass')),
    "a wide slow chain": lambda: body("y = x[(" + "n," * 12_000 + ")]" + ".T" * 300),
    "a wide slow call": lambda: body("y = (" + "n+" * 250 + "n)" + ".to(tl.float32)" * 300),
    "a slow choice of names": lambda: body("y = " + "tl.math.exp." * 5_000 + "x"),
    "stubs in stubs": lambda: file(kernel("if n:\n    raise x.a(" + "n," * 20_000 + ")\n" * 3)),
    "raises that are long": lambda: file(kernel("raise n\n" * 8_000)),
    "a return of much": lambda: body("return " + "n, " * 20_000),
}


def _config(text: str) -> Callable[[], str]:
    return lambda: file(kernel("i = tl.arange(0, BLOCK)\ntl.store(out_ptr + i, 1.0)"), config=text + "\n")


CONFIGS = {
    name: _config(text)
    for name, text in {
        "CONFIG twice": "CONFIG = {}\nCONFIG = {}",
        "CONFIG of a list": "CONFIG = []",
        "CONFIG of a call": "CONFIG = dict(BLOCK=64)",
        "CONFIG with a list as key": "CONFIG = {[]: 1}",
        "CONFIG with a dict as key": "CONFIG = {{}: 1}",
        "CONFIG with a set of lists": 'CONFIG = {"BLOCK": {[]}}',
        "CONFIG with a number as key": "CONFIG = {1: 1}",
        "CONFIG unpacked": "CONFIG = {**{}}",
        "CONFIG with a string": 'CONFIG = {"BLOCK": "64"}',
        "CONFIG with bytes": 'CONFIG = {"BLOCK": b"64"}',
        "CONFIG with None": 'CONFIG = {"BLOCK": None}',
        "CONFIG with a complex number": 'CONFIG = {"BLOCK": 1 + 2j}',
        "CONFIG with infinity": 'CONFIG = {"BLOCK": 1e999}',
        "CONFIG with a float": 'CONFIG = {"BLOCK": 64.0}',
        "CONFIG with a truth": 'CONFIG = {"BLOCK": True}',
        "CONFIG with a negative": 'CONFIG = {"BLOCK": -64}',
        "CONFIG with zero": 'CONFIG = {"BLOCK": 0}',
        "CONFIG with 2^40": f'CONFIG = {{"BLOCK": {2**40}}}',
        "CONFIG with 2^20,000": 'CONFIG = {"BLOCK": 0x1' + "0" * 5_000 + "}",
        "CONFIG with a long list": 'CONFIG = {"BLOCK": [' + "0x" + "f" * 9_000 + "]}",
        "CONFIG of an odd key": 'CONFIG = {"__class__": 1, "BLOCK": 64}',
        "CONFIG of an option": 'CONFIG = {"extern_libs": 1, "BLOCK": 64}',
        "CONFIG of many warps": 'CONFIG = {"BLOCK": 64, "num_warps": 10000}',
        "CONFIG of many stages": f'CONFIG = {{"BLOCK": 64, "num_stages": {10**30}}}',
        "CONFIG with a name of 40,000": 'CONFIG = {"' + "a" * 40_000 + '": 1}',
        "CONFIG with odd letters": 'CONFIG = {"\\x1b[2J\\n": 1}',
        "CONFIG with a surrogate": 'CONFIG = {"\\ud800": 1}',
        "CONFIG annotated": "CONFIG: int = {}",
        "CONFIG added to": "CONFIG = {}\nCONFIG += 1",
        "TUNE of a dict": CONFIG + "TUNE = {}",
        "TUNE of odd names": CONFIG + 'TUNE = [{"a": 1}]',
        "TUNE with an unhashable": CONFIG + "TUNE = [{[]: 1}]",
        "TUNE of many": CONFIG + "TUNE = [" + '{"BLOCK": 64},' * 3_000 + "]",
        "TUNE with a huge number": CONFIG + 'TUNE = [{"BLOCK": 0x' + "f" * 9_000 + "}]",
        "a constant of a call": CONFIG + "A = tl.constexpr(open(1))",
        "a constant of a sum": CONFIG + "A = tl.constexpr(1 + 1)",
        "a constant of a huge number": CONFIG + "A = tl.constexpr(0x" + "f" * 9_000 + ")",
        "a constant of a wrong huge number": CONFIG + "A = tl.constexper(0x" + "f" * 9_000 + ")",
        "a constant of a string": CONFIG + 'A = tl.constexpr("a")',
        "a constant twice": CONFIG + "A = tl.constexpr(1)\nA = tl.constexpr(1)",
        "a constant called tl": CONFIG + "tl = tl.constexpr(1)",
        "a constant plain": CONFIG + "A = 3",
        "a constant of a power": CONFIG + "A = 9 ** 9 ** 9",
    }.items()
}


def _nested() -> dict[str, Hostile]:
    return {name: Hostile(build) for name, build in _nesting()}


def _bodies(texts: dict[str, str]) -> dict[str, Hostile]:
    return {name: Hostile(lambda t=text: body(t), GRIDS.get(name, (4,))) for name, text in texts.items()}  # type: ignore[misc]


def _files(texts: dict[str, str]) -> dict[str, Hostile]:
    return {name: Hostile(lambda t=text: t) for name, text in texts.items()}  # type: ignore[misc]


def _built(builders: dict[str, Callable[[], str]]) -> dict[str, Hostile]:
    return {name: Hostile(build) for name, build in builders.items()}


GROUPS: dict[str, dict[str, Hostile]] = {
    "nesting": _nested(),
    "constants": _bodies(CONSTANTS),
    "loops": _bodies(LOOPS),
    "tiles": _bodies(TILES),
    "pointers": _bodies(POINTERS),
    "functions": _files(FUNCTIONS),
    "attributes": _files(ATTRIBUTES),
    "forms": _built(FORMS),
    "configurations": _built(CONFIGS),
}
TEXTS = {name: text for group in GROUPS.values() for name, text in group.items()}
