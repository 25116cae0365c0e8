"""Refuses a CONFIG that cannot work, before any kernel runs: with one line that says which key, and what is allowed."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from grader.book.syntax import parse
from grader.book.verdict import one_line
from grader.kernels.kernel_text import LONGEST_MESSAGE, KernelSyntaxError, KernelText

LARGEST_TILE = 2**20  # elements: Triton's own limit
MOST_WARPS = 32
OPTIONS = ("num_warps", "num_stages")
HOLDS = "CONFIG holds tl.constexpr parameters, num_warps and num_stages"


@dataclass(frozen=True)
class Launcher:
    """The kernels that a launcher launches, the keys of CONFIG it asks for, and the constants that it gives itself."""

    kernels: frozenset[str]
    asked: frozenset[str]
    given: frozenset[str]


@lru_cache(maxsize=64)
def launcher_of(launch: Callable[..., Any]) -> Launcher:
    """Read a launcher, `launch(kernels, config, *inputs)`."""
    function = parse(textwrap.dedent(inspect.getsource(launch))).body[0]
    assert isinstance(function, ast.FunctionDef)
    kernels, config = (argument.arg for argument in function.args.args[:2])
    launched: set[str] = set()
    asked: set[str] = set()
    given: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Subscript(value=ast.Attribute(value=ast.Name(id=base), attr=name))):
                if base == kernels:
                    launched.add(name)
                    given |= {keyword.arg for keyword in node.keywords if keyword.arg}
            case ast.Subscript(value=ast.Name(id=base), slice=ast.Constant(value=str(key))) if base == config:
                asked.add(key)
            case ast.Dict():
                given |= {key.value for key in node.keys if isinstance(key, ast.Constant) and type(key.value) is str}
    return Launcher(frozenset(launched), frozenset(asked), frozenset(given - asked))


def check(text: KernelText, launch: Callable[..., Any]) -> None:
    """Raises KernelSyntaxError, with CONFIG's line, if the launcher cannot launch these kernels with this CONFIG."""
    launcher = launcher_of(launch)
    kernels = [node for name, node in text.functions.items() if name in launcher.kernels]
    sizes = {name for node in text.functions.values() for name in _arange_sizes(node)}
    problems = [_problem_of_key(key, launcher, kernels) for key in text.config]
    problems += [_missing(text.config, launcher, kernels)]
    for place, values in [("CONFIG", text.config), *(("TUNE", choice) for choice in text.choices)]:
        for name, value in values.items():
            rule = _broken_rule(name, value, name in sizes, name in launcher.asked)
            problems += [f"{place}: `{name}` is {_shown(value)}; it must be {rule}"] if rule else []
    problem = next(filter(None, problems), "")
    if problem:
        raise KernelSyntaxError(
            one_line(problem, LONGEST_MESSAGE), (text.file, _line(text, problem.partition(":")[0].split()[0]), 1, "")
        )


def _line(text: KernelText, name: str) -> int:
    """The line of the last assignment to CONFIG or TUNE."""
    return max(i for i, line in enumerate(text.lines, 1) if re.match(rf"{name}\s*=", line))


def _shown(value: Any) -> str:
    return str(value) if type(value) is not int or value.bit_length() <= 64 else "a number of more than 64 bits"


def _problem_of_key(key: str, launcher: Launcher, kernels: list[ast.FunctionDef]) -> str:
    if key in launcher.given:
        return f"CONFIG: the launcher sets `{key}` itself, so remove it from CONFIG"
    constants = {name for node in kernels for name in _constants(node)}
    if not kernels or key in OPTIONS or key in launcher.asked or key in constants:
        return ""
    if any(key == argument.arg for node in kernels for argument in _arguments(node)):
        return f"CONFIG: `{key}` is an argument of the kernel, not a constant: {HOLDS}"
    return f"CONFIG: no launched kernel has a constant `{key}`: {HOLDS}"


def _missing(config: Mapping[str, Any], launcher: Launcher, kernels: list[ast.FunctionDef]) -> str:
    needed = [
        *sorted(launcher.asked),
        *(name for node in kernels for name, default in _constants(node).items() if not default),
    ]
    key = next((name for name in needed if name not in config and name not in launcher.given), None)
    return f"CONFIG has no '{key}', which the kernel needs: add it" if key else ""


def _broken_rule(name: str, value: Any, is_size: bool, is_asked: bool) -> str:
    """What the value of a key must be and is not, or an empty string."""
    whole = type(value) is int and value > 0
    power = whole and value & (value - 1) == 0
    if is_size and not (power and value <= LARGEST_TILE):
        return f"a power of two from 1 to {LARGEST_TILE:,}, such as 64: tl.arange makes only such tiles"
    if name == "num_warps" and not (power and value <= MOST_WARPS):
        return f"a power of two from 1 to {MOST_WARPS}"
    if is_asked and not whole:
        return "a whole number above 0"
    if name == "num_stages" and not (type(value) is int and value >= 0):
        return "a whole number"
    return ""


def _arguments(node: ast.FunctionDef) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _constants(node: ast.FunctionDef) -> dict[str, bool]:
    """The tl.constexpr parameters of a kernel, and whether each has a default."""
    plain = [*node.args.posonlyargs, *node.args.args]
    with_default = {argument.arg for argument in plain[len(plain) - len(node.args.defaults) :]}
    with_default |= {a.arg for a, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if default}
    marked = [a.arg for a in _arguments(node) if a.annotation is not None]
    return {name: name in with_default for name in marked}


def _arange_sizes(node: ast.FunctionDef) -> Iterator[str]:
    """The names X in tl.arange(0, X)."""
    for call in ast.walk(node):
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="tl"), attr="arange"),
                args=[ast.Constant(value=0), ast.Name(id=name)],
            ):
                yield name
