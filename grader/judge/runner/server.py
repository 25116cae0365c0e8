"""The warm process: imports everything once, then forks one child a job and sees it to its end.

Single-threaded, because a fork copies only the thread that calls it. The client starts it as
`python -m grader.judge.runner.server FD ROOT [SOCKET FINGERPRINT SECONDS]`, where FD is the first client's connection.
It ends when its last client goes; with a SOCKET others find it there, and it stays until SECONDS after its last run.
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
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.book.workbook import Workbook
from grader.judge.runner.address import fingerprint
from grader.judge.runner.child import execute, prepare, serve
from grader.judge.runner.protocol import Cancel, Done, Job, Lines, Ready, Reply, Request, pack
from grader.judge.runner.shared import Listener

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
RUNS = 200  # of one process, before what they leave behind adds up
LOOK = 5.0  # seconds between looks at whether a shared server still runs what is on disk
SENDING = 5.0  # seconds a client may leave an answer unread, before it counts as gone

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


@dataclass(eq=False)
class Client:
    """One connection, what of its next line has come, its newest job, and those cancelled before they came."""

    connection: socket.socket
    lines: Lines
    newest: int = -1
    cancelled: set[int] = field(default_factory=set)


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
    """One loop over clients and the ends of children. It stops when nobody needs it."""

    def __init__(
        self, first: socket.socket, listener: Listener | None, ready: Ready, workbook: Workbook | None
    ) -> None:
        self.ready, self.workbook = ready, workbook
        self.listener = listener
        self.clients: set[Client] = set()
        self.runs: dict[int, Run] = {}  # by pid
        self.workers: dict[int, Worker] = {}  # by pid
        self.used = self.looked = time.monotonic()
        self.wake, wake_write = os.pipe()
        for fd in (self.wake, wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.wake, selectors.EVENT_READ)
        if listener is not None:
            self.selector.register(listener.socket, selectors.EVENT_READ, listener)
        self._welcome(first)

    def _welcome(self, connection: socket.socket) -> None:
        connection.settimeout(SENDING)
        client = Client(connection, Lines())
        self.clients.add(client)
        self.selector.register(connection, selectors.EVENT_READ, client)
        self._say(client, self.ready)

    def serve(self) -> None:
        try:
            while self._step():
                pass
        finally:
            self._unshare()
            for pid in {*self.runs, *self.workers}:
                _kill(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)  # so that what it used is counted
            _kill_orphans()

    def _step(self) -> bool:
        wait = min(self._waits(time.monotonic()), default=None)
        for key, _ in self.selector.select(None if wait is None else max(0.0, wait)):
            if isinstance(key.data, Listener):
                connection = key.data.accept()
                if connection is not None:
                    self._welcome(connection)
            elif isinstance(key.data, Worker):
                self._rest(key.data)
            elif isinstance(key.data, Client):
                self._hear(key.data)
            else:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.wake, 4096)
        now = time.monotonic()
        for pid, run in self.runs.items():
            if now >= run.deadline and not run.timed_out:
                run.timed_out = True
                run.deadline = now + 3600
                self._end(pid)
        self._reap()
        if self.listener is not None and now >= self.looked + LOOK:
            self.looked = now
            if not self.listener.there() or fingerprint(Path(self.ready.root)) != self.ready.fingerprint:
                self._unshare()
        return bool(self.clients) or (self.listener is not None and now < self.used + self.ready.seconds)

    def _waits(self, now: float) -> Iterator[float]:
        """Seconds until there is something to do, if nothing comes in."""
        yield from (run.deadline - now for run in self.runs.values())
        if self.listener is not None:
            yield self.looked + LOOK - now
            if not self.clients:
                yield self.used + self.ready.seconds - now

    def _unshare(self) -> None:
        """No client comes any more; those there are stay as long as they like."""
        if self.listener is not None:
            self.selector.unregister(self.listener.socket)
            self.listener.close()
            self.listener = None

    def _hear(self, client: Client) -> None:
        """Take what a client says; if it is gone, nobody waits for its runs."""
        try:
            data = client.connection.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(client.connection)
            client.connection.close()
            self.clients.discard(client)
            for pid, run in self.runs.items():
                if run.client is client:
                    self._end(pid)
            if not self.clients:
                for pid in self.workers:
                    self._end(pid)
        for line in client.lines.feed(data):
            try:
                request = msgspec.json.decode(line, type=Request)
            except msgspec.MsgspecError:
                continue  # a guest of another version; what it asks for cannot be known
            self._handle(client, request)

    def _handle(self, client: Client, request: Request) -> None:
        if isinstance(request, Cancel):
            if request.id > client.newest:
                client.cancelled.add(request.id)
            for pid, run in self.runs.items():
                if run.job.id == request.id and run.client is client:
                    run.cancelled = True
                    self._end(pid)
            return
        client.newest = max(client.newest, request.id)
        self.used = time.monotonic()
        if request.id in client.cancelled:
            client.cancelled.discard(request.id)
            self._say(client, Done(request.id, 0, False, True))
            return
        run = Run(request, client, time.monotonic() + request.timeout)
        try:
            self.runs[self._again(request) or self._fork(request)] = run
        except OSError as error:
            self._say(client, Done(request.id, 0, False, False, f"no process for it can be started ({error.strerror})"))

    def _end(self, pid: int) -> None:
        """Kill a run. A worker gets no other one: until it is reaped it would seem to rest."""
        if pid in self.workers:
            self.workers[pid].runs = RUNS
        _kill(pid)

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
            self._end(pid)
        ours, theirs = socket.socketpair()
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
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
            self.used = time.monotonic()
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
            self.used = time.monotonic()
            self._say(run.client, Done(run.job.id, status, run.timed_out, run.cancelled))

    def _say(self, client: Client, reply: Reply) -> None:
        try:
            client.connection.sendall(pack(reply))
        except OSError:
            with contextlib.suppress(OSError):
                client.connection.shutdown(socket.SHUT_RDWR)  # the next read finds it gone


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


def main() -> None:
    first, root = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the client's to handle; its end of the socket closes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    socket_file, expected, seconds = sys.argv[3:6] or ("", "", "0")
    ready = Ready(fingerprint(root), os.getpid(), str(root), time.time(), float(seconds))
    workbook = warm_up(root)
    listener = None
    if socket_file and ready.fingerprint == expected:
        with contextlib.suppress(OSError):  # another server was first
            listener = Listener(Path(socket_file))
    Server(first, listener, ready, workbook).serve()


if __name__ == "__main__":
    main()
