"""Where a shared server of a workbook listens, and whether it still runs what is on disk."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

WATCHED = ("grader", "reference", "content")


def socket_path(root: Path) -> Path:
    """A short path of this user's own (a socket's path may have some 100 bytes only)."""
    key = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    return base / f"koans-{os.getuid() if hasattr(os, 'getuid') else 0}-{key}.sock"


def fingerprint(root: Path) -> str:
    """Changes when the workbook's code, its content, an installed package or the interpreter does. Costs about 1 ms."""
    digest = hashlib.sha256(f"{sys.executable} {sys.version}".encode())
    for file, stamp, size in sorted(_stamps(root)):
        digest.update(f"{file} {stamp} {size}\n".encode())
    return digest.hexdigest()[:16]


def _stamps(root: Path) -> Iterator[tuple[str, int, int]]:
    for part in WATCHED:
        yield from _walk(str(root / part))
    for name in ("pyproject.toml", "conftest.py"):
        if (root / name).exists():
            stat = (root / name).stat()
            yield name, stat.st_mtime_ns, stat.st_size
    # Installing or removing a package touches the folder it lives in.
    for folder in sys.path:
        if folder.endswith(("site-packages", "dist-packages")) and os.path.isdir(folder):
            yield folder, os.stat(folder).st_mtime_ns, 0


def _walk(folder: str) -> Iterator[tuple[str, int, int]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name == "__pycache__" or entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry.path)
        elif entry.name.endswith((".py", ".toml", ".md")):
            stat = entry.stat()
            yield entry.path, stat.st_mtime_ns, stat.st_size
