"""What `grade_all` needs of an engine. The runner of one machine is one; `DaskEngine` is the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import msgspec

from grader.book.verdict import Verdict
from grader.book.workbook import Koan
from grader.judge.runner import Limits
from grader.judge.sandbox.confine import Level
from grader.judge.targets import Target


class Ungraded(msgspec.Struct, frozen=True):
    """A submission (an id) that an engine gave up, and why. It gets no more verdicts."""

    submission: str
    problem: str


class Engine(Protocol):
    """Computes verdicts on submissions."""

    limits: Limits

    @property
    def device(self) -> str:
        """The names of the GPUs and CPUs that the verdicts come from."""

    def level(self) -> Level:
        """What separates the code under test from the grader."""

    def run_many(
        self,
        pairs: Iterable[tuple[Koan, Target]],
        *,
        seed: int | Callable[[str], int] = 0,
        parallel: int | None = None,
    ) -> Iterator[Verdict | Ungraded]:
        """A verdict for each pair, in the order the runs end. The pairs of one submission come one after another.

        `seed` may be a function of the submission's id.

        An iterator is read no further than there is room for runs. Raises KoansError if nothing can run.
        """
