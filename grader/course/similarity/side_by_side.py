"""The two texts of a match beside each other: the learner's own lines, and which of them the other side has too."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from grader.book.source_text import lines
from grader.book.stubs import stub_of
from grader.book.workbook import Workbook
from grader.course.similarity.answers import Excerpt, Given, Module, given
from grader.course.similarity.shipped import Shipped, shipped
from grader.course.similarity.survey import GROUPS, Match, Pair, Survey


class Line(msgspec.Struct, frozen=True):
    """A line of a text. `shared`: the other text has it too, perhaps with other names or in another order."""

    number: int
    text: str
    shared: bool


class Texts:
    """Finds the texts of matches. The stubs and the workbook's own answers are read once."""

    def __init__(self, workbook: Workbook, found: Survey) -> None:
        self.workbook, self.found = workbook, found
        self._given: dict[str, Given] = {}
        self._shipped: dict[str, list[Shipped]] = {}
        self._excerpts: dict[tuple[str, str, str], Excerpt] = {}

    def of(self, pair: Pair, match: Match) -> tuple[list[Line], list[Line]]:
        """The lines of both sides."""
        koan = self._koan(match.koan)
        left_text = self.found.people[pair.one].texts[match.koan]
        left = self._excerpt(match, left_text, koan)
        if pair.kind in GROUPS:
            own = self._own(pair, match)
            right_text, right = own.text, own.at
        else:
            assert pair.other is not None
            people = self.found.earlier if pair.kind == "earlier" else self.found.people
            right_text = people[pair.other].texts[match.koan]
            right = self._excerpt(match, right_text, koan)
        whole = match.level in ("exactly", "word for word")
        return _lines(left_text, left, right.prints, koan, whole), _lines(right_text, right, left.prints, koan, whole)

    def _excerpt(self, match: Match, text: str, koan: Given) -> Excerpt:
        key = (match.koan, match.function, text)
        if key not in self._excerpts:
            self._excerpts[key] = Module(text).excerpt(match.function, koan)
        return self._excerpts[key]

    def _koan(self, koan: str) -> Given:
        if koan not in self._given:
            self._given[koan] = given(stub_of(self.workbook, self.workbook.koans[koan]))
        return self._given[koan]

    def _own(self, pair: Pair, match: Match) -> Shipped:
        if match.koan not in self._shipped:
            self._shipped[match.koan] = shipped(self.workbook, self.workbook.koans[match.koan], self._koan(match.koan))
        solution = pair.kind == "solution"
        return next(
            one
            for one in self._shipped[match.koan]
            if (one.kind == "solution") == solution and one.name == match.text_of and one.function == match.function
        )


def _lines(text: str, at: Excerpt, other: Mapping[int, frozenset[int]], koan: Given, whole: bool) -> list[Line]:
    """The lines of the functions that the stub does not have. With `whole` all of them are shared."""
    stub = koan.stub.values()
    given_prints = {key for part in stub for key in part.prints}
    shared = {
        line for key, at_lines in at.prints.items() if key in other and key not in given_prints for line in at_lines
    }
    written = lines(text)
    numbers = sorted({n for first, last in at.spans for n in range(first, min(last, len(written)) + 1)})
    return [
        Line(n, written[n - 1].rstrip("\n"), whole or n in shared)
        for n in numbers
        if written[n - 1].strip() not in koan.lines
    ]
