"""Parts that two answers share: fingerprints of runs of tokens, chosen by winnowing.

Schleimer, Wilkerson and Aiken, "Winnowing: local algorithms for document fingerprinting", SIGMOD 2003: of every WINDOW
successive runs of RUN tokens the one with the least hash is kept. Any RUN + WINDOW - 1 tokens that two answers share
then have a fingerprint in common.

A token is an operation, a constant or a name of a library. All variables are one token, so names do not matter, and
neither does the order of operands where an operation commutes.

The package `copydetect` does winnowing, too. It makes one token of all names, also of `exp` and `log`, which is the
whole difference between many short answers. In two classes of benchmarks/similarity.py its similarity of honest pairs
reaches 0.69, while copies with types added or temporary variables inlined have 0.63 to 0.65.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from grader.course.similarity.normal_form import COMMUTATIVE, COMMUTATIVE_FUNCTIONS
from grader.course.similarity.spelling import LIBRARY

RUN = 5  # tokens of a fingerprint
WINDOW = 3  # successive runs of which one is kept


class Token(NamedTuple):
    """One token, and the line of the text that it comes from."""

    text: str
    line: int


def tokens(functions: Iterable[ast.FunctionDef], own: Collection[str]) -> list[Token]:
    """The tokens of the bodies of functions in the one spelling. `own` are the functions that the text defines.

    Raises RecursionError for a tree that is nested too deeply.
    """
    return [token for function in functions for statement in function.body for token in _tokens(statement, own)]


def fingerprints(found: Sequence[Token]) -> Mapping[int, frozenset[int]]:
    """The fingerprints of the tokens, each with the lines that it covers.

    A text of fewer than RUN tokens has one fingerprint.
    """
    if not found:
        return {}
    runs = [found[i : i + RUN] for i in range(max(1, len(found) - RUN + 1))]
    hashes = [_hash(run) for run in runs]
    lines: dict[int, frozenset[int]] = {}
    for i in winnowed(hashes, WINDOW):
        covered = frozenset(token.line for token in runs[i])
        lines[hashes[i]] = lines.get(hashes[i], frozenset()) | covered
    return lines


def winnowed(hashes: Sequence[int], window: int) -> list[int]:
    """The positions that winnowing keeps: the least hash of each window, the last one if it stands there twice."""
    kept: list[int] = []
    for start in range(max(1, len(hashes) - window + 1)):
        part = hashes[start : start + window]
        least = min(part)
        position = start + max(i for i, value in enumerate(part) if value == least)
        if not kept or kept[-1] != position:
            kept.append(position)
    return kept


def _hash(run: Sequence[Token]) -> int:
    text = "\0".join(token.text for token in run)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _tokens(node: ast.AST, own: Collection[str], line: int = 1) -> Iterator[Token]:
    line = getattr(node, "lineno", line)
    match node:
        case ast.Name(id=name):
            known = name.startswith(LIBRARY) or name in _BUILTINS
            yield Token(name if known else "function" if name in own else "variable", line)
        case ast.Constant(value=value):
            yield Token(hex(value) if type(value) is int else repr(value)[:80], line)
        case ast.arg():
            yield Token("variable", line)
        case ast.BinOp(op=op, left=left, right=right):
            yield Token(type(op).__name__, line)
            operands = [list(_tokens(left, own, line)), list(_tokens(right, own, line))]
            if isinstance(op, COMMUTATIVE):
                operands.sort(key=_texts)
            yield from (token for operand in operands for token in operand)
        case ast.Compare(ops=[ast.Eq() | ast.NotEq() as op], left=left, comparators=[right]):
            yield Token(type(op).__name__, line)
            yield from (
                t for part in sorted((list(_tokens(e, own, line)) for e in (left, right)), key=_texts) for t in part
            )
        case ast.Call(func=func, args=args, keywords=keywords):
            yield from _tokens(func, own, line)
            operands = [list(_tokens(arg, own, line)) for arg in args]
            if isinstance(func, ast.Name) and func.id.removeprefix(LIBRARY) in COMMUTATIVE_FUNCTIONS:
                operands.sort(key=_texts)
            yield from (token for operand in operands for token in operand)
            for keyword in keywords:
                yield Token(f"{keyword.arg}=", line)
                yield from _tokens(keyword.value, own, line)
        case ast.Assign(targets=targets, value=value):
            yield Token("=", line)
            for target in targets:
                if not isinstance(target, ast.Name):
                    yield from _tokens(target, own, line)
            yield from _tokens(value, own, line)
        case _:
            name = type(node).__name__
            if not isinstance(node, ast.expr_context | ast.Expr | ast.Load):
                yield Token(f".{node.attr}" if isinstance(node, ast.Attribute) else name, line)
            for child in ast.iter_child_nodes(node):
                yield from _tokens(child, own, line)


_BUILTINS = {
    "len",
    "range",
    "enumerate",
    "zip",
    "sum",
    "max",
    "min",
    "abs",
    "sorted",
    "list",
    "dict",
    "set",
    "tuple",
} | {
    "int",
    "float",
    "bool",
    "str",
    "bytes",
    "isinstance",
    "any",
    "all",
    "reversed",
    "map",
    "filter",
    "divmod",
    "round",
    "ValueError",
    "IndexError",
    "TypeError",
    "KeyError",
    "RuntimeError",
}


def _texts(found: Sequence[Token]) -> list[str]:
    return [token.text for token in found]
