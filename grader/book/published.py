"""What students may know of an assignment: `assignments/NAME.json` in an edition. `koans release` writes it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from grader.book.errors import KoansError, read_file

FOLDER = "assignments"
LARGEST = 1 << 20  # bytes


class PublishedKoan(msgspec.Struct, frozen=True, array_like=True):
    """A koan of the assignment (its id), its points, and whether they are extra credit."""

    koan: str
    points: float
    extra: bool = False


class Published(msgspec.Struct, frozen=True, omit_defaults=True):
    """An assignment. `late` and `partial` are rules in words: for late work, and for koans that failed.

    Times have an offset. `name` is the name of the file.
    """

    title: str
    koans: tuple[PublishedKoan, ...]
    late: str = ""
    partial: str = ""
    opens: datetime | None = None
    due: datetime | None = None
    name: str = ""


def file_name(name: str) -> str:
    """The path of an assignment's file in an edition."""
    return f"{FOLDER}/{name}.json"


def as_json(assignment: Published) -> bytes:
    return msgspec.json.format(msgspec.json.encode(assignment), indent=1) + b"\n"


def read_all(root: Path) -> tuple[Published, ...]:
    """The assignments of the edition at `root`, by the time when they are due. Raises KoansError."""
    found = []
    for file in sorted((root / FOLDER).glob("*.json")):
        try:
            one = msgspec.json.decode(read_file(file, LARGEST), type=Published)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise KoansError(f"{file}: is not an assignment ({error}); `koans update` brings it again") from None
        times = [time for time in (one.opens, one.due) if time is not None]
        if any(time.tzinfo is None for time in times):
            raise KoansError(f"{file}: is not an assignment (a time without an offset)")
        found.append(msgspec.structs.replace(one, name=file.stem))
    return tuple(sorted(found, key=lambda one: (one.due is None, one.due and one.due.timestamp(), one.name)))
