"""The loop of the app: handles events, holds the state, runs koans on other threads and updates a view."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from grader.book.errors import KoansError, refusal
from grader.book.stubs import not_started
from grader.book.verdict import Status
from grader.book.workbook import Koan, Workbook
from grader.judge.runner import Cancelled, Runner
from grader.learn import attempts, due, settings, tracks
from grader.learn.app.runs import KoanRunner
from grader.learn.app.speaker import Speaker
from grader.learn.app.state import (
    AppEffect,
    Began,
    Command,
    Deleted,
    Ended,
    Event,
    Judged,
    Notice,
    Ran,
    Spoke,
    State,
    Trouble,
    Warmed,
    go_to,
    update,
)
from grader.learn.app.watch import Watcher
from grader.learn.progress import Progress, Standing, digest

View = Callable[[State], None]
LANES = 2  # a koan that was left goes on in one of them, while the current koan runs in the other
CANCEL_RETRY = 0.2  # seconds after which a run that a cancel did not end is cancelled once more
LOCKED = 1.0  # seconds to wait while another process has locked the progress file
NOTICE_SECONDS = 12.0  # how long a notice stays
ENDING = 0.15  # seconds in which the threads may end; what they started ends without them, too


class Log:
    """The progress file, opened when it is needed and once more after an error. Used by one thread.

    So a session goes on when the disk is full or the file is locked, and records again when that is over.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._progress: Progress | None = None

    def open(self) -> Progress:
        """The open file. Raises KoansError."""
        if self._progress is None:
            self._progress = Progress(self._root, timeout=LOCKED, must_write=False)
        return self._progress

    @property
    def refused(self) -> str:
        """Why the open file cannot be written. Empty if it can, or if no file is open."""
        return self._progress.refused if self._progress is not None else ""

    def close(self) -> None:
        progress, self._progress = self._progress, None
        if progress is not None:
            progress.close()


class AppSession:
    """The session of the app. Start it and post events: it calls `view` with each new state, from its own thread.

    With `speaks` the small model says a sentence after a first pass on its path.

    An error of the system or of ours ends neither the session nor one of its threads: the state says what it is.
    """

    def __init__(
        self, workbook: Workbook, view: View, *, poll: bool = False, start: str | None = None, speaks: bool = False
    ) -> None:
        self.speaks = speaks
        self.workbook = workbook
        self.view = view
        self._events: queue.Queue[Event | None] = queue.Queue()
        self._last_text: dict[str, str] = {}  # digest of the text each koan was last run with
        self._runners = [Runner(workbook) for _ in range(LANES)]
        self._runs = KoanRunner(*(lane.cancel for lane in self._runners))
        self._warm = threading.Event()  # the first lane has its server, which the others share
        self._speaker = Speaker(workbook, lambda koan, sentence: self.post(Spoke(koan, sentence)))
        self._watcher = Watcher(workbook, self.post, poll=poll)
        self._loop = threading.Thread(target=self._handle_events, name="session", daemon=True)
        self._workers = [
            threading.Thread(target=self._run_koans, args=(lane,), name=f"runs {lane}", daemon=True)
            for lane in range(LANES)
        ]
        self._notice_ends = float("inf")
        self._stale = False  # the standings of the state may be older than those in the progress file
        self.state = self._first_state(start)

    def _first_state(self, start: str | None) -> State:
        active, trouble, number = tracks.active(self.workbook), "", 0
        order = active.order(self.workbook)
        log = Log(self.workbook.root)
        try:
            standings = log.open().standings(self.workbook)
            number = self._due(log.open())
            trouble, self._stale = self._short(log.open().refused), log.open().unreadable
        except Exception as error:
            standings, trouble = self._standings_of_files(), f"progress cannot be read: {self.reason(error)}"
            self._stale = True
        finally:
            log.close()
        koan = start or tracks.first_open(order, standings) or order[0]
        name = active.track.id if active.track else ""
        state = State(order, koan, standings, hints=standings[koan].hints, due=number, trouble=trouble, track=name)
        self._told = self._short(active.trouble)
        if name and state.walked == len(order):
            self._told = f"the track {name} is done: this koan is of the whole workbook; koans track lists the others"
        return state

    def _standings_of_files(self) -> dict[str, Standing]:
        """Where each koan stands by its file alone."""

        def status(koan: Koan) -> Status:
            if not self.workbook.exercise(koan).is_file():
                return Status.broken
            return Status.not_started if not_started(self.workbook, koan) else Status.failed

        return {koan.id: Standing(status(koan)) for koan in self.workbook.koans.values()}

    def _due(self, progress: Progress) -> int:
        return due.cards_to_review(self.workbook, progress, settings.load(self.workbook.root), time.time())

    def start(self) -> None:
        """Start the threads and run the current koan."""
        assert self.workbook.proofs is not None  # cached here, before two threads could compute it
        self._loop.start()
        self._workers[0].start()  # which starts the others
        self._watcher.start()
        self.post(Command("go", self.state.koan))
        if self._told:
            self.post(Notice(self._told))

    def post(self, event: Event) -> None:
        """Add an event to the queue, from any thread."""
        self._events.put(event)

    def give_up(self) -> None:
        """Let everything end that this session started: runs, the server, the watcher. Does not wait."""
        self._watcher.stop()
        self._speaker.stop()
        self._runs.end()
        self._warm.set()
        for lane in self._runners:
            lane.give_up()
        self._events.put(None)

    def stop(self) -> None:
        """End everything that this session started, and wait a moment for it."""
        self.give_up()
        deadline = time.monotonic() + ENDING
        for thread in (*self._workers, self._loop, self._watcher.thread):
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    @property
    def idle(self) -> bool:
        """No event waits and no koan runs or waits."""
        return self._events.empty() and not self._runs.busy and not self.state.running

    def reason(self, error: Exception) -> str:
        """An error in one line, with paths from the root of the workbook."""
        known = str(error) if isinstance(error, KoansError) else refusal(error)
        return self._short(known or f"{type(error).__name__}: {error}")

    def _short(self, text: str) -> str:
        """The text with paths from the root of the workbook."""
        return text.replace(f"{self.workbook.root}/", "")

    def _handle_events(self) -> None:
        log = Log(self.workbook.root)
        while (event := self._next_event()) is not None:
            try:
                state = self._after(event, log)
            except Exception as error:
                log.close()
                state = msgspec.structs.replace(self.state, trouble=self.reason(error))
            if state.notice is not self.state.notice:
                self._notice_ends = time.monotonic() + NOTICE_SECONDS if state.notice else float("inf")
            self.state = state
            with contextlib.suppress(Exception):  # the screen may have closed by now
                self.view(state)
        log.close()

    def _next_event(self) -> Event | None:
        """Wait for the next event. None at the end."""
        while True:
            left = max(0.0, self._notice_ends - time.monotonic())
            patience = min(left, CANCEL_RETRY) if self._runs.outdated else left
            try:
                return self._events.get(timeout=None if patience == float("inf") else patience)
            except queue.Empty:
                self._runs.cancel_outdated()
            if time.monotonic() >= self._notice_ends:
                return Notice("")

    def _after(self, event: Event, log: Log) -> State:
        """The state after an event and all its effects."""
        if isinstance(event, Judged):
            event = self._recorded(event, log)
        state, effects = update(self.state, event)
        for effect in effects:
            try:
                state = self._apply(effect, state, log)
            except Exception as error:
                log.close()
                what = "not recorded: " if effect.verb == "hint" else ""
                state = msgspec.structs.replace(state, trouble=f"{what}{self.reason(error)}")
        if isinstance(event, Ran) and not event.step.not_recorded:
            state = self._refreshed(state, log, [event.step.koan.id], count_due=event.step.verdict.passed)
            state = self._on_the_track(state, log, event.step)
            if self.speaks and event.step.first:
                self._speaker.speak(event.step.koan.id, state.standings)
        elif isinstance(event, Deleted):
            state = self._refreshed(state, log, event.koans)
        return msgspec.structs.replace(state, running=self._runs.wanted(state.koan), runs=self._runs.underway)

    def _recorded(self, event: Judged, log: Log) -> Ran:
        """Record a verdict. If that fails, it is shown all the same, with the reason."""
        koan = event.koan
        if not event.text and not self.workbook.exercise(koan).is_file():
            return Ran(attempts.Step(koan, event.verdict, ()))  # a file that is gone is no attempt
        try:
            step = attempts.record_attempt(self.workbook, log.open(), koan, event.verdict, event.text)
        except Exception as error:
            step = attempts.Step(koan, event.verdict, (), event.text, not_recorded=self.reason(error))
        refused = step.not_recorded or log.refused  # also for a stub, of which nothing is recorded
        if refused:
            log.close()
            self._stale = True
            self._last_text.pop(koan.id, None)  # so that another save of this text runs and records it
        return Ran(msgspec.structs.replace(step, not_recorded=self._short(refused), symptom=event.symptom))

    def _refreshed(self, state: State, log: Log, koans: Sequence[str], *, count_due: bool = False) -> State:
        """The state with the standings of these koans, or of all after an error, read from the progress file."""
        try:
            if self._stale:
                new = log.open().standings(self.workbook)
            else:
                new = {koan: log.open().standings(self.workbook, self.workbook.koans[koan])[koan] for koan in koans}
            number = self._due(log.open()) if count_due or self._stale else state.due
        except Exception as error:
            log.close()
            self._stale = True
            return msgspec.structs.replace(state, trouble=f"progress cannot be read: {self.reason(error)}")
        self._stale = False
        return msgspec.structs.replace(state, standings=state.standings | new, due=number)

    def _on_the_track(self, state: State, log: Log, step: attempts.Step) -> State:
        """The state after an attempt, with the track that is active now and, after its last pass, what it took."""
        active = tracks.active(self.workbook)
        finished = None
        if step.first:
            try:
                finished = tracks.finished_by(self.workbook, log.open(), step.koan, state.standings)
            except Exception as error:  # the pass counts all the same
                state = msgspec.structs.replace(state, trouble=self.reason(error))
        name = active.track.id if active.track else ""
        return msgspec.structs.replace(state, order=active.order(self.workbook), track=name, finished=finished)

    def _apply(self, effect: AppEffect, state: State, log: Log) -> State:
        koan = self.workbook.koans[effect.koan]
        if effect.verb == "hint":
            if effect.tier > state.standings[koan.id].hints:
                log.open().record_hint(koan, effect.tier)
                state = self._refreshed(state, log, [koan.id])
            return state
        if effect.verb == "reset":
            copy = attempts.reset(self.workbook, log.open(), koan)
            state, _ = go_to(state, koan.id)
            self._request_run(koan)
            return msgspec.structs.replace(state, notice=f"your version is saved at {copy}" if copy else "")
        same = self._last_text.get(koan.id) == self._text_key(koan)
        if same and effect.passing and self._runs.wanted(koan.id):
            return state  # the learner is back while it still runs
        if same and not effect.force:
            return state  # saved twice, or saved unchanged: this text has its verdict or is being run
        self._request_run(koan, passing=effect.passing)
        return state

    def _request_run(self, koan: Koan, *, passing: bool = False) -> None:
        self._last_text[koan.id] = self._text_key(koan)
        self._runs.request(koan.id, passing=passing)

    def _text_key(self, koan: Koan) -> str:
        """Changes when the text of the exercise changes, or its file comes or goes."""
        text = attempts.exercise_text(self.workbook, koan)
        return digest(text) if text or self.workbook.exercise(koan).is_file() else "no file"

    def _run_koans(self, lane: int) -> None:
        with contextlib.suppress(Exception), contextlib.closing(self._runners[lane]):
            while (koan := self._runs.next(lane)) is not None:
                if lane == 0 and self._workers[1].ident is None:
                    for other in self._workers[1:]:
                        other.start()
                self.post(Began(koan))
                outcome = self._run(lane, koan)
                self._runs.finished(lane)
                self.post(outcome)
                if lane == 0 and not self._warm.is_set():
                    self._warm_up()  # after the first verdict, because the verdict on a stub needs no server

    def _run(self, lane: int, koan: str) -> Event:
        """Run a koan. Returns the event for the end of the run."""
        try:
            if lane > 0 and not not_started(self.workbook, self.workbook.koans[koan]):
                self._warm.wait()  # for the server that the first lane starts
            chosen, runner = self.workbook.koans[koan], self._runners[lane]
            symptom = attempts.symptom(runner, chosen)
            return Judged(chosen, *attempts.judged(self.workbook, runner, chosen), symptom)
        except Cancelled:
            return Ended(koan)
        except Exception as error:  # an error of ours must not leave the screen waiting forever
            self._last_text.pop(koan, None)
            return Trouble(self.reason(error) if isinstance(error, KoansError) else f"{koan}: {self.reason(error)}")

    def _warm_up(self) -> None:
        try:
            self.post(Warmed(self._runners[0].warm_up()))
        except Exception as error:
            self.post(Trouble(self.reason(error)))
        finally:
            self._warm.set()
