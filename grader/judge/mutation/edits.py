"""Changes to the text of an answer, found in its syntax tree: one wrong operator, constant, call or statement each."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from typing import Literal, NamedTuple, get_args

Operator = Literal[
    "comparison",
    "constant",
    "arithmetic",
    "logic",
    "finite mask",
    "bound",
    "call dropped",
    "another function",
    "16 bits",
    "statement dropped",
    "keyword dropped",
]

ALL: tuple[Operator, ...] = get_args(Operator)
LISTED: tuple[Operator, ...] = (
    "comparison",
    "constant",
    "finite mask",
    "16 bits",
)  # for right answers, of which there are many

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
}
ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.Pow: "*"}
# Methods whose result can be replaced by what they are called on.
DROPPED = frozenset(
    ("float", "double", "half", "to", "abs", "clamp", "clamp_min", "masked_fill", "clone", "detach", "sqrt", "exp")
)
OPPOSITES = (
    *(("amax", "amin"), ("max", "min"), ("maximum", "minimum"), ("argmax", "argmin"), ("floor", "ceil")),
    *(("sum", "mean"), ("zeros", "ones"), ("zeros_like", "ones_like"), ("tril", "triu")),
)
SWAPPED = {a: b for pair in OPPOSITES for a, b in (pair, pair[::-1])}
HUGE = 1e30  # a constant of this size stands for infinity: a little more makes no difference
MASKS = ("1e4", "1e9")  # stand for infinity in a finite mask
ROUND = "_rounded_to_16_bits"  # the name under which the text finds `rounding.rounded_to_16_bits`
KERNEL_FLOATS = frozenset(("exp", "exp2", "log", "sqrt", "rsqrt", "dot", "sum", "max", "load"))  # of tl


class Edit(NamedTuple):
    """Replaces the text of `node` with `new`. Both are on the lines of `node`."""

    operator: Operator
    node: ast.expr | ast.stmt
    new: str


class Lines(NamedTuple):
    """A range of lines of a text, from 1, both ends included."""

    first: int
    last: int

    def cover(self, node: ast.AST) -> bool:
        return self.first <= getattr(node, "lineno", 0) <= self.last


def edits(text: str, where: Sequence[Lines], operators: Collection[Operator], *, kernel: bool) -> Iterator[Edit]:
    """All changes within these lines by these operators. `kernel`: the text is a kernel's. Raises SyntaxError."""
    tree = ast.parse(text)
    inside = {id(n) for n in ast.walk(tree) for lines in where if lines.cover(n)}
    skipped = _skipped(tree)
    for parent in ast.walk(tree):
        for child in ast.iter_child_nodes(parent):
            if id(child) in inside and id(child) not in skipped:
                yield from (e for e in _of(child, parent, text, kernel) if e.operator in operators)


def _skipped(tree: ast.Module) -> set[int]:
    """Annotations, decorators and docstrings: nothing in them changes a result."""
    roots: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            roots += [*node.decorator_list, *([node.returns] if node.returns else [])]
        elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            roots.append(node.annotation)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            roots.append(node)
        elif isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr):
            roots += ast.iter_child_nodes(node)  # the text of an error
    return {id(node) for root in roots for node in ast.walk(root)}


def _of(node: ast.AST, parent: ast.AST, text: str, kernel: bool) -> Iterator[Edit]:
    if isinstance(node, ast.expr):
        yield from _expression(node, parent, text)
    if isinstance(node, ast.stmt):
        yield from _statement(node, text, kernel)


def _expression(node: ast.expr, parent: ast.AST, text: str) -> Iterator[Edit]:
    def source(part: ast.AST) -> str:
        return ast.get_source_segment(text, part) or ""

    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARISONS:
            yield Edit("comparison", node, f"{source(node.left)} {COMPARISONS[type(op)]} {source(node.comparators[0])}")
        case ast.Constant(value=bool(value)):
            yield Edit("constant", node, str(not value))
        case ast.Constant(value=int(value)):
            yield Edit("constant", node, f"({value + 1})")
        case ast.Constant(value=float(value)) if 0 < abs(value) < HUGE:
            yield Edit("constant", node, repr(value * (10 if abs(value) < 1e-3 else 1.01)))
        case ast.Attribute(attr="inf"):
            yield from (Edit("finite mask", node, mask) for mask in MASKS)
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value="inf" | "-inf" as text_of)]):
            yield from (Edit("finite mask", node, f"({text_of.replace('inf', mask)})") for mask in MASKS)
        case ast.BinOp() if type(node.op) in ARITHMETIC:
            yield Edit("arithmetic", node, f"({source(node.left)}) {ARITHMETIC[type(node.op)]} ({source(node.right)})")
        case ast.BoolOp(values=[first, *rest]):
            other = " or " if isinstance(node.op, ast.And) else " and "
            yield Edit("logic", node, other.join(f"({source(v)})" for v in (first, *rest)))
        case ast.UnaryOp(op=ast.Not()):
            yield Edit("logic", node, f"({source(node.operand)})")
        case ast.UnaryOp(op=ast.USub()) if not isinstance(node.operand, ast.Constant):
            yield Edit("arithmetic", node, f"({source(node.operand)})")
        case ast.Call():
            yield from _call(node, text)
    if isinstance(parent, ast.Slice) and not _is_constant(node) and node is not parent.step:
        yield from (Edit("bound", node, f"({source(node)} {step})") for step in ("+ 1", "- 1"))


def _call(node: ast.Call, text: str) -> Iterator[Edit]:
    def source(part: ast.AST) -> str:
        return ast.get_source_segment(text, part) or ""

    whole, function = source(node), source(node.func)
    rest = whole[len(function) :]
    match node.func:
        case ast.Attribute(value=receiver, attr=name):
            module = isinstance(receiver, ast.Name) and receiver.id in ("torch", "F", "math", "np", "tl")
            if name in DROPPED and not module:
                yield Edit("call dropped", node, f"({source(receiver)})")
            if name in SWAPPED:
                yield Edit("another function", node, f"{source(receiver)}.{SWAPPED[name]}{rest}")
        case ast.Name(id=name) if name in SWAPPED:
            yield Edit("another function", node, SWAPPED[name] + rest)
        case ast.Name(id="range"):
            stop = node.args[0 if len(node.args) == 1 else 1] if node.args else None
            if stop is not None and not _is_constant(stop):
                yield from (Edit("bound", stop, f"({source(stop)} {step})") for step in ("+ 1", "- 1"))
    for keyword in node.keywords:
        if keyword.arg in ("dtype", "input_precision") and len(node.keywords) + len(node.args) > 1:
            kept = [*map(source, node.args), *(source(k) for k in node.keywords if k is not keyword)]
            yield Edit("keyword dropped", node, f"{function}({', '.join(kept)})")


def _statement(node: ast.stmt, text: str, kernel: bool) -> Iterator[Edit]:
    match node:
        case ast.Raise() | ast.AugAssign() | ast.Expr() | ast.Continue():
            yield Edit("statement dropped", node, "pass")
        case ast.Assign(value=value) | ast.Return(value=ast.expr() as value) if _may_round(value, kernel):
            source = ast.get_source_segment(text, value) or ""
            rounded = f"({source}).to(tl.bfloat16).to(tl.float32)" if kernel else f"{ROUND}({source})"
            yield Edit("16 bits", value, rounded)


def _may_round(value: ast.expr, kernel: bool) -> bool:
    """May this be a float tensor that was computed here?"""
    if isinstance(value, ast.Constant | ast.Name | ast.Compare | ast.Tuple | ast.List | ast.Dict | ast.ListComp):
        return False
    if not kernel:
        return True
    calls = [n.func for n in ast.walk(value) if isinstance(n, ast.Call)]
    return any(isinstance(f, ast.Attribute) and f.attr in KERNEL_FLOATS for f in calls)


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant))


class Text:
    """A text whose parts can be replaced. A column of a syntax tree counts bytes."""

    def __init__(self, text: str) -> None:
        self.lines = text.encode().splitlines(True)

    def edited(self, edit: Edit) -> str:
        """The text after the edit."""
        first, last = edit.node.lineno, edit.node.end_lineno or edit.node.lineno
        lines = [*self.lines[: first - 1], self._changed(edit), *self.lines[last:]]
        return b"".join(lines).decode()

    def lines_of(self, edit: Edit) -> tuple[str, str]:
        """The lines that the edit changes, before and after it, each as one line."""
        first, last = edit.node.lineno, edit.node.end_lineno or edit.node.lineno
        return _one_line(b"".join(self.lines[first - 1 : last])), _one_line(self._changed(edit))

    def _changed(self, edit: Edit) -> bytes:
        """The lines of the edited node after the edit."""
        node = edit.node
        first, last = self.lines[node.lineno - 1], self.lines[(node.end_lineno or node.lineno) - 1]
        return first[: node.col_offset] + edit.new.encode() + last[node.end_col_offset or 0 :]


def is_valid(edit: Edit) -> bool:
    """Is the new text an expression, or a statement where the node is one?"""
    try:
        ast.parse(edit.new if isinstance(edit.node, ast.stmt) else f"({edit.new})")
    except SyntaxError:
        return False
    return True


def _one_line(lines: bytes) -> str:
    return " ".join(lines.decode().split())
