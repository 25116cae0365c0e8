"""Reads the folder of a stranger's git repository without git: where HEAD and the branches point.

A repository is only read if everything in it is its own. A link, or a file by which git would look into another
folder, is refused with a reason. A reason never holds text from a file.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from grader.judge.sandbox.submission import Unreadable

LARGEST_REF = 1024  # bytes of HEAD, or of one ref
LARGEST_LIST = 4 << 20  # bytes of packed-refs or shallow: about 60,000 lines
MOST_REFS = 60_000
MOST_FILES = 500_000  # in objects/
DEEPEST = 16  # folders below refs/ or objects/
MOST_STEPS = 5  # from a symbolic ref to a hash; git allows as many

HASH = r"[0-9a-f]{40}(?:[0-9a-f]{24})?"
_DIRECT = re.compile(rf"({HASH})\s*")
_SYMBOLIC = re.compile(r"ref:[ \t]*(refs/[^\x00-\x20\x7f~^:?*\[\\]+)\s*")
_PACKED = re.compile(rf"({HASH}) (refs/[^\x00-\x20\x7f~^:?*\[\\]+)")
_PEELED = re.compile(rf"\^{HASH}")  # what the tag in the line above points to
POINTERS = ("commondir", "objects/info/alternates")  # files by which git looks into another folder


class Refs(msgspec.Struct, frozen=True):
    """Where HEAD points, and all refs by their full name.

    `branch` is the full name of HEAD's ref, and empty if HEAD is detached.
    """

    head: str
    branch: str
    refs: dict[str, str]
    shallow: bool


def is_repository(folder: Path) -> bool:
    """Whether the folder looks like a repository, bare or checked out. It need not be one that can be read."""
    if os.path.lexists(folder / ".git"):
        return True
    return all(os.path.lexists(folder / name) for name in ("HEAD", "objects", "refs"))


def objects_path(folder: Path) -> Path:
    """The folder of the objects of a repository that `read_refs` has accepted."""
    return folder / ".git" / "objects" if os.path.lexists(folder / ".git") else folder / "objects"


def read_refs(folder: Path, deadline: float) -> Refs:
    """Read HEAD and the refs of a bare repository or of one in `folder/.git`.

    Raises Unreadable, also when `time.monotonic()` passes the deadline.
    """
    with _git_folder(folder) as top:
        for path in POINTERS:
            if _exists(top, path):
                raise Unreadable(f"its {path} points to another repository")
        if _exists(top, "reftable"):
            raise Unreadable("its refs are in the reftable format: use `git refs migrate --ref-format=files`")
        _check_objects(top, deadline)
        packed = _read(top, "packed-refs", LARGEST_LIST, "packed-refs") or ""
        shallow = _read(top, "shallow", LARGEST_LIST, "shallow")
        head = _read(top, "HEAD", LARGEST_REF, "HEAD")
        values = _packed_refs(packed) | _loose_refs(top, deadline)
    if head is None:
        raise Unreadable("it has no HEAD")
    branch, found = _resolve_head(head, values)
    direct = {name: value for name in values if (value := _resolve(name, values)) and len(value) == len(found)}
    return Refs(found, branch, direct, bool(shallow and shallow.strip()))


@contextmanager
def _git_folder(folder: Path) -> Iterator[int]:
    """A descriptor of `folder/.git`, or of `folder` if that is a bare repository."""
    try:
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        raise Unreadable("its folder cannot be opened") from None
    try:
        inner = _open_folder(top, ".git", ".git") if _exists(top, ".git") else os.dup(top)
    finally:
        os.close(top)
    try:
        yield inner
    finally:
        os.close(inner)


def _exists(above: int, path: str) -> bool:
    try:
        os.stat(path, dir_fd=above, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return False
        raise Unreadable("its folder cannot be read") from None
    return True


def _open(above: int, name: str, flags: int, shown: str) -> int | None:
    """Open without following a link. None if there is no such name. `shown` is for messages."""
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=above)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        pass
    try:
        kind = os.stat(name, dir_fd=above, follow_symlinks=False).st_mode
    except (OSError, ValueError):
        kind = 0
    if stat.S_ISLNK(kind):
        raise Unreadable(f"its {shown} is a symbolic link")
    if name == ".git" and stat.S_ISREG(kind):
        raise Unreadable("its .git is a file that points to another folder")
    raise Unreadable(f"its {shown} cannot be read")


def _open_folder(above: int, name: str, shown: str) -> int:
    found = _open(above, name, os.O_DIRECTORY, shown)
    if found is None:
        raise Unreadable(f"it has no {shown}")
    return found


def _read(above: int, name: str, largest: int, shown: str) -> str | None:
    """The text of a plain file, or None if there is none. Bytes that are not ASCII become signs that no ref has."""
    fd = _open(above, name, os.O_NONBLOCK, shown)
    if fd is None:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Unreadable(f"its {shown} is not a plain file")
        with open(fd, "rb", closefd=False) as file:
            data = file.read(largest + 1)
    except OSError:
        raise Unreadable(f"its {shown} cannot be read") from None
    finally:
        os.close(fd)
    if len(data) > largest:
        raise Unreadable(f"its {shown} is too large")
    return data.decode("utf-8", errors="surrogateescape")


def _check_objects(top: int, deadline: float) -> None:
    """Make sure that objects/ holds only folders and plain files."""
    fd = _open_folder(top, "objects", "objects")
    try:
        for number, (entry, _, _) in enumerate(_walk(fd, "objects", deadline)):
            if number >= MOST_FILES:
                raise Unreadable("its objects are too many files: run `git gc`")
            if not entry.is_file(follow_symlinks=False):
                raise Unreadable("its objects hold something that is not a plain file")
    finally:
        os.close(fd)


def _loose_refs(top: int, deadline: float) -> dict[str, str]:
    """The texts of the files in refs/ by their paths."""
    fd = _open_folder(top, "refs", "refs")
    refs: dict[str, str] = {}
    try:
        for entry, path, above in _walk(fd, "refs", deadline):
            if len(refs) >= MOST_REFS:
                raise Unreadable("its refs are too many files: run `git pack-refs --all`")
            if not entry.name.endswith(".lock"):
                refs[path] = _read(above, entry.name, LARGEST_REF, "refs") or ""
    finally:
        os.close(fd)
    return refs


def _walk(folder: int, path: str, deadline: float, depth: int = 0) -> Iterator[tuple[os.DirEntry[str], str, int]]:
    """Everything below a folder that is no folder: the entry, its path, and its folder's descriptor."""
    shown = path.partition("/")[0]
    if depth > DEEPEST:
        raise Unreadable(f"its {shown} are too deep")
    if time.monotonic() > deadline:
        raise Unreadable("reading it takes too long")
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if entry.is_symlink():
                    raise Unreadable(f"its {shown} hold a symbolic link")
                if not entry.is_dir(follow_symlinks=False):
                    yield entry, f"{path}/{entry.name}", folder
                    continue
                inner = _open_folder(folder, entry.name, shown)
                try:
                    yield from _walk(inner, f"{path}/{entry.name}", deadline, depth + 1)
                finally:
                    os.close(inner)
    except OSError:
        raise Unreadable(f"its {shown} cannot be read") from None


def _packed_refs(text: str) -> dict[str, str]:
    refs: dict[str, str] = {}
    for line in text.split("\n"):
        if not line or line.startswith("#") or _PEELED.fullmatch(line):
            continue
        ref = _PACKED.fullmatch(line)
        if ref is None:
            raise Unreadable("its packed-refs is damaged")
        refs[ref[2]] = ref[1]
    return refs


def _resolve_head(text: str, values: dict[str, str]) -> tuple[str, str]:
    """The full name of HEAD's branch (empty if HEAD is detached) and HEAD's hash."""
    if direct := _DIRECT.fullmatch(text):
        return "", direct[1]
    symbolic = _SYMBOLIC.fullmatch(text)
    if symbolic is None:
        raise Unreadable("its HEAD is damaged")
    branch = symbolic[1]
    if branch not in values:
        raise Unreadable("its HEAD is a branch without a commit")
    found = _resolve(branch, values)
    if not found:
        raise Unreadable("its HEAD is a branch that is damaged")
    return branch, found


def _resolve(name: str, values: dict[str, str]) -> str:
    """The hash that a ref stands for, or an empty string."""
    for _ in range(MOST_STEPS):
        text = values.get(name, "")
        if direct := _DIRECT.fullmatch(text):
            return direct[1]
        symbolic = _SYMBOLIC.fullmatch(text)
        if symbolic is None:
            return ""
        name = symbolic[1]
    return ""
