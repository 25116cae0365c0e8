"""A tree of files that a stranger handed in: a folder, a commit of a repository or an archive, read in one way.

A path is a tuple of names, so no name is ever parsed as a path. Links are listed as links and never followed. Every
method reads a bounded amount.
"""

from __future__ import annotations

import os
import stat
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from grader.judge.sandbox.submission import Unreadable, open_folder, read_bytes

MOST_ENTRIES = 4000  # names of one folder that are looked at
LARGEST_NAME = 255  # bytes of one name

Parts = tuple[str, ...]
EntryKind = Literal["file", "folder", "link", "other"]


class Entry(msgspec.Struct, frozen=True):
    """One name in a folder. `size` is in bytes, and 0 for what is no file."""

    name: str
    kind: EntryKind
    size: int = 0


class Tree(Protocol):
    """Files by path. The root has the path ()."""

    def entries(self, folder: Parts = ()) -> list[Entry]:
        """The entries of a folder, sorted by name. Of more than MOST_ENTRIES any may be left out.

        Raises FileNotFoundError if there is no such entry, and Unreadable if it is a link, no folder or unreadable.
        """

    def kind_at(self, path: Parts) -> EntryKind | None:
        """What is at a path, or None if nothing is. It is looked up by name.

        Raises Unreadable if what is above it is a link or no folder.
        """

    def read(self, path: Parts, largest: int) -> bytes:
        """The bytes of a file.

        Raises FileNotFoundError if there is no such file. Raises Unreadable if it is a link, no plain file, has more
        than `largest` bytes, or cannot be read.
        """


class FolderTree:
    """A folder on disk. Hard links are refused: their content may belong to somebody else."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def entries(self, folder: Parts = ()) -> list[Entry]:
        with open_folder(self.root, *folder) as fd, os.scandir(fd) as found:
            return sorted((_entry(e) for e in islice(found, MOST_ENTRIES)), key=lambda entry: entry.name)

    def kind_at(self, path: Parts) -> EntryKind | None:
        if not path:
            return "folder"
        try:
            with open_folder(self.root, *path[:-1]) as fd:
                return _kind(os.stat(path[-1], dir_fd=fd, follow_symlinks=False))
        except FileNotFoundError:
            return None
        except OSError:
            return "other"

    def read(self, path: Parts, largest: int) -> bytes:
        return read_bytes(self.root, *path, largest=largest)


def _entry(entry: os.DirEntry[str]) -> Entry:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return Entry(entry.name, "other")
    kind = _kind(status)
    return Entry(entry.name, kind, status.st_size if kind == "file" else 0)


def _kind(status: os.stat_result) -> EntryKind:
    mode = status.st_mode
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "other"


__all__ = ["MOST_ENTRIES", "Entry", "EntryKind", "FolderTree", "Parts", "Tree", "Unreadable"]
