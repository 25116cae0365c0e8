"""Notices the ends of child processes, for a loop that waits for file descriptors.

It imports the standard library only. The zygote uses it, and the zygote must hold nothing of the workbook.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator


class Reaper:
    """`fd` becomes readable when a child ends. A process has at most one reaper."""

    def __init__(self) -> None:
        self.fd, write = os.pipe()
        for fd in (self.fd, write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(write)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # without a handler nothing is written to the pipe

    def drain(self) -> None:
        """Empty the pipe, so that `fd` becomes readable only at the next signal."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 4096)

    def ended(self) -> Iterator[tuple[int, int]]:
        """Every child that has ended and was not reaped yet: its pid and wait status. Does not block."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:  # there are no children
                return
            if pid == 0:  # all children are still running
                return
            yield pid, status


def reset_signals() -> None:
    """In a child: undo the signal handling of the parent."""
    signal.set_wakeup_fd(-1)
    for name in ("SIGCHLD", "SIGTERM", "SIGINT"):
        if hasattr(signal, name):  # Windows has no SIGCHLD
            signal.signal(getattr(signal, name), signal.SIG_DFL)
