"""What a session writes as it goes: one JSON object a line, on the disk before the next job starts.

Whatever ends the session, what it measured can be read from the file, a last line that was cut in the middle included.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import msgspec

from grader.book.errors import KoansError, reading
from grader.gpu.job import Input, RaceReport


class Began(msgspec.Struct, frozen=True, tag=True):
    """`pretended`: nothing ran on a GPU, and no time means anything."""

    name: str
    at: str
    minutes: float
    steps: list[str]
    pretended: bool = False
    quick: bool = False


class Said(msgspec.Struct, frozen=True, tag=True):
    """What another program printed: nvidia-smi, pytest, ncu. `code`: its exit code; none if it was late."""

    step: str
    title: str
    text: str
    code: int | None = None


class Measured(msgspec.Struct, frozen=True, tag=True):
    """A report of a race, with all there is so far; `last` if it is the whole."""

    step: str
    title: str
    koan: str
    inputs: list[Input]
    now: Mapping[str, float]
    report: RaceReport
    ours: list[str] = []  # the names of those that are kernels
    last: bool = False


class Missing(msgspec.Struct, frozen=True, tag=True):
    """What was not measured, or not to its end, and why."""

    step: str
    title: str
    why: str


class Ended(msgspec.Struct, frozen=True, tag=True):
    """`how`: "complete", or what stopped it."""

    how: str
    seconds: float


Line = Began | Said | Measured | Missing | Ended


class Unwritable(KoansError):
    """The disk is full, or the file is not ours to write. What it holds stays."""


class Journal:
    """The file, open. Raises KoansError if it is there already, and Unwritable."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: list[Line] = []
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.exists():
                raise KoansError(f"{file} is there already: give another --name, or read it with --from")
            self._out: IO[bytes] = file.open("xb", buffering=0)
        except OSError as error:
            raise Unwritable(f"{file}: cannot be written ({error.strerror})") from None
        self._size = 0

    def write(self, line: Line) -> None:
        """On the disk when it returns; a line that finds no room leaves nothing behind."""
        self.lines.append(line)
        text = msgspec.json.encode(line) + b"\n"
        try:
            if self._out.write(text) != len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._out.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                self._out.truncate(self._size)
            raise Unwritable(f"{self.file}: cannot be written ({error.strerror}); what it holds stays") from None
        self._size += len(text)

    def close(self) -> None:
        self._out.close()


def lines(file: Path) -> list[Line]:
    """What a session wrote, without a last line that was cut. Raises KoansError for anything else that is no line."""
    with reading(file):
        *whole, _ = file.read_bytes().split(b"\n")
    found: list[Line] = []
    for number, text in enumerate(whole, 1):
        try:
            found.append(msgspec.json.decode(text, type=Line))
        except msgspec.DecodeError as error:
            raise KoansError(f"{file}, line {number}: this is not a line of a GPU session ({error})") from None
    if not found or not isinstance(found[0], Began):
        raise KoansError(f"{file}: no GPU session began here")
    return found
