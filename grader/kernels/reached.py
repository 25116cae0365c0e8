"""Which parts of kernels a run reaches, and the kernels without the others.

A kernel may take one branch on a GPU and another one here, or hold a branch that no program takes. Then the machine
code says nothing about the code whose results were checked. So each statement, each arm of `a if b else c` and each
operand of `and` and `or` gets a mark that the tile machine sets when it comes by. What has no mark is left out, and
only the rest is compiled.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence, Set

from grader.kernels.kernel_text import KernelText, is_stub

MARK = "_reached"  # no name of a learner's starts with an underscore
Numbers = Mapping[ast.AST, int]


def marked(text: KernelText) -> str:
    """The kernels of a text with a mark in front of each part: `_reached(number)`, or `_reached(number, value)`."""
    module = kernels_of(text)
    numbers = numbers_of(module)
    for function in _functions(module):
        function.body = _marked_block(function.body, numbers)
    return ast.unparse(ast.fix_missing_locations(module)) + "\n"


def only_reached(text: KernelText, reached: Set[int]) -> str | None:
    """The kernels of a text without the parts that were not reached. None if all were."""
    module, whole = kernels_of(text), ast.unparse(kernels_of(text))
    numbers = numbers_of(module)
    for function in _functions(module):
        function.body = _reached_block(function.body, numbers, reached) or [ast.Pass()]
    source = ast.unparse(ast.fix_missing_locations(module))
    return None if source == whole else source + "\n"


def kernels_of(text: KernelText) -> ast.Module:
    """A copy of the constants and kernels, without docstrings and stubs."""
    functions = [copy.deepcopy(node) for node in text.functions.values() if not is_stub(node)]
    for function in functions:
        if ast.get_docstring(function, clean=False) is not None:
            function.body = function.body[1:] or [ast.Pass()]
    return ast.Module([*copy.deepcopy(text.constants), *functions], [])


def _functions(module: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in module.body if isinstance(node, ast.FunctionDef)]


def numbers_of(module: ast.Module) -> Numbers:
    """A number for each node. It is the same in every copy of a text. The negative one stands for an `else`."""
    return {node: number for number, node in enumerate(ast.walk(module), 1)}


def _mark(number: int, *value: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(MARK, ast.Load()), [ast.Constant(number), *value], [])


def _marked_block(block: Sequence[ast.stmt], numbers: Numbers) -> list[ast.stmt]:
    marked: list[ast.stmt] = []
    for statement in block:
        number = numbers[statement]
        if isinstance(statement, ast.For | ast.While | ast.If):
            statement.body = _marked_block(statement.body, numbers)
            statement.orelse = _marked_block(statement.orelse, numbers)
        if isinstance(statement, ast.If):
            statement.orelse.insert(0, ast.Expr(_mark(-number)))
        marked += [ast.Expr(_mark(number)), _MarkedExpressions(numbers).visit(statement)]
    return marked


class _MarkedExpressions(ast.NodeTransformer):
    """Marks the expressions that are not always computed. A marked node has no number and is not marked again."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        arms = self.numbers.get(node.body), self.numbers.get(node.orelse)
        self.generic_visit(node)
        if arms[0] is not None and arms[1] is not None:
            node.body, node.orelse = _mark(arms[0], node.body), _mark(arms[1], node.orelse)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        operands = [self.numbers.get(value) for value in node.values]
        self.generic_visit(node)
        node.values = [
            value if i == 0 or number is None else _mark(number, value)
            for i, (number, value) in enumerate(zip(operands, node.values, strict=True))
        ]
        return node


def _reached_block(block: Sequence[ast.stmt], numbers: Numbers, reached: Set[int]) -> list[ast.stmt]:
    kept: list[ast.stmt] = []
    for statement in block:
        number = numbers[statement]
        if number not in reached:
            continue
        if isinstance(statement, ast.For | ast.While | ast.If):
            statement.body = _reached_block(statement.body, numbers, reached)
            statement.orelse = _reached_block(statement.orelse, numbers, reached)
        if isinstance(statement, ast.If) and -number not in reached:
            kept += statement.body
        elif isinstance(statement, ast.If) and not statement.body:
            kept += statement.orelse
        elif not isinstance(statement, ast.For | ast.While) or statement.body:
            kept.append(_ReachedExpressions(numbers, reached).visit(statement))
    return kept


class _ReachedExpressions(ast.NodeTransformer):
    def __init__(self, numbers: Numbers, reached: Set[int]) -> None:
        self.numbers, self.reached = numbers, reached

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        arms = [arm for arm in (node.body, node.orelse) if self.numbers[arm] in self.reached]
        return self.visit(arms[0]) if len(arms) == 1 else self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        first, *others = node.values
        node.values = [first, *(value for value in others if self.numbers[value] in self.reached)]
        self.generic_visit(node)
        return node if len(node.values) > 1 else node.values[0]
