"""Writes whole files or nothing: a failure leaves what was there.

A file is written as a draft beside it, which then takes its name. A file that exists keeps its mode, and its owner
where we may set it; a link still leads to it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from grader.book.errors import KoansError, writing


class Texts(Protocol):
    """A content too long for memory: its parts in order, from the start each time that it is asked for them."""

    def __iter__(self) -> Iterator[str]: ...


Content = str | bytes | Texts

BINARY = getattr(os, "O_BINARY", 0)  # a flag for `os.open`: without it Windows changes the ends of lines
# On Windows a file cannot be replaced while a program has it open: an editor, a virus scanner, a search index.
REPLACING = 2.0  # seconds to wait for such a program
AGAIN = 0.05  # seconds between two tries

# A folder in which nothing can be made, or a file that stands where another file system is mounted.
ONLY_IN_PLACE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV}


def write_file(file: Path | str, content: Content, *, make_folder: bool = False) -> None:
    """Write a file. Text to `-` is printed, in UTF-8 as in a file. With `make_folder` a missing folder is made.

    Raises KoansError. Then a file that exists has its old content.
    """
    if str(file) == "-" and not isinstance(content, bytes):
        for text in [content] if isinstance(content, str) else content:
            _print(text)
        return
    path = Path(file)
    with writing(file):
        _check_place(path, make_folder)
        if is_device(path):
            with path.open("wb") as stream:
                stream.writelines(_parts(content))
            return
        target = Path(os.path.realpath(path))
        try:
            _replace(target, content)
        except OSError as error:
            if error.errno not in ONLY_IN_PLACE or not os.access(target, os.W_OK):
                raise
            _overwrite(target, content)


def write_files(files: Mapping[Path, str | bytes]) -> None:
    """Write all of the files, or none: every draft is written before the first takes its name. Folders are made.

    Raises KoansError.
    """
    drafts: dict[Path, Path] = {}
    try:
        for file, content in files.items():
            with writing(file):
                _check_place(file, make_folder=True)
                target = Path(os.path.realpath(file))
                drafts[target] = _draft(target, content)
        for target in [*drafts]:
            with writing(target):
                replace(drafts[target], target)
            del drafts[target]
    finally:
        for draft in drafts.values():
            with contextlib.suppress(OSError):
                os.unlink(draft)


def check_ending(file: Path, endings: Sequence[str]) -> None:
    """Raise KoansError, with the endings, if the name of the file has none of them."""
    if file.suffix.lower() not in endings:
        named = f"{', '.join(endings[:-1])} or {endings[-1]}" if len(endings) > 1 else endings[0]
        raise KoansError(f"{file}: its name must end in {named}")


def is_device(path: Path) -> bool:
    """Whether this is a device, a pipe or a folder, which cannot be replaced by a file."""
    return path.exists() and not path.is_file()


def _print(text: str) -> None:
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None or sys.stdout.isatty():
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        binary.write(_bytes(text))
        binary.flush()


def _bytes(content: str | bytes) -> bytes:
    return content.encode(errors="replace") if isinstance(content, str) else content


def _parts(content: Content) -> Iterator[bytes]:
    return map(_bytes, [content] if isinstance(content, (str, bytes)) else content)


def _check_place(file: Path, make_folder: bool) -> None:
    if make_folder:
        file.parent.mkdir(parents=True, exist_ok=True)
    elif not file.absolute().parent.exists():
        raise KoansError(f"{file}: cannot be written: its folder does not exist")


def _draft(target: Path, content: Content) -> Path:
    """A file beside the target with this content, and with the mode that the target has or would get."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    old = target.stat() if target.exists() else None
    if old is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}-")
    try:
        with open(handle, "wb") as stream:
            stream.writelines(_parts(content))
            stream.flush()
            os.fsync(stream.fileno())  # a network drive reports a full disk only now
        if old is None:
            os.chmod(name, 0o666 & ~_umask())
        else:
            with contextlib.suppress(OSError, AttributeError):
                os.chown(name, old.st_uid, old.st_gid)
            os.chmod(name, stat.S_IMODE(old.st_mode))
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    return Path(name)


def _replace(target: Path, content: Content) -> None:
    draft = _draft(target, content)
    try:
        replace(draft, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def replace(draft: Path, target: Path) -> None:
    """Give the draft the name of the target. On Windows it waits a moment for a program that has the target open.

    Raises OSError.
    """
    deadline = time.monotonic() + REPLACING
    while True:
        try:
            os.replace(draft, target)
            return
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > deadline:
                raise
            time.sleep(AGAIN)


def _overwrite(target: Path, content: Content) -> None:
    """Write into the file that is there. If that fails, its old content is written back, which needs no new space."""
    with open(target, "r+b", buffering=0) as stream:
        old = stream.read()
        try:
            _write_at_start(stream.fileno(), _parts(content))
        except BaseException:
            _write_at_start(stream.fileno(), [old])
            raise


def _write_at_start(descriptor: int, parts: Iterable[bytes]) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    for part in parts:
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    os.ftruncate(descriptor, os.lseek(descriptor, 0, os.SEEK_CUR))
    os.fsync(descriptor)


def others_may(what: int, status: os.stat_result) -> bool:
    """Whether another user owns a file, or its mode allows one of `what` to others.

    On Windows the folders that this concerns, such as the temporary one, are the user's own.
    """
    if not hasattr(os, "getuid"):
        return False
    return status.st_uid != os.getuid() or bool(status.st_mode & what)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
