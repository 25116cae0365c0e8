"""The text of kernels that are written as plain functions, as the answers in `reference/` are."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from grader.book.syntax import parse


@lru_cache(maxsize=256)
def kernel_source(fn: Callable[..., Any], name: str) -> str:
    """The text of a plain function as a kernel with this name."""
    tree = parse(textwrap.dedent(inspect.getsource(fn)))
    node = tree.body[0]
    assert isinstance(node, ast.FunctionDef)
    node.name, node.decorator_list = name, []
    for argument in (*node.args.args, *node.args.kwonlyargs):
        if argument.annotation is not None and ast.unparse(argument.annotation) != "tl.constexpr":
            argument.annotation = None
    node.returns = None
    return function_text(node)


def function_text(node: ast.FunctionDef) -> str:
    """The text of one checked kernel, without its comments."""
    head = "" if node.decorator_list else "@triton.jit\n"
    return head + ast.unparse(node) + "\n"
