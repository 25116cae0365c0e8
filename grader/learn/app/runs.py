"""Which koan runs next, and which runs go on."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

from grader.book.errors import KoansError
from grader.learn.app.state import Run


class KoanRunner:
    """The koans that wait for a run, and those that run, each in a lane. A koan has one run at a time.

    `cancels` holds for each lane the function that cancels its run. A run that goes on is cancelled only if a newer
    text of its koan waits. The function is called under the lock that `next` needs, so it can only hit the outdated
    run, never the run after it.
    """

    def __init__(self, *cancels: Callable[[], None]) -> None:
        self._cancels: Sequence[Callable[[], None]] = cancels
        self._changed = threading.Condition()
        self._waiting: dict[str, bool] = {}  # whether its run is still needed once another koan is asked for
        self._running: dict[int, Run] = {}
        self._ended = False

    def request(self, koan: str, *, passing: bool = False) -> None:
        """Run this koan next. A run of it that goes on is outdated.

        With `passing` it need not run any more if another koan is requested before its run begins.
        """
        with self._changed:
            needed = self._waiting.pop(koan, False) or not passing
            self._waiting = {k: True for k, needed_still in self._waiting.items() if needed_still} | {koan: needed}
            self.cancel_outdated()
            self._changed.notify_all()

    def cancel_outdated(self) -> None:
        """Cancel the runs of koans that wait for another run.

        A cancel has no effect on a run that has not yet reached the server, so the session repeats it until that run
        has ended.
        """
        with self._changed:
            for lane, run in self._running.items():
                if run.koan in self._waiting:
                    with contextlib.suppress(KoansError):  # if the runner is gone, the run itself reports it
                        self._cancels[lane]()

    @property
    def outdated(self) -> bool:
        """A run goes on while its koan waits for another one."""
        with self._changed:
            return any(run.koan in self._waiting for run in self._running.values())

    def next(self, lane: int = 0) -> str | None:
        """Wait for a koan that this lane can run, the one requested last, and mark it as running. None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._ready())
            if self._ended:
                return None
            koan = self._ready()[-1]
            del self._waiting[koan]
            self._running[lane] = Run(koan, time.monotonic())
            return koan

    def _ready(self) -> list[str]:
        running = {run.koan for run in self._running.values()}
        return [koan for koan in self._waiting if koan not in running]

    def finished(self, lane: int = 0) -> None:
        """The run of this lane has ended."""
        with self._changed:
            self._running.pop(lane, None)
            self._changed.notify_all()

    def end(self) -> None:
        """Let `next` return None from now on."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def underway(self) -> tuple[Run, ...]:
        """The runs that go on, the oldest first."""
        with self._changed:
            return tuple(sorted(self._running.values(), key=lambda run: run.since))

    def wanted(self, koan: str) -> bool:
        """The koan runs or waits."""
        with self._changed:
            return koan in self._waiting or any(run.koan == koan for run in self._running.values())

    @property
    def busy(self) -> bool:
        """A koan runs or waits."""
        with self._changed:
            return bool(self._running or self._waiting)
