"""What a submission's file is called and what its row is called, in reports. Its own name is a stranger's text."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

import msgspec

from grader.book.verdict import one_line
from grader.course.classroom import Grades, entries, heads
from grader.course.grade import Class, Grade
from grader.course.intake.ids import identify

LONGEST_LABEL = 80  # characters of a name that are shown


def identified(results: Class) -> Class:
    """The class with an id for every grade that is safe as a file name and that no other grade has.

    Ids come from files, which anybody may have written, and grades of several files may have the same id.
    """
    ids = identify([(grade.id or grade.submission, grade.folder) for grade in heads(results.grades)])
    pairs = zip(ids, entries(results.grades), strict=True)
    return msgspec.structs.replace(results, grades=Grades(entry.renamed(one) for one, entry in pairs))


def labels(grades: Sequence[Grade]) -> list[str]:
    """The name of each grade as one line of text.

    The id stands beside a name that looks like another, and beside one with letters of other scripts: these may look
    like Latin ones.
    """
    grades = heads(grades)
    names = [one_line(grade.submission, LONGEST_LABEL) for grade in grades]
    count = Counter(map(_looks, names))
    return [
        f"{name} ({one_line(grade.id)})".strip()
        if grade.id and (count[_looks(name)] > 1 or not _looks(name) or name.endswith(")") or not _is_latin(name))
        else name or "submission"
        for name, grade in zip(names, grades, strict=True)
    ]


def _is_latin(name: str) -> bool:
    """Whether a name has only Latin letters, perhaps with accents, and what is in ASCII."""
    return all(c.isascii() or unicodedata.name(c, "").startswith("LATIN ") for c in name)


def _looks(name: str) -> str:
    """The name without what cannot be seen."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if unicodedata.category(c)[0] not in "CZ")
