"""What an edition is made of: every file with a digest, in `edition.json` at its root."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from grader.book.errors import KoansError

NAME = "edition.json"
OWN = (".koans", ".git", ".venv")  # of the fork, never of the edition


class Manifest(msgspec.Struct, frozen=True):
    """Files by path below the root. `learner` are those that the learner writes; the rest is the workbook's."""

    version: str
    files: dict[str, str]
    learner: tuple[str, ...]
    schema: int = 1


def digest(file: Path) -> str:
    """Of a file's bytes; an empty string if there is none."""
    try:
        return hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return ""


def read(root: Path) -> Manifest:
    """Raises KoansError if the folder holds no edition."""
    file = root / NAME
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except OSError:
        raise KoansError(f"{root}: is no student edition (it has no {NAME}); `koans release` makes one") from None
    except msgspec.MsgspecError as error:
        raise KoansError(f"{file}: {error}") from None
    for name in found.files:
        parts = Path(name).parts
        if not parts or parts[0] in ("/", *OWN) or ".." in parts:
            raise KoansError(f"{file}: names a file outside the edition: {name}")
    return found
