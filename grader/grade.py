"""Grade a submission: a folder with an `exercises/` tree."""

from __future__ import annotations

import importlib.metadata
import platform
import time
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from grader.cards.proven import proven
from grader.gpu import device
from grader.runner import Runner
from grader.sandbox.confine import in_words, trusted
from grader.targets import Target
from grader.verdict import Status, Verdict, clean
from grader.workbook import Koan, Rung, Workbook

SCHEMA = 1


class Graded(msgspec.Struct, frozen=True):
    """One koan's verdict and what it earns. Points for `fast` stand apart: without a GPU nobody can earn them."""

    points: int
    earned: int
    verdict: Verdict
    rung: Rung
    fast_points: int = 0
    fast_earned: int = 0


class Grade(msgspec.Struct, frozen=True):
    """A submission's result. `isolation` says in words what stood between the submission and the grader, `trusted`
    whether that is enough for a stranger's code. `cards` are the ids of those proven. `problem` says why nothing could
    be graded. `started` is UTC, ISO 8601.
    """

    submission: str
    folder: str
    seed: int
    points: int
    earned: int
    isolation: str
    trusted: bool
    koans: tuple[Graded, ...]
    cards: tuple[str, ...]
    versions: dict[str, str]
    device: str
    started: str
    seconds: float
    problem: str = ""
    schema: int = SCHEMA


class Class(msgspec.Struct, frozen=True):
    """The results of a class, graded with one seed."""

    name: str
    seed: int
    grades: tuple[Grade, ...]
    schema: int = SCHEMA


def grade(
    workbook: Workbook,
    folder: Path,
    runner: Runner,
    *,
    seed: int = 0,
    tick: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Grade:
    """A verdict per koan of our list; files that are no koan's are ignored."""
    started, clock = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), time.monotonic()
    order = list(workbook.koans.values())
    level = runner.level()
    graded: dict[str, Graded] = {}
    problem = ""
    if not (folder / "exercises").is_dir():
        problem = f"{clean(str(folder))}: has no exercises/ folder; give the root of a submission"
    else:
        target = Target("path", str(folder.resolve()))
        for verdict in runner.run_many([(koan, target) for koan in order], seed=seed):
            graded[verdict.koan] = score(workbook.koans[verdict.koan], verdict)
            tick(len(graded), len(order), verdict.koan)
    results = tuple(graded[koan.id] for koan in order if koan.id in graded)
    return Grade(
        submission=clean(folder.resolve().name),
        folder=clean(str(folder)),
        seed=seed,
        points=sum(koan.points for koan in order),
        earned=sum(g.earned for g in results),
        isolation=in_words(level),
        trusted=trusted(level),
        koans=results,
        cards=proven(workbook, {g.verdict.koan: g.verdict for g in results}),
        versions=versions(workbook),
        device=device(),
        started=started,
        seconds=round(time.monotonic() - clock, 3),
        problem=problem,
    )


def score(koan: Koan, verdict: Verdict) -> Graded:
    """What a verdict earns."""
    fast = verdict.fast == Status.passed
    earned = koan.points if verdict.passed else 0
    return Graded(koan.points, earned, verdict, koan.rung, koan.fast_points, koan.fast_points if fast else 0)


def versions(workbook: Workbook) -> dict[str, str]:
    """Of what a verdict depends on. A package that is not there is left out."""
    project = tomllib.loads((workbook.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {"koans": project["version"], "python": platform.python_version()}
    for name in ("torch", "triton", "numpy"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def classroom(name: str, seed: int, grades: Sequence[Grade]) -> Class:
    """The grades of a class, in order of submission."""
    return Class(clean(name), seed, tuple(sorted(grades, key=lambda g: (g.submission, g.folder))))
