"""The lines of learners' files that an exception passed through, wherever it was raised."""

from __future__ import annotations

import re
import traceback
from typing import NamedTuple

SENT = "own_lines"  # the attribute of an exception from another process that holds its lines
FILE = re.compile(r"(?:^|/)(?:exercises|solutions)/(\w+/(?!test_)\w+)\.py$")
NOT_OWN = {"site-packages", "grader", "reference"}


class OwnLine(NamedTuple):
    """One line. `koan` is the id of the koan whose file has it, or the name of another file without its ending."""

    koan: str
    number: int
    text: str

    @property
    def file(self) -> str:
        """The file's name without folders."""
        return f"{self.koan.rpartition('/')[2]}.py"


def own_lines(error: BaseException) -> list[OwnLine]:
    """The lines, outermost first. Those of the grader, of tests and of libraries do not help a learner."""
    sent: list[OwnLine] | None = getattr(error, SENT, None)
    if sent is not None:
        return sent
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        name = frame.filename.replace("\\", "/")
        known = FILE.search(name)
        if known or _may_be_own(name):
            koan = known[1] if known else name.rpartition("/")[2].removesuffix(".py")
            lines.append(OwnLine(koan, frame.lineno or 0, (frame.line or "").strip()))
    return lines


def at_line(error: BaseException, file: str, number: int, text: str) -> None:
    """Give an error the line of a learner's file that it is about, where no traceback passes through that file."""
    known = FILE.search(file.replace("\\", "/"))
    setattr(error, SENT, [OwnLine(known[1], number, text.strip())] if known and number else [])


def unwritten(error: BaseException) -> str:
    """The id of a koan whose stub raised this error when another koan's file called it, or an empty string."""
    lines = own_lines(error)
    return lines[-1].koan if lines and "/" in lines[-1].koan and lines[-1].koan != lines[0].koan else ""


def _may_be_own(name: str) -> bool:
    parts = name.split("/")
    is_library = bool(NOT_OWN & set(parts)) or "/lib/python" in name
    return not (is_library or name.startswith("<") or parts[-1].startswith("test_"))
