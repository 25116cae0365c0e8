"""How much memory a call may take: a limit that the operating system enforces, since a measurement can be cheated."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from grader.book import heap


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
            raise TooMuchMemory(f"needed more than {memory / 2**20:g} MiB in addition to its inputs") from None
        raise


def _limited_here(fn: Callable[..., Any], memory: int) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with soft_limit(memory):
            return fn(*args, **kwargs)

    return call


@contextlib.contextmanager
def soft_limit(memory: int) -> Iterator[None]:
    """Lower the limit of this process within the block, where the system has one."""
    if not heap.can_limit():
        yield
        return
    with heap.exact(), heap.limit(heap.mapped() + memory):
        yield
