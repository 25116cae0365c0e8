"""Updates a fork of the student edition to a newer one, without changing what the learner wrote.

Files of the workbook are replaced; one that was changed in the fork is copied first. A learner's file is replaced only
if it still equals the old stub. The manifest is written last, so that an update that was stopped can be run again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.course.edition.manifest import NAME, Manifest, digest, read


class Changes(msgspec.Struct, frozen=True):
    """The paths that an update changes.

    `kept` are learner's files that stay although their stub is a new one. `saved` are files of the workbook that had
    been changed in the fork. Copies of them are in the folder `copies`.
    """

    version: str
    new: tuple[str, ...]
    replaced: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    saved: tuple[str, ...]
    copies: str = ""


@contextmanager
def source(location: str) -> Iterator[Path]:
    """The edition at `location`, as a folder. It may be a folder or anything that `git clone` accepts.

    Raises KoansError if it can be neither found nor cloned.
    """
    if Path(location).is_dir():
        yield Path(location)
        return
    with tempfile.TemporaryDirectory(prefix="koans-update-") as scratch:
        command = ["git", "clone", "--quiet", "--depth", "1", "--", location, f"{scratch}/edition"]
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
        try:
            subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
            raise KoansError(f"{location}: is no folder, and git could not clone it ({reason})") from None
        yield Path(scratch) / "edition"


def update(root: Path, newer: Path, *, write: bool = True) -> Changes:
    """Update the fork at `root` to the edition at `newer`. If not `write`, only return what would change.

    Raises KoansError if one of the two is not an edition, or if `newer` is incomplete.
    """
    before, after = read(root), read(newer)
    for name, expected in after.files.items():
        if digest(newer / name) != expected:
            raise KoansError(f"{newer / name}: is not what {NAME} says; the edition is not whole")
    plan = _plan(root, before, after)
    saved = [
        name for name in (*plan.replaced, *plan.removed) if digest(root / name) not in ("", before.files.get(name))
    ]
    saved = [name for name in saved if digest(root / name) != after.files.get(name)]
    copies = root / ".koans" / "kept" / time.strftime("update-%Y%m%d-%H%M%S")
    if write:
        for name in saved:
            _with_parents(copies / name).write_bytes((root / name).read_bytes())
        for name in (*plan.new, *plan.replaced):
            _copy_atomically(newer / name, root / name)
        for name in plan.removed:
            _remove(root / name)
        _copy_atomically(newer / NAME, root / NAME)
    where = str(copies.relative_to(root)) if saved else ""
    return msgspec.structs.replace(plan, saved=tuple(saved), copies=where)


def _plan(root: Path, before: Manifest, after: Manifest) -> Changes:
    """What must change in the fork at `root`, apart from `saved` and `copies`."""
    new, replaced, kept = [], [], []
    for name, expected in after.files.items():
        current = digest(root / name)
        if current == expected:
            continue
        if not current:
            new.append(name)
        elif name in after.learner and current != before.files.get(name):
            if before.files.get(name) != expected:
                kept.append(name)
        else:
            replaced.append(name)
    removed = [n for n in before.files if n not in after.files and n not in before.learner and (root / n).exists()]
    return Changes(after.version, tuple(new), tuple(replaced), tuple(removed), tuple(kept), ())


def _remove(file: Path) -> None:
    """Remove a file, and each folder above it that then holds nothing but bytecode."""
    file.unlink(missing_ok=True)
    for folder in file.parents:
        if any(entry.name != "__pycache__" for entry in folder.iterdir()):
            return
        shutil.rmtree(folder)


def _copy_atomically(old: Path, new: Path) -> None:
    """Copy a whole file or nothing: a failure leaves the old content of `new`."""
    handle, draft = tempfile.mkstemp(dir=_with_parents(new).parent, prefix=f".{new.name[:40]}-")
    os.close(handle)
    try:
        shutil.copy(old, draft)
        os.replace(draft, new)
    except BaseException:
        os.unlink(draft)
        raise


def _with_parents(file: Path) -> Path:
    """Make the folders above `file`. Returns `file`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
