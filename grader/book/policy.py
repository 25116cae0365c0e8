"""What a koan asks to be written by hand: `forbids` in chapter.toml names the functions that would be the whole answer.

A name stands for the function wherever it is found (`torch.softmax`, `F.softmax`, `x.softmax`, an import of it) and for
the operation itself, should the text hide it.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Sequence
from typing import Any

from grader.book.syntax import parse


class Forbidden(Exception):
    """A submission uses what its koan asks it to write. Says what and where."""


def found(text: str, forbids: Sequence[str]) -> str:
    """Where the text uses a forbidden function, in a sentence, or an empty string. Raises SyntaxError."""
    for node in ast.walk(parse(text)):
        name = _used(node)
        if name in forbids:
            line = getattr(node, "lineno", 0)
            return _says(name, f"line {line}: {text.splitlines()[line - 1].strip()}")
    return ""


def _used(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.alias):
        return node.name.rpartition(".")[2]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
        words = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        return words[0] if words else ""
    return ""


def refusal(text: str, says: str) -> dict[str, Callable[..., Any]]:
    """For every function that the text defines, one that raises Forbidden."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise Forbidden(says)

    return {node.name: refuse for node in parse(text).body if isinstance(node, ast.FunctionDef)}


def _says(name: str, where: str) -> str:
    return f"{name} is what this koan asks you to write yourself; found in {where}"


@functools.cache
def _refusing(forbids: tuple[str, ...]) -> Any:
    """A dispatch mode: within it, an operation with a forbidden name raises."""
    from torch.utils._python_dispatch import TorchDispatchMode  # here, since commands that run nothing import this file

    class Refusing(TorchDispatchMode):  # type: ignore[no-untyped-call]
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            return False

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            operation = func._schema.name.split("::")[1]
            for name in forbids:
                if name in operation:
                    raise Forbidden(_says(name, f"the operation {operation}, reached by another name"))
            return func(*args, **(kwargs or {}))

    return Refusing


def enforce(module: dict[str, Any], text: str, forbids: Sequence[str]) -> None:
    """Wrap every function of a module: it raises Forbidden at once if the text breaks the rule, or when a call does."""
    says = found(text, forbids)
    own = module.get("__name__")
    for name, value in list(module.items()):
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == own:
            module[name] = _guarded(value, says, forbids)


def _guarded(fn: Callable[..., Any], says: str, forbids: Sequence[str]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        if says:
            raise Forbidden(says)
        with _refusing(tuple(forbids))():
            return fn(*args, **kwargs)

    return call
