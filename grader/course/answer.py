"""What a learner wrote, short and without names: it is shown to a class as an example of a mistake."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Sequence

from grader.book.syntax import dump, parse
from grader.book.verdict import clean

MOST_LINES = 20
MOST_CHARACTERS = 1_500
SOMEONE = "someone"  # replaces a part of a person's name

Function = ast.FunctionDef | ast.AsyncFunctionDef


def excerpt(text: str, given: str, first: Sequence[str], people: Iterable[str]) -> str:
    """The functions of an exercise that differ from the given text, in at most 20 lines and 1,500 characters.

    They have no comments, docstrings and annotations (a kernel keeps its annotations, because they decide what it
    does). The functions called `first` come before the others. Words of the names of `people` are replaced in texts,
    and in names that the learner chose. Empty if nothing can be shown.
    """
    try:
        known = {dump(node) for node in _functions(given)}
        kept = {node.name for node in _functions(given)}
        own = [node for node in _functions(text) if dump(node) not in known]
        own.sort(key=lambda node: first.index(node.name) if node.name in first else len(first))
        hidden = _Hidden(own, kept | _arguments(given), people)
        shown = "\n\n\n".join(ast.unparse(hidden.visit(node)) for node in own)
    except (SyntaxError, RecursionError, ValueError):
        return ""
    return _short(clean(shown))


def _functions(text: str) -> list[Function]:
    """The functions of a text, without what a reader of an example does not need."""
    found = [node for node in parse(text).body if isinstance(node, Function)]
    for node in found:
        _Bare(text).visit(node)
    return found


def _arguments(text: str) -> set[str]:
    return {node.arg for node in ast.walk(parse(text)) if isinstance(node, ast.arg)}


class _Bare(ast.NodeTransformer):
    """Removes docstrings and other texts that do nothing, and the annotations of plain functions.

    Numbers stay as they are written: `ast.unparse` would turn 0x7FFF into 32767.
    """

    def __init__(self, text: str) -> None:
        self.lines = text.encode().split(b"\n")  # the columns of a tree count bytes

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            written = self.lines[node.lineno - 1][node.col_offset : node.end_col_offset].decode()
            return ast.Name(written, ast.Load()) if re.fullmatch(r"[\d.][\w.+-]*", written, re.ASCII) else node
        if isinstance(node, Function) and not node.decorator_list:
            node.returns = None
            every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
            for arg in filter(None, every):
                arg.annotation = None
        self.generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [line for line in body if not _is_text(line)]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]  # nodes with a body have it as a field
        return node


def _is_text(line: ast.AST) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


class _Hidden(ast.NodeTransformer):
    """Replaces words of people's names: in texts, and in names that the functions bind and that were not given."""

    def __init__(self, functions: Iterable[ast.AST], given: Collection[str], people: Iterable[str]) -> None:
        self.words = {word.casefold() for name in people for word in re.findall(r"[^\W\d_]{3,}", name)}
        bound = {name for function in functions for node in ast.walk(function) if (name := _bound(node))}
        self.chosen = bound - set(given)

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = re.sub(r"[^\W\d_]+", self._word, node.value)
        for field in ("id", "arg", "name"):
            name = getattr(node, field, None)
            if isinstance(name, str) and name in self.chosen:
                setattr(node, field, re.sub(r"[^\W\d_]+", self._word, name))
        return self.generic_visit(node)

    def _word(self, found: re.Match[str]) -> str:
        return SOMEONE if found[0].casefold() in self.words else found[0]


def _bound(node: ast.AST) -> str:
    """The name that a node binds. Empty if it binds none."""
    if isinstance(node, ast.Name):
        return node.id if isinstance(node.ctx, ast.Store) else ""
    if isinstance(node, ast.arg):
        return node.arg
    return node.name if isinstance(node, Function) else ""


def _short(text: str) -> str:
    """The text, cut at the end of a line."""
    lines = text.splitlines()
    kept = lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], "…"]
    if len("\n".join(kept)) <= MOST_CHARACTERS:
        return "\n".join(kept)
    while kept and len("\n".join([*kept, "…"])) > MOST_CHARACTERS:
        kept.pop()
    return "\n".join([*kept, "…"]) if kept else ""
