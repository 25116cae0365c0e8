"""Errors that are the user's to mend: one line saying what, where and what to do; exit code 2."""

import errno

# The system will not: no room, no right, a disk that is read-only or gone bad.
REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}
SQLITE = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN")


class KoansError(Exception):
    """Bad input. The text is the whole message."""


def refusal(error: BaseException) -> str:
    """One line for an error that says that the system would not read or write; an empty string for any other."""
    if isinstance(error, OSError) and error.errno in REFUSALS:
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    if str(getattr(error, "sqlite_errorname", "")).startswith(SQLITE):
        return f"a file in .koans/ could not be written: {error}"
    return ""
