"""Stops a command at a chosen moment: before the n-th change that it makes in the file system."""

import errno
import os
import signal
from collections.abc import Callable

from tests.conftest import Play

CALLS = ("mkdir", "open", "write", "rename", "unlink", "rmdir")


def stopped(play: Play, number: int, stop: Callable[[], object], *args: str) -> int:
    """Run a command in a fork of this process that calls `stop` before its n-th change of the file system.

    Returns its exit code, or the signal as a negative number.
    """
    child = os.fork()
    if child == 0:
        left = number

        def counted(name, real):
            def call(*given, **more):
                nonlocal left
                if name != "open" or given[1] & os.O_CREAT:
                    left -= 1
                    if left == 0:
                        stop()
                return real(*given, **more)

            return call

        for name in CALLS:
            setattr(os, name, counted(name, getattr(os, name)))
        code = 70
        try:
            code = play.says(*args).returncode
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def fill() -> None:
    """The disk is full."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
