"""A process that compiles kernels, one after another: what a caller needs to know of `compile_worker`.

Importing Triton takes longer than compiling most kernels, so the process is kept until its caller ends.
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

from grader.book.processes import FOLDER, environment, module

PATIENCE = 120.0  # seconds for one kernel
# What the process keeps of the environment: nothing that could be secret.
KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "HOME", "VIRTUAL_ENV", "PYTHONPATH")


class Compiler:
    """Starts with its first job, and anew after a job that ended it. May be used from several threads."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: BinaryIO | None = None
        self._lock = threading.Lock()

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """The worker's report on a job. Raises RuntimeError if the process ends or is late."""
        with self._lock:
            process = self._started()
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(json.dumps(job).encode() + b"\n")
                process.stdin.flush()
                report: dict[str, Any] = json.loads(self._line(process.stdout.fileno()))
            except (OSError, EOFError, ValueError):
                raise RuntimeError(self._ended()) from None
            return report

    def _line(self, fd: int) -> bytes:
        """Raises OSError if there is none in time."""
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
            keep = {k: v for k, v in os.environ.items() if k in KEPT}
            self._process = subprocess.Popen(
                [sys.executable, *module(__package__, "compile_worker")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment(FOLDER, keep) | {"PYTHONWARNINGS": "ignore"},
                cwd="/",
            )
        return self._process

    def _ended(self) -> str:
        process, errors = self._process, self._errors
        assert process is not None and errors is not None
        self._process = None
        late = process.poll() is None and not _ending(process)
        process.kill()
        code = process.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines() or ["nothing said"]
        for stream in (process.stdin, process.stdout, errors):
            assert stream is not None
            stream.close()
        if late:
            return f"the compiling process gave no answer within {PATIENCE:g} s"
        return f"the compiling process ended with {code}: {said[-1]}"


def _ending(process: subprocess.Popen[bytes]) -> bool:
    """Does it end by itself? It may have closed its pipe a moment before."""
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        return False
    return True


OURS = Compiler()  # of this process; it ends with it, when its input closes
