"""Reads and writes the files of a folder that may be hostile. No link below the folder is followed.

Each part of a path is opened by itself, relative to the descriptor of the folder above it, and never through a link. So
there is no moment between a check and a use. Only plain files are read, and nothing waits for a pipe or a device.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec

from grader.book.errors import KoansError, reading, writing

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_LIMIT = 32 << 20  # bytes; the largest file of the workbook has 2 MB: the weights of its model
BYTECODE = "__pycache__"


class File(msgspec.Struct, frozen=True):
    """What was read: the bytes, the permission bits, and a stamp that differs if the file is written or replaced."""

    data: bytes
    mode: int
    stamp: tuple[int, int, int]


class Tree:
    """A folder. Names are paths below it, with "/" between the parts, and without "." and "..". `manifest` checks that.

    The path of the folder itself may hold links, because the user gave it. Without `follow` it may be no link itself.
    Methods raise KoansError for what stands in the way of a file or a folder, and if the system refuses.
    """

    def __init__(self, root: Path, *, follow: bool = True) -> None:
        self.root = root
        with reading(root):
            self.fd = os.open(root, FOLDER & ~os.O_NOFOLLOW if follow else FOLDER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def read(self, name: str, limit: int = FILE_LIMIT) -> bytes | None:
        """The bytes of a file, or None if there is none."""
        file = self.file(name, limit)
        return None if file is None else file.data

    def file(self, name: str, limit: int = FILE_LIMIT) -> File | None:
        """A file with its stamp, or None if there is none."""
        with self._parent(name) as (folder, leaf):
            # Look before opening, because to open a device can have an effect. Look again at what was opened.
            status = None if folder is None else _status(leaf, folder)
            if status is None:
                return None
            self._require(stat.S_ISREG(status.st_mode), "file", status, name)
            handle = os.open(leaf, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            with open(handle, "rb") as stream:
                status = os.fstat(handle)
                self._require(stat.S_ISREG(status.st_mode), "file", status, name)
                data = stream.read(limit + 1)
            if len(data) > limit:
                raise KoansError(f"{self.root / name}: is larger than {limit >> 20} MiB")
            return File(data, stat.S_IMODE(status.st_mode), _stamp(status))

    def stamp(self, name: str) -> tuple[int, int, int] | None:
        """The stamp of whatever stands at `name`, or None if nothing does."""
        with self._parent(name) as (folder, leaf):
            status = None if folder is None else _status(leaf, folder)
            return None if status is None else _stamp(status)

    def is_plain(self, name: str) -> bool:
        """Whether `name` is a plain file, or nothing at all."""
        try:
            with self._parent(name) as (folder, leaf):
                status = None if folder is None else _status(leaf, folder)
        except KoansError:
            return False
        return status is None or stat.S_ISREG(status.st_mode)

    def create(self, name: str, data: bytes, mode: int | None = None) -> None:
        """Write a new file, and the folders above it. Raises KoansError if something stands there."""
        with self._parent(name, make=True) as (folder, leaf):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(leaf, flags, 0o666, dir_fd=folder)
            try:
                for start in range(0, len(data), 1 << 20):
                    _write(handle, data[start : start + (1 << 20)])
                if mode is not None:
                    os.fchmod(handle, mode)
            finally:
                os.close(handle)

    def move(self, old: str, new: str) -> None:
        """Move a file, or a folder to a free name. A file or link at `new` is replaced, and never written through."""
        with self._parent(old, writes=True) as (source, a), self._parent(new, make=True) as (target, b):
            os.rename(a, b, src_dir_fd=source, dst_dir_fd=target)

    def make_folder(self, name: str) -> None:
        """Make a folder, and those above it, where there is none."""
        with self._folder(name, name, make=True):
            pass

    def refuses(self, name: str) -> str:
        """Why a file cannot be moved from this folder to `name`, as far as one can know before. Empty if it can."""
        parts = name.split("/")[:-1]
        while True:
            with self._folder("/".join(parts), name) as folder:
                if folder is not None:
                    if os.fstat(folder).st_dev != os.fstat(self.fd).st_dev:
                        return "another file system"
                    return "" if os.access(".", os.W_OK | os.X_OK, dir_fd=folder) else "Permission denied"
            parts.pop()

    def remove(self, name: str) -> None:
        """Remove a file or a link, if there is one."""
        with self._parent(name, writes=True) as (folder, leaf):
            if folder is not None and _status(leaf, folder) is not None:
                os.unlink(leaf, dir_fd=folder)

    def remove_all(self, name: str) -> None:
        """Remove what stands at `name`, with everything in it if it is a folder. Links are removed, not followed."""
        with self._parent(name, writes=True) as (folder, leaf):
            status = None if folder is None else _status(leaf, folder)
            if status is None:
                return
            if stat.S_ISDIR(status.st_mode):
                shutil.rmtree(leaf, dir_fd=folder)
            else:
                os.unlink(leaf, dir_fd=folder)

    def prune(self, name: str) -> None:
        """Remove the folder `name`, and each one above it, as long as it holds nothing but bytecode."""
        parts = name.split("/")
        while parts and (entries := self.entries("/".join(parts))) is not None and not set(entries) - {BYTECODE}:
            self.remove_all("/".join(parts))
            parts.pop()

    def entries(self, name: str = "") -> list[str] | None:
        """The names in a folder, sorted, or None if there is no such folder."""
        with self._folder(name, name) as folder:
            return None if folder is None else sorted(os.listdir(folder))

    def walk(self, name: str) -> Iterator[str]:
        """The paths of everything below the folder `name` that is no folder itself, whatever its kind. Sorted."""
        for entry in self.entries(name) or ():
            path = f"{name}/{entry}" if name else entry
            with self._parent(path) as (folder, leaf):
                status = None if folder is None else _status(leaf, folder)
            if status is not None and stat.S_ISDIR(status.st_mode):
                yield from self.walk(path)
            elif status is not None:
                yield path

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the folder `name`, which is made if there is none. Raises KoansError if another process holds it."""
        with self._folder(name, name, make=True) as folder:
            assert folder is not None
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise KoansError(f"{self.root}: another update is running here") from None
            except OSError:
                pass  # this file system has no locks
            yield

    @contextmanager
    def _parent(self, name: str, *, make: bool = False, writes: bool = False) -> Iterator[tuple[int | None, str]]:
        """The descriptor of the folder that holds `name`, as `_folder` gives it, and the last part of `name`."""
        above, _, leaf = name.rpartition("/")
        with self._folder(above, name, make=make, writes=writes) as folder:
            yield folder, leaf

    @contextmanager
    def _folder(self, name: str, about: str, *, make: bool = False, writes: bool = False) -> Iterator[int | None]:
        """The descriptor of the folder `name`; an empty name is this folder.

        If there is no such folder, it is made (`make`), or the descriptor is None. An OSError in the block becomes a
        KoansError that names the file that this is `about`.
        """
        parts = name.split("/") if name else []
        folder: int | None = os.dup(self.fd)
        try:
            with (writing if make or writes else reading)(self.root / about):
                for depth, part in enumerate(parts, 1):
                    assert folder is not None
                    status = _status(part, folder)
                    if status is None and not make:
                        os.close(folder)
                        folder = None
                        break
                    if status is None:
                        os.mkdir(part, dir_fd=folder)
                    else:
                        self._require(stat.S_ISDIR(status.st_mode), "folder", status, "/".join(parts[:depth]))
                    below = os.open(part, FOLDER, dir_fd=folder)
                    os.close(folder)
                    folder = below
                yield folder
        finally:
            if folder is not None:
                os.close(folder)

    def _require(self, is_so: bool, wanted: str, status: os.stat_result, name: str) -> None:
        """Raise KoansError unless `is_so`. It says what was found where a file or a folder is wanted."""
        if not is_so:
            kinds = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFREG: "a file", stat.S_IFIFO: "a pipe"}
            found = kinds.get(stat.S_IFMT(status.st_mode), "a device or a socket")
            raise KoansError(f"{self.root / name}: is {found}, but should be a {wanted}; move it away first")


def _status(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]
