"""A kernel koan as data: the text of `@triton.jit` functions and one literal CONFIG, and nothing that could do more.

Checking the syntax tree first means that what the interpreter runs is arithmetic on tiles: no import, no attribute of a
Python object, no call outside `triton.language`. What runs is written from the checked tree (`source`), never the text
itself: a reader of text can be led to see another program in it than the parser saw.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader.syntax import parse

# Methods and properties of a tile; everything else is reached through `tl.`.
TILE_ATTRIBUTES = frozenset({"to", "T", "dtype", "element_ty", "shape", "type", "trans", "reshape", "value"})
CALLS = frozenset({"range", "min", "max"})
# In triton.language, but not arithmetic on tiles; what it does not list in its __all__ is refused as well.
REFUSED = frozenset(
    (
        *("inline_asm_elementwise", "core", "semantic", "standard", "extra", "target_info", "tensor", "builtin"),
        *("str_to_ty", "random", "tensor_descriptor", "wraps", "T", "List"),
    )
)
YOUR_TURN = "raise NotImplementedError('your turn')"
CONSTEXPR = "tl.constexpr"
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
    return any(_your_turn(n) for n in ast.walk(function))


def _your_turn(node: ast.AST) -> bool:
    return isinstance(node, ast.Raise) and ast.unparse(node) == YOUR_TURN


def source(functions: Sequence[ast.FunctionDef]) -> str:
    """Checked functions as text: one statement a line, on its own line of the file wherever there is room, and no
    docstring. Triton reads this text again, and finds a function by the last line that starts with `def`.
    """
    lines: list[str] = []
    for function in functions:
        lines += [""] * (function.decorator_list[0].lineno - 1 - len(lines))
        lines.append("@triton.jit")
        _write(function, lines, 0)
    return "".join(line + "\n" for line in lines)


def _write(node: ast.stmt, lines: list[str], depth: int) -> None:
    """One statement, at its line or, should that be taken, at the next."""
    lines += [""] * (node.lineno - 1 - len(lines))
    blocks: list[tuple[str, list[ast.stmt]]]
    if isinstance(node, ast.FunctionDef):
        blocks = [(f"def {node.name}({ast.unparse(node.args)}):", node.body)]
    elif isinstance(node, (ast.If, ast.While)):
        blocks = [(f"{type(node).__name__.lower()} {ast.unparse(node.test)}:", node.body), ("else:", node.orelse)]
    elif isinstance(node, ast.For):
        head = f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}:"
        blocks = [(head, node.body), ("else:", node.orelse)]
    else:
        lines.append("    " * depth + ast.unparse(node))
        return
    for head, body in blocks:
        if body:
            lines.append("    " * depth + head)
            inside = [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
            for statement in inside or [ast.Pass(lineno=0)]:
                _write(statement, lines, depth + 1)


def _check(function: ast.FunctionDef, kernels: set[str], file: str) -> None:
    _signature(function, kernels, file)
    for statement in function.body:
        _statement(statement, kernels, file)
    own = {a.arg: a for a in ast.walk(function.args) if isinstance(a, ast.arg)} | {
        n.id: n for n in ast.walk(function) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
    }
    given = kernels | CALLS | {"tl", "triton"}
    for name, node in own.items():
        if name in given or name.startswith("_"):
            raise _error(node, file, f"`{name}` already means something in a kernel: choose another name")
    for name, node in _loaded(function):
        if name not in own and (name not in given or name == "triton"):
            raise _error(node, file, f"`{name}` is neither a parameter nor assigned in {function.name}")


def _loaded(function: ast.FunctionDef) -> Iterator[tuple[str, ast.Name]]:
    """Every name a function's body reads."""
    for statement in function.body:
        if not _your_turn(statement):
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id != "NotImplementedError":
                    yield node.id, node


def _signature(function: ast.FunctionDef, kernels: set[str], file: str) -> None:
    """Annotations and defaults run when a function is defined, so they are next to nothing."""
    arguments = function.args
    if function.returns is not None:
        raise _error(function.returns, file, f"{function.name}: a kernel returns nothing to annotate")
    for default in (*arguments.defaults, *filter(None, arguments.kw_defaults)):
        _expression(default, kernels, file)
        if not isinstance(default, ast.Constant):
            raise _error(default, file, f"`{ast.unparse(default)}`: a default is written out, a number or a name")
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg) and argument.annotation is not None:
            _expression(argument.annotation, kernels, file)
            if ast.unparse(argument.annotation) != CONSTEXPR:
                raise _error(argument, file, f"`{ast.unparse(argument)}`: a parameter is plain or `: {CONSTEXPR}`")


@functools.cache
def _public() -> frozenset[str]:
    """The names that triton.language offers."""
    os.environ.setdefault("TRITON_INTERPRET", "1")
    import triton.language as tl

    return frozenset(tl.__all__)


def _statement(node: ast.stmt, kernels: set[str], file: str) -> None:
    if _your_turn(node):
        return
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
    if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        raise _error(node, file, f"`{ast.unparse(node)}` cannot be assigned to in a kernel: write with tl.store")
    if isinstance(node, ast.Attribute):
        _attribute(node, file)
    if isinstance(node, ast.Call):
        _call(node, kernels, file)
    for child in ast.iter_child_nodes(node):
        _expression(child, kernels, file)


def _attribute(node: ast.Attribute, file: str) -> None:
    text = ast.unparse(node)
    if isinstance(node.value, ast.Name) and node.value.id == "tl":
        bad = node.attr.startswith("_") or node.attr in REFUSED or node.attr not in _public()
    elif text.startswith("tl.math."):
        bad = node.attr.startswith("_") or text.count(".") > 2 or node.attr in REFUSED
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
