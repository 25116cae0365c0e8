"""The loop of the app: handles events, holds the state, runs koans on another thread and updates a view."""

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
from grader.learn import attempts, due, settings
from grader.learn.app.state import AppEffect, Command, Event, Ran, State, Trouble, Warmed, go_to, update
from grader.learn.app.watch import Watcher
from grader.learn.progress import Progress, digest

View = Callable[[State], None]
CANCEL_RETRY = 0.2  # seconds after which a run that a cancel did not end is cancelled once more


class KoanRunner:
    """Which koan runs next, and whether one is running. Only one koan can wait: a newer one replaces it.

    `cancel` is called under the lock that `next` needs, so it can only hit the outdated run, never the run after it.
    """

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel
        self._changed = threading.Condition()
        self._next: str | None = None
        self._running = False
        self._ended = False

    def request(self, koan: str) -> None:
        """Run this koan next. The current run is outdated."""
        with self._changed:
            self._next = koan
            self.cancel_outdated()
            self._changed.notify_all()

    def cancel_outdated(self) -> None:
        """Cancel the current run if a newer koan waits.

        A cancel has no effect on a run that has not yet reached the server, so the session repeats it until that run
        has ended.
        """
        with self._changed, contextlib.suppress(KoansError):  # if the runner is gone, the run itself reports it
            if self.outdated:
                self._cancel()

    @property
    def outdated(self) -> bool:
        """A run goes on while a newer koan waits."""
        with self._changed:
            return self._running and self._next is not None

    def next(self) -> str | None:
        """Wait for the next koan and mark it as running. None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._next is not None or self._ended)
            if self._ended:
                return None
            koan, self._next, self._running = self._next, None, True
            return koan

    def finished(self) -> None:
        """The current run has ended."""
        with self._changed:
            self._running = False

    def end(self) -> None:
        """Let `next` return None from now on."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def busy(self) -> bool:
        """A koan runs or waits."""
        with self._changed:
            return self._running or self._next is not None


class AppSession:
    """The session of the app. Start it and post events: it calls `view` with each new state, from its own thread."""

    def __init__(self, workbook: Workbook, view: View, *, poll: bool = False, start: str | None = None) -> None:
        self.workbook = workbook
        self.view = view
        self._events: queue.Queue[Event | None] = queue.Queue()
        self._last_text: dict[str, str] = {}  # digest of the text each koan was last run with
        self._runner = Runner(workbook)
        self._runs = KoanRunner(self._runner.cancel)
        self._watcher = Watcher(workbook, self.post, poll=poll)
        self._loop = threading.Thread(target=self._handle_events, name="session", daemon=True)
        self._worker = threading.Thread(target=self._run_koans, name="runs", daemon=True)
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
        return due.cards_to_review(self.workbook, progress, settings.load(self.workbook.root), time.time())

    def start(self) -> None:
        """Start the threads and run the current koan."""
        assert self.workbook.proofs is not None  # cached here, before two threads could compute it
        self._loop.start()
        self._worker.start()
        self._watcher.start()
        self.post(Command("go", self.state.koan))

    def post(self, event: Event) -> None:
        """Add an event to the queue, from any thread."""
        self._events.put(event)

    def stop(self) -> None:
        """End everything that this session started: runs, the server, the watcher."""
        self._watcher.stop()
        self._runs.end()
        self._runner.give_up()
        self._events.put(None)
        for thread in (self._worker, self._loop):
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(5)

    @property
    def idle(self) -> bool:
        """No event waits and no koan runs or waits."""
        return self._events.empty() and not self._runs.busy and not self.state.running

    def _handle_events(self) -> None:
        with Progress(self.workbook.root) as progress:
            while (event := self._next_event()) is not None:
                state, effects = update(self.state, event)
                if isinstance(event, Ran):
                    ran = progress.standings(self.workbook, event.step.koan)
                    due = self._due(progress) if event.step.verdict.passed else state.due
                    state = msgspec.structs.replace(state, standings=state.standings | ran, due=due)
                if isinstance(event, Ran | Trouble):  # a newer koan may wait or run
                    state = msgspec.structs.replace(state, running=self._runs.busy)
                for effect in effects:
                    state = self._apply(effect, state, progress)
                self.state = state
                self.view(state)

    def _next_event(self) -> Event | None:
        """Wait for the next event. None at the end."""
        while True:
            try:
                return self._events.get(timeout=CANCEL_RETRY if self._runs.outdated else None)
            except queue.Empty:
                self._runs.cancel_outdated()

    def _apply(self, effect: AppEffect, state: State, progress: Progress) -> State:
        koan = self.workbook.koans[effect.koan]
        if effect.verb == "hint":
            progress.record_hint(koan, state.hints)
            return msgspec.structs.replace(state, standings=progress.standings(self.workbook))
        if effect.verb == "reset":
            try:
                copy = attempts.reset(self.workbook, progress, koan)
            except KoansError as error:
                return msgspec.structs.replace(state, notice=str(error))
            state, _ = go_to(state, koan.id)
            self._request_run(koan.id)
            return msgspec.structs.replace(state, notice=f"yours is kept as {copy}" if copy else "")
        text = digest(attempts.exercise_text(self.workbook, koan))
        if not effect.force and self._last_text.get(koan.id) == text:
            # Saved twice, or saved unchanged: this text has its verdict or is being run.
            return msgspec.structs.replace(state, running=self._runs.busy)
        self._request_run(koan.id)
        return state

    def _request_run(self, koan: str) -> None:
        self._last_text[koan] = digest(attempts.exercise_text(self.workbook, self.workbook.koans[koan]))
        self._runs.request(koan)

    def _run_koans(self) -> None:
        warm = False
        with contextlib.closing(self._runner), Progress(self.workbook.root) as progress:
            while (koan := self._runs.next()) is not None:
                outcome = self._run(koan, progress)
                self._runs.finished()
                if outcome is not None:
                    self.post(outcome)
                if not warm:  # after the first verdict, because the verdict on an untouched stub needs no server
                    warm = True
                    try:
                        self.post(Warmed(self._runner.warm_up()))
                    except KoansError as error:
                        self.post(Trouble(str(error)))

    def _run(self, koan: str, progress: Progress) -> Event | None:
        """The event for a finished run. None if the run was cancelled."""
        try:
            return Ran(attempts.attempt(self.workbook, progress, self._runner, self.workbook.koans[koan]))
        except Cancelled:
            return None
        except KoansError as error:
            return Trouble(str(error))
        except Exception as error:  # an error of ours must not leave the screen waiting forever
            return Trouble(f"running {koan} failed: {error!r}")
