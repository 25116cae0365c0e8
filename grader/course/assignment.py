"""What an instructor decides about an assignment, in `assignment.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from grader.book.assistants import DEFAULT, Policy, checked
from grader.book.errors import KoansError, read_file

NAME = "assignment.toml"
LARGEST = 1 << 20  # bytes


class Assignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`assistants` is what the course asks of coding assistants: see `grader.book.assistants`."""

    assistants: Policy = DEFAULT


def read(file: Path) -> Assignment:
    """The assignment in a file. Raises KoansError if it cannot be read, or for an unknown field or a wrong value."""
    try:
        table = tomllib.loads(read_file(file, LARGEST).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KoansError(f"{file}: {error}") from None
    unknown = [name for name in table if name not in Assignment.__struct_fields__]
    if unknown:
        known = ", ".join(Assignment.__struct_fields__)
        raise KoansError(f"{file}: the field '{unknown[0]}' is not known; the fields are: {known}")
    if "assistants" in table:
        checked(table["assistants"], str(file))
    return msgspec.convert(table, Assignment)


def of_workbook(root: Path, file: Path | None = None) -> Assignment:
    """The assignment in `file`, else in the workbook's root. Without a file, everything has its default."""
    if file is not None:
        return read(file)
    return read(root / NAME) if (root / NAME).exists() else Assignment()
