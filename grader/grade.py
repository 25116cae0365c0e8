"""Grade a submission: a folder with an `exercises/` tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from grader.errors import KoansError
from grader.runner import Runner
from grader.sandbox.confine import in_words, trusted
from grader.targets import Target
from grader.verdict import Verdict
from grader.workbook import Workbook

SCHEMA = 1


class Graded(msgspec.Struct, frozen=True):
    """One koan's verdict and what it earns."""

    points: int
    earned: int
    verdict: Verdict


class Grade(msgspec.Struct, frozen=True):
    """A submission's result. `isolation` says in words what stood between the submission and the grader, `trusted`
    whether that is enough for a stranger's code.
    """

    submission: str
    seed: int
    points: int
    earned: int
    isolation: str
    trusted: bool
    koans: tuple[Graded, ...]
    schema: int = SCHEMA


def grade(
    workbook: Workbook,
    folder: Path,
    runner: Runner,
    *,
    seed: int = 0,
    tick: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Grade:
    """A verdict per koan of our list; files that are no koan's are ignored. Raises KoansError if nothing is there."""
    if not (folder / "exercises").is_dir():
        raise KoansError(f"{folder}: has no exercises/ folder; give the root of a submission")
    level = runner.level()
    target = Target("path", str(folder.resolve()))
    order = list(workbook.koans.values())
    graded: dict[str, Graded] = {}
    for verdict in runner.run_many([(koan, target) for koan in order], seed=seed):
        koan = workbook.koans[verdict.koan]
        graded[koan.id] = Graded(koan.points, koan.points if verdict.passed else 0, verdict)
        tick(len(graded), len(order), koan.id)
    results = tuple(graded[koan.id] for koan in order)
    total, earned = sum(g.points for g in results), sum(g.earned for g in results)
    return Grade(folder.resolve().name, seed, total, earned, in_words(level), trusted(level), results)
