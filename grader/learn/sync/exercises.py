"""The learner's files as `koans sync` sees them: what they wrote below exercises/, and which of two texts is the newer.

Each text that a sync has seen is a version: a digest, the time at which the text was saved, and the digest of the text
that it replaced. A text that was written after another one had been seen is the newer, whatever the clocks show. The
last version counts. A text that it does not descend from was written elsewhere meanwhile, and a copy of it is kept.
A stub or a blank exercise is no version. So it replaces nothing, and a file that was reset or removed comes back.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from grader.book import source_text
from grader.book.errors import KoansError, reading
from grader.book.stubs import stub_of
from grader.book.workbook import Workbook
from grader.learn.logs import STEP, Place

FOLDER = "exercises"
LARGEST = 1 << 20  # bytes of a file
MOST_FILES = 2000
LONGEST_PATH = 200
SUFFIXES = (".py", ".md", ".txt")  # nothing that configures a program
PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")  # of a path that every system can have
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # names that Windows reserves
TESTS = re.compile(r"(test_.*|.*_test|conftest)\.py", re.IGNORECASE)  # the workbook's, or run by themselves

NOTHING = hashlib.sha256(b"").hexdigest()[:32]  # the digest of a blank file

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]


class Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text of a file. `saved`: when, in seconds since 1970, UTC, but later than the version that it replaced.

    `after` is the digest of that version, and empty for the first one.
    """

    path: Annotated[str, msgspec.Meta(max_length=LONGEST_PATH)]
    digest: Digest
    saved: Place
    after: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{32})?\Z")] = ""

    @property
    def rank(self) -> tuple[float, str]:
        """Of the versions of a file, the one with the largest rank counts, on every machine."""
        return self.saved, self.digest


class Text(msgspec.Struct, frozen=True):
    """A learner's text: its bytes with the line ends of Unix, and when it was saved."""

    data: bytes
    saved: float

    @property
    def digest(self) -> str:
        return digest(self.data)


class Local(msgspec.Struct, frozen=True):
    """What a learner wrote here, by path, and why other files below exercises/ are left out."""

    texts: dict[str, Text]
    left_out: dict[str, str]


def digest(data: bytes) -> str:
    """The key of a text: 32 hex digits of its SHA-256."""
    return hashlib.sha256(data).hexdigest()[:32]


def unix(data: bytes) -> bytes:
    """The text with the line ends of Unix."""
    return data.replace(b"\r\n", b"\n")


def refusal(path: str) -> str:
    """Why a file of this path cannot be part of a sync. Empty if it can.

    The path has `/` between its parts, and must mean a file below exercises/ on every system.
    """
    parts = path.split("/")
    if parts[0] != FOLDER or len(parts) < 2 or len(path) > LONGEST_PATH:
        return f"it is not below {FOLDER}/, or too deep"
    if not all(PART.fullmatch(part) and part[-1] != "." and not DEVICES.fullmatch(part) for part in parts):
        return "not every system can have a file of this name"
    if TESTS.fullmatch(parts[-1]):
        return "it is a test"
    return "" if parts[-1].lower().endswith(SUFFIXES) else f"its name does not end in {', '.join(SUFFIXES)}"


def unfit(data: bytes) -> str:
    """Why these bytes cannot be part of a sync. Empty if they can."""
    if len(data) > LARGEST:
        return f"it has more than {LARGEST >> 20} MiB"
    return "it is not text" if b"\0" in data else ""


def stubs(workbook: Workbook) -> dict[str, str]:
    """The digest of each koan's stub, by the path of its exercise."""
    return {f"{FOLDER}/{k.id}.py": digest(unix(stub_of(workbook, k).encode())) for k in workbook.koans.values()}


def is_text(data: bytes, stub: str | None) -> bool:
    """Whether a learner wrote this: it is neither the stub with this digest nor, in the place of an exercise, blank."""
    return stub is None or (bool(data.strip()) and digest(unix(data)) != stub)


def scan(workbook: Workbook, of_stubs: Mapping[str, str]) -> Local:
    """Read what the learner wrote. Raises KoansError if a file cannot be read.

    Links are followed only in the place of an exercise.
    """
    texts: dict[str, Text] = {}
    left_out: dict[str, str] = {}
    taken: dict[str, str] = {}
    files = sorted(_files(workbook.root / FOLDER, of_stubs), key=lambda one: (one[0] not in of_stubs, one[0]))
    for path, file in files:
        why = refusal(path)
        same = taken.setdefault(path.casefold(), path)
        if not why and same != path:
            why = f"some systems cannot tell it from {same}"
        if not why and len(texts) >= MOST_FILES:
            why = f"there are more than {MOST_FILES} files"
        if why:
            left_out[path] = why
            continue
        with reading(file), file.open("rb") as stream:
            data, saved = unix(stream.read(LARGEST + 1)), os.fstat(stream.fileno()).st_mtime
        if path in of_stubs and not is_text(data, of_stubs[path]):
            continue
        if why := unfit(data):
            left_out[path] = why
        else:
            texts[path] = Text(data, max(saved, 0.0))
    return Local(texts, left_out)


def _files(folder: Path, exercises: Collection[str]) -> Iterable[tuple[str, Path]]:
    """The plain files below the folder that may be a learner's, with their paths."""
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = [name for name in folders if name[0] != "." and name != "__pycache__"]
        for name in names:
            file = here / name
            path = file.relative_to(folder.parent).as_posix()
            if name[0] == "." or not name.lower().endswith(SUFFIXES) or TESTS.fullmatch(name):
                continue
            if file.is_file() and (path in exercises or not file.is_symlink()):
                yield path, file


def last(versions: Iterable[Version]) -> Version | None:
    """The version that counts."""
    return max(versions, key=lambda version: version.rank, default=None)


def noticed(path: str, text: Text, known: Iterable[Version], *, ran: bool) -> Version | None:
    """The version that a sync finds here for the first time. None if the last one that it knows is still there.

    `ran`: the text of this file was run here, or it is no exercise. Otherwise it may have come with a clone of a
    repository, whose files are as old as the clone. Then it counts as older than any other.
    """
    before = last(known)
    if before is None:
        return Version(path, text.digest, text.saved if ran else 0.0)
    if before.digest == text.digest:
        return None
    return Version(path, text.digest, max(text.saved, before.saved + STEP), before.digest)


def ancestors(version: Version, versions: Iterable[Version]) -> set[str]:
    """The digests of the texts that were replaced on the way to this version."""
    found = {version.digest}
    for one in sorted(versions, key=lambda v: v.rank, reverse=True):
        if one.rank <= version.rank and one.digest in found:
            found.add(one.after)
    return found - {"", version.digest}


def by_path(versions: Iterable[Version], exercises: Collection[str]) -> dict[str, set[Version]]:
    """The versions by path. Of paths that some systems cannot tell apart, an exercise or else the first one stays."""
    found: dict[str, set[Version]] = {}
    for version in versions:
        found.setdefault(version.path, set()).add(version)
    first: dict[str, str] = {}
    for path in sorted(found, key=lambda path: (path not in exercises, path)):
        first.setdefault(path.casefold(), path)
    return {path: found[path] for path in sorted(first.values())}


def place(workbook: Workbook, path: str, exercises: Collection[str]) -> Path:
    """The place of a file that is to be written.

    Raises KoansError if something else than a plain file is there, or if a link leads there. In the place of an
    exercise, a link to a file is the learner's own.
    """
    file = workbook.root.joinpath(*path.split("/"))
    if why := source_text.no_plain_file(file):
        raise KoansError(f"{path} {why}")
    checked = file.parent if path in exercises else file
    wanted = Path(os.path.realpath(workbook.root / FOLDER), *checked.relative_to(workbook.root).parts[1:])
    if os.path.normcase(os.path.realpath(checked)) != os.path.normcase(wanted):
        raise KoansError(f"{path}: a link leads elsewhere, and a sync writes only below {FOLDER}/: remove the link")
    return file


def set_saved(file: Path, saved: float) -> None:
    """Date a file that a sync wrote, if the system can: a text keeps the time at which it was saved."""
    if saved:
        with contextlib.suppress(OSError, OverflowError, ValueError):
            os.utime(file, (saved, saved))
