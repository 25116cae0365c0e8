"""Fuzzes notebooks: `python -m tests.fuzz.notebook --seconds 600 --seed 1`."""

from __future__ import annotations

import json
import random
import sys
from functools import cache
from typing import Any

import msgspec

from grader.book.notebook_parser.answers import Outline, outline
from grader.book.workbook import Workbook
from grader.course.intake.notebooks import MOST_NOTES, ParsedNotebooks, find_answers
from grader.judge.sandbox.submission import Unreadable, as_text
from tests.conftest import ROOT
from tests.fuzz.fuzzer import Fuzzer, main, mutated

KOANS = ("ch06_numerics/softmax", "ch06_numerics/exp_overflow", "ch07_attention/scores", "ch07_attention/causal_mask")
LINES = (
    "import torch", "from torch import Tensor as T", "import torch; x = 1", "from x import *", "import a.b.c as d", "x = 1",
    "x: int = 2", "x += 1", "x = y = z", "x[0] = 1", "x.y.z = 1", "(a, *b), c = 1, [2], 3", "del x", "global x",
    "def softmax(x, dim=-1):\n    return helper(x)", "def softmax(x): return x", "softmax = lambda x: x", "class softmax: pass",
    "async def softmax(x):\n    await x", "@decorator\ndef scores(q, k):\n    return q @ k", "def helper(x):\n    return softmax(x)",
    'def softmax(x, dim=-1):\n    raise NotImplementedError("your turn")', "def exp_overflow(): pass", "def causal_mask(n, m):",
    "if x:\n    def softmax(x): return 1\nelse:\n    softmax = 2", "for softmax in x: pass", "with a as softmax: pass",
    "try:\n    pass\nexcept* E as softmax:\n    pass", "match x:\n    case softmax: pass", "(softmax := 1)", "type X = int",
    "%matplotlib inline", "!ls", "x = !ls", "%%time", "%%bash", "%%capture out", "?x", "x?", "x??", "%time softmax(x)",
    "!a \\\nb \\", "\\", "    x", "\tx", "'''", '"""', "f'{x!r:{y}}'", "f'{'", "x = (", "]", "#", "\f", "\r", "\r\n", "\x0c\x0b",
    "\0", "\ufeff", "\ud800", "\udfff", "é = 1", "ﬁ = 1", "𝐱 = 1", "# -*- coding: utf-7 -*-", "print 'x'", "return 1", "yield",
    "await x", "nonlocal x", "1 = x", "None = 1", "__debug__ = 1", "lambda: (yield)", "0x", "1_", "1__0", "9" * 5000, "\x1a",
    'if __name__ == "__main__":\n    softmax(1)', "def f(x, x): pass", "class A:\n    x = x\n    def f(self): global y; y = softmax",
    "from __future__ import braces", "from __future__ import annotations", "x" * 3000 + " = 1", "\u2028", "\x85", "\x1c",
)  # fmt: skip
OPENERS = (
    "(",
    "[",
    "{",
    "-",
    "not ",
    "lambda: ",
    "x.",
    "x[",
    "f(",
    "{1:",
    "a if b else ",
    "*",
    "~",
    "x=",
    "await ",
    "1+",
)
BLOCKS = ("if x:", "def f():", "class A:", "for x in y:", "while x:", "try:", "with x:", "async def f():")
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    4,
    1e300,
    2**70,
    "",
    "x",
    "code",
    [],
    {},
    [[]],
    {"a": 1},
    "\ud800",
    ["x", 1],
)


@cache
def outlines() -> tuple[Outline, ...]:
    book = Workbook(ROOT)
    return tuple(outline(book, book.koans[koan]) for koan in KOANS)


def make(rng: random.Random) -> bytes:
    file: Any = {
        "nbformat": rng.choice((4, 4, 4, 4, 4, 4, 3, 5, "4", None)),
        "nbformat_minor": 5,
        "metadata": rng.choice(
            (
                {},
                {},
                {"koans": {"chapter": "ch06_numerics"}},
                {"koans": {"chapter": rng.choice(VALUES)}},
                {"kernelspec": {"language": rng.choice(("python", "julia", 7, None))}},
                {"kernelspec": rng.choice(VALUES)},
            )
        ),
        "cells": [cell(rng) for _ in range(rng.choice((0, 1, 2, 3, 5, 20)))],
    }
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        file = changed(file, rng)
    text = json.dumps(file, ensure_ascii=rng.random() < 0.7)
    if rng.random() < 0.03:
        nested = rng.choice(("[", '{"a":')) * rng.choice((100, 2000, 100_000))
        text = rng.choice(
            (text[:-1] + f', "x": {nested}', nested, text.replace('"metadata": {', f'"metadata": {{"x": {nested}1'))
        )
    data = text.encode("utf-8", "surrogatepass")
    return mutated(data, rng) if rng.random() < 0.2 else data


def cell(rng: random.Random) -> Any:
    text = source(rng)
    lines = rng.choice(
        (text, text, text.splitlines(True), list(text[:50]), rng.choice(VALUES) if rng.random() < 0.1 else text)
    )
    return {
        "cell_type": rng.choice(("code", "code", "code", "markdown", "raw")),
        "source": lines,
        "outputs": [],
        "metadata": {},
    }


def source(rng: random.Random) -> str:
    match rng.randrange(12):
        case 0:
            return rng.choice(OPENERS) * rng.choice((10, 90, 200, 1000, 5000, 60_000)) + rng.choice(("", "x", "1"))
        case 1:
            depth = rng.choice((5, 20, 101, 300))
            return "".join(" " * i + rng.choice(BLOCKS) + "\n" for i in range(depth)) + " " * depth + "pass"
        case 2:
            opener, closer = rng.choice((("(", ")"), ("[", "]"), ("f(", ")"), ("{", "}"), ("(x,", ")")))
            depth = rng.choice((20, 95, 190, 400))
            return f"softmax = {opener * depth}x{closer * depth}"
        case 3:
            return (rng.choice(LINES) + rng.choice(("\n", "\n", ";", " "))) * rng.choice((10, 300, 3000))
        case 4:
            count = rng.choice((10, 200, 1500))
            chain = "".join(f"def f{i}(x): return f{i + 1}(x)\n" for i in range(count))
            return chain + "def softmax(x, dim=-1): return f0(x)\n"
        case 5:
            return rng.choice(("x", "x.y", "f()", "x + ", "x if x else ", "x or ", "'a' ")) * rng.choice(
                (50, 900, 3000, 30_000)
            )
        case 6:
            return "".join(
                chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x300)))) for _ in range(rng.randrange(200))
            )
        case _:
            return rng.choice(("\n", "\n", "\r\n", "\r")).join(rng.choice(LINES) for _ in range(rng.randrange(8)))


def changed(value: Any, rng: random.Random) -> Any:
    """The JSON value with one part of it replaced, removed or repeated."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        rest = {k: v for k, v in value.items() if k != key}
        return rest if rng.random() < 0.1 else {**rest, key: changed(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        return [*value[:at], changed(value[at], rng), *value[at + rng.choice((0, 1)) :]]
    return rng.choice(VALUES)


def check(data: bytes) -> None:
    try:
        text = as_text(data, "hw.ipynb")
    except Unreadable:
        return
    for notebooks in ([("hw.ipynb", text)], [("a.ipynb", text), ("b.ipynb", text)]):
        result = find_answers(notebooks, outlines())
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(result), type=ParsedNotebooks) == result
        assert set(result.texts) <= set(KOANS)
        assert len(result.notes) <= MOST_NOTES + 1
        for line in (*result.notes, result.problem):
            assert len(line) < 1000 and line.isprintable(), line[:2000]
        assert result.problem or result.texts or result.notes


FUZZER = Fuzzer("notebook", make, check)

if __name__ == "__main__":
    sys.exit(main(FUZZER))
