"""The order of a session's runs: the koan requested last always gets its verdict, whatever happens to older runs."""

import queue
import threading

import pytest

from grader.book.errors import KoansError
from grader.book.verdict import Status, Verdict
from grader.judge.runner import Cancelled
from grader.learn.app import session as module
from grader.learn.app.session import AppSession, KoanRunner
from grader.learn.app.state import Command

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
        monkeypatch.setattr(module, "Runner", runner)
        session = AppSession(play.workbook, states.put, start=FIRST)
        started.append(session)

        def until(condition):
            while not condition(state := states.get(timeout=PATIENCE)):
                pass
            return state

        session.start()
        return session, session._runner, until

    yield with_runner
    for session in started:
        session.stop()


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
    runner.armed = True
    session.post(Command("go", SECOND))
    state = until(lambda s: s.step is not None and s.koan == SECOND)
    assert (state.step.koan.id, state.running) == (SECOND, False)


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
    runs.request(SECOND)
    assert taken.wait(PATIENCE)
    assert seen == [False]


def test_a_newer_koan_ends_the_run_in_hand_and_gets_its_verdict(start):
    session, runner, until = start(Scripted)
    assert runner.begun.get(timeout=PATIENCE) == FIRST
    session.post(Command("go", SECOND))
    runner.cancels.get(timeout=PATIENCE)
    runner.orders.put("cancelled")
    assert runner.begun.get(timeout=PATIENCE) == SECOND
    runner.orders.put("verdict")
    state = until(lambda s: s.step is not None)
    assert (state.step.koan.id, state.running) == (SECOND, False)


def test_a_run_that_a_cancel_came_too_early_for_is_cancelled_again(start):
    session, runner, until = start(Scripted)
    assert runner.begun.get(timeout=PATIENCE) == FIRST
    session.post(Command("go", SECOND))
    for _ in range(3):  # the run was not in flight yet, so these cancels had no effect
        runner.cancels.get(timeout=PATIENCE)
    runner.orders.put("cancelled")
    runner.orders.put("verdict")
    assert until(lambda s: s.step is not None).step.koan.id == SECOND
    while not runner.cancels.empty():
        runner.cancels.get()
    session.post(Command("hint"))
    until(lambda s: s.hints == 1)
    assert runner.cancels.empty()


def test_of_several_koans_asked_for_during_a_run_only_the_last_runs(start):
    session, runner, until = start(Scripted)
    assert runner.begun.get(timeout=PATIENCE) == FIRST
    for koan in (SECOND, FIRST, SECOND):
        session.post(Command("go", koan))
    session.post(Command("hint"))
    until(lambda s: s.hints == 1)  # all commands were received
    runner.orders.put("cancelled")
    runner.orders.put("verdict")
    until(lambda s: s.step is not None and s.step.koan.id == SECOND and not s.running)
    assert runner.begun.get(timeout=PATIENCE) == SECOND
    assert runner.begun.empty()


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
