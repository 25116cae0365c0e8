"""The client of `compile_worker`, the process that compiles kernels one after another.

Importing Triton takes longer than compiling most kernels, so the process stays until its caller ends.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, BinaryIO

from grader.book.faults import MachineError
from grader.book.processes import FOLDER, environment, module

PATIENCE = 120.0  # seconds for one kernel


class CannotCompile(MachineError):
    """The compiler could not be run to its end here. That says nothing about the kernel."""


class Compiler:
    """Compiles in one process, which starts with the first job. A job that ends the process does not stop later jobs.

    Several threads may use it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: BinaryIO | None = None
        self._lock = threading.Lock()

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """The worker's report on a job.

        Raises CannotCompile if the process does not start, ends, takes longer than PATIENCE or lacks something.
        """
        report = self._report(job)
        if report.get("lack"):
            raise CannotCompile(report["lack"])
        return report

    def _report(self, job: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            try:
                process = self._started()
            except OSError as error:
                raise CannotCompile(f"the compiling process does not start: {error.strerror or error}") from None
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(json.dumps(job).encode() + b"\n")
                process.stdin.flush()
                report: dict[str, Any] = json.loads(self._line(process.stdout.fileno()))
            except (OSError, EOFError, ValueError):
                raise CannotCompile(self._stop()) from None
            return report

    def _line(self, fd: int) -> bytes:
        """The next line of the answer. Raises TimeoutError or EOFError."""
        deadline, line = time.monotonic() + PATIENCE, b""
        while not line.endswith(b"\n"):
            if not select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            data = os.read(fd, 1 << 16)
            if not data:
                raise EOFError
            line += data
        return line

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
            self._process = subprocess.Popen(
                [sys.executable, *module(__package__, "compile_worker")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment(FOLDER, strangers=True) | {"HOME": os.path.expanduser("~"), "PYTHONWARNINGS": "ignore"},
                cwd="/",
                process_group=0,
            )
        return self._process

    def _stop(self) -> str:
        """End the process, and say why it failed."""
        process, errors = self._process, self._errors
        assert process is not None and errors is not None
        self._process = None
        late = process.poll() is None and not _ends_by_itself(process)
        process.kill()
        code = process.wait()
        errors.seek(0)
        output = errors.read().decode(errors="replace").strip().splitlines() or ["nothing said"]
        for stream in (process.stdin, process.stdout, errors):
            assert stream is not None
            stream.close()
        if late:
            return f"the compiling process gave no answer within {PATIENCE:g} s"
        return f"the compiling process ended with {code}: {output[-1]}"


def _ends_by_itself(process: subprocess.Popen[bytes]) -> bool:
    """Does the process end within a second? A process closes its pipe a moment before it ends."""
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        return False
    return True


COMPILER = Compiler()  # one for this process; its worker ends when this process does, because its input closes
