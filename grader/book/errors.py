"""Errors that the user can fix. A command then prints one line that says what is wrong and what to do. Exit code 2."""

import contextlib
import errno
import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# The system refuses, in words and with what to do about it.
REASONS: Mapping[int, str] = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "your quota on this disk is used up: free some space",
    errno.EFBIG: "the file would be larger than the system allows",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "this file system is read-only",
    errno.EIO: "the disk reports an error",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a part of its path is not a folder",
    errno.EISDIR: "it is a folder",
    errno.EEXIST: "a file with this name exists",
    errno.ELOOP: "its links lead in a circle",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EBUSY: "another program is using it",
    errno.ETXTBSY: "another program is using it",
    errno.ESTALE: "the network drive no longer has it",
}
# The same for SQLite. The first entry that an error's name starts with counts.
SQLITE_REASONS: Mapping[str, str] = {
    "SQLITE_FULL": REASONS[errno.ENOSPC],
    "SQLITE_READONLY": REASONS[errno.EACCES],
    "SQLITE_BUSY": "another program has locked it: close that program, or wait for it",
    "SQLITE_LOCKED": "another program has locked it: close that program, or wait for it",
    "SQLITE_CANTOPEN": "it cannot be opened: is its folder writable?",
    "SQLITE_IOERR": REASONS[errno.EIO],
    "SQLITE_CORRUPT": "it is damaged",
    "SQLITE_NOTADB": "it is damaged",
}
NAMES: Mapping[str, str] = {"linux": "Linux", "darwin": "macOS"}  # of systems, by `sys.platform`


class KoansError(Exception):
    """An error that the user can fix, such as bad input. The text is the whole message."""


def needs(what: str, *systems: str) -> None:
    """Raise KoansError if this system is none of these, by its name in NAMES."""
    if sys.platform not in systems:
        names = " or ".join(NAMES[system] for system in systems)
        raise KoansError(f"{what} needs {names}: use another machine, a virtual machine or, on Windows, WSL")


@contextmanager
def writing(place: Path | str, *others: type[Exception], more: str = "") -> Iterator[None]:
    """Within the block an OSError, or one of `others`, becomes a KoansError: what cannot be written and why.

    `more` is added to the end of its text.
    """
    kinds: tuple[type[Exception], ...] = (OSError, *others)
    try:
        yield
    except kinds as error:
        raise KoansError(f"{place}: cannot be written ({reason(error, place)}){more}") from None


@contextmanager
def reading(place: Path | str) -> Iterator[None]:
    """Within the block an OSError becomes a KoansError: what cannot be read and why."""
    try:
        yield
    except OSError as error:
        raise KoansError(f"{place}: cannot be read ({reason(error, place)})") from None


def read_file(file: Path, largest: int) -> bytes:
    """The bytes of a file. Raises KoansError if it cannot be read, or has more than `largest` bytes.

    A device or a pipe is read no further either.
    """
    with reading(file), file.open("rb") as stream:
        data = stream.read(largest + 1)
    if len(data) > largest:
        raise KoansError(f"{file} has more than {largest >> 20} MiB")
    return data


def reason(error: Exception, place: Path | str | None = None) -> str:
    """Why the system refuses, in words, and what to do. `place` is what it refuses to read or write."""
    known = _known_reason(error)
    if known == REASONS[errno.EACCES] and place is not None:
        return _denied(Path(place))
    return known or getattr(error, "strerror", None) or str(error)


def refusal(error: BaseException) -> str:
    """One line for an error that means that the system refused to read or write. An empty string for other errors."""
    known = _known_reason(error)
    if isinstance(error, OSError) and known:
        return f"{error.filename}: {reason(error, error.filename)}" if error.filename else known
    return f"a file in .koans/ cannot be used: {known}" if known else ""


def _known_reason(error: BaseException) -> str:
    if isinstance(error, OSError):
        return REASONS.get(error.errno or 0, "")
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "") or ""
        return next((words for start, words in SQLITE_REASONS.items() if name.startswith(start)), "")
    return ""


def _denied(place: Path) -> str:
    """Why permission is denied for this path: SQLite does not tell a read-only disk from a file of another user."""
    denied = REASONS[errno.EACCES]
    with contextlib.suppress(OSError, KeyError, ImportError, AttributeError):
        import pwd  # not on Windows

        existing = next(path for path in (place.absolute(), *place.absolute().parents) if path.exists())
        if os.statvfs(existing).f_flag & os.ST_RDONLY:
            return REASONS[errno.EROFS]
        owner = existing.stat().st_uid
        return denied if owner == os.geteuid() else f"{denied}: it belongs to the user {pwd.getpwuid(owner).pw_name}"
    return denied
