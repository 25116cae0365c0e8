"""The runs of a session: the text saved last always gets its verdict, whatever happens to older runs."""

import errno
import os
import queue
import sqlite3
import threading
import time

import pytest

from grader.book.errors import KoansError
from grader.book.verdict import Status, Verdict
from grader.judge.runner import Cancelled
from grader.learn.app import session as module
from grader.learn.app import watch
from grader.learn.app.runs import KoanRunner
from grader.learn.app.session import AppSession
from grader.learn.app.state import Command, Notice, Saved, Shown, Trouble
from grader.learn.progress import Progress

PATIENCE = 60.0  # seconds: a bound for a loaded machine, not a claim about speed
FIRST, SECOND = "ch01_tensors/dot", "ch01_tensors/matmul"


class Scripted:
    """A runner that reports which runs begin, and ends each run when the test orders it."""

    def __init__(self, workbook, **_):
        self.begun = queue.Queue()
        self.orders = queue.Queue()  # "verdict" or "cancelled", for each run in turn
        self.cancels = queue.Queue()

    def run(self, koan, target, seed=0):
        self.begun.put(koan.id)
        if self.orders.get(timeout=PATIENCE) == "cancelled":
            raise Cancelled(koan.id)
        return Verdict(koan.id, str(target), Status.failed)

    def cancel(self):
        self.cancels.put(None)

    def warm_up(self):
        return "warm"

    def give_up(self):
        self.orders.put("cancelled")

    def close(self):
        pass


@pytest.fixture
def start(play, monkeypatch):
    """A function that starts a session with a runner. It returns both, and a function that waits for a state."""
    started = []

    def with_runner(runner):
        states = queue.Queue()
        shared = runner(play.workbook)  # by all lanes
        monkeypatch.setattr(module, "Runner", lambda workbook: shared)
        session = AppSession(play.workbook, states.put, start=FIRST)
        started.append(session)

        def until(condition):
            while not condition(state := states.get(timeout=PATIENCE)):
                pass
            return state

        session.start()
        return session, shared, until

    yield with_runner
    for session in started:
        session.stop()


class FirstWaits(Scripted):
    """Only runs of the first koan wait for orders."""

    def run(self, koan, target, seed=0):
        return super().run(koan, target) if koan.id == FIRST else Verdict(koan.id, str(target), Status.failed)


class Prompt(Scripted):
    """Each run has its verdict at once."""

    def run(self, koan, target, seed=0):
        return Verdict(koan.id, str(target), Status.failed)


class LateToCancel(Scripted):
    """Once armed, its `cancel` does not act before the newest run has begun."""

    def __init__(self, workbook, **_):
        super().__init__(workbook)
        self.armed = self.hit = False
        self.begun_next, self.looked = threading.Event(), threading.Event()

    def run(self, koan, target, seed=0):
        if self.armed:
            self.begun_next.set()
            self.looked.wait(1)
            if self.hit:
                raise Cancelled(koan.id)
        return Verdict(koan.id, str(target), Status.failed)

    def cancel(self):
        if self.armed:
            self.hit = self.begun_next.wait(1)
            self.looked.set()


def test_a_cancel_never_ends_the_run_that_it_makes_room_for(start):
    session, runner, until = start(LateToCancel)
    until(lambda s: s.step is not None and s.mode == "warm")
    first = session.state.step
    runner.armed = True
    session.post(Command("run"))
    state = until(lambda s: s.step is not first and not s.running)
    assert state.step.verdict.status == Status.failed


def test_no_koan_is_taken_while_the_run_before_it_is_cancelled():
    taken = threading.Event()
    seen = []

    def worker():
        runs.finished()
        runs.next()
        taken.set()

    def cancel():
        threading.Thread(target=worker, daemon=True).start()  # the run ends by itself just now
        seen.append(taken.wait(0.3))

    runs = KoanRunner(cancel)
    runs.request(FIRST)
    assert runs.next() == FIRST
    runs.request(FIRST)
    assert taken.wait(PATIENCE)
    assert seen == [False]


def test_a_newer_text_ends_the_run_of_the_older_one_and_gets_its_verdict(start):
    session, runner, until = start(Scripted)
    assert runner.begun.get(timeout=PATIENCE) == FIRST
    session.post(Command("run"))
    runner.cancels.get(timeout=PATIENCE)
    runner.orders.put("cancelled")
    assert runner.begun.get(timeout=PATIENCE) == FIRST
    runner.orders.put("verdict")
    state = until(lambda s: s.step is not None)
    assert (state.step.koan.id, state.running) == (FIRST, False)


def test_a_run_that_a_cancel_came_too_early_for_is_cancelled_again(start):
    session, runner, until = start(Scripted)
    assert runner.begun.get(timeout=PATIENCE) == FIRST
    session.post(Command("run"))
    for _ in range(3):  # the run was not in flight yet, so these cancels had no effect
        runner.cancels.get(timeout=PATIENCE)
    runner.orders.put("cancelled")
    runner.orders.put("verdict")
    until(lambda s: s.step is not None)
    while not runner.cancels.empty():
        runner.cancels.get()
    session.post(Command("hint"))
    until(lambda s: s.hints == 1)
    assert runner.cancels.empty()


def test_a_koan_that_is_left_while_it_runs_goes_on_and_is_recorded(start):
    session, runner, until = start(FirstWaits)
    assert runner.begun.get(timeout=PATIENCE) == FIRST
    session.post(Command("go", SECOND))
    state = until(lambda s: s.koan == SECOND and s.step is not None)  # it does not wait for the first
    assert (state.step.koan.id, state.running) == (SECOND, False)
    assert [run.koan for run in state.runs] == [FIRST]
    assert runner.cancels.empty()
    runner.orders.put("verdict")
    state = until(lambda s: not s.runs)
    assert (state.koan, state.notice) == (SECOND, "dot  ✗ failed")
    assert (state.standings[FIRST].attempts, state.standings[FIRST].status) == (1, Status.failed)


def test_a_koan_to_which_the_learner_returns_while_it_runs_keeps_its_run(start):
    session, runner, until = start(FirstWaits)
    assert runner.begun.get(timeout=PATIENCE) == FIRST
    for koan in (SECOND, FIRST):
        session.post(Command("go", koan))
    until(lambda s: s.koan == SECOND)
    assert until(lambda s: s.koan == FIRST).running
    runner.orders.put("verdict")
    state = until(lambda s: s.step is not None and s.koan == FIRST)
    assert (state.step.verdict.status, state.standings[FIRST].attempts) == (Status.failed, 1)
    assert runner.cancels.empty() and runner.begun.empty()


def test_koans_that_the_learner_only_passes_by_are_not_run_but_saved_ones_are():
    runs = KoanRunner(lambda: None, lambda: None)
    runs.request("saved")
    for koan in ("first", "second", "third"):
        runs.request(koan, passing=True)
    assert [runs.next(0), runs.next(1)] == ["third", "saved"]
    assert (runs.wanted("second"), runs.wanted("saved")) == (False, True)
    assert [run.koan for run in runs.underway] == ["third", "saved"]


def test_an_old_run_that_ends_with_a_verdict_does_not_hide_that_a_newer_one_is_on_its_way(start):
    session, runner, until = start(Scripted)
    assert runner.begun.get(timeout=PATIENCE) == FIRST
    session.post(Command("run"))
    runner.cancels.get(timeout=PATIENCE)
    runner.orders.put("verdict")  # it was over before the cancel reached it
    old = until(lambda s: s.step is not None)
    assert old.running
    runner.orders.put("verdict")
    assert not until(lambda s: s.step is not old.step).running


class Gone(Scripted):
    """A runner whose server has died: `run` and `cancel` raise an error."""

    def run(self, koan, target, seed=0):
        raise KoansError("the runner stopped")

    def cancel(self):
        raise KoansError("the runner stopped")


def test_a_session_whose_runner_is_gone_says_so_and_takes_further_commands(start):
    session, _, until = start(Gone)
    assert "the runner stopped" in until(lambda s: s.trouble).trouble
    session.post(Command("go", SECOND))
    until(lambda s: s.koan == SECOND and s.trouble and not s.running)


def test_a_notice_goes_away_by_itself_and_a_trouble_stays(start, monkeypatch):
    monkeypatch.setattr(module, "NOTICE_SECONDS", 0.05)
    session, _, until = start(Prompt)
    until(lambda s: s.step is not None and s.mode == "warm")
    session.post(Trouble("the server is gone"))
    session.post(Notice("look here"))
    until(lambda s: s.notice == "look here")
    assert until(lambda s: s.notice == "").trouble == "the server is gone"


# What cannot be recorded, and files that go away


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def attempts_at(play, koan):
    with Progress(play.root) as progress:
        return progress.standings(play.workbook)[koan].attempts


def _disk_full(play, monkeypatch):
    monkeypatch.setattr(Progress, "record", full)
    return lambda: monkeypatch.undo()


def _locked(play, monkeypatch):
    db = sqlite3.connect(play.root / ".koans/progress.db", isolation_level=None)
    db.execute("begin exclusive")
    return db.close


def _unreadable(play, monkeypatch):
    file = play.root / ".koans/progress.db"
    kept = file.with_suffix(".kept")
    file.rename(kept)
    file.mkdir()
    return lambda: (file.rmdir(), kept.rename(file))


@pytest.mark.parametrize(
    "obstacle", [_disk_full, _locked, pytest.param(_unreadable, marks=pytest.mark.needs("moves of open files"))]
)
def test_a_verdict_that_cannot_be_recorded_is_shown_with_the_reason_and_the_next_one_is_recorded(
    start, play, monkeypatch, obstacle
):
    monkeypatch.setattr(module, "LOCKED", 0.05)
    session, _, until = start(Prompt)
    until(lambda s: s.standings[FIRST].attempts == 1)
    with monkeypatch.context() as patch:
        end = obstacle(play, patch)
        session.post(Command("run"))
        state = until(lambda s: s.trouble)
        assert state.trouble.startswith("not recorded: ")
        assert (state.step.koan.id, state.step.verdict.status, state.running) == (FIRST, Status.failed, False)
        session.post(Shown(FIRST, 1))
        session.post(Command("hint"))
        assert until(lambda s: s.hints == 1).trouble.startswith("not recorded: ")
        end()
    session.post(Command("run"))
    state = until(lambda s: not s.trouble)
    assert state.standings[FIRST].attempts == attempts_at(play, FIRST) == 2


def test_a_session_starts_without_a_progress_file_and_reads_it_once_it_can(start, play, monkeypatch):
    with Progress(play.root) as progress:
        progress.record(
            Verdict(SECOND, "learner", Status.failed), play.workbook.exercise(play.workbook.koan(SECOND)).read_text()
        )
    put_back = _unreadable(play, monkeypatch)
    session, _, until = start(Prompt)
    assert "cannot be read" in session.state.trouble
    assert session.state.standings[SECOND].attempts == 0
    assert until(lambda s: s.step is not None).trouble.startswith("not recorded: ")
    put_back()
    session.post(Command("run"))
    state = until(lambda s: not s.trouble)
    assert (state.standings[FIRST].attempts, state.standings[SECOND].attempts) == (1, 1)


def test_the_same_text_runs_again_after_its_verdict_could_not_be_recorded(start, play, monkeypatch):
    session, _, until = start(Prompt)
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "record", full)
        until(lambda s: s.trouble)
    session.post(Saved((FIRST,)))
    until(lambda s: s.standings[FIRST].attempts == 1)


def test_an_error_of_ours_is_shown_and_the_session_goes_on(start, play, monkeypatch):
    session, _, until = start(Prompt)
    until(lambda s: s.step is not None)
    with monkeypatch.context() as patch:
        patch.setattr(module, "update", lambda *_: 1 / 0)
        session.post(Command("next"))
        assert until(lambda s: s.trouble).trouble == "ZeroDivisionError: division by zero"
    session.post(Command("hint"))
    until(lambda s: s.hints == 1)


def test_a_deleted_exercise_is_said_at_once_and_is_no_attempt_and_its_return_is_noticed(start, play):
    _, _, until = start(Prompt)
    until(lambda s: s.standings[FIRST].attempts == 1)
    file = play.workbook.exercise(play.workbook.koans[FIRST])
    file.rename(play.root / "away.py")
    state = until(lambda s: s.notice)
    assert state.notice == f"exercises/{FIRST}.py is gone; x writes its stub again"
    until(lambda s: s.standings[FIRST].status == Status.broken and not s.running)
    (play.root / "away.py").rename(file)
    # The run of the deleted file may find it again before its return is reported.
    until(lambda s: s.standings[FIRST].attempts == 2 and s.notice == "")


def test_another_koan_whose_file_is_deleted_is_named_and_not_followed(start, play):
    _, _, until = start(Prompt)
    until(lambda s: s.step is not None)
    play.workbook.exercise(play.workbook.koans[SECOND]).unlink()
    state = until(lambda s: s.notice)
    assert state.notice == f"exercises/{SECOND}.py is gone; koans reset matmul writes its stub again"
    assert (state.koan, state.standings[SECOND].status) == (FIRST, Status.broken)


def test_saves_are_noticed_again_after_the_folder_of_exercises_was_away(play, monkeypatch):
    monkeypatch.setattr(watch, "AGAIN", 0.05)
    events = queue.Queue()
    watcher = watch.Watcher(play.workbook, events.put)

    def until(condition):
        while not condition(event := events.get(timeout=PATIENCE)):
            pass
        return event

    exercises = play.root / "exercises"
    exercises.rename(play.root / "away")
    watcher.start()
    try:
        told = until(lambda event: isinstance(event, Trouble))
        assert told.text == "saves cannot be noticed (exercises/ is gone); press r to run the koan"
        (play.root / "away").rename(exercises)
        until(lambda event: isinstance(event, Saved) and FIRST in event.koans)
        time.sleep(0.1)  # until the watch is set up
        file = play.workbook.exercise(play.workbook.koans[SECOND])
        file.write_text("x = 1\n")
        until(lambda event: event == Saved((SECOND,)))
    finally:
        watcher.stop()
        watcher.thread.join(PATIENCE)
