"""Enforces `forbids` of chapter.toml: the names of functions that a koan asks to be written by hand.

A name covers every way to reach the function (`torch.softmax`, `F.softmax`, `x.softmax`, an import of it). It also
covers torch's operation of that name, in case the text hides how it calls it.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Sequence
from typing import Any

from grader.book import source_text
from grader.book.syntax import parse


class Forbidden(Exception):
    """A submission uses a function that its koan asks it to write. The text says which and where."""


def forbidden_use(text: str, forbids: Sequence[str]) -> str:
    """A sentence that says where the text uses a forbidden function, or an empty string. Raises SyntaxError."""
    for node in ast.walk(parse(text)):
        name = _used_name(node)
        if name in forbids:
            line = getattr(node, "lineno", 0)
            return _message(name, f"line {line}: {source_text.lines(text)[line - 1].strip()}")
    return ""


def _used_name(node: ast.AST) -> str:
    """The name that an attribute, an import or a call of getattr uses, or an empty string."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.alias):
        return node.name.rpartition(".")[2]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
        names = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        return names[0] if names else ""
    return ""


def refusing_functions(text: str, message: str) -> dict[str, Callable[..., Any]]:
    """For every function that the text defines, a function that raises Forbidden with this message."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise Forbidden(message)

    return {node.name: refuse for node in parse(text).body if isinstance(node, ast.FunctionDef)}


def _message(name: str, where: str) -> str:
    return f"{name} is what this koan asks you to write yourself; found in {where}"


@functools.cache
def _forbidding_mode(forbids: tuple[str, ...]) -> Any:
    """A dispatch mode of torch. Within it an operation with a forbidden name raises Forbidden."""
    from torch.utils._python_dispatch import (
        TorchDispatchMode,
    )  # here, because commands that need no torch import this file

    class ForbiddingMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            return False

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            operation = func._schema.name.split("::")[1]
            for name in forbids:
                if name in operation:
                    raise Forbidden(_message(name, f"the operation {operation}, reached by another name"))
            return func(*args, **(kwargs or {}))

    return ForbiddingMode


def enforce(module: dict[str, Any], text: str, forbids: Sequence[str]) -> None:
    """Wrap every public function of a module.

    A wrapped function raises Forbidden at once if the text uses a forbidden function, and otherwise when a call uses a
    forbidden operation. Raises SyntaxError if the text does not parse.
    """
    message = forbidden_use(text, forbids)
    own = module.get("__name__")
    for name, value in list(module.items()):
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == own:
            module[name] = _guarded(value, message, forbids)


def _guarded(fn: Callable[..., Any], message: str, forbids: Sequence[str]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        if message:
            raise Forbidden(message)
        with _forbidding_mode(tuple(forbids))():
            return fn(*args, **kwargs)

    return call
