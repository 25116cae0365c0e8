"""The answers that the workbook ships, which a student may have copied: solutions, oracles and their right variants.

The student edition ships the oracles and right variants, because local tests need them. References are read as texts;
nothing is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Literal

import msgspec

from grader.book import source_text
from grader.book.errors import KoansError
from grader.book.stubs import strip_markers
from grader.book.syntax import parse
from grader.book.workbook import Koan, Workbook
from grader.course.similarity.answers import LARGEST, Excerpt, Given, Module, Part, read
from grader.course.similarity.normal_form import TooMuch

ShippedKind = Literal["solution", "oracle", "right"]


class Shipped(msgspec.Struct, frozen=True):
    """An answer of the workbook to a function of a koan: `name` says which. `at` is its place in the file `text`."""

    kind: ShippedKind
    name: str
    function: str
    part: Part
    text: str
    at: Excerpt


def shipped(workbook: Workbook, koan: Koan, given: Given) -> list[Shipped]:
    """All answers that the workbook has to a koan. A student edition has no solutions."""
    return [*_solution(workbook, koan, given), *_references(workbook, koan, given)]


def _solution(workbook: Workbook, koan: Koan, given: Given) -> Iterator[Shipped]:
    file = workbook.solution(koan)
    if file.is_file():
        text = strip_markers(file.read_text(encoding="utf-8"))
        for function, part in read(text, given).parts.items():
            yield Shipped("solution", "the solution", function, part, text, Module(text).excerpt(function, given))


def _references(workbook: Workbook, koan: Koan, given: Given) -> Iterator[Shipped]:
    file = workbook.reference(koan)
    if not file.is_file():
        return
    try:
        text = source_text.read(file)
        variants = [*_variants(parse(text), koan, given)]
        if len(text) > LARGEST * 4:
            raise KoansError(f"{file}: too long to compare")
        module = Module(text, oracles=[variant for _, variant, _ in variants])
    except (SyntaxError, OSError, RecursionError) as error:
        raise KoansError(f"{workbook.name_of(file)}: cannot be read: {error}") from None
    for kind, variant, function in variants:
        try:
            part = module.part(variant, given, function)
        except (TooMuch, RecursionError):
            continue
        words = "the oracle" if kind == "oracle" else f"the right answer {variant}"
        yield Shipped(kind, words, function, part, text, module.excerpt(variant, given, function))


def _variants(tree: ast.Module, koan: Koan, given: Given) -> Iterator[tuple[ShippedKind, str, str]]:
    """The oracles and right answers of a reference: kind, name, and the koan's function that each answers.

    In a kernel koan an oracle is a torch function, which is no answer; its right variants are kernels.
    """
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Name) and decorator.id == "oracle" and node.name in given.functions:
                yield "oracle", node.name, node.name
            elif isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
                of = decorator.func.value
                if decorator.func.attr != "right" or not isinstance(of, ast.Name):
                    continue
                replaces = [
                    k.value.value
                    for k in decorator.keywords
                    if k.arg == "replaces" and isinstance(k.value, ast.Constant)
                ]
                function = str(replaces[0]) if replaces else given.functions[0] if koan.kind == "kernel" else of.id
                if function in given.functions:
                    yield "right", node.name, function
