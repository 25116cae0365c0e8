"""How much memory a call may take: a limit that the operating system enforces, since a measurement can be cheated."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


M_MMAP_THRESHOLD = -3  # of mallopt


class TooMuchMemory(MemoryError):
    """The call wanted more memory than the test allows."""


def limited(fn: Callable[..., Any], memory: int | None) -> Callable[..., Any]:
    """`fn` with a limit: it may map at most `memory` bytes beyond what its process has mapped. None: no limit.

    The limited function raises TooMuchMemory.
    """
    if memory is None:
        return fn
    # A function in the sandbox sets the limit in its own process.
    inner = fn.within(memory) if hasattr(fn, "within") else _limited_here(fn, memory)

    def call(*args: Any, **kwargs: Any) -> Any:
        return _with_clear_error(inner, args, kwargs, memory)

    return call


def _with_clear_error(fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], memory: int) -> Any:
    try:
        return fn(*args, **kwargs)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            raise TooMuchMemory(f"wanted more than {memory / 2**20:g} MiB beyond its inputs") from None
        raise


def _limited_here(fn: Callable[..., Any], memory: int) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with _soft_limit(memory):
            return fn(*args, **kwargs)

    return call


def _give_back() -> None:
    """Give freed memory back to the system. What the C library keeps, a call could use beyond its limit."""
    libc = ctypes.CDLL(None)
    with contextlib.suppress(AttributeError):  # another C library than glibc keeps less
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 20)  # from now on larger blocks are mapped, and unmapped when freed
        libc.malloc_trim(0)


@contextlib.contextmanager
def _soft_limit(memory: int) -> Iterator[None]:
    """Lower the limit of this process within the block. Without /proc (macOS) there is no limit."""
    if resource is None or not os.path.exists("/proc/self/statm"):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    _give_back()
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    wanted = mapped + memory
    resource.setrlimit(resource.RLIMIT_AS, (wanted if soft < 0 else min(wanted, soft), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
