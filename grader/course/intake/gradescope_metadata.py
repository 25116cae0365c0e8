"""Reads submission_metadata.json, which tells an autograder of Gradescope whose hand-in it grades, and since when it is
there.

The format: https://gradescope-autograders.readthedocs.io/en/latest/submission_metadata/. An export has another
file, submission_metadata.yml (see `lms_names`). The ids of students are the same: the student id, or else the address.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from grader.book.errors import KoansError, read_file

LARGEST = 256 << 20  # bytes: it repeats the results of all earlier hand-ins


class HandIn(msgspec.Struct, frozen=True):
    """Who hands in, and when (ISO 8601). A team has the names of all, and the id of the one who is named first.

    Fields are empty if they are unknown.
    """

    name: str = ""
    student: str = ""
    handed_in: str = ""


class _User(msgspec.Struct, frozen=True):
    name: str | None = None
    email: str | None = None
    sid: str | int | None = None


class _Metadata(msgspec.Struct, frozen=True):
    created_at: str | None = None
    users: tuple[_User, ...] = ()


def read(file: Path) -> HandIn:
    """What the file says. Raises KoansError if it cannot be read."""
    try:
        found = msgspec.json.decode(read_file(file, LARGEST), type=_Metadata)
    except msgspec.MsgspecError as error:
        raise KoansError(f"{file}: is not what Gradescope writes ({error})") from None
    names = [user.name or user.email or "" for user in found.users]
    ids = [str(user.sid or user.email or "") for user in found.users]
    return HandIn(", ".join(filter(None, names)), ids[0] if ids else "", _time(found.created_at or ""))


def _time(text: str) -> str:
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return ""
