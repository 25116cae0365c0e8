"""The warm process: imports everything once, then forks one child a job and sees it to its end.

Single-threaded, because a fork copies only the thread that calls it. Started by the client as
`python -m grader.runner.server FD ROOT [--share]`, where FD is the owner's socket; it ends when that closes.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import selectors
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from grader.errors import KoansError
from grader.runner.address import fingerprint, socket_path
from grader.runner.child import execute, prepare, serve
from grader.runner.protocol import Cancel, Done, Job, Lines, Ready, Reply, Request, pack
from grader.workbook import Workbook

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
RUNS = 200  # of one process, before what they leave behind adds up

REHEARSAL = """
import torch
from hypothesis import given, strategies
from grader.checks import Disagreement, agrees
from reference import oracle

@oracle
def double(x):
    return (x * 2).sum(-1)

@given(strategies.integers(0, 3))
def test_property(n):
    assert n < 4

def test_agreement():
    agrees(double.fn, torch.ones(2, 3), with_=double)
    try:
        agrees(lambda x: x, torch.ones(2, 3), with_=double)
    except Disagreement as error:
        assert "shape" in str(error)
"""


def import_all() -> None:
    """Import what every run imports."""
    os.environ.setdefault("TRITON_INTERPRET", "1")
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    import torch

    torch.set_num_threads(1)  # before any operation: children of a process that used threads hang
    import hypothesis  # noqa: F401
    import numpy  # noqa: F401
    import pytest  # noqa: F401

    with contextlib.suppress(ImportError):
        import triton.language
        import triton.runtime.interpreter  # noqa: F401

    import grader.interpreter.run
    import grader.runner.session  # noqa: F401


def warm_up(root: Path) -> Workbook | None:
    """Import everything, read the content and go through one run, so that a child finds all of it done.

    Returns the workbook; None if there is a mistake in it, which is told by the run that meets it.
    """
    import_all()
    import pytest

    book: Workbook | None = Workbook(root)
    try:
        assert book and book.koans
    except KoansError:
        book = None

    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder) / "test_rehearsal.py"
        test.write_text(REHEARSAL)
        (Path(folder) / "pytest.ini").write_text("[pytest]\n")
        out, err = os.dup(1), os.dup(2)
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        code = pytest.main([str(test), "-q", "-p", "no:cacheprovider", "-p", "no:timeout", f"--rootdir={folder}"])
        os.dup2(out, 1)
        os.dup2(err, 2)
        for fd in (out, err, sink):
            os.close(fd)
        if code:
            raise RuntimeError(f"the rehearsal run failed with pytest exit code {int(code)}")
    gc.collect()
    gc.freeze()
    return book


@dataclass
class Client:
    """One connection, and what of its next line has come."""

    connection: socket.socket
    lines: Lines


@dataclass
class Run:
    """A job in flight."""

    job: Job
    client: Client
    deadline: float
    timed_out: bool = False
    cancelled: bool = False


@dataclass
class Worker:
    """A child that goes through the runs of a group. `runs` are how many it was given, `memo` is that of the last."""

    pid: int
    group: str
    memo: str
    connection: socket.socket
    runs: int = 1


class Server:
    """One loop over clients and the ends of children. It stops when its first client, the owner, goes."""

    def __init__(
        self, owner: socket.socket, listener: socket.socket | None, ready: Ready, workbook: Workbook | None
    ) -> None:
        self.ready, self.workbook = ready, workbook
        self.listener = listener
        self.runs: dict[int, Run] = {}  # by pid
        self.workers: dict[int, Worker] = {}  # by pid
        self.wake, wake_write = os.pipe()
        for fd in (self.wake, wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.wake, selectors.EVENT_READ)
        if listener is not None:
            self.selector.register(listener, selectors.EVENT_READ)
        self.owner = self._welcome(owner)

    def _welcome(self, connection: socket.socket) -> Client:
        client = Client(connection, Lines())
        self.selector.register(connection, selectors.EVENT_READ, client)
        self._say(client, self.ready)
        return client

    def serve(self) -> None:
        try:
            while self._step():
                pass
        finally:
            for pid in {*self.runs, *self.workers}:
                _kill(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)  # so that what it used is counted
            _kill_orphans()

    def _step(self) -> bool:
        now = time.monotonic()
        wait = min((r.deadline - now for r in self.runs.values()), default=None)
        for key, _ in self.selector.select(None if wait is None else max(0.0, wait)):
            if key.fileobj is self.listener:
                with contextlib.suppress(OSError):
                    self._welcome(self.listener.accept()[0])
            elif isinstance(key.data, Worker):
                self._rest(key.data)
            elif isinstance(key.data, Client):
                if not self._hear(key.data):
                    return False
            else:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.wake, 4096)
        now = time.monotonic()
        for pid, run in self.runs.items():
            if now >= run.deadline and not run.timed_out:
                run.timed_out = True
                run.deadline = now + 3600
                _kill(pid)
        self._reap()
        return True

    def _hear(self, client: Client) -> bool:
        """Take what a client says. False if it was the owner, and is gone."""
        try:
            data = client.connection.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(client.connection)
            client.connection.close()
            for pid, run in self.runs.items():
                if run.client is client:
                    _kill(pid)
            return client is not self.owner
        for line in client.lines.feed(data):
            try:
                request = msgspec.json.decode(line, type=Request)
            except msgspec.MsgspecError:
                continue  # a guest of another version; what it asks for cannot be known
            self._handle(client, request)
        return True

    def _handle(self, client: Client, request: Request) -> None:
        if isinstance(request, Cancel):
            for pid, run in self.runs.items():
                if run.job.id == request.id and run.client is client:
                    run.cancelled = True
                    _kill(pid)
            return
        run = Run(request, client, time.monotonic() + request.timeout)
        self.runs[self._again(request) or self._fork(request)] = run

    def _again(self, job: Job) -> int:
        """Give the job to a worker of its group that rests; its pid, or 0."""
        group = [w for w in self.workers.values() if w.group == job.group]  # of no group there are none
        for worker in sorted(group, key=lambda w: w.memo != job.memo):  # best the one that remembers
            if worker.pid not in self.runs and worker.runs < RUNS:
                with contextlib.suppress(OSError):
                    worker.connection.sendall(pack(job))
                    worker.runs, worker.memo = worker.runs + 1, job.memo
                    return worker.pid
        return 0

    def _fork(self, job: Job) -> int:
        resting = [pid for pid in self.workers if pid not in self.runs]
        for pid in resting if job.group else ():  # of another group, or at its last run: it has no more to do
            _kill(pid)
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                signal.set_wakeup_fd(-1)
                if job.group:
                    code = serve(job, theirs, self.workbook)
                else:
                    prepare(job)
                    code = execute(job, self.workbook)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        theirs.close()
        if job.group:
            self.workers[pid] = Worker(pid, job.group, job.memo, ours)
            self.selector.register(ours, selectors.EVENT_READ, self.workers[pid])
        else:
            ours.close()
        return pid

    def _rest(self, worker: Worker) -> None:
        """A worker has said how its run ended, or is at its end: then its wait status says so."""
        code = b""
        with contextlib.suppress(OSError):
            code = worker.connection.recv(1)
        if not code:
            self.selector.unregister(worker.connection)
            worker.connection.close()
            return
        run = self.runs.pop(worker.pid, None)
        if run is not None:
            self._say(run.client, Done(run.job.id, code[0] << 8, run.timed_out, run.cancelled))

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            run = self.runs.pop(pid, None)
            worker = self.workers.pop(pid, None)
            if worker is not None and worker.connection.fileno() >= 0:
                self.selector.unregister(worker.connection)
                worker.connection.close()
            if run is None:
                continue  # an orphan of a run that has ended, or a worker that rested
            _kill(pid)  # whatever it left in its session
            if not self.runs:
                _kill_orphans(self.workers)
            self._say(run.client, Done(run.job.id, status, run.timed_out, run.cancelled))

    def _say(self, client: Client, reply: Reply) -> None:
        with contextlib.suppress(OSError):
            client.connection.sendall(pack(reply))


def _kill(pid: int) -> None:
    """Kill a run's process group; a run that has not called setsid yet is killed alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _kill_orphans(known: Collection[int] = ()) -> None:
    """Processes that left their run's session come back to us as the subreaper; none but the known may stay."""
    with contextlib.suppress(OSError):
        for pid in map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()):
            if pid not in known:
                _kill(pid)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def listen(root: Path) -> tuple[socket.socket, Path] | None:
    """The shared socket of this workbook, unless another server has it."""
    path = socket_path(root)
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        with contextlib.suppress(OSError):
            probe = socket.socket(socket.AF_UNIX)
            probe.settimeout(0.5)
            if probe.connect_ex(str(path)) == 0:
                return None
            path.unlink()  # left by a server that was killed
        listener.bind(str(path))
        listener.listen(8)
    except OSError:
        return None
    finally:
        os.umask(mask)
    return listener, path


def main() -> None:
    owner, root = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the client's to handle; its end of the socket closes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    ready = Ready(fingerprint(root))
    workbook = warm_up(root)
    shared = listen(root) if "--share" in sys.argv else None
    try:
        Server(owner, shared[0] if shared else None, ready, workbook).serve()
    finally:
        if shared:
            shared[1].unlink(missing_ok=True)


if __name__ == "__main__":
    main()
