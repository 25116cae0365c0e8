"""What client and worker say to each other: one JSON object a line."""

from __future__ import annotations

from typing import Any

import msgspec

from grader.gpu.devices import Facts
from grader.gpu.timing import ROUNDS, WARM, Times


class Input(msgspec.Struct, frozen=True):
    """A tensor argument: normal numbers of this shape, drawn anew for every call."""

    shape: tuple[int, ...]
    dtype: str = "bfloat16"


def like(*shape: int, dtype: str = "bfloat16") -> Input:
    return Input(shape, dtype)


class Kernels(msgspec.Struct, frozen=True):
    """A learner's kernels: texts that were checked, by the names of the kernels each is to give, and literal numbers.

    `choices` override `config`; the fastest that is right is timed. `only`: the kernels that count (empty: all).
    """

    name: str
    oracle: str  # "reference.ch13_triton.flash_forward:flash_forward"
    sources: dict[str, str]
    config: dict[str, Any]
    choices: tuple[dict[str, Any], ...] = ()
    only: tuple[str, ...] = ()


class RaceJob(msgspec.Struct, frozen=True):
    """One race: kernels and baselines of an oracle, on inputs of these shapes.

    Without an oracle there is no race, and the report says what the device is.
    """

    oracle: str
    inputs: tuple[Input, ...]
    baselines: tuple[str, ...]
    kernels: tuple[Kernels, ...] = ()
    rounds: int = ROUNDS
    warm: int = WARM


class RaceReport(msgspec.Struct, frozen=True):
    """What came of it. `lack`: why this device is not timed. `chosen`: the CONFIG timed, by contestant.

    `flops` and `loads` (bytes) are what any way must do, and `floor` the milliseconds below which no time is believed.
    `picks` is said for a job without an oracle. `broken`: CUDA does nothing more in that process.
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
