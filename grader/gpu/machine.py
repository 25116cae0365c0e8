"""The machines that contestants run on: a CUDA device or this CPU, with the same interface."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from grader.gpu.devices import Facts
from grader.gpu.timing import OutOfMemory

if TYPE_CHECKING:
    import torch


class Machine(Protocol):
    """A machine. `device` is torch's name for it; `timer` is the way that uncaptured calls are timed."""

    device: str
    timer: str

    def facts(self) -> Facts: ...

    def flush(self) -> None:
        """Remove from the caches what the next call will read."""

    def capture(self, fn: Callable[[], None]) -> tuple[Callable[[], None], str]:
        """`fn` in the form that costs least to start, and the way that form is timed. Raises OutOfMemory."""

    def timed(self, fn: Callable[[], None]) -> float:
        """Run `fn`; return its milliseconds. Raises OutOfMemory."""

    def alive(self) -> bool:
        """Does the device still work? After a stray address CUDA does not."""


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that matter for speed."""
    installed = {"python": platform.python_version()}
    for name in ("torch", "triton", "numpy"):
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed[name] = "none"
    return installed


class Host:
    """This CPU. Tests replace its clock."""

    device, timer = "cpu", "clock"

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock

    def facts(self) -> Facts:
        return Facts(f"CPU ({platform.machine()}, {os.cpu_count()} cores)", versions=versions())

    def flush(self) -> None:
        """Nothing to do: inputs are fresh. CPUs have too many kinds of caches to promise more."""

    def capture(self, fn: Callable[[], None]) -> tuple[Callable[[], None], str]:
        return fn, self.timer

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
    """The current CUDA device. Only the worker creates one."""

    device, timer = "cuda", "events"

    def __init__(self) -> None:
        import torch

        self.properties: Any = torch.cuda.get_device_properties(0)
        # At least twice the size of L2, so that writing it evicts everything else.
        size = max(256 << 20, 2 * self.properties.L2_cache_size)
        self.filler = torch.empty(size, dtype=torch.int8, device="cuda")

    def facts(self) -> Facts:
        import torch

        all_versions = versions() | {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}  # type: ignore[no-untyped-call]
        p = self.properties
        return Facts(p.name, (p.major, p.minor), p.multi_processor_count, p.total_memory, p.L2_cache_size, all_versions)

    def flush(self) -> None:
        self.filler.zero_()

    def capture(self, fn: Callable[[], None]) -> tuple[Callable[[], None], str]:
        """A CUDA graph if the code can be captured, because then no Python runs in the timed part."""
        import torch

        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):  # compiles, allocates and picks algorithms, which a capture does not allow
                self._guarded(fn)
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                fn()
        except torch.OutOfMemoryError:
            raise OutOfMemory("out of memory") from None
        except RuntimeError:  # it cannot be captured
            torch.cuda.synchronize()
            return fn, self.timer
        return graph.replay, "CUDA graph"

    def timed(self, fn: Callable[[], None]) -> float:
        import torch

        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
        torch.cuda._sleep(1_000_000)  # type: ignore[no-untyped-call]  # the device waits half a millisecond, while the calls below are queued
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
    """torch's dtype of this name."""
    import torch

    torch_dtype = getattr(torch, name)
    assert isinstance(torch_dtype, torch.dtype)
    return torch_dtype
