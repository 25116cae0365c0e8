"""An assignment with all that belongs to it: its koans in this workbook, extensions, overrides, and its secret.

It is a folder with `assignment.toml` and, beside it, `extensions.csv`, `overrides.csv` and `secret`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from grader.book.assistants import DEFAULT
from grader.book.errors import KoansError
from grader.book.files import write_file
from grader.book.points import tidy
from grader.book.published import Published, PublishedKoan
from grader.book.workbook import Workbook
from grader.course import assignment as assignments
from grader.course.assignment import NAME, Assignment, Worth, due, late_rule, opens, partial_rule, same, worths
from grader.course.exceptions import (
    EXTENSIONS,
    OVERRIDES,
    Exceptions,
    Extension,
    Override,
    extensions,
    overrides,
    text_of,
    with_row,
)
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
    if not place.exists():
        raise KoansError(f"{place}: is no folder of an assignment, and no file of one")
    file = place / NAME if place.is_dir() else place
    assignment = assignments.read(file)
    try:
        koans = worths(assignment, workbook)
    except KoansError as error:
        raise KoansError(f"{file}: {error}") from None
    extended, overridden = file.with_name(EXTENSIONS), file.with_name(OVERRIDES)
    return Scheme(
        file,
        assignment,
        koans,
        extensions(extended, text_of(extended), assignment),
        overrides(overridden, text_of(overridden), koans),
        read_secret(file.with_name(SECRET)),
    )


def extend(scheme: Scheme, cells: Mapping[str, str]) -> Extension:
    """Add a row to the file of extensions: `student`, `due`, `comment`. Raises KoansError."""
    file = scheme.extensions.file
    text = with_row(file, text_of(file), cells)
    rows = extensions(file, text, scheme.assignment).rows
    write_file(file, text)
    return rows[-1]


def override(scheme: Scheme, cells: Mapping[str, str]) -> Override:
    """Add a row to the file of overrides: `student`, `koan`, `points`, `comment`. Raises KoansError."""
    file = scheme.overrides.file
    text = with_row(file, text_of(file), cells)
    rows = overrides(file, text, scheme.koans).rows
    write_file(file, text)
    return rows[-1]


def below(folder: Path, workbook: Workbook) -> tuple[Scheme, ...]:
    """The assignments whose folders are in this folder, by the time when they are due. Raises KoansError."""
    files = sorted(folder.glob(f"*/{NAME}"))
    if not files:
        raise KoansError(f"{folder}: has no assignments; `koans assignment new {folder / 'koans-1'}` makes one")
    found = [read(file, workbook) for file in files]
    return tuple(sorted(found, key=lambda scheme: when.timestamp() if (when := due(scheme.assignment)) else math.inf))


def published(scheme: Scheme) -> Published:
    """What students may know of an assignment."""
    koans = [PublishedKoan(koan, tidy(float(worth.points)), worth.extra) for koan, worth in scheme.koans.items()]
    start, end = opens(scheme.assignment), due(scheme.assignment)
    return Published(
        scheme.title,
        tuple(koans),
        late_rule(scheme.assignment),
        partial_rule(scheme.assignment),
        start and datetime.fromisoformat(start.isoformat()),  # with its offset: a machine may not know the time zone
        end and datetime.fromisoformat(end.isoformat()),
        scheme.name,
    )


def decided_for(workbook: Workbook, places: Sequence[Path]) -> tuple[Assignment, tuple[Published, ...]]:
    """What an edition follows, and what its students may know of each assignment.

    Without places, assignment.toml in the workbook counts, if there is one. A file that decides about assistants only
    is no assignment. Raises KoansError, also if two assignments ask something else of assistants.
    """
    schemes = read_all(places or [file for file in [workbook.root / NAME] if file.exists()], workbook)
    if not schemes:
        return Assignment(), ()
    first = schemes[0]
    if other := next((s for s in schemes if s.assignment.assistants != first.assignment.assistants), None):
        raise KoansError(f"{first.file} and {other.file} ask something else of assistants")
    return first.assignment, tuple(published(scheme) for scheme in schemes if is_assignment(scheme))


def is_assignment(scheme: Scheme) -> bool:
    """Whether the file decides about more than assistants."""
    return msgspec.structs.replace(scheme.assignment, assistants=DEFAULT) != Assignment()


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
