"""The address of a workbook's shared server, and a fingerprint of the files that a server has imported."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from grader.book.errors import KoansError
from grader.book.files import others_may
from grader.book.processes import environment
from grader.judge.runner.local_socket import has_unix_sockets

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

WATCHED = ("grader", "reference", "content")
HARMLESS = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")  # variables that change no run


def folder() -> Path:
    """The folder of this user's shared servers. Raises KoansError if another user could write to it."""
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    if has_unix_sockets() and len(str(base)) > 60:  # the path of a socket may have about 100 bytes
        base = Path("/tmp")
    place = base / f"koans-{os.getuid() if hasattr(os, 'getuid') else 'servers'}"
    try:
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o700)
        status = place.lstat()
    except OSError as error:
        raise KoansError(f"{place}: cannot be used ({error.strerror})") from None
    if not stat.S_ISDIR(status.st_mode) or others_may(0o077, status):
        raise KoansError(f"{place}: must be a folder that only you can enter; remove it, and koans makes a new one")
    return place


def socket_path(root: Path, now: str = "") -> Path:
    """The address of the server for these files on disk and this process's environment.

    `now` is the fingerprint of the files, if it is known. Raises KoansError if there is no safe place for a socket.
    """
    parts = [str(root.resolve()), now or fingerprint(root), *_environment(root)]
    key = hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:20]
    return folder() / f"{key}.sock"


def _environment(root: Path) -> list[str]:
    """What a run inherits from its server and could be affected by: variables, limits and cores."""
    variables = environment(root.resolve())
    parts = [f"{name}={value}" for name, value in sorted(variables.items()) if name not in HARMLESS]
    if resource is not None:
        for limit in (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE):
            parts.append(f"{limit} {resource.getrlimit(limit)}")
    if hasattr(os, "sched_getaffinity"):
        parts.append(f"cores {sorted(os.sched_getaffinity(0))}")
    return parts


def fingerprint(root: Path) -> str:
    """A text that changes when the workbook's code or content, an installed package or the interpreter changes.

    It takes about 2 ms.
    """
    digest = hashlib.sha256(f"{sys.executable} {sys.version}".encode())
    for file, stamp, size in sorted(_stamps(root)):
        digest.update(f"{file} {stamp} {size}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _stamps(root: Path) -> Iterator[tuple[str, int, int]]:
    """Path, modification time and size of each file that a server imports or reads."""
    for part in WATCHED:
        yield from _walk(str(root / part))
    for name in ("pyproject.toml", "conftest.py"):
        if (root / name).exists():
            status = (root / name).stat()
            yield name, status.st_mtime_ns, status.st_size
    # Installing or removing a package changes the modification time of its folder.
    for place in sys.path:
        if place.endswith(("site-packages", "dist-packages")) and os.path.isdir(place):
            yield place, os.stat(place).st_mtime_ns, 0


def _walk(folder: str) -> Iterator[tuple[str, int, int]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name == "__pycache__" or entry.name.startswith("."):
            continue
        try:
            if entry.is_dir():
                yield from _walk(entry.path)
            elif entry.name.endswith((".py", ".toml", ".md")):
                status = entry.stat()
                yield entry.path, status.st_mtime_ns, status.st_size
        except OSError:
            continue  # it was removed after it was listed
