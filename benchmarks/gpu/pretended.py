"""A worker that pretends to have a GPU: `python -m benchmarks.gpu.pretended`, a Job a line in, Reports out.

Kernels go through Triton's real JIT with a driver that is none: arguments are bound, signatures made, and each kernel
is compiled for an H100. Nothing is launched, so no output of a kernel is looked at, and times say nothing.
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
    """What Triton's JIT asks a driver for before it launches anything."""

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


class Walked:
    """A kernel that is compiled for the arguments it is given, and not launched."""

    def __init__(self, jitted: Any) -> None:
        self.jitted = jitted

    def __getitem__(self, grid: Any) -> Any:
        return lambda *args, **named: self.jitted.run(*args, grid=grid, warmup=True, **named)


class Pretender(KernelContestant):
    """A contestant whose output nobody computed."""

    def wrong(self) -> str:
        return ""


class Pretended(Host):
    """This processor, under a name that is no device's and with a clock that says what it is."""

    plain = "pretended"

    def facts(self) -> Facts:
        return msgspec.structs.replace(super().facts(), name=NAME)


def walked(kernels: Kernels) -> dict[str, Any]:
    return {name: Walked(function) for name, function in worker.jitted(kernels).items()}


def start() -> tuple[Pretended, str]:
    import torch
    from triton.runtime import driver

    torch.set_num_threads(1)
    driver.set_active(Driver())
    return Pretended(), ""


if __name__ == "__main__":
    worker.serve(start, functions=walked, made=Pretender)
