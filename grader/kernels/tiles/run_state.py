"""The state of one run of a launch: its memory, which programs are active, what is counted, what it may still cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from grader.kernels.tiles.accesses import Access
from grader.kernels.tiles.counts import Coverage
from grader.kernels.tiles.findings import OutOfBudget
from grader.kernels.tiles.memory import Argument, Memory
from grader.kernels.tiles.tile import HELD, PROGRAM_AXES, Array

Grid = tuple[int, int, int]
STEP_COST = 15_000  # what one operation costs beside its elements: about the nanoseconds that numpy needs to start
BUDGET = 1_500_000_000  # elements and operations of a launch, about as many nanoseconds
LARGEST_VALUE = 1 << 21  # elements of a tile for all programs that run together; more programs go in several chunks
MOST_BYTES = 256 << 20  # of all tiles that are held at one time; an operation needs some times its result beside them
PART_COST = 1_500  # what a part of an expression costs beside its elements
STATEMENT_COST = 3_000
VARIABLE_COST = 150  # of each variable, where a branch or a pass of a loop looks at all of them


class TooManyPrograms(Exception):
    """The programs that run together need too large arrays: run fewer of them at a time."""


@dataclass
class RunState:
    """One run of a launch.

    `first` is the first program of the chunk that runs, `programs` how many there are along each axis. `active` says
    which of them execute the current statement, (a, b, c) or with axes of length 1; None: all.
    """

    kernel: str
    grid: Grid
    memory: Memory
    tracked: frozenset[int] = frozenset()  # buffers whose readers are noted too, by id
    keeps_accesses: bool = False
    budget: int = BUDGET
    undefined_from: int | None = None  # the one line whose loads leave lanes undefined; None: any
    first: Grid = (0, 0, 0)
    programs: Grid = (1, 1, 1)
    active: Array | None = None
    line: int = 0
    step: int = 0
    spent: int = 0
    flops: int = 0
    fp32_flops: int = 0
    has_atomics: bool = False
    combines: bool = False  # the function of a reduction or a scan runs, which knows no memory and no programs
    loaded: Counter[str] = field(default_factory=Counter)  # bytes by argument
    stored: dict[str, Coverage] = field(default_factory=dict)  # how often each element was stored to, by argument
    operations: Counter[str] = field(default_factory=Counter)
    accesses: list[Access] = field(default_factory=list)
    access_bytes: int = 0
    held_before: int = field(default_factory=lambda: HELD.bytes)
    origins: dict[int, str] = field(default_factory=dict)  # lines that left values undefined, and of which argument

    @property
    def count(self) -> int:
        """How many programs run together."""
        a, b, c = self.programs
        return a * b * c

    @property
    def is_idle(self) -> bool:
        """Is no program active? Then statements are checked and change nothing."""
        return self.active is not None and not self.active.any()

    def pay(self, cost: int) -> None:
        """Pay for work that is no operation. Raises OutOfBudget."""
        self.spent += cost
        if self.spent > self.budget:
            self._stop()

    def _stop(self) -> NoReturn:
        raise OutOfBudget(
            f"{self.kernel} takes too many steps: does every loop end, and is its number of iterations right?",
            (self.kernel, "budget"),
        )

    def charge(self, elements: int, times: int = 1) -> None:
        """Count the cost of an operation. Raises OutOfBudget or TooManyPrograms."""
        self.spent += STEP_COST + elements * times
        if self.spent > self.budget:
            self._stop()
        if elements > LARGEST_VALUE and self.count > 1:
            raise TooManyPrograms
        held = HELD.bytes - self.held_before + self.access_bytes
        if held > MOST_BYTES:
            if self.count > 1:
                raise TooManyPrograms
            raise OutOfBudget(
                f"{self.kernel}: its tiles take {held >> 20} MiB together: make the blocks smaller",
                (self.kernel, "memory"),
            )

    def charge_choice(self, values: int) -> None:
        """Pay for a branch or a pass of a loop, which looks at so many variables."""
        programs = 1 if self.active is None else self.active.size
        self.pay(STEP_COST + 4 * programs + values * VARIABLE_COST)

    def note_store(self, argument: Argument, positions: Array) -> None:
        """Count stores to elements of an argument."""
        if argument.name not in self.stored:
            self.stored[argument.name] = Coverage(argument)
        self.stored[argument.name].mark(positions)

    def numbers(self) -> Array:
        """The numbers of the programs that run, (a, b, c)."""
        axes = np.ix_(*(np.arange(f, f + n) for f, n in zip(self.first, self.programs, strict=True)))
        _, ny, nz = self.grid
        numbers: Array = (axes[0] * ny + axes[1]) * nz + axes[2]
        return numbers.astype(np.int32)

    def lanes(self, mask: Array | None, rank: int) -> Array | None:
        """The lanes of `mask` (with program axes in front) in active programs; None: all."""
        if self.active is None:
            return mask
        active = self.active.reshape(self.active.shape + (1,) * rank)
        return active if mask is None else mask & active

    def program_at(self, index: tuple[int, ...]) -> Grid:
        """The place in the grid of the program at an index of an array with program axes in front."""
        x, y, z = (f + int(i) for f, i in zip(self.first, index[:PROGRAM_AXES], strict=True))
        return x, y, z
