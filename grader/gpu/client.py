"""The client of the worker. The worker is a process of its own, so a kernel that never ends can be killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from typing import IO

import msgspec

from grader.book import processes
from grader.book.errors import KoansError
from grader.book.processes import FOLDER, PipeReader, module
from grader.gpu.failures import process_end
from grader.gpu.job import RaceJob, RaceReport

PATIENCE = 120.0  # seconds for one race, including compilation
LIMIT = PATIENCE + 15  # seconds for a test with one race
TAIL = 4000  # bytes that are read from the end of the worker's stderr


class GpuWorker:
    """Runs jobs in the worker: `with GpuWorker() as worker: worker.ask(job)`. `patience`: seconds for a job."""

    def __init__(self, patience: float = PATIENCE, command: tuple[str, ...] = module(__package__, "worker")) -> None:
        self.patience, self.command = patience, command
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: PipeReader | None = None
        self._errors: IO[bytes] | None = None

    def ask(self, job: RaceJob, patience: float | None = None) -> RaceReport:
        """The final report on a job. Raises KoansError if the process ends or takes too long."""
        *_, last = self.watch(job, patience)
        return last

    def watch(self, job: RaceJob, patience: float | None = None) -> Iterator[RaceReport]:
        """The reports on a job as they arrive, each with all results so far.

        `patience`: seconds for this job, if not the usual ones. Raises KoansError like `ask`.
        """
        process = self.start()
        assert process.stdin is not None and self._reader is not None
        patience = self.patience if patience is None else patience
        report: RaceReport | None = None
        try:
            process.stdin.write(msgspec.json.encode(job) + b"\n")
            process.stdin.flush()
        except OSError:  # a broken pipe, which Windows calls an invalid argument
            raise self._failure() from None
        for line in self._lines(self._reader, patience):
            if not line.strip():
                if report is None:
                    raise KoansError("the process with the GPU gave no report")
                if report.broken:
                    self.close()  # CUDA no longer works there, so the next job gets a new process
                return
            report = msgspec.json.decode(line, type=RaceReport)
            yield report
        raise self._failure()

    def _lines(self, reader: PipeReader, patience: float) -> Iterator[bytes]:
        deadline = time.monotonic() + patience
        while True:
            try:
                yield reader.line(deadline - time.monotonic())
            except TimeoutError:
                self.close()
                raise KoansError(f"no answer from the GPU within {patience:.3g} s: does the kernel end?") from None
            except EOFError:
                return

    def start(self) -> subprocess.Popen[bytes]:
        """The process, started if there is none. Starting takes seconds, so a caller may do it before the first job."""
        if self._process is None:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115  a pipe that nobody reads would fill up
            self._process = processes.start(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment(),
                cwd=FOLDER,
            )
            assert self._process.stdout is not None
            self._reader = PipeReader(self._process.stdout)
        return self._process

    def _failure(self) -> KoansError:
        """The error for a process that has ended."""
        assert self._process is not None and self._errors is not None
        code = self._process.wait()
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - TAIL))
        stderr = self._errors.read().decode(errors="replace")
        self.close()
        return KoansError(process_end(code, stderr))

    def close(self) -> None:
        if self._process is not None:
            processes.end(self._process)
            self._process.wait()
            assert self._process.stdin is not None and self._reader is not None
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._reader.close()
            self._process = self._reader = None
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def __enter__(self) -> GpuWorker:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def environment() -> dict[str, str]:
    """The worker's environment."""
    return processes.environment(FOLDER) | {"PYTHONWARNINGS": "ignore", "TRITON_DEFAULT_FP_FUSION": "1"}


def shared() -> GpuWorker:
    """The one worker of this process, since starting CUDA takes seconds. It ends when this process does."""
    return _worker_of(os.getpid())  # a fork must not use its parent's worker


@cache
def _worker_of(pid: int) -> GpuWorker:
    return GpuWorker()
