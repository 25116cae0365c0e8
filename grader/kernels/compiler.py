"""The client of `compile_worker`, the process that compiles kernels one after another.

Importing Triton takes longer than compiling most kernels, so the process stays until its caller ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
from typing import Any, BinaryIO

from grader.book import processes
from grader.book.faults import MachineError
from grader.book.processes import FOLDER, PipeReader, environment, module

PATIENCE = 120.0  # seconds for one kernel


class CannotCompile(MachineError):
    """The compiler could not be run to its end here. That says nothing about the kernel."""


class Compiler:
    """Compiles in one process, which starts with the first job. A job that ends the process does not stop later jobs.

    Several threads may use it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: PipeReader | None = None
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
            assert process.stdin is not None and self._reader is not None
            try:
                process.stdin.write(json.dumps(job).encode() + b"\n")
                process.stdin.flush()
                report: dict[str, Any] = json.loads(self._reader.line(PATIENCE))
            except (OSError, EOFError, ValueError):
                raise CannotCompile(self._stop()) from None
            return report

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
            self._process = processes.start(
                module(__package__, "compile_worker"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment(FOLDER, strangers=True) | {"HOME": os.path.expanduser("~"), "PYTHONWARNINGS": "ignore"},
                cwd="/",
            )
            assert self._process.stdout is not None
            self._reader = PipeReader(self._process.stdout)
        return self._process

    def _stop(self) -> str:
        """End the process, and say why it failed."""
        process, reader, errors = self._process, self._reader, self._errors
        assert process is not None and reader is not None and errors is not None
        self._process = self._reader = None
        late = process.poll() is None and not _ends_by_itself(process)
        processes.end(process)
        code = process.wait()
        reader.close()
        errors.seek(0)
        output = errors.read().decode(errors="replace").strip().splitlines() or ["nothing said"]
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        errors.close()
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
