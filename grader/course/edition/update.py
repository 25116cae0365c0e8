"""Updates a fork of the student edition to a newer one, without changing what the learner wrote.

Files of the workbook are replaced; one that was changed in the fork is copied first. A learner's file is replaced only
if it still equals the old stub. Everything is read, checked and written as a draft before the first file changes. Then
drafts are moved to their places, the manifest last. So an update that was killed can be run again to the same result.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from grader.book.errors import KoansError, reading, writing
from grader.course.edition import manifest
from grader.course.edition.manifest import NAME, Edition, Manifest, Source
from grader.course.edition.source import FolderSource, as_folder, opened
from grader.course.edition.tree import Tree

DRAFTS = ".koans/update"  # what a killed update leaves here, the next one removes
KEPT = ".koans/kept"
TOTAL_LIMIT = 512 << 20  # bytes of all files of an edition; the workbook has 5 MB


class Changes(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """What an update changes. All paths are below the fork.

    `commit` is empty if `place` is a folder. `kept` are learner's files that stay although their stub is a new one.
    `saved` are files of the workbook that had been changed in the fork. Copies of them are in the folder `copies`.
    """

    place: str
    commit: str
    from_: Edition
    to: Edition
    new: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()
    copies: str = ""
    warnings: tuple[str, ...] = ()


class _Step(msgspec.Struct, frozen=True):
    """A file of the fork that changes: its stamp before (None if it is new), and its draft (empty to remove it)."""

    name: str
    stamp: tuple[int, int, int] | None
    draft: str = ""


class _Plan(msgspec.Struct):
    """What `_compare` collects."""

    new: list[_Step] = []
    replaced: list[_Step] = []
    removed: list[_Step] = []
    kept: list[str] = []
    saved: list[str] = []
    warnings: list[str] = []


def update(
    root: Path,
    place: str,
    *,
    write: bool = True,
    downgrade: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> Changes:
    """Update the fork at `root` to the edition at `place`. If not `write`, only return what would change.

    Raises KoansError if one of the two is not an edition, if the one at `place` is incomplete or older, or if the
    system refuses.
    """
    if folder := as_folder(place):
        _keep_apart(root, folder)
    with ExitStack() as stack:
        fork = stack.enter_context(Tree(root))
        before = manifest.read(FolderSource(fork))
        if write:
            stack.enter_context(_drafts(fork))
            scratch = root / DRAFTS
        else:
            with writing(tempfile.gettempdir()):
                scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="koans-update-")))
        tell("reading the newer edition")
        # If an update was killed, its git may still be at work in a folder of another name.
        newer = stack.enter_context(opened(place, scratch / f"clone-{os.getpid()}"))
        after = manifest.read(newer)
        if after.edition.is_older_than(before.edition) and not downgrade:
            older = f"is edition {after.edition}, older than yours ({before.edition})"
            raise KoansError(f"{newer.label}: {older}; --downgrade goes back to it")
        tell(f"comparing {len(after.files)} files")
        plan = _compare(fork, newer, before, after, write=write)
        if after.edition.is_older_than(before.edition):
            plan.warnings.append(f"this is a downgrade, from {before.edition} to {after.edition}")
        if any(step.name == "pyproject.toml" for step in plan.replaced):
            plan.warnings.append("pyproject.toml has changed: run `pip install -e .` again")
        copies = _commit(fork, plan, before, after) if write else ""
        return Changes(
            place=newer.label,
            commit=newer.commit,
            from_=before.edition,
            to=after.edition,
            new=tuple(step.name for step in plan.new),
            replaced=tuple(step.name for step in plan.replaced),
            removed=tuple(step.name for step in plan.removed),
            kept=tuple(plan.kept),
            saved=tuple(plan.saved),
            copies=copies,
            warnings=tuple(plan.warnings),
        )


def _keep_apart(root: Path, place: Path) -> None:
    """Raise KoansError if one of two folders is in the other, by whatever path."""
    with reading(place):
        a, b = root.resolve(), place.resolve()
        same = os.path.samefile(a, b)
        nested = any(os.path.samefile(up, b) for up in a.parents) or any(os.path.samefile(up, a) for up in b.parents)
    if same or nested:
        what = "is this fork itself" if same else f"is inside {root}, or contains it"
        raise KoansError(f"{place}: {what}; an update needs two separate folders")


@contextmanager
def _drafts(fork: Tree) -> Iterator[None]:
    """A new empty folder for drafts, which is removed at the end. Only one update at a time can have it."""
    with fork.lock(DRAFTS.partition("/")[0]):
        fork.remove_all(DRAFTS)
        try:
            fork.make_folder(DRAFTS)
            yield
        finally:
            with _uninterrupted():
                fork.remove_all(DRAFTS)


def _compare(fork: Tree, newer: Source, before: Manifest, after: Manifest, *, write: bool) -> _Plan:
    """Compare all files and, if `write`, write a draft of each that changes and a copy of each that will be lost."""
    plan = _Plan()
    learner = {*before.learner, *after.learner}
    on_windows = manifest.is_windows(fork.read(NAME) or b"")
    total = 0
    for number, name in enumerate(after.files):
        data = newer.read(name)
        total += len(data or b"")
        if data is None or not after.has(name, data):
            raise KoansError(f"{newer.label}: {name}: differs from {NAME}; the edition is incomplete or was changed")
        if total > TOTAL_LIMIT:
            raise KoansError(f"{newer.label}: is larger than {TOTAL_LIMIT >> 20} MiB")
        if name in learner and not fork.is_plain(name):
            plan.warnings.append(f"{name}: is not a plain file, so it is not changed")
            continue
        current = fork.file(name)
        if current is not None and after.has(name, current.data):
            continue
        if current is not None and not before.has(name, current.data):
            if name in learner:
                if before.files.get(name) != after.files[name]:
                    plan.kept.append(name)
                continue
            plan.saved.append(name)
            if write:
                fork.create(f"{DRAFTS}/kept/{name}", current.data)
        step = _Step(name, current.stamp if current else None, f"{DRAFTS}/new/{number}")
        (plan.new if current is None else plan.replaced).append(step)
        if write:
            keep_windows = on_windows if current is None else manifest.is_windows(current.data)
            text = manifest.windows(data) if keep_windows else manifest.unix(data)
            fork.create(step.draft, text, current.mode if current else None)
    for name in before.files:
        if name in after.files or name in learner or (current := fork.file(name)) is None:
            continue
        plan.removed.append(_Step(name, current.stamp))
        if not before.has(name, current.data):
            plan.saved.append(name)
            if write:
                fork.create(f"{DRAFTS}/kept/{name}", current.data)
    if write and before != after:
        text = manifest.as_json(after)
        fork.create(f"{DRAFTS}/{NAME}", manifest.windows(text) if on_windows else text)
    return plan


def _commit(fork: Tree, plan: _Plan, before: Manifest, after: Manifest) -> str:
    """Move the drafts to their places, and remove what is gone. Returns the folder of copies."""
    steps = [*plan.new, *plan.replaced, *plan.removed]
    one_in_each_folder = {step.name.rpartition("/")[0]: step.name for step in steps}
    for name in [*one_in_each_folder.values(), *([f"{KEPT}/copies"] if plan.saved else [])]:
        if reason := fork.refuses(name):
            raise KoansError(f"{(fork.root / name).parent}: cannot be written ({reason}); nothing has been changed")
    twins = {manifest.folded(name): name for name in after.files}
    copies = ""
    with _uninterrupted():
        try:
            if plan.saved:
                copies = _free(fork, f"{KEPT}/{time.strftime('update-%Y%m%d-%H%M%S')}")
                fork.move(f"{DRAFTS}/kept", copies)
            for step in steps:
                # On a file system that ignores case, what is gone can be what has just been written.
                twin = twins.get(manifest.folded(step.name), step.name)
                if not step.draft and twin != step.name and fork.stamp(twin) == fork.stamp(step.name):
                    continue
                if fork.stamp(step.name) != step.stamp:
                    raise KoansError(f"{fork.root / step.name}: was changed in the meantime")
                if step.draft:
                    fork.move(step.draft, step.name)
                else:
                    fork.remove(step.name)
            # Also after files that a killed update has removed.
            for name in before.files.keys() - after.files.keys() - {*before.learner}:
                fork.prune(name.rpartition("/")[0])
            if before != after:
                fork.move(f"{DRAFTS}/{NAME}", NAME)
        except KoansError as error:
            raise KoansError(f"{error}; the update is not complete: run it again") from None
    return copies


def _free(fork: Tree, name: str) -> str:
    """This name, or one like it at which nothing stands."""
    number = 1
    while fork.stamp(name if number == 1 else f"{name}-{number}") is not None:
        number += 1
    return name if number == 1 else f"{name}-{number}"


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C and the like wait until the block ends. It takes milliseconds, and half an edition may not even start."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    old: dict[int, Any] = {number: signal.signal(number, lambda got, _: waiting.append(got)) for number in signals}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        for number in waiting:
            os.kill(os.getpid(), number)
