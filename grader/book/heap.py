"""What the C library keeps of freed memory, so that a limit on addresses counts what is in use and nothing else.

glibc takes large blocks from its heap, too, once one of that size was freed. Freed ones leave gaps there. A gap is room
that no limit counts. And small blocks that stay in use split gaps, so that the heap grows by memory that is free.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt, see its manual page
BLOCK = 64 << 10  # bytes: a block of this size is mapped on its own, so it counts only while it is in use
LARGEST = 32 << 20  # bytes: glibc raises its own threshold up to this, as blocks are freed
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096  # bytes
MOST = 1 << 14  # blocks that fill gaps: 1 GiB. Where a system ignores the limit, there would be no end.


@contextlib.contextmanager
def exact() -> Iterator[None]:
    """Within the block, a limit on addresses counts blocks of BLOCK bytes and more exactly."""
    if not can_limit():
        yield
        return
    held = count_exactly()
    try:
        yield
    finally:
        free = ctypes.CDLL(None).free
        free.argtypes = [ctypes.c_void_p]
        for block in held:
            free(block)
        _set_thresholds(LARGEST, 2 * LARGEST)


def count_exactly() -> list[int]:
    """From now on, a limit on addresses counts blocks of BLOCK bytes and more exactly.

    Returns the addresses of the blocks that fill the gaps. Their memory is not touched.
    """
    if not can_limit():
        return []
    _set_thresholds(BLOCK, BLOCK)
    return _fill_gaps()


def can_limit() -> bool:
    """Whether this system counts addresses. macOS and Windows do not."""
    return resource is not None and os.path.exists("/proc/self/statm")


def mapped() -> int:
    """The bytes of address space that this process has."""
    file = os.open("/proc/self/statm", os.O_RDONLY)  # without Python's stream, since every call of an answer asks
    try:
        return int(os.read(file, 200).split()[0]) * PAGE
    finally:
        os.close(file)


@contextlib.contextmanager
def limit(most: int) -> Iterator[None]:
    """Within the block this process can have at most so many bytes of address space. A lower limit stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most if soft < 0 else min(most, soft), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _set_thresholds(map_from: int, trim_from: int) -> None:
    """A block of `map_from` bytes gets its own mapping. The heap shrinks once `trim_from` bytes at its end are free."""
    with contextlib.suppress(AttributeError):  # another C library than glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, map_from)
        mallopt(M_TRIM_THRESHOLD, trim_from)


def _fill_gaps() -> list[int]:
    """Allocate blocks until the next one would have to be mapped."""
    libc, blocks = ctypes.CDLL(None), list[int]()
    libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    with contextlib.suppress(AttributeError):  # another C library than glibc
        libc.malloc_trim(0)
    with limit(mapped()), contextlib.suppress(MemoryError):  # which the list itself may raise
        while len(blocks) < MOST and (block := libc.malloc(BLOCK)):
            blocks.append(block)
    return blocks
