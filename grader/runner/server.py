"""The warm process: imports everything once, then forks one child a job and sees it to its end.

Single-threaded, because a fork copies only the thread that calls it. Started by the client as
`python -m grader.runner.server FD`, where FD is the client's end of a socket pair; it ends when that closes.
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
from dataclasses import dataclass
from pathlib import Path

import msgspec

from grader.runner.child import execute
from grader.runner.protocol import Cancel, Done, Job, Lines, Ready, Request, pack

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

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


def warm_up() -> None:
    """Import what every run imports and go through one run, so that a child finds all of it done."""
    os.environ.setdefault("TRITON_INTERPRET", "1")
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    import torch

    torch.set_num_threads(1)  # before any operation: children of a process that used threads hang
    import hypothesis  # noqa: F401
    import numpy  # noqa: F401
    import pytest

    with contextlib.suppress(ImportError):
        import triton.language
        import triton.runtime.interpreter  # noqa: F401

    import grader.interpreter.run
    import grader.plugin
    import grader.targets  # noqa: F401

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


@dataclass
class Run:
    """A job in flight."""

    job: Job
    deadline: float
    timed_out: bool = False
    cancelled: bool = False


class Server:
    """One loop over the client's socket and the ends of children."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.lines = Lines()
        self.runs: dict[int, Run] = {}  # by pid
        self.wake, wake_write = os.pipe()
        for fd in (self.wake, wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector = selectors.DefaultSelector()
        self.selector.register(client, selectors.EVENT_READ)
        self.selector.register(self.wake, selectors.EVENT_READ)

    def serve(self) -> None:
        try:
            while self._step():
                pass
        finally:
            for pid in list(self.runs):
                _kill(pid)

    def _step(self) -> bool:
        now = time.monotonic()
        wait = min((r.deadline - now for r in self.runs.values()), default=None)
        for key, _ in self.selector.select(None if wait is None else max(0.0, wait)):
            if key.fileobj is self.client:
                data = self.client.recv(1 << 16)
                if not data:
                    return False
                for line in self.lines.feed(data):
                    self._handle(msgspec.json.decode(line, type=Request))
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

    def _handle(self, request: Request) -> None:
        if isinstance(request, Cancel):
            for pid, run in self.runs.items():
                if run.job.id == request.id:
                    run.cancelled = True
                    _kill(pid)
            return
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                signal.set_wakeup_fd(-1)
                code = execute(request)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        self.runs[pid] = Run(request, time.monotonic() + request.timeout)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            run = self.runs.pop(pid, None)
            if run is None:
                continue  # an orphan of a run that has ended
            _kill(pid)  # whatever it left in its session
            if not self.runs:
                _kill_orphans()
            self.client.sendall(pack(Done(run.job.id, status, run.timed_out, run.cancelled)))


def _kill(pid: int) -> None:
    """Kill a run's process group; a run that has not called setsid yet is killed alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _kill_orphans() -> None:
    """Processes that left their run's session come back to us as the subreaper; none may stay."""
    with contextlib.suppress(OSError):
        for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            _kill(int(pid))


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def main() -> None:
    client = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the client's to handle; its end of the socket closes
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    warm_up()
    client.sendall(pack(Ready()))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        Server(client).serve()


if __name__ == "__main__":
    main()
