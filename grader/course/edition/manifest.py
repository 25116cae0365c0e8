"""The manifest of an edition, `edition.json` at its root: its version, and every file with a digest of its text."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Protocol

import msgspec
from packaging.version import Version

from grader.book.errors import KoansError

NAME = "edition.json"
FORK_ONLY = (".koans", ".git", ".venv")  # a fork has these; an edition never does
ROOT = "pyproject.toml"  # marks the root of a workbook: see `find_root`
SCHEMA = 2  # 2: digests ignore line ends, and there is a time of release
MANIFEST_LIMIT = 4 << 20  # bytes
FILES_LIMIT = 20_000
PARTS_LIMIT = 12  # folders above a file, and the file
PART_LIMIT = 200  # bytes
FORBIDDEN = set('\\:*?"<>|~')  # no file of a workbook needs these, and on some systems they mean another file


class Edition(msgspec.Struct, frozen=True):
    """Which edition: its version, and the time of its release in UTC, which is empty in manifests of schema 1."""

    version: str
    released: str = ""

    def __str__(self) -> str:
        return f"{self.version} of {self.released[:16].replace('T', ' ')}" if self.released else self.version

    def is_older_than(self, other: Edition) -> bool:
        """Whether its version is lower or, if the versions are equal, whether it was released earlier."""
        mine, theirs = Version(self.version), Version(other.version)
        return mine < theirs or (mine == theirs and "" < self.released < other.released)


class Manifest(msgspec.Struct, frozen=True):
    """The files of an edition: each path below its root, with the digest of the file.

    `learner` are the files that a learner edits. The others belong to the workbook.
    """

    version: str
    files: dict[str, str]
    learner: tuple[str, ...]
    schema: int = 1
    released: str = ""

    def has(self, name: str, data: bytes) -> bool:
        """Whether the file is in the edition with this text. Digests of schema 1 are of the bytes as they were."""
        expected = self.files.get(name)
        return expected in ({digest(data)} if self.schema >= SCHEMA else {digest(data), _blake(data)})

    @property
    def edition(self) -> Edition:
        return Edition(self.version, self.released)


class Source(Protocol):
    """A place to read an edition from. `label` is what messages call it."""

    @property
    def label(self) -> str: ...

    def read(self, name: str, limit: int = ...) -> bytes | None:
        """The bytes of a file, or None if there is none. Raises KoansError if it is too large or no plain file."""


def digest(data: bytes) -> str:
    """The digest of a file's text, with whatever line ends, or of its bytes if it is not text."""
    return _blake(unix(data))


def is_text(data: bytes) -> bool:
    """Whether git would take this for text: there is no NUL at its beginning."""
    return b"\0" not in data[:8000]


def unix(data: bytes) -> bytes:
    """The text with Unix line ends. What is not text stays as it is."""
    return data.replace(b"\r\n", b"\n") if is_text(data) else data


def windows(data: bytes) -> bytes:
    """The text with the line ends of Windows. What is not text stays as it is."""
    return unix(data).replace(b"\n", b"\r\n") if is_text(data) else data


def is_windows(data: bytes) -> bool:
    """Whether most lines of a text end as on Windows."""
    return is_text(data) and 2 * data.count(b"\r\n") > data.count(b"\n")


def read(source: Source) -> Manifest:
    """The manifest of an edition. Raises KoansError if there is none or it is not valid."""
    where = f"{source.label}: {NAME}"
    data = source.read(NAME, MANIFEST_LIMIT)
    if data is None:
        raise KoansError(f"{source.label}: is not a student edition (it has no {NAME}); `koans release` makes one")
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
        Version(manifest.version)
    except msgspec.MsgspecError as error:
        raise KoansError(f"{where}: {error}") from None
    except ValueError:  # also for a number of thousands of digits
        raise KoansError(f"{where}: {manifest.version[:40]!r} is not a version") from None
    if manifest.schema > SCHEMA:
        raise KoansError(
            f"{where}: has schema {manifest.schema}, which this version of koans cannot read; "
            "copy the folder grader/ of the newer edition over yours, then run this again"
        )
    if manifest.released and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", manifest.released):
        raise KoansError(f"{where}: {manifest.released[:40]!r} is not a time")
    check_names([*manifest.files, *manifest.learner], where)
    if ROOT not in manifest.files:  # without it the fork would be no workbook any more
        raise KoansError(f"{where}: does not name {ROOT}, so this is not an edition of a workbook")
    return manifest


def as_json(manifest: Manifest) -> bytes:
    """The text of `edition.json`."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def check_names(names: list[str], where: str) -> None:
    """Raise KoansError unless these can be files below one folder on every system, and none is of the fork alone."""
    if len(set(names)) > FILES_LIMIT:
        raise KoansError(f"{where}: names {len(set(names))} files; an edition has at most {FILES_LIMIT}")
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        if ".." in parts or "" in parts or any(folded(part) in FORK_ONLY for part in parts):
            raise KoansError(f"{where}: names a file outside the edition: {name[:80]!r}")
        if name == NAME or len(parts) > PARTS_LIMIT or not all(_is_safe(part) for part in parts):
            raise KoansError(f"{where}: no file of an edition may have the name {name[:80]!r}")
        spelled = [folded(part) for part in parts]
        files[_unique(files, "/".join(spelled), name, where)] = name
        folders.update({"/".join(spelled[:depth]): name for depth in range(1, len(parts))})
    for name in files.keys() & folders.keys():
        raise KoansError(f"{where}: {files[name]!r} is both a file and the folder of {folders[name]!r}")


def _unique(known: dict[str, str], folded: str, name: str, where: str) -> str:
    if known.get(folded, name) != name:
        raise KoansError(f"{where}: {known[folded]!r} and {name!r} are the same file on some systems")
    return folded


def _is_safe(part: str) -> bool:
    return (
        part.isprintable()
        and len(part.encode()) <= PART_LIMIT
        and not FORBIDDEN & set(part)
        and part == part.strip(" ").rstrip(".")
        and part == unicodedata.normalize("NFC", part)
    )


def folded(part: str) -> str:
    """One spelling of all names that some system takes for the same."""
    return unicodedata.normalize("NFKC", part).casefold().rstrip(". ")


def _blake(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
