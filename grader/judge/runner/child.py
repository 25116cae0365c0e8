"""What a child process does: it limits itself, then makes one pytest run, or several of one group in turn."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from grader.book import no_terminal
from grader.gpu.devices import present
from grader.judge.runner.protocol import OUTPUT, Job, Lines
from grader.judge.sandbox.reaper import reset_signals

if TYPE_CHECKING:
    from grader.book.workbook import Workbook

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)  # the last one on Windows
THREADS = "KOANS_THREADS"  # environment variable: how many threads torch may use in a run
STACK = 2000  # Python frames: deep enough for pytest, shallow enough to fail before the C stack does


def limit(job: Job) -> None:
    """Limit core dumps, the size of files and the address space. `job.memory` is added to what is mapped now."""
    if resource is None:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
        mapped = _mapped_bytes()
        if mapped:
            soft = mapped + job.memory
            # With a GPU the hard limit stays as it is. The process that uses CUDA is started by this one and raises
            # its own soft limit again. It runs no Python of the learner's.
            hard = resource.getrlimit(resource.RLIMIT_AS)[1] if present() else soft
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def limit_cpu(job: Job) -> None:
    """Limit the CPU seconds of this run, counted from now."""
    if resource is None:
        return
    with contextlib.suppress(OSError, ValueError):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(usage.ru_utime + usage.ru_stime + job.timeout * 4) + 5
        # A process that makes several runs must be able to raise its limit for the next one.
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1] if job.group else soft + 5
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _mapped_bytes() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0  # macOS has no /proc, and its kernel does not enforce an address-space limit anyway


def redirect(job: Job) -> None:
    """Make stdin empty, and send stdout and stderr to the job's output file."""
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(os.path.join(job.folder, "output"), FLAGS, 0o600)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(null)
    os.close(out)


def serve(job: Job, connection: socket.socket, workbook: Workbook | None) -> int:
    """Run the job, then the jobs of its group that the server sends. Answer each with one byte: pytest's exit code."""
    from grader.judge.runner.session import run_all

    prepare(job)

    def jobs() -> Iterator[Job]:
        yield job
        lines = Lines()
        while (line := _next_line(connection, lines)) is not None:
            next_job = msgspec.json.decode(line, type=Job)
            begin(next_job)
            yield next_job

    def ended(code: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(bytes([code]))

    begin(job)
    return run_all(job.root, jobs(), ended, workbook)


def _next_line(connection: socket.socket, lines: Lines) -> bytes | None:
    """The next line from the server, which sends one at a time. None if the server has closed the connection."""
    while data := connection.recv(1 << 16):
        if complete := lines.feed(data):
            return complete[0]
    return None


def leave_parent(keep: int) -> None:
    """In a fork: give up what is the parent's, its session and every descriptor above 2 except `keep`."""
    os.closerange(3, max(3, keep))
    os.closerange(max(3, keep + 1), 4096)
    os.setsid()


def prepare(job: Job) -> None:
    """Do once what a process needs before its first run."""
    reset_signals()
    no_terminal.install()
    os.chdir(job.root)
    sys.setrecursionlimit(STACK)
    faulthandler.enable(file=sys.__stderr__ or 2)
    gc.set_threshold(100_000, 50, 100)  # collect rarely: the memory of a run is freed when its process ends
    limit(job)


def execute(job: Job, workbook: Workbook | None = None) -> int:
    """Run the job in this process, and return pytest's exit code."""
    from grader.judge.runner.session import run_all

    codes: list[int] = []
    begin(job)
    code = run_all(job.root, [job], codes.append, workbook)
    return codes[0] if codes else code


def begin(job: Job) -> None:
    """Do what a process needs before each run."""
    redirect(job)
    limit_cpu(job)
    _reset_global_state()


def _reset_global_state() -> None:
    """Give every run the same random state and torch settings, whatever the run before it did."""
    import random

    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(int(os.environ.get(THREADS, "1")))
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
