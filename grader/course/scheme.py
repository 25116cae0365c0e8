"""An assignment with all that belongs to it: its koans in this workbook, extensions, overrides, and its secret.

It is a folder with `assignment.toml` and, beside it, `extensions.csv`, `overrides.csv` and `secret`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.book.workbook import Workbook
from grader.course import assignment as assignments
from grader.course.assignment import NAME, Assignment, Worth, same, worths
from grader.course.exceptions import Exceptions, Extension, Override, extensions, overrides
from grader.course.grade import SeedOf
from grader.course.seeds import SECRET, derived, read_secret


class Scheme(msgspec.Struct, frozen=True):
    """An assignment in one workbook. `koans` is what each koan is worth, by id. `secret` is empty if it has none."""

    file: Path
    assignment: Assignment
    koans: Mapping[str, Worth]
    extensions: Exceptions[Extension]
    overrides: Exceptions[Override]
    secret: bytes = b""

    @property
    def title(self) -> str:
        return self.assignment.title or self.name

    @property
    def name(self) -> str:
        """The name of its folder, or of its file if it has another name than usual."""
        return self.file.parent.resolve().name if self.file.name == NAME else self.file.stem


def read(place: Path, workbook: Workbook) -> Scheme:
    """The assignment in this file or folder. Raises KoansError if something in it is wrong."""
    file = place / NAME if place.is_dir() else place
    assignment = assignments.read(file)
    try:
        koans = worths(assignment, workbook)
    except KoansError as error:
        raise KoansError(f"{file}: {error}") from None
    folder = file.parent
    return Scheme(
        file,
        assignment,
        koans,
        extensions(folder, assignment),
        overrides(folder, koans),
        read_secret(folder / SECRET),
    )


def koans_of(schemes: Sequence[Scheme]) -> set[str] | None:
    """The ids of all koans of these assignments. Without assignments None, which stands for the whole workbook."""
    return {koan for scheme in schemes for koan in scheme.koans} if schemes else None


def seeding(schemes: Sequence[Scheme]) -> int | SeedOf | None:
    """The seed of these assignments, which follows from the first one's secret. None if it has to be drawn.

    It is a function of the submission if each student has a seed of their own. Raises KoansError if that needs a secret
    that is missing.
    """
    first = schemes[0] if schemes else None
    if first is None or not first.secret:
        if first is not None and first.assignment.seeds == "student":
            raise KoansError(
                f'{first.file}: seeds = "student" needs a file {SECRET} beside it: see `koans assignment new`'
            )
        return None
    secret = first.secret
    if first.assignment.seeds == "class":
        return derived(secret)
    return lambda submission: derived(secret, same(submission.student or submission.name))


def read_all(places: Sequence[Path], workbook: Workbook) -> tuple[Scheme, ...]:
    """The assignments at these places. Raises KoansError, also if two have one title."""
    found = tuple(read(place, workbook) for place in places)
    titles = [scheme.title for scheme in found]
    if twice := [title for title in titles if titles.count(title) > 1]:
        raise KoansError(f"two assignments have the title '{twice[0]}'")
    return found
