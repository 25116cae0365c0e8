"""Reads the files of a submission: only the files of koans, up to a size, and without following links."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LARGEST = 256 << 10  # bytes of one exercise


class Unreadable(ImportError):
    """A submitted file is not accepted. The text says which and why."""


def read(folder: Path, *parts: str, largest: int = LARGEST) -> str:
    """The text of `folder/part/…/part`.

    Raises FileNotFoundError if there is no such file, and Unreadable if it is not accepted.
    """
    path = "/".join(parts)
    fds = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY)]
    try:
        for part in parts[:-1]:
            fds.append(_open(part, os.O_DIRECTORY, fds[-1], path))
        fds.append(_open(parts[-1], os.O_NONBLOCK, fds[-1], path))
        status = os.fstat(fds[-1])
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise Unreadable(f"{path} is no plain file of its own: hand in the file itself")
        if status.st_size > largest:
            raise Unreadable(f"{path} has {status.st_size >> 10} KiB; {largest >> 10} is the most")
        with open(fds.pop(), "rb") as file:
            text = file.read(largest + 1)
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(f"{path} is not UTF-8 text") from None
    finally:
        for fd in fds:
            os.close(fd)


def _open(name: str, flags: int, folder: int, path: str) -> int:
    """Open `name` in the folder with this descriptor. `path` is for messages."""
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=folder)
    except FileNotFoundError:
        raise FileNotFoundError(2, "not submitted", path) from None
    except OSError:  # it is a link, or a folder instead of a file, or there is no permission
        raise Unreadable(f"{path} is a link, a folder or not to be read: hand in the file itself") from None
