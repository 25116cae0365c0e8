"""Asks the worker. A process of its own for each client: a kernel that never ends is killed with it."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grader.errors import KoansError
from grader.gpu.job import Job, Report

PATIENCE = 120.0  # seconds for one race, compiling included
ROOT = Path(__file__).resolve().parents[2]


class Worker:
    """`with Worker() as worker: worker.ask(job)`."""

    def __init__(self, patience: float = PATIENCE, command: tuple[str, ...] = ("-m", "grader.gpu.worker")) -> None:
        self.patience, self.command = patience, command
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, job: Job) -> Report:
        """The whole report. Raises KoansError if the process ends or is late."""
        *_, last = self.watch(job)
        return last

    def watch(self, job: Job) -> Iterator[Report]:
        """Reports as they come, each with all there is so far."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        deadline, seen = time.monotonic() + self.patience, False
        try:
            process.stdin.write(msgspec.json.encode(job) + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        lines = self._lines(process, deadline)
        for line in lines:
            if not line.strip():
                if not seen:
                    raise KoansError("the process with the GPU gave no report")
                return
            seen = True
            yield msgspec.json.decode(line, type=Report)
        raise self._ended()

    def _lines(self, process: subprocess.Popen[bytes], deadline: float) -> Iterator[bytes]:
        assert process.stdout is not None
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                *whole, rest = rest.split(b"\n")
                yield from whole
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    self.close()
                    raise KoansError(f"no answer from the GPU within {self.patience:g} s: does the kernel end?")
                more = os.read(process.stdout.fileno(), 1 << 16)
                if not more:
                    return
                rest += more

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            keep = {k: v for k, v in os.environ.items() if k not in ("TRITON_INTERPRET", "PYTHONSTARTUP")}
            keep |= {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "TRITON_DEFAULT_FP_FUSION": "1"}
            self._process = subprocess.Popen(
                [sys.executable, *self.command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=keep, cwd=ROOT
            )
        return self._process

    def _ended(self) -> KoansError:
        assert self._process is not None
        code = self._process.wait()
        self._process = None
        what = f"signal {-code}" if code < 0 else f"exit code {code}"
        return KoansError(f"the process with the GPU ended with {what}: an address outside its tensors does that")

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
            self._process = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
