"""Errors that the user can fix. A command then prints one line that says what is wrong and what to do. Exit code 2."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The system refuses: there is no space or no permission, the disk is read-only or broken, or too many files are open.
REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}
SQLITE = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN")


class KoansError(Exception):
    """An error that the user can fix, such as bad input. The text is the whole message."""


@contextmanager
def writing(place: Path | str, *others: type[Exception], more: str = "") -> Iterator[None]:
    """Within the block an OSError, or one of `others`, becomes a KoansError: what cannot be written and why.

    `more` is added to the end of its text.
    """
    kinds: tuple[type[Exception], ...] = (OSError, *others)
    try:
        yield
    except kinds as error:
        raise KoansError(f"{place}: cannot be written ({_reason(error)}){more}") from None


@contextmanager
def reading(place: Path | str) -> Iterator[None]:
    """Within the block an OSError becomes a KoansError: what cannot be read and why."""
    try:
        yield
    except OSError as error:
        raise KoansError(f"{place}: cannot be read ({_reason(error)})") from None


def read_file(file: Path, largest: int) -> bytes:
    """The bytes of a file. Raises KoansError if it cannot be read, or has more than `largest` bytes.

    A device or a pipe is read no further either.
    """
    with reading(file), file.open("rb") as stream:
        data = stream.read(largest + 1)
    if len(data) > largest:
        raise KoansError(f"{file} has more than {largest >> 20} MiB")
    return data


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def refusal(error: BaseException) -> str:
    """One line for an error that means that the system refused to read or write. An empty string for other errors."""
    if isinstance(error, OSError) and error.errno in REFUSALS:
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    if str(getattr(error, "sqlite_errorname", "")).startswith(SQLITE):
        return f"a file in .koans/ could not be written: {error}"
    return ""
