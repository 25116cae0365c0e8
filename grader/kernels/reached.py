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

Numbers = Mapping[ast.AST, int]


def only_reached(text: KernelText, reached: Set[int]) -> str | None:
    """The kernels of a text without the parts that were not reached. None if all were."""
    module = kernels_of(text)
    if _parts(module, numbers_of(module)) <= reached:
        return None
    whole, module = ast.unparse(module), copy.deepcopy(module)
    numbers = numbers_of(module)
    for function in _functions(module):
        function.body = _reached_block(function.body, numbers, reached) or [ast.Pass()]
    source = ast.unparse(ast.fix_missing_locations(module))
    return None if source == whole else source + "\n"


def kernels_of(text: KernelText) -> ast.Module:
    """The constants and kernels, without docstrings and stubs. Their statements are the text's own."""
    functions = [copy.copy(node) for node in text.functions.values() if not is_stub(node)]
    for function in functions:
        if ast.get_docstring(function, clean=False) is not None:
            function.body = function.body[1:] or [ast.Pass()]
    return ast.Module([*text.constants, *functions], [])


def _functions(module: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in module.body if isinstance(node, ast.FunctionDef)]


def numbers_of(module: ast.Module) -> Numbers:
    """A number for each node. It is the same in every copy of a text. The negative one stands for an `else`."""
    return {node: number for number, node in enumerate(ast.walk(module), 1)}


def _parts(module: ast.Module, numbers: Numbers) -> Set[int]:
    """The numbers of all parts that may be left out."""
    parts: set[int] = set()
    for function in _functions(module):
        for node in ast.walk(function):
            match node:
                case ast.If():
                    parts |= {numbers[node], -numbers[node]}
                case ast.stmt() if node is not function:
                    parts.add(numbers[node])
                case ast.IfExp():
                    parts |= {numbers[node.body], numbers[node.orelse]}
                case ast.BoolOp():
                    parts |= {numbers[value] for value in node.values[1:]}
    return parts


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
