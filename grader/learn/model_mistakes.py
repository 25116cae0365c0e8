"""The named mistakes that can be put into the small model: the wrong answers of the koans on its path."""

from __future__ import annotations

import difflib

import msgspec

from grader.book.errors import KoansError
from grader.book.oracles import oracles
from grader.book.workbook import Workbook
from grader.learn.model_functions import on_path
from grader.model.path import PATH


class Mistake(msgspec.Struct, frozen=True):
    """A wrong answer: its name, and what is wrong in one clause."""

    name: str
    says: str


class Mistakes(msgspec.Struct, frozen=True):
    """The mistakes of a koan on the path that are in a function which the model calls."""

    koan: str
    mistakes: tuple[Mistake, ...]


def of_path(workbook: Workbook) -> list[Mistakes]:
    """Those of every koan on the path."""
    return [_mistakes(workbook, koan) for koan in on_path(workbook)]


def mistakes(workbook: Workbook, name: str) -> Mistakes:
    """Those of one koan. Raises KoansError if there is no such koan, or if the model does not run on it."""
    koan = workbook.koan(name)
    if koan.id not in PATH:
        raise KoansError(f"the model does not call {koan.name}; `koans model break` lists the koans that it runs on")
    return _mistakes(workbook, koan.id)


def chosen(on: Mistakes, name: str) -> Mistake:
    """The mistake of this name. Raises KoansError, with similar names, if there is none."""
    found = {mistake.name: mistake for mistake in on.mistakes}
    if name not in found:
        koan = on.koan.partition("/")[2]
        near = difflib.get_close_matches(name, found, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"`koans model break {koan}` lists them"
        raise KoansError(f"{koan} has no mistake '{name}': {hint}")
    return found[name]


def _mistakes(workbook: Workbook, koan: str) -> Mistakes:
    known = oracles(workbook.koans[koan])
    called = [known[name] for name in PATH[koan].functions if name in known]
    return Mistakes(koan, tuple(Mistake(wrong.name, wrong.says) for o in called for wrong in o.wrongs.values()))
