"""The messages between client and worker: one JSON object a line."""

from __future__ import annotations

from typing import Any

import msgspec

from grader.gpu.devices import Facts
from grader.gpu.timing import ROUNDS, WARM, Times


class Input(msgspec.Struct, frozen=True):
    """A tensor argument: normal random numbers of this shape, fresh for every call."""

    shape: tuple[int, ...]
    dtype: str = "bfloat16"


def like(*shape: int, dtype: str = "bfloat16") -> Input:
    """Describes a tensor argument for `fast`. `dtype` is the name of a dtype of torch."""
    return Input(shape, dtype)


class Kernels(msgspec.Struct, frozen=True):
    """A learner's kernels: the checked text of each, by name, and the literal CONFIG.

    `choices` override values of `config`; the fastest correct one is timed. `only`: the kernels that are timed (empty:
    all).
    """

    name: str
    oracle: str  # "reference.ch13_triton.flash_forward:flash_forward"
    sources: dict[str, str]
    config: dict[str, Any]
    choices: tuple[dict[str, Any], ...] = ()
    only: tuple[str, ...] = ()


class RaceJob(msgspec.Struct, frozen=True):
    """One race: kernels and baselines of an oracle, on inputs of these shapes.

    Without an oracle there is no race, and the report describes the device.
    """

    oracle: str
    inputs: tuple[Input, ...]
    baselines: tuple[str, ...]
    kernels: tuple[Kernels, ...] = ()
    rounds: int = ROUNDS
    warm: int = WARM


class RaceReport(msgspec.Struct, frozen=True):
    """The result of a job. `lack`: why this device is not timed. `chosen`: the CONFIG that was timed, by contestant.

    `flops` and `loads` (bytes) are the least work of any implementation. Times below `floor` (milliseconds) cannot be
    true. `picks` answers a job without an oracle: the backend that torch's attention picks, by case. `broken`: CUDA no
    longer works in that process.
    """

    facts: Facts
    times: tuple[Times, ...] = ()
    floor: float = 0.0
    lack: str = ""
    error: str = ""
    chosen: dict[str, dict[str, Any]] = {}
    flops: float = 0.0
    loads: float = 0.0
    picks: dict[str, str] = {}
    broken: bool = False
