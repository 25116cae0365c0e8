"""A race: contestants take turns in one process. Each call gets fresh inputs, and each output is checked.

A clock that drifts, a GPU that warms up, or another user thus slows all contestants alike. The result is the median of
single calls and their spread, never the best of many.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from grader.gpu.failures import one_line

ROUNDS = 15
WARM = 2  # rounds that run first and do not count


class OutOfMemory(Exception):
    """A contestant does not fit into the device's memory. This is a result, not a failure."""


class Contestant(Protocol):
    """Something to time. `how` is the way its calls are timed: "CUDA graph", "events" or "clock"."""

    name: str
    how: str

    def prepare(self, seed: int) -> None:
        """Make fresh inputs, clear the outputs and flush the caches. Raises OutOfMemory."""

    def call(self) -> float:
        """Time one call, in milliseconds. Raises OutOfMemory."""

    def wrong(self) -> str:
        """What is wrong with the output of the last call, or an empty string."""


class Times(msgspec.Struct, frozen=True):
    """The times of one contestant's calls, in milliseconds, in order.

    If there are none, one of these says why: `lack` (it does not fit into memory), `error` (it does not run) or `wrong`
    (its output is wrong).
    """

    name: str
    ms: tuple[float, ...] = ()
    lack: str = ""
    wrong: str = ""
    how: str = ""
    error: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.ms)

    @property
    def spread(self) -> float:
        """Half the interquartile range, relative to the median."""
        if len(self.ms) < 4:
            return 0.0
        low, _, high = statistics.quantiles(self.ms, n=4)
        return (high - low) / 2 / self.median

    def above(self, floor: float) -> Times:
        """The same without the times below `floor` (milliseconds), which cannot be true."""
        return msgspec.structs.replace(self, ms=tuple(t for t in self.ms if t >= floor))


def order(turn: int, names: Sequence[str]) -> list[str]:
    """The order of the contestants in a round. Each goes first equally often; every second round is reversed."""
    start = turn // 2 % max(1, len(names))
    rotated = [*names[start:], *names[:start]]
    return rotated if turn % 2 == 0 else rotated[::-1]


def race(
    contestants: Sequence[Contestant],
    *,
    rounds: int = ROUNDS,
    warm: int = WARM,
    tick: Callable[[int, int], None] = lambda done, of: None,
    alive: Callable[[], bool] = lambda: True,
) -> Iterator[list[Times]]:
    """Time all contestants in turns. Yields the times after every round that counts, so a caller may stop early.

    A contestant that runs out of memory, raises an error or gives a wrong output leaves the race, and the others go on.
    If the device is no longer `alive` after an error, the race ends. `tick(done, of)` is called after each round.
    """
    by_name = {c.name: c for c in contestants}
    results = {c.name: Times(c.name) for c in contestants}
    for turn in range(-warm, rounds):
        for name in order(turn + warm, list(by_name)):
            contestant = by_name[name]
            try:
                contestant.prepare(seed=turn + warm + 1)
                ms = contestant.call()
                wrong = contestant.wrong()
            except OutOfMemory as error:
                results[name] = Times(name, lack=str(error) or "out of memory")
                del by_name[name]
                continue
            except Exception as error:
                results[name] = Times(name, error=one_line(error))
                del by_name[name]
                if not alive():
                    lost = f"the GPU was lost while {name} ran"
                    results |= {other: msgspec.structs.replace(results[other], error=lost) for other in by_name}
                    yield list(results.values())
                    return
                continue
            if wrong:
                results[name] = Times(name, wrong=wrong, how=contestant.how)
                del by_name[name]
            elif turn >= 0:
                results[name] = msgspec.structs.replace(results[name], ms=(*results[name].ms, ms), how=contestant.how)
        tick(turn + warm + 1, rounds + warm)
        if turn >= 0:
            yield list(results.values())
        if not by_name:
            yield list(results.values())
            return
