"""Watches the koans' files for changes, however an editor saves."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from types import ModuleType

import watchfiles

from grader.book.errors import refusal
from grader.book.workbook import Workbook
from grader.learn.app.state import Deleted, Event, Notice, Saved, Trouble

STEP = 5  # ms without another change before changes are passed on: editors write, rename, write again
DEBOUNCE = 60  # ms at most
POLL = 200  # ms between polls where no events arrive
PROBE = 1.5  # seconds in which an event must arrive after we write a file ourselves
AGAIN = 1.0  # seconds after which watching starts once more, if it fails


def affected(workbook: Workbook, paths: Iterable[str]) -> Saved | Deleted | None:
    """The koans whose files these are; if some are exercises, only their koans. None if no file belongs to a koan.

    Exercises that are gone count only if none was saved: an editor may delete a file and write it again.
    """
    saved, deleted, others = set(), set(), set()
    exercises = str(workbook.root / "exercises")
    for text in paths:
        place = PurePosixPath(below(text, exercises) or below(text, os.path.realpath(exercises)))
        koan = f"{place.parent.name}/{place.stem.removeprefix('test_')}"
        if koan not in workbook.koans or place.suffix not in (".py", ".md"):
            continue
        if str(place) != f"{koan}.py":
            others.add(koan)
        elif workbook.exercise(workbook.koans[koan]).is_file():
            saved.add(koan)
        else:
            deleted.add(koan)
    order = list(workbook.koans).index
    if deleted and not saved:
        return Deleted(tuple(sorted(deleted, key=order)))
    koans = saved or others
    return Saved(tuple(sorted(koans, key=order)), bool(saved)) if koans else None


def below(file: str, folder: str, flavor: ModuleType = os.path) -> str:
    """The place of the file below the folder, with slashes. Empty if it is elsewhere.

    Windows may report another case than ours, even of the drive's letter. macOS reports a path without links.
    """
    file, folder = flavor.normcase(file), flavor.join(flavor.normcase(folder), "")
    return file[len(folder) :].replace(flavor.sep, "/") if file.startswith(folder) else ""


class Watcher:
    """A thread that posts Saved and Deleted events. It switches to polling where the file system sends no events.

    If the files cannot be watched, it says why and tries again.
    """

    def __init__(self, workbook: Workbook, post: Callable[[Event], None], *, poll: bool = False) -> None:
        self.workbook = workbook
        self.post = post
        self.poll = poll
        self.thread = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._stop = threading.Event()
        self._event_seen = threading.Event()
        self._exercises = workbook.root / "exercises"
        self._probe = workbook.root / ".koans" / "probe"
        self._told = ""

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """Let the thread end. It does so within a few milliseconds."""
        self._stop.set()

    def _watch(self) -> None:
        if not self.poll:
            threading.Thread(target=self._expect_an_event, daemon=True).start()
        while not self._stop.is_set():
            polling = self.poll
            try:
                self._post_changes(polling=polling)
            except Exception as error:
                self._failed(error, polling=polling)
            else:
                if self.poll and not polling and not self._stop.is_set():
                    self.post(Notice("files are checked regularly, because this file system sends no events"))
        with contextlib.suppress(OSError):
            self._probe.unlink(missing_ok=True)

    def _failed(self, error: Exception, *, polling: bool) -> None:
        """Events may be used up: the system allows a number of watches. Then poll. Otherwise try again later."""
        reason = refusal(error) or str(error)
        if not polling and self._exercises.is_dir():
            self.poll = True
            self.post(Notice(f"files are checked regularly, because they cannot be watched ({reason})"))
            return
        if reason != self._told:
            self._told = reason
            self.post(Trouble(f"saves cannot be noticed ({reason}); press r to run the koan"))
        self._stop.wait(AGAIN)

    def _expect_an_event(self) -> None:
        """Write a file of ours until the watcher sees an event for it. If it never does, switch to polling."""
        for _ in range(5):
            if self._stop.wait(PROBE / 5):
                return
            try:
                self._probe.write_bytes(b"")
            except OSError:
                return
            if self._event_seen.wait(PROBE / 5):
                return
        self.poll = True
        self._event_seen.set()

    def _post_changes(self, *, polling: bool) -> None:
        """Post changes until the end, until polling is wanted, or until the folder of exercises is another one."""
        folder = _identity(self._exercises)
        if folder is None:
            raise FileNotFoundError(f"{self._exercises.name}/ is gone")
        if self._told:  # it failed before: what was saved meanwhile is not known
            self._told = ""
            self.post(Saved(tuple(self.workbook.koans)))
        changes = watchfiles.watch(
            *(place for place in (self._exercises, self._probe.parent) if place.is_dir()),
            watch_filter=None,
            step=STEP,
            debounce=DEBOUNCE,
            rust_timeout=200,
            yield_on_timeout=True,
            stop_event=self._stop,
            force_polling=polling or None,
            poll_delay_ms=POLL,
            raise_interrupt=False,
        )
        for batch in changes:
            paths = {path for _, path in batch}
            if any(path.endswith(self._probe.name) for path in paths):
                self._event_seen.set()
            if not polling and self.poll:
                return
            event = affected(self.workbook, paths)
            if event is not None:
                self._event_seen.set()
                self.post(event)
            if not batch and _identity(self._exercises) != folder:
                self._told = "another folder"
                return


def _identity(folder: Path) -> tuple[int, int] | None:
    """Changes when another folder takes the place of this one. None if there is none."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
