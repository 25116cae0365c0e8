"""Grade submissions: a verdict per koan and points, many at a time, each verdict given once."""

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
from grader.book.proven import proven
from grader.book.verdict import Status, Verdict, clean
from grader.book.workbook import Koan, Rung, Workbook
from grader.course.intake.submissions import EXERCISES, Submission, one, unpack
from grader.course.verdict_cache import VerdictCache, code, digest
from grader.gpu import device
from grader.judge.runner import Runner
from grader.judge.sandbox.confine import in_words, trusted
from grader.judge.targets import Target, source

SCHEMA = 1
NOTE = 300  # characters of one


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
    be graded; `notes` what was left out of notebooks, and other things to look at. `started` is UTC, ISO 8601;
    `seconds` is what its runs took, whenever they were made.
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
    """The results of a class, graded with one seed."""

    name: str
    seed: int
    grades: tuple[Grade, ...]
    schema: int = SCHEMA


Tick = Callable[[int, int, str], None]


def grade_one(submission: Path, seed: int, *, root: Path | None = None) -> Grade:
    """Grade one folder or notebook with the workbook at `root` (default: the one this package belongs to), isolated
    where possible.

    For engines outside: it holds no state between calls. Raises KoansError if the machine cannot run.
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
    tick: Tick = lambda done, total, what: None,
) -> Grade:
    """A verdict per koan of our list; files that are no koan's are ignored."""
    with tempfile.TemporaryDirectory(prefix="koans-forks-") as scratch:
        submission = one(folder.resolve().name.removesuffix(".ipynb"), folder, Path(scratch))
        return next(iter(grade_all(workbook, [submission], runner, seed=seed, tick=tick)))


def grade_all(
    workbook: Workbook,
    submissions: Sequence[Submission],
    runner: Runner,
    *,
    seed: int,
    kept: VerdictCache | None = None,
    tick: Tick = lambda done, total, what: None,
) -> Iterator[Grade]:
    """The grade of each submission as it is done, many koans at a time. One that cannot be read has a `problem`.

    Verdicts that are kept are not given again, so a run that was stopped goes on where it was.
    """
    batch = _Batch(workbook, runner, seed, kept)
    total = len(submissions) * len(workbook.koans)
    waiting: dict[str, _Open] = {}
    wanted = outlines(workbook) if any(s.notebooks for s in submissions) else []

    def pairs() -> Iterator[tuple[Koan, Target]]:
        for submission in submissions:
            unpacked = unpack(submission, workbook.root, wanted)
            opened = _Open(submission, unpacked.problem or _unreadable(submission.folder), unpacked.notes)
            waiting[str(opened.target)] = opened
            for koan in () if opened.problem else workbook.koans.values():
                verdict = batch.known(koan, opened)
                if verdict is None:
                    yield koan, opened.target
                else:
                    opened.verdicts[koan.id] = verdict

    done = 0
    for verdict in runner.run_many(pairs(), seed=seed):
        opened = waiting[verdict.target]
        opened.verdicts[verdict.koan] = verdict
        batch.keep(verdict, opened)
        tick(sum(len(o.verdicts) for o in waiting.values()) + done, total, f"{opened.submission.name} {verdict.koan}")
        for name in [n for n, o in waiting.items() if o.problem or len(o.verdicts) == len(workbook.koans)]:
            finished = waiting.pop(name)
            done += len(finished.verdicts)
            yield batch.grade(finished)
    for opened in waiting.values():
        yield batch.grade(opened)


@dataclass
class _Open:
    """A submission being graded."""

    submission: Submission
    problem: str
    notes: tuple[str, ...]
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    started: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    @property
    def target(self) -> Target:
        return Target("path", str(self.submission.folder.resolve()))


class _Batch:
    """What all submissions of a run share."""

    def __init__(self, workbook: Workbook, runner: Runner, seed: int, kept: VerdictCache | None) -> None:
        self.workbook, self.seed, self.kept = workbook, seed, kept
        self.level = runner.level()
        self.versions = versions(workbook)
        self.device = device()
        limits = (runner.limits.timeout, runner.limits.memory)
        found = str(sorted(self.versions.items()))
        ours = code(workbook.root) if kept is not None else ""
        self.common = digest(ours, in_words(self.level), found, self.device, seed, *limits)
        self._koans: dict[str, str] = {}

    def key(self, koan: Koan, opened: _Open) -> str:
        try:
            text = source(self.workbook, koan, opened.target)
        except OSError:
            text = ""
        except ImportError as error:  # what is not taken, and why
            text = f"\0{error}"
        return digest(self.common, self._koan(koan), text)

    def _koan(self, koan: Koan) -> str:
        """Of everything that makes up the koan itself."""
        if koan.id not in self._koans:
            book = self.workbook
            files = [book.test_file(koan), book.reference(koan), book.solution(koan)]
            self._koans[koan.id] = digest(str(koan), *(f.read_bytes() if f.exists() else b"" for f in files))
        return self._koans[koan.id]

    def known(self, koan: Koan, opened: _Open) -> Verdict | None:
        verdict = self.kept.get(self.key(koan, opened)) if self.kept is not None else None
        return verdict and msgspec.structs.replace(verdict, target=str(opened.target))

    def keep(self, verdict: Verdict, opened: _Open) -> None:
        if self.kept is not None:
            self.kept.put(self.key(self.workbook.koans[verdict.koan], opened), verdict)

    def grade(self, opened: _Open) -> Grade:
        order = list(self.workbook.koans.values())
        verdicts = opened.verdicts
        results = tuple(score(koan, verdicts[koan.id]) for koan in order if koan.id in verdicts)
        return Grade(
            submission=clean(opened.submission.name),
            folder=clean(str(opened.submission.place)),
            seed=self.seed,
            points=sum(koan.points for koan in order),
            earned=sum(g.earned for g in results),
            isolation=in_words(self.level),
            trusted=trusted(self.level),
            koans=results,
            cards=proven(self.workbook, verdicts),
            versions=self.versions,
            device=self.device,
            started=opened.started,
            seconds=_sum(v.seconds for v in verdicts.values()),
            problem=clean(opened.problem),
            notes=tuple(clean(note)[:NOTE] for note in opened.notes),
        )


def _sum(seconds: Iterable[float]) -> float:
    """The sum to the digit that verdicts are rounded to. The order in which they came in makes no difference to it."""
    return round(math.fsum(seconds), 4)


def _unreadable(folder: Path) -> str:
    if (folder / EXERCISES).is_dir():
        return ""
    return f"{folder}: has no exercises/ folder; give the root of a submission"


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


def together(name: str, grades: Sequence[Grade]) -> Class:
    """One class of results that were graded before. Where they had several seeds, the class has seed 0."""
    seeds = {grade.seed for grade in grades}
    return classroom(name, seeds.pop() if len(seeds) == 1 else 0, grades)


def check_isolation(runner: Runner) -> None:
    """Raise KoansError where the sandbox is not whole, for `koans grade --require-isolation`."""
    level = runner.level()
    if not trusted(level):
        raise KoansError(f"--require-isolation: {in_words(level)}; nothing was graded")
