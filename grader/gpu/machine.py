"""Where contestants run: a CUDA device, or this processor. The same few verbs for both."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from grader.gpu.devices import Facts
from grader.gpu.timing import OutOfMemory

if TYPE_CHECKING:
    import torch


class Machine(Protocol):
    """Where things run. `device` as torch names it, `plain` how calls are timed that cannot be captured."""

    device: str
    plain: str

    def facts(self) -> Facts: ...

    def flush(self) -> None:
        """Empty the caches of what the next call will read."""

    def capture(self, fn: Callable[[], None]) -> tuple[Callable[[], None], str]:
        """`fn` in the form in which it costs least to start, and how it is timed then. Raises OutOfMemory."""

    def timed(self, fn: Callable[[], None]) -> float:
        """Milliseconds that `fn` takes. Raises OutOfMemory."""

    def alive(self) -> bool:
        """Does it still run anything? After a stray address CUDA does not."""


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("torch", "triton", "numpy"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "none"
    return found


class Host:
    """This processor, by a clock that can be replaced."""

    device, plain = "cpu", "clock"

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock

    def facts(self) -> Facts:
        import os

        return Facts(f"CPU ({platform.machine()}, {os.cpu_count()} cores)", versions=versions())

    def flush(self) -> None:
        """Inputs are fresh, and there are too many kinds of caches to promise more."""

    def capture(self, fn: Callable[[], None]) -> tuple[Callable[[], None], str]:
        return fn, self.plain

    def timed(self, fn: Callable[[], None]) -> float:
        start = self.clock()
        try:
            fn()
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
                raise OutOfMemory("out of memory") from None
            raise
        return 1e3 * (self.clock() - start)

    def alive(self) -> bool:
        return True


class Cuda:
    """The current CUDA device. Made in the worker alone."""

    device, plain = "cuda", "events"

    def __init__(self) -> None:
        import torch

        self.properties: Any = torch.cuda.get_device_properties(0)
        # Twice L2 and more: what was read or written before is not in it afterwards.
        size = max(256 << 20, 2 * self.properties.L2_cache_size)
        self.filler = torch.empty(size, dtype=torch.int8, device="cuda")

    def facts(self) -> Facts:
        import torch

        found = versions() | {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}  # type: ignore[no-untyped-call]
        p = self.properties
        return Facts(p.name, (p.major, p.minor), p.multi_processor_count, p.total_memory, p.L2_cache_size, found)

    def flush(self) -> None:
        self.filler.zero_()

    def capture(self, fn: Callable[[], None]) -> tuple[Callable[[], None], str]:
        """A CUDA graph where the code lets itself be captured: then Python is out of the timed part."""
        import torch

        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):  # compiles, allocates, picks algorithms: none of it may happen in a capture
                self._guarded(fn)
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                fn()
        except torch.OutOfMemoryError:
            raise OutOfMemory("out of memory") from None
        except RuntimeError:  # something in it cannot be captured
            torch.cuda.synchronize()
            return fn, self.plain
        return graph.replay, "CUDA graph"

    def timed(self, fn: Callable[[], None]) -> float:
        import torch

        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
        torch.cuda._sleep(1_000_000)  # type: ignore[no-untyped-call]  # half a ms in which the calls below are queued
        start.record()
        self._guarded(fn)
        end.record()
        torch.cuda.synchronize()
        return float(start.elapsed_time(end))

    def alive(self) -> bool:
        import torch

        try:
            torch.cuda.synchronize()
        except RuntimeError:
            return False
        return True

    def _guarded(self, fn: Callable[[], None]) -> None:
        import torch

        try:
            fn()
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            raise OutOfMemory("out of memory") from None


def dtype(name: str) -> torch.dtype:
    import torch

    found = getattr(torch, name)
    assert isinstance(found, torch.dtype)
    return found
