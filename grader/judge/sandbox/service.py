"""Starts a zygote and ends it. A runner that grades submissions has one."""

from __future__ import annotations

import contextlib
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from grader.book.errors import KoansError
from grader.book.places import code, shipped
from grader.book.processes import environment, module

STARTING = 120.0  # seconds the zygote may take to import everything, on a slow disk
ZYGOTES = 4  # the most that are started for one runner, if one after another dies


class Service:
    """A zygote and its folder. A connection to the socket at `address` gets a worker."""

    def __init__(self, root: Path) -> None:
        # The path of a socket may have about 100 bytes, and the name of the temporary folder may be longer.
        base = None if len(tempfile.gettempdir()) < 60 else "/tmp"
        self._root = root
        self._folder = Path(tempfile.mkdtemp(prefix="koans-sandbox-", dir=base))
        self.address = str(self._folder / "socket")
        self._started = 1
        try:
            self._process = self._start()
        except BaseException:  # Ctrl-C too
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _start(self) -> subprocess.Popen[bytes]:
        file = self._folder / "errors"
        file.touch(mode=0o600)
        with file.open("ab") as errors:
            return subprocess.Popen(
                [sys.executable, *module(__package__, "zygote"), str(self._folder), str(shipped(self._root))],
                env=environment(code(self._root), strangers=True),
                cwd=self._root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                process_group=0,
            )

    def wait(self) -> None:
        """Wait until the zygote listens. A zygote that has died is replaced. Raises KoansError if none starts."""
        stdout = self._process.stdout
        assert stdout is not None
        if stdout.closed:  # it listened already
            if self._process.poll() is None or self._started >= ZYGOTES:
                return  # without a zygote each run says that it got no worker
            self._started += 1
            self._process = self._start()
            self.wait()
            return
        ready = select.select([stdout], [], [], STARTING)[0]
        line = stdout.readline() if ready else b""
        stdout.close()
        if not line.strip():
            text = (self._folder / "errors").read_text(errors="replace").strip()
            why = text.splitlines()[-1] if text else "it gave no reason"
            self.close()
            raise KoansError(f"the sandbox did not start: {why}")

    def close(self) -> None:
        """End the zygote and all its workers."""
        process = self._process
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        deadline = time.monotonic() + 2
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)
