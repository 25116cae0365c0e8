"""Compares what the machine computes with numpy's float64, each rounding written out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.fuzz.tiles.exact import FORMATS, INTS, ulps
from tests.fuzz.tiles.machine import compute
from tests.fuzz.tiles.value_programs import KINDS, Check, ValueProgram, value_program


@dataclass(frozen=True)
class Difference:
    kind: str
    seed: str
    program: ValueProgram
    what: str

    def __str__(self) -> str:
        return f"{self.kind}, seed {self.seed}: {self.what}\n{self.program.source}"


def compare(kind: str, seed: int, count: int, outcomes: Counter[str]) -> Iterator[Difference]:
    """The differences among programs of a kind and a seed. `outcomes` counts what happened."""
    for i in range(count):
        one = f"{seed} {i}"
        made = value_program(kind, one)
        try:
            found = compute(made)
        except Exception as error:
            yield Difference(kind, one, made, f"the machine raises {type(error).__name__}: {error}")
            continue
        outcomes[f"{kind}: programs"] += 1
        outcomes[f"{kind}: tiles compared"] += len(found)
        what = next((w for c, x in zip(made.checks, found, strict=True) if (w := difference(c, x))), "")
        if what:
            yield Difference(kind, one, made, what)


def difference(check: Check, found: Any) -> str:
    """What is wrong with a result, or an empty string."""
    kind, wanted = check.value.kind, check.value.data
    if kind in INTS:
        wrong = found != wanted
    elif check.within is not None:
        with np.errstate(invalid="ignore"):
            wrong = ~(np.abs(found - wanted) <= np.broadcast_to(check.within, wanted.shape))
    elif check.ulps:
        wrong = ulps(found, wanted, kind) > check.ulps
    else:
        same = (found == wanted) & (np.signbit(found) == np.signbit(wanted))
        wrong = ~(same | (np.isnan(found) & np.isnan(wanted)))
    if not wrong.any():
        return ""
    at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    place = [int(i) for i in at]
    return f"`{check.line}` gives {found[at]!r} and not {wanted[at]!r} at {place}, {int(wrong.sum())} of {wrong.size} elements ({kind})"


__all__ = ["FORMATS", "KINDS", "Difference", "compare", "difference"]
