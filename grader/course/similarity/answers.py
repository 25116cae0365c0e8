"""Reads the text of a koan: each function that the learner writes, as its normal form and fingerprints."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from grader.book.source_text import lines
from grader.book.syntax import parse
from grader.course.similarity.fingerprints import Token, fingerprints, tokens
from grader.course.similarity.normal_form import TooMuch, normal_form, used
from grader.course.similarity.spelling import spelled

LARGEST = 64 << 10  # characters of a text that is compared; answers have some thousand
MOST_TOKENS = 20_000
TOO_DEEP = "nested too deeply or too long to compare"


class Part(msgspec.Struct, frozen=True):
    """One function of an answer, with the helpers that it calls.

    `form` is the digest of its normal form, `verbatim` of its own lines as they were written, with names and comments.
    `prints` are its fingerprints, without the stub's. `size` is how many of its tokens are the learner's own.
    """

    form: str
    verbatim: str
    prints: tuple[int, ...]
    size: int


class Excerpt(msgspec.Struct, frozen=True):
    """Where a part stands in its text: first and last line of each function, and the lines of each fingerprint."""

    spans: tuple[tuple[int, int], ...]
    prints: Mapping[int, frozenset[int]]


class Answer(msgspec.Struct, frozen=True):
    """The parts of an answer by function name. `problem` says why there are none, if the text cannot be compared."""

    parts: Mapping[str, Part] = {}
    problem: str = ""


class Given(msgspec.Struct, frozen=True):
    """What learners are given of a koan: the functions that they write, and the stub as an answer."""

    functions: tuple[str, ...]
    stub: Mapping[str, Part] = {}
    lines: frozenset[str] = frozenset()


def given(stub: str) -> Given:
    """What a stub gives. Raises SyntaxError."""
    names = tuple(n.name for n in parse(stub).body if isinstance(n, ast.FunctionDef))
    first = Given(names)
    return Given(names, read(stub, first).parts, frozenset(line.strip() for line in lines(stub)))


def read(text: str, koan: Given) -> Answer:
    """The learner's functions in a text, without those that are as in the stub."""
    if len(text) > LARGEST:
        return Answer(problem=f"longer than {LARGEST:,} characters")
    try:
        module = Module(text)
        parts = {name: module.part(name, koan) for name in koan.functions if name in module.functions}
    except SyntaxError as error:
        return Answer(problem=TOO_DEEP if "nested too deeply" in str(error.msg) else "not Python")
    except (RecursionError, TooMuch, MemoryError):
        return Answer(problem=TOO_DEEP)
    return Answer({name: part for name, part in parts.items() if part.size and not _as_given(name, part, koan)})


def _as_given(name: str, part: Part, koan: Given) -> bool:
    return name in koan.stub and koan.stub[name].form == part.form


class Module:
    """A text's functions and constants in the one spelling. Raises SyntaxError, RecursionError and TooMuch."""

    def __init__(self, text: str, *, oracles: Sequence[str] = ()) -> None:
        self.text = text
        tree = spelled(parse(text), oracles)
        self.functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
        self.constants: dict[str, ast.expr] = {}
        for node in tree.body:
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                self.constants |= dict.fromkeys(names, node.value)

    def part(self, name: str, koan: Given, called: str = "") -> Part:
        """The part of the function `name`, which stands for the koan's function `called` (default: of this name)."""
        helpers, found, spans = self._tokens(name, koan, called)
        if len(found) > MOST_TOKENS:
            raise TooMuch
        written = lines(self.text)
        own = {number for first, last in spans for number in range(first, last + 1)}
        own = {number for number in own if number <= len(written) and written[number - 1].strip() not in koan.lines}
        shown = "\n".join(" ".join(written[number - 1].split()) for number in sorted(own))
        stub = koan.stub.get(called or name)
        taken = frozenset(stub.prints) if stub else frozenset()
        return Part(
            form=normal_form(name, helpers, self.constants),
            verbatim=hashlib.blake2b(shown.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest(),
            prints=tuple(key for key in fingerprints(found) if key not in taken),
            size=_own_size(found, own),
        )

    def excerpt(self, name: str, koan: Given, called: str = "") -> Excerpt:
        """Where that part stands."""
        _, found, spans = self._tokens(name, koan, called)
        return Excerpt(tuple(spans), fingerprints(found))

    def _tokens(
        self, name: str, koan: Given, called: str
    ) -> tuple[dict[str, ast.FunctionDef], list[Token], list[tuple[int, int]]]:
        """The functions that may be called, the tokens of those that are, and their first and last lines."""
        others = set(koan.functions) - {name, called}
        helpers = {key: node for key, node in self.functions.items() if key not in others}
        functions = [helpers[one] for one in used(name, helpers)]
        return (
            helpers,
            tokens(functions, helpers),
            [(node.lineno, node.end_lineno or node.lineno) for node in functions],
        )


def _own_size(found: Sequence[Token], own: set[int]) -> int:
    """How many tokens stand in lines that the stub does not have."""
    return sum(token.line in own for token in found)
