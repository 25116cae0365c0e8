"""A batch goes on when the machine has no room for a process, when a zygote dies, and beside greedy workers."""

import os
import signal
import sys
from pathlib import Path

import pytest

from grader.book.processes import FORK_TRIES
from grader.book.verdict import Status
from grader.judge.runner import Limits, Runner
from grader.judge.sandbox import proxy, wire
from grader.judge.sandbox.proxy import SandboxWorker, WorkerLimits
from grader.judge.targets import Target
from tests.conftest import Play, copy_workbook

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run here: the sandbox needs Linux")
RIGHT = (
    "import torch\n\n\ndef causal_mask(n_q, n_k):\n    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)\n"
)
LIMITS = Limits(timeout=60, memory=512 << 20, brief=True)

# Starts a process of this package in which the first so many forks fail.
FAILING = """
import os, sys
MODULE, TIMES = {module!r}, {times}
if MODULE in sys.orig_argv:
    real = os.fork
    def fork():
        global TIMES
        TIMES -= 1
        if TIMES >= 0:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return real()
    os.fork = fork
"""


def failing_forks(monkeypatch, tmp_path, module, times):
    folder = tmp_path / "path"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FAILING.format(module=module, times=times))
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.fixture(scope="module")
def submissions(tmp_path_factory):
    """A workbook, and pairs of a koan and a target that all pass."""
    play = Play(copy_workbook(tmp_path_factory.mktemp("survival")))
    koan = play.workbook.koan("causal_mask")
    pairs = []
    for number in range(6):
        tree = play.root.parent / f"submission{number}"
        file = tree / f"exercises/{koan.id}.py"
        file.parent.mkdir(parents=True)
        file.write_text(RIGHT)
        pairs.append((koan, Target("path", str(tree))))
    return play.workbook, pairs


def zygotes():
    """The zygotes that this process has started."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in children if b"sandbox.zygote" in Path(f"/proc/{pid}/cmdline").read_bytes()}


@pytest.mark.parametrize("module", ["grader.judge.sandbox.zygote", "grader.judge.runner.server"])
def test_forks_that_fail_for_a_moment_change_nothing(monkeypatch, tmp_path, submissions, module):
    book, pairs = submissions
    failing_forks(monkeypatch, tmp_path, module, FORK_TRIES - 1)
    with Runner(book, LIMITS, isolated=True) as runner:
        assert [verdict.status for verdict in runner.run_many(pairs[:2])] == [Status.passed] * 2


def test_a_worker_that_the_zygote_could_not_start_is_asked_for_again(monkeypatch, tmp_path, submissions):
    book, pairs = submissions
    failing_forks(monkeypatch, tmp_path, "grader.judge.sandbox.zygote", FORK_TRIES + 1)
    with Runner(book, LIMITS, isolated=True) as runner:
        assert [verdict.status for verdict in runner.run_many(pairs[:1])] == [Status.passed]


@pytest.mark.parametrize("module", ["grader.judge.sandbox.zygote", "grader.judge.runner.server"])
def test_a_batch_goes_on_where_no_process_can_be_started(monkeypatch, tmp_path, submissions, module):
    book, pairs = submissions
    # All tries for the first koan fail, and then there is room.
    tries = FORK_TRIES * (proxy.TRIES if module.endswith("zygote") else 1)
    failing_forks(monkeypatch, tmp_path, module, tries)
    with Runner(book, LIMITS, isolated=True) as runner:
        first, *others = runner.run_many(pairs[:3], parallel=1)
    assert first.status == Status.crashed
    assert first.message.startswith("the koan was not run: its ")
    assert "process cannot be started" in first.message
    assert [verdict.status for verdict in others] == [Status.passed] * 2


def test_a_zygote_that_dies_between_runs_is_replaced(submissions):
    book, pairs = submissions
    others = zygotes()
    with Runner(book, LIMITS, isolated=True) as runner:
        assert [verdict.status for verdict in runner.run_many(pairs[:1])] == [Status.passed]
        [pid] = zygotes() - others
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert [verdict.status for verdict in runner.run_many(pairs)] == [Status.passed] * len(pairs)
    assert zygotes() <= others


def test_a_batch_in_which_the_zygote_dies_has_a_verdict_for_each(submissions):
    book, pairs = submissions
    others = zygotes()
    verdicts = []
    with Runner(book, LIMITS, isolated=True) as runner:
        for verdict in runner.run_many(pairs):
            verdicts.append(verdict)
            if len(verdicts) == 1:
                [pid] = zygotes() - others
                os.kill(pid, signal.SIGKILL)
    assert len(verdicts) == len(pairs)
    assert {verdict.status for verdict in verdicts} <= {Status.passed, Status.crashed}
    assert verdicts[-1].status == Status.passed


GREEDY = """
import threading
stop = threading.Event()

def threads():
    started = 0
    for _ in range(9000):
        try:
            threading.Thread(target=stop.wait, daemon=True).start()
        except RuntimeError:
            return started
        started += 1
    return started
"""


def test_the_threads_of_one_worker_leave_others_theirs(zygote):
    limits = WorkerLimits(seconds=30, memory=2 << 30)  # each thread reserves 64 MiB of addresses
    workers = [SandboxWorker(zygote, wire.Load(GREEDY, "f.py"), limits) for _ in range(3)]
    for worker in workers:
        assert "a limit on threads" in worker.level.parts
        worker.names()
    started = [worker.call("threads", (), {}) for worker in workers]
    for worker in workers:
        worker.close()
    assert all(50 < count < 64 for count in started), started


WHO = "import os\n\ndef who():\n    return os.getuid(), os.getgid(), os.getgroups()\n"


def test_each_worker_of_a_root_grader_has_a_user_of_its_own(zygote):
    workers = [SandboxWorker(zygote, wire.Load(WHO, "f.py"), WorkerLimits(seconds=30)) for _ in range(3)]
    for worker in workers:
        worker.names()
    who = [worker.call("who", (), {}) for worker in workers]
    for worker in workers:
        worker.close()
    if os.geteuid() == 0:
        assert len({user for user, _, _ in who}) == 3
        assert all(user == group and groups == [] and user != 0 for user, group, groups in who)
    else:
        assert {user for user, _, _ in who} == {os.getuid()}
