"""Bring a fork of the student edition up to a newer one, without touching what the learner wrote.

A file of the workbook's is replaced, with a copy kept if it was changed here. A learner's file is replaced only while
it is the old stub to the letter. The manifest is written last, so an update that was stopped is simply run again.
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
    """What an update does, by path: `kept` are learners' files whose stub is another now, `saved` files that had been
    changed here and have a copy in `copies`.
    """

    version: str
    new: tuple[str, ...]
    replaced: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    saved: tuple[str, ...]
    copies: str = ""


@contextmanager
def source(place: str) -> Iterator[Path]:
    """A folder, or whatever `git clone` takes, as a folder. Raises KoansError."""
    if Path(place).is_dir():
        yield Path(place)
        return
    with tempfile.TemporaryDirectory(prefix="koans-update-") as scratch:
        command = ["git", "clone", "--quiet", "--depth", "1", "--", place, f"{scratch}/edition"]
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
        try:
            subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            why = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
            raise KoansError(f"{place}: is no folder, and git could not clone it ({why})") from None
        yield Path(scratch) / "edition"


def update(root: Path, newer: Path, *, write: bool = True) -> Changes:
    """Make the fork at `root` an edition like `newer`; with `write` false only say what would change."""
    before, after = read(root), read(newer)
    for name, known in after.files.items():
        if digest(newer / name) != known:
            raise KoansError(f"{newer / name}: is not what {NAME} says; the edition is not whole")
    plan = _plan(root, before, after)
    saved = [
        name for name in (*plan.replaced, *plan.removed) if digest(root / name) not in ("", before.files.get(name))
    ]
    saved = [name for name in saved if digest(root / name) != after.files.get(name)]
    copies = root / ".koans" / "kept" / time.strftime("update-%Y%m%d-%H%M%S")
    if write:
        for name in saved:
            _made(copies / name).write_bytes((root / name).read_bytes())
        for name in (*plan.new, *plan.replaced):
            _put(newer / name, root / name)
        for name in plan.removed:
            (root / name).unlink(missing_ok=True)
        _put(newer / NAME, root / NAME)
    where = str(copies.relative_to(root)) if saved else ""
    return msgspec.structs.replace(plan, saved=tuple(saved), copies=where)


def _plan(root: Path, before: Manifest, after: Manifest) -> Changes:
    new, replaced, kept = [], [], []
    for name, wanted in after.files.items():
        now = digest(root / name)
        if now == wanted:
            continue
        if not now:
            new.append(name)
        elif name in after.learner and now != before.files.get(name):
            if before.files.get(name) != wanted:
                kept.append(name)
        else:
            replaced.append(name)
    gone = [n for n in before.files if n not in after.files and n not in before.learner and (root / n).exists()]
    return Changes(after.version, tuple(new), tuple(replaced), tuple(gone), tuple(kept), ())


def _put(old: Path, new: Path) -> None:
    """Copy a file whole or not at all."""
    handle, draft = tempfile.mkstemp(dir=_made(new).parent, prefix=f".{new.name[:40]}-")
    os.close(handle)
    try:
        shutil.copy(old, draft)
        os.replace(draft, new)
    except BaseException:
        os.unlink(draft)
        raise


def _made(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
