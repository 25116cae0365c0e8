"""Koans build on koans: which files of other koans a learner's file imports.

`from exercises.ch06_numerics.softmax import softmax`, with or without dots instead of the package, imports a function
that the same learner wrote for another koan.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator

import msgspec

from grader.book.syntax import parse

PACKAGE = "exercises"
RELATIVE = re.compile(r"\bfrom[\s\\]*\.")


class Imported(msgspec.Struct, frozen=True):
    """The file of another koan, and the functions it must not use. `refusal` says why it cannot be imported."""

    text: str = ""
    forbids: tuple[str, ...] = ()
    refusal: str = ""


def module_name(koan: str) -> str:
    """The name that a koan's file has as a module."""
    return f"{PACKAGE}.{koan.replace('/', '.')}"


def may_import(text: str) -> bool:
    """Whether a text may import another koan's file. It is not parsed for this."""
    return "import" in text and (PACKAGE in text or RELATIVE.search(text) is not None)


def imported(text: str, koan: str, known: Container[str]) -> tuple[str, ...]:
    """The ids of other koans that the text of `koan` imports, by its syntax tree. `known` are the ids of all koans.

    A text that does not parse imports none.
    """
    if not may_import(text):
        return ()
    try:
        nodes = ast.walk(parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    ids = [koan_of(name) for node in nodes for name in imported_modules(node, koan)]
    return tuple(dict.fromkeys(name for name in ids if name != koan and name in known))


def koan_of(module: str) -> str:
    """The id of the koan whose file has this module name. Another module has none, and gives an empty string."""
    package, _, rest = module.partition(".")
    return rest.replace(".", "/") if package == PACKAGE and rest.count(".") == 1 else ""


def imported_modules(node: ast.AST, koan: str) -> Iterator[str]:
    """The names of the modules that a statement in the koan's file may import. For `from a import b`: a and a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parts = [PACKAGE, *koan.split("/")]
        above = parts[: len(parts) - node.level] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)
