"""A kernel koan as data: the text of `@triton.jit` functions and one literal CONFIG, and nothing that could do more.

Checking the syntax tree first means that what the interpreter runs is arithmetic on tiles: no import, no attribute of a
Python object, no call outside `triton.language`.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grader.syntax import parse

# Methods and properties of a tile; everything else is reached through `tl.`.
TILE_ATTRIBUTES = frozenset({"to", "T", "dtype", "element_ty", "shape", "type", "trans", "reshape", "value"})
CALLS = frozenset({"range", "min", "max"})
# In triton.language, but not arithmetic on tiles.
REFUSED = frozenset(
    {"inline_asm_elementwise", "core", "semantic", "standard", "extra", "target_info", "tensor", "builtin"}
)
STATEMENTS = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Expr,
    ast.For,
    ast.While,
    ast.If,
    ast.Return,
    ast.Pass,
)
EXPRESSIONS = (
    *(
        ast.Name,
        ast.Constant,
        ast.BinOp,
        ast.UnaryOp,
        ast.BoolOp,
        ast.Compare,
        ast.IfExp,
        ast.Tuple,
        ast.Subscript,
    ),
    *(ast.Slice, ast.Call, ast.Attribute, ast.keyword, ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
    ast.expr_context,
)


class KernelSyntaxError(SyntaxError):
    """Something in a kernel file that is not a kernel. Says line and what to write instead."""


class YourTurn(NotImplementedError):
    """The kernel is still its stub."""


@dataclass(frozen=True)
class KernelText:
    """Checked kernels: one source text per function (as written, decorator included), by name, and CONFIG."""

    file: str
    lines: tuple[str, ...]
    functions: Mapping[str, ast.FunctionDef]
    config: Mapping[str, Any]

    @property
    def key(self) -> str:
        return hashlib.sha256("".join(self.lines).encode()).hexdigest()[:16]


def read(source: str, file: str) -> KernelText:
    """Take the kernels and CONFIG out of a learner's text. Raises KernelSyntaxError (or SyntaxError) with the line."""
    tree = parse(source, file)
    functions: dict[str, ast.FunctionDef] = {}
    config: Mapping[str, Any] | None = None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            if [ast.unparse(d) for d in node.decorator_list] != ["triton.jit"]:
                raise _error(
                    node,
                    file,
                    f"{node.name}: a kernel file holds functions marked @triton.jit and nothing else",
                )
            functions[node.name] = node
        elif isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["CONFIG"]:
            config = _literal(node, file)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            if ast.unparse(node) not in (
                "import triton",
                "import triton.language as tl",
                "from triton import language as tl",
            ):
                raise _error(node, file, "a kernel file imports triton and triton.language as tl, nothing else")
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            raise _error(node, file, "a kernel file holds @triton.jit functions and CONFIG = {…}, nothing else")
    if config is None:
        raise KernelSyntaxError("CONFIG = {…} is missing", (file, 1, 0, ""))
    for function in functions.values():
        _check(function, set(functions), file)
    return KernelText(file, tuple(source.splitlines(True)), functions, config)


def _literal(node: ast.Assign, file: str) -> Mapping[str, Any]:
    try:
        value = ast.literal_eval(node.value)
    except ValueError:
        raise _error(node, file, "CONFIG must be written out: a dict of names and numbers, no expressions") from None
    if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
        raise _error(node, file, "CONFIG must be a dict with names as keys")
    return value


def is_stub(function: ast.FunctionDef) -> bool:
    return any("your turn" in ast.unparse(n) for n in ast.walk(function) if isinstance(n, ast.Raise))


def _check(function: ast.FunctionDef, kernels: set[str], file: str) -> None:
    if is_stub(function):
        return
    for parameter in ast.walk(function.args):
        if isinstance(parameter, ast.arg) and parameter.annotation is not None:
            _expression(parameter.annotation, kernels, file)
    for default in function.args.defaults:
        _expression(default, kernels, file)
    for statement in function.body:
        _statement(statement, kernels, file)


def _statement(node: ast.stmt, kernels: set[str], file: str) -> None:
    if not isinstance(node, STATEMENTS):
        raise _error(node, file, f"`{ast.unparse(node).splitlines()[0]}` has no place in a kernel")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            _statement(child, kernels, file)
        else:
            _expression(child, kernels, file)


def _expression(node: ast.AST, kernels: set[str], file: str) -> None:
    if not isinstance(node, EXPRESSIONS):
        raise _error(node, file, f"`{ast.unparse(node)}` has no place in a kernel: write it with tl.*")
    if isinstance(node, ast.Name) and node.id.startswith("_"):
        raise _error(node, file, f"`{node.id}`: names in a kernel do not start with an underscore")
    if isinstance(node, ast.Attribute):
        _attribute(node, file)
    if isinstance(node, ast.Call):
        _call(node, kernels, file)
    for child in ast.iter_child_nodes(node):
        _expression(child, kernels, file)


def _attribute(node: ast.Attribute, file: str) -> None:
    text = ast.unparse(node)
    if isinstance(node.value, ast.Name) and node.value.id == "tl":
        bad = node.attr.startswith("_") or node.attr in REFUSED
    elif text.startswith("tl.math."):
        bad = node.attr.startswith("_") or text.count(".") > 2
    else:
        bad = node.attr not in TILE_ATTRIBUTES
    if bad:
        raise _error(node, file, f"`{text}` has no place in a kernel: only tl.* and a tile's .to, .T, .dtype, .shape")


def _call(node: ast.Call, kernels: set[str], file: str) -> None:
    name = ast.unparse(node.func)
    known = isinstance(node.func, ast.Attribute) or name in CALLS | kernels
    if not known:
        raise _error(
            node,
            file,
            f"`{name}(…)` cannot be called in a kernel: use tl.*, range or another kernel of this file",
        )


def _error(node: ast.AST, file: str, says: str) -> KernelSyntaxError:
    line = getattr(node, "lineno", 1)
    return KernelSyntaxError(says, (file, line, getattr(node, "col_offset", 0) + 1, ""))
