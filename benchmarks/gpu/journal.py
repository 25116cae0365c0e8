"""The file that a session writes: one JSON object a line, each on the disk before the next job starts.

However the session ends, its measurements can be read from the file, even if the last line was cut in the middle.
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
    """The start of a session. `pretended`: nothing ran on a GPU, so times mean nothing."""

    name: str
    at: str
    minutes: float
    steps: list[str]
    pretended: bool = False
    quick: bool = False


class ProgramOutput(msgspec.Struct, frozen=True, tag="Said"):
    """The output of another program: nvidia-smi, pytest, ncu. `code`: its exit code, or None if it took too long."""

    step: str
    title: str
    text: str
    code: int | None = None


class Measured(msgspec.Struct, frozen=True, tag=True):
    """A report of a race, with all results so far. `last`: it is complete. `now`: the ratios that tests require."""

    step: str
    title: str
    koan: str
    inputs: list[Input]
    now: Mapping[str, float]
    report: RaceReport
    ours: list[str] = []  # the names of the contestants that are kernels
    last: bool = False


class Missing(msgspec.Struct, frozen=True, tag=True):
    """Something that was not measured, or not completely, and why."""

    step: str
    title: str
    why: str


class Ended(msgspec.Struct, frozen=True, tag=True):
    """The end of a session. `how`: "complete", or what stopped it."""

    how: str
    seconds: float


Line = Began | ProgramOutput | Measured | Missing | Ended


class Unwritable(KoansError):
    """The file cannot be written: the disk is full, or a right is missing. Its contents stay."""


class Journal:
    """A new file for a session. Raises KoansError if the file exists, and Unwritable."""

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
        """Write a line to the disk. If there is no room, nothing of it stays in the file. Raises Unwritable."""
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
    """The lines of a file, without a last line that was cut. Raises KoansError if another line is not of a session."""
    with reading(file):
        *whole, _ = file.read_bytes().split(b"\n")
    parsed: list[Line] = []
    for number, text in enumerate(whole, 1):
        try:
            parsed.append(msgspec.json.decode(text, type=Line))
        except msgspec.DecodeError as error:
            raise KoansError(f"{file}, line {number}: this is not a line of a GPU session ({error})") from None
    if not parsed or not isinstance(parsed[0], Began):
        raise KoansError(f"{file}: no GPU session began here")
    return parsed
