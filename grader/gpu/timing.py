"""A race: contestants take turns in one session, each call on fresh inputs, each output looked at.

A clock that drifts, a GPU that warms up or another user slow all contestants alike. What is reported is the median of
single calls and their spread, never a best of many.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from grader.gpu.failures import told

ROUNDS = 15
WARM = 2  # rounds that are run and not counted


class OutOfMemory(Exception):
    """A contestant does not fit into the device's memory. That is a result."""


class Contestant(Protocol):
    """Something to time. `how` its calls are timed: "CUDA graph", "events" or "clock"."""

    name: str
    how: str

    def prepare(self, seed: int) -> None:
        """Fresh inputs, outputs emptied, caches flushed. Raises OutOfMemory."""

    def call(self) -> float:
        """Milliseconds of one call. Raises OutOfMemory."""

    def wrong(self) -> str:
        """What is wrong with the output of the last call, or an empty string."""


class Times(msgspec.Struct, frozen=True):
    """One contestant's calls, in milliseconds, in the order they were made.

    Why there are none: `lack` (it does not fit into memory: a result), `error` (it does not run) or `wrong` (its output
    is).
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
        """Half the range of the middle half, relative to the median."""
        if len(self.ms) < 4:
            return 0.0
        low, _, high = statistics.quantiles(self.ms, n=4)
        return (high - low) / 2 / self.median

    def above(self, floor: float) -> Times:
        """Without the times that no device of this kind could do."""
        return msgspec.structs.replace(self, ms=tuple(t for t in self.ms if t >= floor))


def order(turn: int, names: Sequence[str]) -> list[str]:
    """Who goes when in this round: each goes first equally often, and every other round runs backwards."""
    start = turn // 2 % max(1, len(names))
    turned = [*names[start:], *names[:start]]
    return turned if turn % 2 == 0 else turned[::-1]


def race(
    contestants: Sequence[Contestant],
    *,
    rounds: int = ROUNDS,
    warm: int = WARM,
    tick: Callable[[int, int], None] = lambda done, of: None,
    alive: Callable[[], bool] = lambda: True,
) -> Iterator[list[Times]]:
    """Time all of them in turns; yields what there is after every counted round, so that one may stop early.

    Who runs out of memory, raises an error or gives a wrong output is out of the race; the rest go on, unless the error
    took the device with it, so that it is no longer `alive`.
    """
    by_name = {c.name: c for c in contestants}
    found = {c.name: Times(c.name) for c in contestants}
    for turn in range(-warm, rounds):
        for name in order(turn + warm, list(by_name)):
            one = by_name[name]
            try:
                one.prepare(seed=turn + warm + 1)
                ms = one.call()
                wrong = one.wrong()
            except OutOfMemory as error:
                found[name] = Times(name, lack=str(error) or "out of memory")
                del by_name[name]
                continue
            except Exception as error:
                found[name] = Times(name, error=told(error))
                del by_name[name]
                if not alive():
                    lost = f"the GPU was lost while {name} ran"
                    found |= {other: msgspec.structs.replace(found[other], error=lost) for other in by_name}
                    yield list(found.values())
                    return
                continue
            if wrong:
                found[name] = Times(name, wrong=wrong, how=one.how)
                del by_name[name]
            elif turn >= 0:
                found[name] = msgspec.structs.replace(found[name], ms=(*found[name].ms, ms), how=one.how)
        tick(turn + warm + 1, rounds + warm)
        if turn >= 0:
            yield list(found.values())
        if not by_name:
            yield list(found.values())
            return
