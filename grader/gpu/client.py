"""Asks the worker: a process of its own, so that a kernel that never ends is killed with it."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from typing import IO

import msgspec

from grader.book import processes
from grader.book.errors import KoansError
from grader.book.processes import FOLDER, module
from grader.gpu.failures import ended
from grader.gpu.job import RaceJob, RaceReport

PATIENCE = 120.0  # seconds for one race, compiling included
LIMIT = PATIENCE + 15  # seconds for a test with a race in it
TAIL = 4000  # bytes of what a process wrote last


class GpuWorker:
    """`with Worker() as worker: worker.ask(job)`."""

    def __init__(self, patience: float = PATIENCE, command: tuple[str, ...] = module(__package__, "worker")) -> None:
        self.patience, self.command = patience, command
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    def ask(self, job: RaceJob, patience: float | None = None) -> RaceReport:
        """The whole report. Raises KoansError if the process ends or is late."""
        *_, last = self.watch(job, patience)
        return last

    def watch(self, job: RaceJob, patience: float | None = None) -> Iterator[RaceReport]:
        """Reports as they come, each with all there is so far. `patience`: seconds for this job, if not as usual."""
        process = self.start()
        assert process.stdin is not None and process.stdout is not None
        patience = self.patience if patience is None else patience
        report: RaceReport | None = None
        try:
            process.stdin.write(msgspec.json.encode(job) + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        lines = self._lines(process, patience)
        for line in lines:
            if not line.strip():
                if report is None:
                    raise KoansError("the process with the GPU gave no report")
                if report.broken:
                    self.close()  # CUDA does nothing more there; the next job gets a new process
                return
            report = msgspec.json.decode(line, type=RaceReport)
            yield report
        raise self._ended()

    def _lines(self, process: subprocess.Popen[bytes], patience: float) -> Iterator[bytes]:
        assert process.stdout is not None
        deadline, rest = time.monotonic() + patience, b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                *whole, rest = rest.split(b"\n")
                yield from whole
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    self.close()
                    raise KoansError(f"no answer from the GPU within {patience:.3g} s: does the kernel end?")
                more = os.read(process.stdout.fileno(), 1 << 16)
                if not more:
                    return
                rest += more

    def start(self) -> subprocess.Popen[bytes]:
        """The process, started if there is none: it takes seconds, so one may begin before there is a job."""
        if self._process is None:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115  a pipe that nobody reads would fill up
            self._process = subprocess.Popen(
                [sys.executable, *self.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment(),
                cwd=FOLDER,
            )
        return self._process

    def _ended(self) -> KoansError:
        assert self._process is not None and self._errors is not None
        code = self._process.wait()
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - TAIL))
        said = self._errors.read().decode(errors="replace")
        self.close()
        return KoansError(ended(code, said))

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
            self._process = None
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def __enter__(self) -> GpuWorker:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def environment() -> dict[str, str]:
    """The worker's: this one's, without the interpreter, and with the workbook in front of what Python finds."""
    keep = {k: v for k, v in os.environ.items() if k not in ("TRITON_INTERPRET", "PYTHONSTARTUP")}
    return processes.environment(FOLDER, keep) | {"PYTHONWARNINGS": "ignore", "TRITON_DEFAULT_FP_FUSION": "1"}


def shared() -> GpuWorker:
    """This process's one worker, since starting CUDA takes seconds. It ends when this process does: its input ends."""
    return _of(os.getpid())  # a fork must not talk to its parent's


@cache
def _of(pid: int) -> GpuWorker:
    return GpuWorker()
