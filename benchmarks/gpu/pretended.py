"""A worker that pretends to have a GPU: `python -m benchmarks.gpu.pretended`. It reads jobs and writes reports.

Kernels go through Triton's real JIT with a fake driver: arguments are bound, signatures are made, and each kernel is
compiled for an H100. Nothing is launched, so outputs of kernels are not checked, and times mean nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from grader.gpu import worker
from grader.gpu.contestants import KernelContestant
from grader.gpu.devices import Facts
from grader.gpu.job import Kernels
from grader.gpu.machine import Host

NAME = "pretended H100: nothing ran"


class Driver:
    """A fake driver: it answers what Triton's JIT asks before it launches a kernel."""

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_current_target(self) -> Any:
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", 90, 32)

    def get_active_torch_device(self) -> Any:
        import torch

        return torch.device("cpu")


class CompiledOnly:
    """A kernel that is compiled for its arguments and not launched."""

    def __init__(self, jitted: Any) -> None:
        self.jitted = jitted

    def __getitem__(self, grid: Any) -> Any:
        return lambda *args, **named: self.jitted.run(*args, grid=grid, warmup=True, **named)


class UncheckedContestant(KernelContestant):
    """A contestant whose output was not computed, so it is not checked."""

    def wrong(self) -> str:
        return ""


class PretendedGpu(Host):
    """This CPU, under a name and with a timer that say that nothing ran on a GPU."""

    timer = "pretended"

    def facts(self) -> Facts:
        return msgspec.structs.replace(super().facts(), name=NAME)


def compiled_only(kernels: Kernels) -> dict[str, Any]:
    """The kernels by name, to be compiled and not launched."""
    return {name: CompiledOnly(function) for name, function in worker.jitted(kernels).items()}


def start() -> tuple[PretendedGpu, str]:
    import torch
    from triton.runtime import driver

    torch.set_num_threads(1)
    driver.set_active(Driver())
    return PretendedGpu(), ""


if __name__ == "__main__":
    worker.serve(start, functions=compiled_only, contestant=UncheckedContestant)
