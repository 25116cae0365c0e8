"""Minutes that koans take: an estimate for each, and how a learner's own times compare with it.

Nobody has measured how long people take. The estimate is a formula over what every edition has.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping

import msgspec

from grader.book.stubs import stub_of
from grader.book.workbook import Koan, Workbook
from grader.learn.first_solve import FirstSolve, first_solves
from grader.learn.progress import Progress

WORDS = 100.0  # words of a stub in a minute: half the speed of reading prose, because a learner reads it twice
PER_POINT = 6.0  # minutes to write and correct an answer, for each of its points, which say how hard the koan is
KERNEL = 2.0  # times as long for a kernel
PRIOR = 4.0  # koans after which a learner's own times weigh as much as the estimate
RAPID = 0.1  # of the estimate: a faster pass is no work at the koan, but an answer that was there already


class Pace(msgspec.Struct, frozen=True):
    """How a learner's times compare with the estimates: `factor` times as long, from this number of `koans`."""

    factor: float = 1.0
    koans: int = 0


class Times(msgspec.Struct, frozen=True):
    """The estimated minutes of each koan, by id, and the learner's pace."""

    estimated: dict[str, int]
    pace: Pace

    def of(self, koan: str) -> float:
        """The minutes that this koan takes at the learner's pace."""
        return self.pace.factor * self.estimated[koan]


def estimated(workbook: Workbook, koan: Koan) -> int:
    """The estimated minutes from reading the koan to its pass: time to read the stub, and time for each point.

    Raises KoansError if the koan has no stub.
    """
    write = PER_POINT * koan.points * (KERNEL if koan.kind == "kernel" else 1.0)
    return round(len(stub_of(workbook, koan).split()) / WORDS + write)


def times(workbook: Workbook, progress: Progress) -> Times:
    """The times of all koans for this learner. Raises KoansError as `estimated` does."""
    estimates = {koan.id: estimated(workbook, koan) for koan in workbook.koans.values()}
    return Times(estimates, pace(estimates, first_solves(progress.activities()).values()))


def pace(estimates: Mapping[str, int], solves: Iterable[FirstSolve]) -> Pace:
    """The pace of a learner with these first passes. `estimates` are in minutes, by koan.

    Times at tasks are modeled as lognormal: the log of a time is what the task asks for, minus how fast the person is,
    plus noise (van der Linden 2006, J. Educ. Behav. Stat. 31, 181). So the learner's own factor is the median of
    log(time / estimate), which a few odd times do not move. With n koans it counts n / (n + PRIOR) (Bühlmann 1967,
    ASTIN Bulletin 4, 199), and the estimate counts the rest. PRIOR is the variance of one learner's koans around the
    estimate over the variance between learners. We assume that the first spread is twice the second, so PRIOR is 4.

    Left out are passes whose beginning is not in the log, passes after a look at the solution, and rapid ones (by a
    share of the usual time, as in the normative threshold of Wise & Ma 2012).
    """
    ratios = [
        solve.seconds / (60.0 * estimates[solve.koan])
        for solve in solves
        if solve.timed and not solve.peeked and solve.koan in estimates
    ]
    logs = [math.log(ratio) for ratio in ratios if ratio >= RAPID]
    if not logs:
        return Pace()
    return Pace(math.exp(len(logs) / (len(logs) + PRIOR) * statistics.median(logs)), len(logs))
