"""The manifest of an edition, `edition.json` at its root: every file with a digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from grader.book.errors import KoansError

NAME = "edition.json"
FORK_ONLY = (".koans", ".git", ".venv")  # a fork has these; an edition never does


class Manifest(msgspec.Struct, frozen=True):
    """The files of an edition: each path below its root, with the digest of the file.

    `learner` are the files that a learner edits. The others belong to the workbook.
    """

    version: str
    files: dict[str, str]
    learner: tuple[str, ...]
    schema: int = 1


def digest(file: Path) -> str:
    """The digest of a file's bytes, or an empty string if the file cannot be read."""
    try:
        return hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return ""


def read(root: Path) -> Manifest:
    """The manifest of the edition in the folder `root`. Raises KoansError if there is none or it is not valid."""
    file = root / NAME
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except OSError:
        raise KoansError(f"{root}: is no student edition (it has no {NAME}); `koans release` makes one") from None
    except msgspec.MsgspecError as error:
        raise KoansError(f"{file}: {error}") from None
    for name in manifest.files:
        parts = Path(name).parts
        if not parts or parts[0] in ("/", *FORK_ONLY) or ".." in parts:
            raise KoansError(f"{file}: names a file outside the edition: {name}")
    return manifest
