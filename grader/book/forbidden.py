"""Enforces `forbids` of chapter.toml: the names of functions that a koan asks to be written by hand.

A name covers every way to reach the function (`torch.softmax`, `F.softmax`, `x.softmax`, an import of it). It also
covers torch's operation of that name, in case the text hides how it calls it. The learner's own function of that name,
imported from another koan's file, is allowed. Then the rule holds for that file too.
"""

from __future__ import annotations

import ast
import contextlib
import functools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from grader.book import source_text
from grader.book.koan_imports import imported, imported_modules, koan_of
from grader.book.syntax import parse


class Forbidden(Exception):
    """A submission uses a function that its koan asks it to write. The text says which and where."""


def forbidden_use(text: str, forbids: Sequence[str], koan: str = "", others: Mapping[str, str] = {}) -> str:
    """A sentence that says where the text uses a forbidden function, or an empty string. Raises SyntaxError.

    The text is the file of `koan`, an id. `others` are the texts of koans that it may import.
    """
    found = _forbidden_line(text, forbids, koan)
    if found is not None:
        return _message(found[0], found[1])
    checked, waiting = {koan}, list(imported(text, koan, others))
    while waiting:
        other = waiting.pop()
        if other in checked:
            continue
        checked.add(other)
        try:
            found = _forbidden_line(others[other], forbids, other)
        except SyntaxError:  # the import says so
            continue
        if found is not None:
            return _message(found[0], f"exercises/{other}.py, which this file imports, {found[1]}")
        waiting += imported(others[other], other, others)
    return ""


def _forbidden_line(text: str, forbids: Sequence[str], koan: str) -> tuple[str, str] | None:
    """The first forbidden name that a text uses, and its line."""
    tree = parse(text)
    own = _own_modules(tree, koan)
    for node in _nodes(tree, koan):
        name = "" if isinstance(node, ast.Attribute) and _dotted(node.value) in own else _used_name(node)
        if name in forbids:
            line = getattr(node, "lineno", 0)
            return name, f"line {line}: {source_text.lines(text)[line - 1].strip()}"
    return None


def _nodes(tree: ast.Module, koan: str) -> Iterator[ast.AST]:
    """The nodes of a tree without what is imported from other koans' files."""
    waiting: deque[ast.AST] = deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            waiting += [a for a in node.names if not any(map(koan_of, _modules_of(node, a, koan)))]
        else:
            waiting += ast.iter_child_nodes(node)


def _modules_of(node: ast.Import | ast.ImportFrom, alias: ast.alias, koan: str) -> Iterator[str]:
    """The modules that one name of an import statement may stand for or come from."""
    one = ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], node.level)
    return imported_modules(one, koan)


def _own_modules(tree: ast.Module, koan: str) -> set[str]:
    """How the text may write the modules of other koans: their names, and the names that it gives them."""
    names = set()
    for node in ast.walk(tree):
        for alias in node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
            module = list(_modules_of(node, alias, koan))[-1]  # type: ignore[arg-type]
            if koan_of(module):
                names.add(alias.asname or (module if isinstance(node, ast.Import) else alias.name))
    return names


def _dotted(node: ast.expr) -> str:
    """The names of an expression such as `a.b.c`, or an empty string."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


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
    """For every name that the text defines, a function that raises Forbidden with this message."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise Forbidden(message)

    return {name: refuse for node in parse(text).body for name in _defined_names(node)}


def _defined_names(node: ast.stmt) -> Iterator[str]:
    """The names that a statement defines in its module."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name for alias in node.names)
    else:
        yield from (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


@contextlib.contextmanager
def forbidding(forbids: Sequence[str]) -> Iterator[None]:
    """Within the block, an operation of torch with a forbidden name raises Forbidden."""
    with _forbidding_mode(tuple(forbids))() if forbids else contextlib.nullcontext():
        yield


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


def enforce(
    module: dict[str, Any], text: str, forbids: Sequence[str], koan: str = "", others: Mapping[str, str] = {}
) -> None:
    """Wrap every public function of a module.

    A wrapped function raises Forbidden at once if the text uses a forbidden function, and otherwise when a call uses a
    forbidden operation. `koan` and `others` are as in `forbidden_use`. Raises SyntaxError if the text does not parse.
    """
    message = forbidden_use(text, forbids, koan, others)
    own = module.get("__name__")
    for name, value in list(module.items()):
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == own:
            module[name] = _guarded(value, message, forbids)


def _guarded(fn: Callable[..., Any], message: str, forbids: Sequence[str]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        if message:
            raise Forbidden(message)
        with forbidding(forbids):
            return fn(*args, **kwargs)

    return call
