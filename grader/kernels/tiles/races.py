"""Finds elements that two programs of one launch access without order, where at least one of them writes.

For each element of a buffer the last program to write it is noted, and, in a second run of a kernel that reads what it
writes, the programs that read it. An atomic operation can order programs, so nothing is noted after the first one.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from grader.kernels.tiles.findings import Race
from grader.kernels.tiles.memory import Argument, Buffer
from grader.kernels.tiles.tile import Array

NOBODY, MANY = -1, -2
Grid = tuple[int, int, int]


def _noted(buffer: Buffer, what: Literal["writers", "readers"]) -> Array:
    programs: Array | None = getattr(buffer, what)
    if programs is None:
        programs = np.full(buffer.data.size, NOBODY, dtype=np.int32)
        setattr(buffer, what, programs)
    return programs


def note_writes(argument: Argument, positions: Array, programs: Array, kernel: str, grid: Grid) -> None:
    """Note that programs (their numbers) write elements of an argument. Raises Race."""
    buffer, at = argument.buffer, positions + argument.first
    writers = _noted(buffer, "writers")
    before = writers[at]
    others = (before != NOBODY) & (before != programs)
    if others.any():
        raise _race(argument, positions, before, programs, others, "writes", "writes", kernel, grid)
    if buffer.readers is not None:
        readers = buffer.readers[at]
        others = (readers != NOBODY) & (readers != programs)
        if others.any():
            raise _race(argument, positions, programs, readers, others, "writes", "reads", kernel, grid)
    writers[at] = programs
    after = writers[at]
    others = after != programs
    if others.any():
        raise _race(argument, positions, programs, after, others, "writes", "writes", kernel, grid)


def note_values(argument: Argument, positions: Array, values: Array, programs: Array, kernel: str, grid: Grid) -> None:
    """Raises Race if lanes of one program have just written different values to one element."""
    kept = argument.buffer.data[positions + argument.first]
    lost = (kept != values) & ((kept == kept) | (values == values))
    if lost.any():
        i = int(np.argmax(lost))
        raise Race(
            f"{kernel}: program {program_of(int(programs[i]), grid)} writes different values to {argument.name} at "
            f"element {int(positions[i])} in one store: any of them may remain, so let one lane write each element",
            (kernel, argument.name, "race lanes"),
        )


def note_reads(argument: Argument, positions: Array, programs: Array, kernel: str, grid: Grid) -> None:
    """Note that programs read elements of an argument. Raises Race."""
    buffer, at = argument.buffer, positions + argument.first
    if buffer.writers is not None:
        before = buffer.writers[at]
        others = (before != NOBODY) & (before != programs)
        if others.any():
            raise _race(argument, positions, before, programs, others, "writes", "reads", kernel, grid)
    readers = _noted(buffer, "readers")
    before = readers[at]
    readers[at] = np.where((before == NOBODY) | (before == programs), programs, MANY)
    readers[at[readers[at] != programs]] = MANY


def program_of(number: int, grid: Grid) -> Grid:
    """A program's place in the grid from its number."""
    x, y, z = (int(i) for i in np.unravel_index(number, grid))
    return x, y, z


def _race(
    argument: Argument,
    positions: Array,
    one: Array,
    other: Array,
    where: Array,
    first: Literal["writes", "reads"],
    second: Literal["writes", "reads"],
    kernel: str,
    grid: Grid,
) -> Race:
    i = int(np.argmax(where))
    numbers = [int(np.broadcast_to(x, where.shape)[i]) for x in (one, other)]
    a, b = (f"program {program_of(n, grid)}" if n >= 0 else "another program" for n in numbers)
    element = f"{argument.name} at element {int(positions[i])}"
    if first == second:
        text = f"{kernel}: {a} and {b} both write {element}"
    else:
        text = f"{kernel}: {a} {first} {element}, and {b} {second} it in the same launch"
    advice = "programs run in any order, so only one program may use an element that is written"
    return Race(f"{text}: {advice}", (kernel, argument.name, f"race {second}"))
