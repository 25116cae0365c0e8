"""Reads files that a stranger handed in: plain files only, up to a size, and without following links."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.book import source_text

LARGEST = 256 << 10  # bytes of one exercise


class Unreadable(ImportError):
    """A submitted file or folder is not accepted. The text says which and why."""


def read(folder: Path, *parts: str, largest: int = LARGEST) -> str:
    """The text of the Python file `folder/part/…/part`.

    Raises FileNotFoundError if there is no such file, and Unreadable if it is not accepted.
    """
    return as_source(read_bytes(folder, *parts, largest=largest), "/".join(parts))


def as_text(data: bytes, path: str) -> str:
    """A file's bytes as text. Raises Unreadable."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(f"{path} is not UTF-8 text") from None


def as_source(data: bytes, path: str) -> str:
    """A Python file's bytes as text, as Python reads them. Raises Unreadable."""
    try:
        return source_text.decode(data, path)
    except SyntaxError as error:
        name = path.rpartition("/")[2]
        raise Unreadable(f"SyntaxError in {name}, line {error.lineno}: {error.msg}") from None


def read_bytes(folder: Path, *parts: str, largest: int) -> bytes:
    """The bytes of `folder/part/…/part`. Raises FileNotFoundError and Unreadable as `read` does."""
    path = "/".join(parts)
    if hasattr(os, "O_DIRECTORY"):
        with open_folder(folder, *parts[:-1]) as above:
            fd = _open(parts[-1], os.O_NONBLOCK, above, path)
    else:
        fd = _open_at_home(folder, *parts)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise Unreadable(f"{path} is a link, or not a plain file: hand in the file itself")
        if status.st_size > largest:
            raise Unreadable(f"{path} has {status.st_size >> 10} KiB; at most {largest >> 10} KiB are allowed")
        with open(fd, "rb", closefd=False) as file:
            data = file.read(largest + 1)
    finally:
        os.close(fd)
    if len(data) > largest:  # it has grown since
        raise Unreadable(f"{path} has more than {largest >> 10} KiB")
    return data


def _open_at_home(folder: Path, *parts: str) -> int:
    """Open a file where folders have no descriptors (Windows). Nobody's files but the learner's own are read there."""
    path = "/".join(parts)
    try:
        places = [folder.joinpath(*parts[: n + 1]) for n in range(len(parts))]
        if any(place.is_symlink() for place in places) or places[-1].is_dir():
            raise Unreadable(f"{path} is a link, a folder or unreadable: hand in the file itself")
        return os.open(places[-1], os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise FileNotFoundError(2, "not submitted", path) from None
    except (OSError, ValueError):
        raise Unreadable(f"{path} is a link, a folder or unreadable: hand in the file itself") from None


@contextmanager
def open_folder(folder: Path, *parts: str) -> Iterator[int]:
    """A descriptor of `folder/part/…/part`. Raises FileNotFoundError and Unreadable as `read` does."""
    path = "/".join(parts)
    try:
        fds = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(f"{folder}: cannot be read ({error.strerror})") from None
    try:
        for part in parts:
            fds.append(_open(part, os.O_DIRECTORY, fds[-1], path))
        yield fds[-1]
    finally:
        for fd in fds:
            os.close(fd)


def _open(name: str, flags: int, folder: int, path: str) -> int:
    """Open `name` in the folder with this descriptor. `path` is for messages."""
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=folder)
    except FileNotFoundError:
        raise FileNotFoundError(2, "not submitted", path) from None
    except (OSError, ValueError):  # a link, a folder instead of a file, no permission, or a name that no file has
        raise Unreadable(f"{path} is a link, a folder or unreadable: hand in the file itself") from None
