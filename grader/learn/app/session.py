"""The one loop: takes events, keeps the state, runs koans on a thread of its own and tells a view."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable

import msgspec

from grader.book.errors import KoansError
from grader.book.workbook import Workbook
from grader.judge.runner import Cancelled, Runner
from grader.learn import attempts, deck, settings
from grader.learn.app.state import AppEffect, Command, Event, Ran, State, Trouble, Warmed, go, update
from grader.learn.app.watch import Watcher
from grader.learn.progress import Progress, digest

View = Callable[[State], None]
AGAIN = 0.2  # seconds after which a run that was cancelled and goes on is cancelled again


class KoanRunner:
    """What is to run next, and whether something runs. One place: a newer koan takes it from an older one.

    The run in hand is cancelled while nothing can be taken, so a cancel never meets the run it makes room for.
    """

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel
        self._changed = threading.Condition()
        self._next: str | None = None
        self._running = False
        self._ended = False

    def put(self, koan: str) -> None:
        """Run this koan next; whatever runs now is out of date."""
        with self._changed:
            self._next = koan
            self.end_overtaken()
            self._changed.notify_all()

    def end_overtaken(self) -> None:
        """Cancel the run in hand if a newer koan waits. A cancel is lost on a run that is still on its way to the
        server, so until that run has ended this is done again and again.
        """
        with self._changed, contextlib.suppress(KoansError):  # the runner is gone; who waits for it says so
            if self.overtaken:
                self._cancel()

    @property
    def overtaken(self) -> bool:
        with self._changed:
            return self._running and self._next is not None

    def take(self) -> str | None:
        """Wait for the next koan. None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._next is not None or self._ended)
            if self._ended:
                return None
            koan, self._next, self._running = self._next, None, True
            return koan

    def done(self) -> None:
        """The koan that was taken last has run."""
        with self._changed:
            self._running = False

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def busy(self) -> bool:
        with self._changed:
            return self._running or self._next is not None


class AppSession:
    """Start it, post events, and it calls `view` with every new state, from its own thread."""

    def __init__(self, workbook: Workbook, view: View, *, poll: bool = False, start: str | None = None) -> None:
        self.workbook = workbook
        self.view = view
        self._events: queue.Queue[Event | None] = queue.Queue()
        self._last: dict[str, str] = {}  # digest of the text each koan was last run with
        self._runner = Runner(workbook)
        self._runs = KoanRunner(self._runner.cancel)
        self._watcher = Watcher(workbook, self.post, poll=poll)
        self._loop = threading.Thread(target=self._serve, name="session", daemon=True)
        self._worker = threading.Thread(target=self._work, name="runs", daemon=True)
        self._start = start
        self.state = self._first_state()

    def _first_state(self) -> State:
        with Progress(self.workbook.root) as progress:
            standings = progress.standings(self.workbook)
            current = attempts.current(self.workbook, progress)
            due = self._due(progress)
        order = tuple(self.workbook.koans)
        koan = self._start or (current.id if current else order[0])
        return State(order, koan, standings, hints=standings[koan].hints, due=due)

    def _due(self, progress: Progress) -> int:
        return deck.to_review(self.workbook, progress, settings.load(self.workbook.root), time.time())

    def start(self) -> None:
        assert self.workbook.proofs is not None  # read once, before there are threads to read it twice
        self._loop.start()
        self._worker.start()
        self._watcher.start()
        self.post(Command("go", self.state.koan))

    def post(self, event: Event) -> None:
        self._events.put(event)

    def stop(self) -> None:
        """End everything this session started: runs, the server, the watcher."""
        self._watcher.stop()
        self._runs.end()
        self._runner.give_up()
        self._events.put(None)
        for thread in (self._worker, self._loop):
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(5)

    @property
    def idle(self) -> bool:
        return self._events.empty() and not self._runs.busy and not self.state.running

    def _serve(self) -> None:
        with Progress(self.workbook.root) as progress:
            while (event := self._event()) is not None:
                state, effects = update(self.state, event)
                if isinstance(event, Ran):
                    ran = progress.standings(self.workbook, event.step.koan)
                    due = self._due(progress) if event.step.verdict.passed else state.due
                    state = msgspec.structs.replace(state, standings=state.standings | ran, due=due)
                if isinstance(event, Ran | Trouble):  # a newer run may be on its way
                    state = msgspec.structs.replace(state, running=self._runs.busy)
                for effect in effects:
                    state = self._do(effect, state, progress)
                self.state = state
                self.view(state)

    def _event(self) -> Event | None:
        """The next one. None at the end."""
        while True:
            try:
                return self._events.get(timeout=AGAIN if self._runs.overtaken else None)
            except queue.Empty:
                self._runs.end_overtaken()

    def _do(self, effect: AppEffect, state: State, progress: Progress) -> State:
        koan = self.workbook.koans[effect.koan]
        if effect.verb == "hint":
            progress.saw_hint(koan, state.hints)
            return msgspec.structs.replace(state, standings=progress.standings(self.workbook))
        elif effect.verb == "reset":
            try:
                kept = attempts.reset(self.workbook, progress, koan)
            except KoansError as error:
                return msgspec.structs.replace(state, told=str(error))
            state, _ = go(state, koan.id)
            self._want(koan.id)
            return msgspec.structs.replace(state, told=f"yours is kept as {kept}" if kept else "")
        elif effect.verb == "run":
            text = digest(attempts.exercise_text(self.workbook, koan))
            if not effect.force and self._last.get(koan.id) == text:
                # Saved twice, or saved unchanged: the verdict stands, or is on its way.
                return msgspec.structs.replace(state, running=self._runs.busy)
            self._want(koan.id)
        return state

    def _want(self, koan: str) -> None:
        self._last[koan] = digest(attempts.exercise_text(self.workbook, self.workbook.koans[koan]))
        self._runs.put(koan)

    def _work(self) -> None:
        warm = False
        with contextlib.closing(self._runner), Progress(self.workbook.root) as progress:
            while (koan := self._runs.take()) is not None:
                outcome = self._run(koan, progress)
                self._runs.done()
                if outcome is not None:
                    self.post(outcome)
                if not warm:  # after the first verdict: that of an untouched stub needs no server
                    warm = True
                    try:
                        self.post(Warmed(self._runner.warm_up()))
                    except KoansError as error:
                        self.post(Trouble(str(error)))

    def _run(self, koan: str, progress: Progress) -> Event | None:
        """What came of a run; None if it was cancelled."""
        try:
            return Ran(attempts.attempt(self.workbook, progress, self._runner, self.workbook.koans[koan]))
        except Cancelled:
            return None
        except KoansError as error:
            return Trouble(str(error))
        except Exception as error:  # a mistake of ours must not leave the screen waiting for ever
            return Trouble(f"running {koan} failed: {error!r}")
