"""What happens in the fork: limits first, then a pytest run, or several of one group, one after another."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader.judge.runner.protocol import Job, Lines

if TYPE_CHECKING:
    from grader.book.workbook import Workbook

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

OUTPUT = 64 << 20  # bytes a run may write to any one file
STACK = 2000  # Python frames: deep enough for pytest, shallow enough to fail before the C stack does


def limit(job: Job) -> None:
    """Bound what this process may use. The address space is bounded relative to what the warm process already maps."""
    if resource is None:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
        mapped = _mapped_bytes()
        if mapped:
            # Beside a GPU the hard limit stays: the process that has it runs nothing of the learner's, and lifts its.
            from grader.gpu.devices import present

            most = mapped + job.memory
            hard = resource.getrlimit(resource.RLIMIT_AS)[1] if present() else most
            resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def allow(job: Job) -> None:
    """CPU seconds for this run, beyond what the process has used."""
    if resource is None:
        return
    with contextlib.suppress(OSError, ValueError):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(usage.ru_utime + usage.ru_stime + job.timeout * 4) + 5
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1] if job.group else soft + 5
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _mapped_bytes() -> int:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0  # no /proc (macOS): the kernel there does not enforce an address-space limit anyway


def redirect(job: Job) -> None:
    """stdin is empty; stdout and stderr go to the job's output file."""
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(os.path.join(job.folder, "output"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(null)
    os.close(out)


def serve(job: Job, connection: socket.socket, workbook: Workbook | None) -> int:
    """Run the job, then those of its group that the server sends; each is answered by a byte, pytest's exit code."""
    from grader.judge.runner.session import run_all

    prepare(job, keep=connection.fileno())

    def jobs() -> Iterator[Job]:
        yield job
        lines = Lines()
        while True:
            found: list[bytes] = []
            while not found:
                data = connection.recv(1 << 16)
                if not data:
                    return
                found = lines.feed(data)
            following = msgspec.json.decode(found[0], type=Job)
            begin(following)
            yield following

    def ended(code: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(bytes([code]))

    begin(job)
    return run_all(job.root, jobs(), ended, workbook)


def prepare(job: Job, keep: int = 0) -> None:
    """What a process does once, before its first run. Every descriptor above 2 but `keep` is closed."""
    os.closerange(3, max(3, keep))
    os.closerange(max(3, keep + 1), 4096)
    if hasattr(os, "setsid"):
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.chdir(job.root)
    sys.setrecursionlimit(STACK)
    faulthandler.enable(file=sys.__stderr__ or 2)
    gc.set_threshold(100_000, 50, 100)  # what a run leaves behind goes with its process
    limit(job)


def execute(job: Job, workbook: Workbook | None = None) -> int:
    """Run the job in this process, and return pytest's exit code."""
    from grader.judge.runner.session import run_all

    codes: list[int] = []
    begin(job)
    code = run_all(job.root, [job], codes.append, workbook)
    return codes[0] if codes else code


def begin(job: Job) -> None:
    """What a process does before each run."""
    redirect(job)
    allow(job)
    _same_start()


def _same_start() -> None:
    """What every run finds, whatever the one before it in this process did."""
    import random

    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)


def main() -> None:
    """A cold run, `python -m grader.judge.runner.child JOB`: its own clock starts when everything is imported."""
    job = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Job)
    from grader.judge.runner.server import import_all

    import_all()

    def give_up() -> None:
        (Path(job.folder) / "timed-out").touch()
        os._exit(70)

    clock = threading.Timer(job.timeout, give_up)
    clock.daemon = True
    clock.start()
    prepare(job)
    os._exit(execute(job))


if __name__ == "__main__":
    main()
