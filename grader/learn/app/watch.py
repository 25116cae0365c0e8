"""Watches the koans' files for changes, however an editor saves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import watchfiles

from grader.book.workbook import Workbook
from grader.learn.app.state import Event, Notice, Saved

STEP = 5  # ms without another change before changes are passed on: editors write, rename, write again
DEBOUNCE = 60  # ms at most
POLL = 200  # ms between polls where no events arrive
PROBE = 1.5  # seconds in which an event must arrive after we write a file ourselves


def affected(workbook: Workbook, paths: Iterable[str]) -> Saved | None:
    """The koans whose files these are; if some are exercises, only their koans. None if no file belongs to a koan."""
    exercises, others = set(), set()
    for text in paths:
        path = Path(text)
        koan = f"{path.parent.name}/{path.stem.removeprefix('test_')}"
        if koan not in workbook.koans or path.suffix not in (".py", ".md"):
            continue
        if path == workbook.exercise(workbook.koans[koan]):
            exercises.add(koan)
        else:
            others.add(koan)
    order = list(workbook.koans)
    koans = exercises or others
    return Saved(tuple(sorted(koans, key=order.index)), bool(exercises)) if koans else None


class Watcher:
    """A thread that posts Saved events. It switches to polling where the file system sends no events."""

    def __init__(self, workbook: Workbook, post: Callable[[Event], None], *, poll: bool = False) -> None:
        self.workbook = workbook
        self.post = post
        self.poll = poll
        self._stop = threading.Event()
        self._event_seen = threading.Event()
        self._probe = workbook.root / ".koans" / "probe"
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(2)
        self._probe.unlink(missing_ok=True)

    def _watch(self) -> None:
        if not self.poll:
            probing = threading.Thread(target=self._expect_an_event, daemon=True)
            probing.start()
            self._post_changes(polling=False)
            probing.join(2)
        if self.poll and not self._stop.is_set():
            self.post(Notice("files are polled, because no events arrive from this file system"))
        if not self._stop.is_set():
            self._post_changes(polling=True)

    def _expect_an_event(self) -> None:
        """Write a file of ours until the watcher sees an event for it. If it never does, switch to polling."""
        for _ in range(5):
            if self._stop.wait(PROBE / 5):
                return
            try:
                self._probe.write_text("")
            except OSError:
                return
            if self._event_seen.wait(PROBE / 5):
                return
        self.poll = True
        self._event_seen.set()

    def _post_changes(self, *, polling: bool) -> None:
        folders = [self.workbook.root / "exercises", self._probe.parent]
        changes = watchfiles.watch(
            *folders,
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
            if any(path.endswith("probe") for path in paths):
                self._event_seen.set()
            if not polling and self.poll:
                return
            saved = affected(self.workbook, paths)
            if saved is not None:
                self._event_seen.set()
                self.post(saved)
