"""Grades submissions: a verdict and points for each koan.

Many koans run at the same time. A verdict that is in the cache is not computed again.
"""

from __future__ import annotations

import importlib.metadata
import math
import platform
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.book.notebook_parser.answers import outlines
from grader.book.processes import FOLDER
from grader.book.proven_cards import proven
from grader.book.verdict import Status, Verdict, clean
from grader.book.workbook import Koan, Rung, Workbook
from grader.course.intake.submissions import EXERCISES, Submission, as_submission, unpack
from grader.course.verdict_cache import VerdictCache, code_digest, digest
from grader.gpu import device
from grader.judge.runner import Runner
from grader.judge.sandbox.confine import in_words, trusted
from grader.judge.targets import Target, source

SCHEMA = 1
LONGEST_NOTE = 300  # characters


class Graded(msgspec.Struct, frozen=True):
    """One koan's verdict and the points it earns.

    Points for `fast` are counted separately, because nobody can earn them without a GPU.
    """

    points: int
    earned: int
    verdict: Verdict
    rung: Rung
    fast_points: int = 0
    fast_earned: int = 0


class Grade(msgspec.Struct, frozen=True):
    """The result of one submission.

    `isolation` says in words what separated the submission's code from the grader. `trusted` says whether that is
    enough for a stranger's code. `cards` are the ids of the cards that its passes prove. `problem` says why nothing
    could be graded, and is empty otherwise. `notes` say what was left out of notebooks, and what else an instructor
    should look at. `started` is a time in UTC (ISO 8601). `seconds` is the time that its runs took, including runs
    whose verdicts come from the cache.
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
    notes: tuple[str, ...] = ()
    schema: int = SCHEMA


class Class(msgspec.Struct, frozen=True):
    """The results of a class. If its grades have several seeds, `seed` is 0."""

    name: str
    seed: int
    grades: tuple[Grade, ...]
    schema: int = SCHEMA


OnProgress = Callable[[int, int, str], None]  # called with: verdicts so far, verdicts in all, the last one's name


def grade_one(submission: Path, seed: int, *, root: Path | None = None) -> Grade:
    """Grade one folder or notebook with the workbook at `root` (default: the one this package belongs to).

    The submission's code runs in the sandbox where the machine has one. This function is for other grading systems. It
    keeps no state between calls. Raises KoansError if koans cannot run on this machine.
    """
    workbook = Workbook(root or FOLDER)
    with Runner(workbook, isolated=True) as runner:
        return grade(workbook, submission, runner, seed=seed)


def grade(
    workbook: Workbook,
    folder: Path,
    runner: Runner,
    *,
    seed: int = 0,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Grade:
    """Grade one folder or notebook. Files that belong to no koan are ignored. Raises KoansError."""
    with tempfile.TemporaryDirectory(prefix="koans-forks-") as scratch:
        submission = as_submission(folder.resolve().name.removesuffix(".ipynb"), folder, Path(scratch))
        return next(iter(grade_all(workbook, [submission], runner, seed=seed, on_progress=on_progress)))


def grade_all(
    workbook: Workbook,
    submissions: Sequence[Submission],
    runner: Runner,
    *,
    seed: int,
    cache: VerdictCache | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Iterator[Grade]:
    """Yield the grade of each submission as soon as its last verdict is there.

    Koans of several submissions run at the same time. The grade of a submission that cannot be read has a `problem`.
    Verdicts in the cache are not computed again, so a run that was stopped continues where it was.
    """
    batch = _Batch(workbook, runner, seed, cache)
    total = len(submissions) * len(workbook.koans)
    in_progress: dict[str, _InProgress] = {}
    wanted = outlines(workbook) if any(s.notebooks for s in submissions) else []

    def pairs() -> Iterator[tuple[Koan, Target]]:
        for submission in submissions:
            unpacked = unpack(submission, workbook.root, wanted)
            problem = unpacked.problem or _unreadable(submission.folder)
            current = _InProgress(submission, problem, unpacked.notes)
            in_progress[str(current.target)] = current
            for koan in () if current.problem else workbook.koans.values():
                verdict = batch.cached(koan, current)
                if verdict is None:
                    yield koan, current.target
                else:
                    current.verdicts[koan.id] = verdict

    done = 0
    for verdict in runner.run_many(pairs(), seed=seed):
        current = in_progress[verdict.target]
        current.verdicts[verdict.koan] = verdict
        batch.store(verdict, current)
        so_far = done + sum(len(s.verdicts) for s in in_progress.values())
        on_progress(so_far, total, f"{current.submission.name} {verdict.koan}")
        for name in [n for n, s in in_progress.items() if s.problem or len(s.verdicts) == len(workbook.koans)]:
            finished = in_progress.pop(name)
            done += len(finished.verdicts)
            yield batch.grade(finished)
    for current in in_progress.values():
        yield batch.grade(current)


@dataclass
class _InProgress:
    """A submission that is being graded, and its verdicts so far."""

    submission: Submission
    problem: str
    notes: tuple[str, ...]
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    started: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    @property
    def target(self) -> Target:
        return Target("path", str(self.submission.folder.resolve()))


class _Batch:
    """One run over many submissions: the settings that they share, and the cache."""

    def __init__(self, workbook: Workbook, runner: Runner, seed: int, cache: VerdictCache | None) -> None:
        self.workbook, self.seed, self.cache = workbook, seed, cache
        self.level = runner.level()
        self.versions = versions(workbook)
        self.device = device()
        limits = (runner.limits.timeout, runner.limits.memory)
        libraries = str(sorted(self.versions.items()))
        code = code_digest(workbook.root) if cache is not None else ""
        self.common = digest(code, in_words(self.level), libraries, self.device, seed, *limits)
        self._koan_digests: dict[str, str] = {}

    def key(self, koan: Koan, current: _InProgress) -> str:
        """The cache key of one koan of a submission."""
        try:
            text = source(self.workbook, koan, current.target)
        except OSError:
            text = ""
        except ImportError as error:  # the file is refused; the reason is part of the verdict
            text = f"\0{error}"
        return digest(self.common, self._koan_digest(koan), text)

    def _koan_digest(self, koan: Koan) -> str:
        """Digest of the koan's entry in chapter.toml, its tests, its reference and its solution."""
        if koan.id not in self._koan_digests:
            book = self.workbook
            files = [book.test_file(koan), book.reference(koan), book.solution(koan)]
            self._koan_digests[koan.id] = digest(str(koan), *(f.read_bytes() if f.exists() else b"" for f in files))
        return self._koan_digests[koan.id]

    def cached(self, koan: Koan, current: _InProgress) -> Verdict | None:
        """The verdict in the cache, with this submission as its target. It may come from another submission."""
        verdict = self.cache.get(self.key(koan, current)) if self.cache is not None else None
        return verdict and msgspec.structs.replace(verdict, target=str(current.target))

    def store(self, verdict: Verdict, current: _InProgress) -> None:
        if self.cache is not None:
            self.cache.put(self.key(self.workbook.koans[verdict.koan], current), verdict)

    def grade(self, current: _InProgress) -> Grade:
        order = list(self.workbook.koans.values())
        verdicts = current.verdicts
        results = tuple(score(koan, verdicts[koan.id]) for koan in order if koan.id in verdicts)
        return Grade(
            submission=clean(current.submission.name),
            folder=clean(str(current.submission.origin)),
            seed=self.seed,
            points=sum(koan.points for koan in order),
            earned=sum(g.earned for g in results),
            isolation=in_words(self.level),
            trusted=trusted(self.level),
            koans=results,
            cards=proven(self.workbook, verdicts),
            versions=self.versions,
            device=self.device,
            started=current.started,
            seconds=_sum(v.seconds for v in verdicts.values()),
            problem=clean(current.problem),
            notes=tuple(clean(note)[:LONGEST_NOTE] for note in current.notes),
        )


def _sum(seconds: Iterable[float]) -> float:
    """The exact sum, rounded as verdicts are. It does not depend on the order of the verdicts."""
    return round(math.fsum(seconds), 4)


def _unreadable(folder: Path) -> str:
    if (folder / EXERCISES).is_dir():
        return ""
    return f"{folder}: has no exercises/ folder; give the root of a submission"


def score(koan: Koan, verdict: Verdict) -> Graded:
    """The points that a verdict earns."""
    fast = verdict.fast == Status.passed
    earned = koan.points if verdict.passed else 0
    return Graded(koan.points, earned, verdict, koan.rung, koan.fast_points, koan.fast_points if fast else 0)


def versions(workbook: Workbook) -> dict[str, str]:
    """Versions of everything that a verdict depends on. A package that is not installed is left out."""
    project = tomllib.loads((workbook.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    result = {"koans": project["version"], "python": platform.python_version()}
    for name in ("torch", "triton", "numpy"):
        try:
            result[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return result


def classroom(name: str, seed: int, grades: Sequence[Grade]) -> Class:
    """The grades of a class, sorted by submission."""
    return Class(clean(name), seed, tuple(sorted(grades, key=lambda g: (g.submission, g.folder))))


def combine(name: str, grades: Sequence[Grade]) -> Class:
    """Combine grades of earlier runs into one class. If they have several seeds, the class has seed 0."""
    seeds = {grade.seed for grade in grades}
    return classroom(name, seeds.pop() if len(seeds) == 1 else 0, grades)


def check_isolation(runner: Runner) -> None:
    """Raise KoansError if part of the sandbox is missing on this machine, for `koans grade --require-isolation`."""
    level = runner.level()
    if not trusted(level):
        raise KoansError(f"--require-isolation: {in_words(level)}; nothing was graded")
