"""The mutants of a koan: each of its own answers, with one mechanical mistake."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from grader.book.oracles import oracles
from grader.book.stubs import parts, strip_markers
from grader.book.workbook import Koan, Workbook
from grader.judge.mutation import effect
from grader.judge.mutation.edits import ALL, LISTED, ROUND, Lines, Operator, Text, edits, is_valid
from grader.judge.mutation.wrappers import OBSERVED, Mistake, Wrapper, wrapped, wrappers
from grader.kernels.kernel_source import kernel_source
from grader.kernels.kernel_text import read
from reference import Oracle, Variant

SOLUTION = "solution"


class Mutant(msgspec.Struct, frozen=True):
    """One of the workbook's answers with a mistake.

    `answer` is "solution" or the name of a right answer, `function` what tests call. `before` and `after` are the line
    that was changed. `text` is the whole text with the change. A mistake around the function has a `wrapper` instead.
    """

    answer: str
    function: str
    operator: Operator | Mistake
    before: str
    after: str
    text: str = ""
    wrapper: Wrapper | None = None

    @property
    def change(self) -> str:
        """The change in one line. It identifies the mutant among all of the same answer."""
        return f"{self.before} -> {self.after}" if self.wrapper is None else f"{self.function}: {self.wrapper}"


def mutants(workbook: Workbook, koan: Koan) -> Sequence[Mutant]:
    """All mutants of the koan, in a fixed order."""
    solution = workbook.solution(koan).read_text("utf-8")
    reference = workbook.reference(koan).read_text("utf-8")
    return _mutants(koan.id, koan.kind == "kernel", solution, reference, tuple(oracles(koan).values()))


@lru_cache(maxsize=2)
def _mutants(
    koan: str, kernel: bool, solution: str, reference: str, functions: Sequence[Oracle[..., Any]]
) -> Sequence[Mutant]:
    text = strip_markers(solution)
    found: list[Mutant] = []
    # A reference may have oracles of functions that learners do not write.
    functions = [o for o in functions if kernel or o.__name__ in _run(text)]
    main = functions[-1].__name__
    found += _edited(SOLUTION, main, text, _written_by_learners(solution), kernel)
    for oracle in functions:
        if not kernel:
            found += _around(SOLUTION, oracle.__name__, signature_of(text, oracle.__name__))
        for variant in oracle.rights.values():
            if kernel:
                body = _kernel_text(text, variant)
                where = _function_lines(body, variant.replaces or next(iter(read(text, koan).functions)))
                found += _edited(variant.name, oracle.__name__, body, where, kernel)
            else:
                where = _function_lines(reference, variant.name)
                found += _edited(variant.name, oracle.__name__, reference, where, kernel)
                found += _around(variant.name, oracle.__name__, signature_of(text, oracle.__name__))
    return tuple({(m.answer, m.text, m.wrapper, m.function): m for m in found}.values())


def _edited(answer: str, function: str, text: str, where: Sequence[Lines], kernel: bool) -> Iterator[Mutant]:
    whole = Text(text)
    operators = ALL if answer == SOLUTION else LISTED
    for edit in filter(is_valid, edits(text, where, operators, kernel=kernel)):
        yield Mutant(answer, function, edit.operator, *whole.lines_of(edit), text=whole.edited(edit))


def _around(answer: str, function: str, signature: inspect.Signature) -> Iterator[Mutant]:
    for wrapper in wrappers(signature):
        yield Mutant(answer, function, wrapper.mistake, "", "", wrapper=wrapper)


def _written_by_learners(solution: str) -> list[Lines]:
    """The lines between the markers, as they are numbered once the markers are removed."""
    kept = [line for line in parts(solution) if line.part in ("given", "solution")]
    numbers = [number for number, line in enumerate(kept, 1) if line.part == "solution"]
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    return [Lines(first, last) for first, last in zip(starts, ends, strict=True)]


def _function_lines(text: str, name: str) -> list[Lines]:
    """The lines of the bodies of the functions of this name."""
    return [
        Lines(node.body[0].lineno, node.end_lineno or node.lineno)
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]


def _kernel_text(solution: str, variant: Variant) -> str:
    """A kernel file in which the variant's kernel replaces one of the solution's."""
    text = read(solution, "solution")
    name = variant.replaces or next(iter(text.functions))
    lines = solution.splitlines(True)
    node = text.functions[name]
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    body = _without_head(kernel_source(variant.fn, name))
    combined = "".join(lines[: first - 1]) + body + "".join(lines[node.end_lineno or first :])
    return re.sub(
        r"^CONFIG = .*$", f"CONFIG = {dict(text.config) | dict(variant.config)!r}", combined, count=1, flags=re.M
    )


def _without_head(source: str) -> str:
    """A kernel's source without the imports above it."""
    return source[source.index("@triton.jit") :] if "@triton.jit" in source else source


@lru_cache(maxsize=8)
def _run(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "mutant", ROUND: effect.rounded_to_16_bits}
    exec(compile(text, "<mutant>", "exec"), names)
    return names


def signature_of(solution: str, function: str) -> inspect.Signature:
    """The signature of a function of a solution, with its annotations."""
    return inspect.signature(_run(solution)[function])


def put_into(names: dict[str, Any], mutant: Mutant, oracle: Oracle[..., Any]) -> None:
    """Replace the answer in a namespace that holds the solution. Not for kernels, whose whole text is in the mutant."""
    effect.begin(ROUND in mutant.text or (mutant.wrapper is not None and mutant.wrapper.mistake in OBSERVED))
    signature = inspect.signature(names[mutant.function])
    if mutant.answer != SOLUTION:
        right = oracle.rights[mutant.answer].fn
        if mutant.wrapper is None:
            right = _run(mutant.text)[oracle.__name__].rights[mutant.answer].fn
        names[mutant.function] = right
    elif mutant.wrapper is None:
        names[ROUND] = effect.rounded_to_16_bits
        exec(compile(mutant.text, "<mutant>", "exec"), names)
    if mutant.wrapper is not None:
        names[mutant.function] = wrapped(names[mutant.function], mutant.wrapper, signature)
