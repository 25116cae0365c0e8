"""Which failures the machine may have caused, and not the code under test. A verdict that rests on one is not cached.

It lacked memory, threads, files or disk space, or a process did not answer in time. The same text may pass in the next
run. When in doubt the machine is blamed: then the koan is run again, and nothing else happens.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator


class MachineError(RuntimeError):
    """Something beside the code under test failed, such as the process that compiles kernels. The text says what."""


_KINDS = (OSError, MemoryError, subprocess.SubprocessError, MachineError)
# An error of C code often has its reason in the text only. torch and Python also have words of their own.
_TEXTS = (
    *map(os.strerror, (errno.EAGAIN, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EIO)),
    "allocate memory",
    "out of memory",
    "bad_alloc",
    "start new thread",
)


def by_machine(error: BaseException) -> bool:
    """Whether the machine may have caused this error, or one that it comes from."""
    return any(
        isinstance(one, _KINDS)
        or type(one).__name__.startswith("Flaky")  # hypothesis: the same input failed at first and then passed
        or any(text in str(one) for text in _TEXTS)
        for one in _chain(error, set())
    )


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """The error, those that it comes from, and those that it groups."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for other in (error.__cause__, error.__context__, *getattr(error, "exceptions", ())):
        if isinstance(other, BaseException):
            yield from _chain(other, seen)
