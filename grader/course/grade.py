"""Grades submissions: a verdict and points for each koan.

Many koans run at the same time. A verdict that is in the cache is not computed again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec

from grader.book.koan_imports import Imported
from grader.book.places import SHIPPED
from grader.book.proven_cards import proven
from grader.book.stubs import is_untouched, stub_of
from grader.book.verdict import Status, Verdict, with_unmet_imports
from grader.book.workbook import Koan, Rung, Workbook
from grader.course.answer import excerpt
from grader.course.engine.protocol import Engine, Ungraded
from grader.course.intake.client import Intake
from grader.course.intake.collect import apart, collect
from grader.course.intake.submission import Submission
from grader.course.mark import Mark
from grader.course.verdict_cache import VerdictCache
from grader.course.verdict_key import Keys
from grader.course.versions import versions
from grader.judge.import_closure import closure
from grader.judge.runner import NOT_STARTED, Runner
from grader.judge.sandbox.confine import in_words, trusted
from grader.judge.targets import Target

SCHEMA = 1


Points = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Seed = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Graded(msgspec.Struct, frozen=True):
    """One koan's verdict and the points it earns.

    Points for `fast` are counted separately, because nobody can earn them without a GPU. `tests` are the tests without
    the gpu mark that ran, and `tests_passed` how many of them passed. Both are 0 if none or all of them passed. If
    the verdict names wrong answers, `answer` is what the learner wrote, as `grader.course.answer` shortens it.
    """

    points: Points
    earned: Points
    verdict: Verdict
    rung: Rung
    fast_points: Points = 0
    fast_earned: Points = 0
    tests: Count = 0
    tests_passed: Count = 0
    answer: str = ""


class Grade(msgspec.Struct, frozen=True):
    """The result of one submission.

    `submission` is the learner's name as it was given: escape it where it is shown. `id` is safe as a file name and
    unique in its batch. `student` is the id that a roster or a learning platform gives the learner. `commit`, `branch`,
    `authored` and `handed_in` tell which version was graded, where that is known (times in ISO 8601).
    `isolation` says in words what separated the submission's code from the grader. `trusted` says whether that is
    enough for a stranger's code. `cards` are the ids of the cards that its passes prove. `problem` says why nothing
    could be graded, and is empty otherwise. `notes` say what was left out of notebooks, and what else an instructor
    should look at. `started` is a time in UTC (ISO 8601). `seconds` is the time that its runs took, including runs
    whose verdicts come from the cache. A result that was read from a file has a `seed_digest`, and its seed is 0: files
    do not tell the seed, because the same seed at home draws the same inputs. `marks` are what the work earns under
    assignments, if there are some: then they count, and not `earned`. `handed_in_by` is the name of the member of the
    student's group who handed in, if the student did not.
    """

    submission: str
    folder: str
    seed: Seed
    points: Points
    earned: Points
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
    id: str = ""
    student: str = ""
    commit: str = ""
    branch: str = ""
    authored: str = ""
    handed_in: str = ""
    seed_digest: str = ""
    marks: tuple[Mark, ...] = ()
    handed_in_by: str = ""
    schema: int = SCHEMA


class Class(msgspec.Struct, frozen=True):
    """The results of a class. If its grades have several seeds, `seed` is 0.

    `notes` say what was found among the submissions and could not be one. `seed_digest` is as in a grade.
    """

    name: str
    seed: Seed
    grades: Sequence[Grade]  # may be read from a file each time that they are looked at (see `classroom`)
    notes: tuple[str, ...] = ()
    seed_digest: str = ""
    schema: int = SCHEMA


SeedOf = Callable[[Submission], int]
OnProgress = Callable[[int, int, str], None]  # called with: verdicts so far, verdicts in all, the last one's name


def grade_one(submission: Path, seed: int, *, root: Path | None = None) -> Grade:
    """Grade one folder, repository, archive or notebook with the workbook at `root` (default: the one this package
    belongs to).

    The submission's code runs in the sandbox where the machine has one. This function is for other grading systems. It
    keeps no state between calls. If nothing can be graded, the grade has a `problem`. Raises KoansError if koans cannot
    run on this machine.
    """
    workbook = Workbook(root or SHIPPED)
    with Runner(workbook, isolated=True) as runner, Intake(workbook) as intake:
        sources = collect([submission], intake, one_each=True).sources
        return next(grade_all(workbook, map(intake.take, apart(workbook.root, sources)), runner, seed=seed))


def grade_all(
    workbook: Workbook,
    submissions: Iterable[Submission],
    engine: Engine,
    *,
    seed: int | SeedOf,
    koans: Collection[str] | None = None,
    count: int = 1,
    cache: VerdictCache | None = None,
    parallel: int | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Iterator[Grade]:
    """Yield the grade of each submission as soon as its last verdict is there.

    `seed` may be a function of the submission. `koans` are the ids of those to grade (default: all); the koans that an
    answer imports are graded, too. Koans of several submissions run at the same time, `parallel` at once (default: one
    for each core). A submission is taken from the iterator when a run of it can start. `count` is how many there are,
    for the progress. Verdicts in the cache are not computed again, so a run that was stopped continues.
    """
    batch = _Batch(workbook, engine, cache)
    chosen = [koan for koan in workbook.koans.values() if koans is None or koan.id in koans]
    total = count * len(chosen)
    in_progress: dict[str, _InProgress] = {}
    seeds = seed if isinstance(seed, int) else lambda id_: in_progress[id_].seed
    done = 0

    def pairs() -> Iterator[tuple[Koan, Target]]:
        for submission in submissions:
            own = seed if isinstance(seed, int) else seed(submission)
            current = _InProgress(submission, own, _needed(workbook, submission, chosen))
            in_progress[submission.id] = current
            for koan in () if submission.problem else current.koans:
                verdict = batch.known(koan, current)
                if verdict is None:
                    text, imports = submission.texts[koan.id], imports_of(workbook, submission, koan)
                    yield koan, Target("text", submission.id, text, tuple(imports.items()))
                else:
                    current.verdicts[koan.id] = verdict

    def finished() -> Iterator[Grade]:
        nonlocal done
        for id_ in [name for name, current in in_progress.items() if current.done()]:
            current = in_progress.pop(id_)
            done += len(chosen)
            yield batch.grade(current)

    for verdict in engine.run_many(pairs(), seed=seeds, parallel=parallel):
        if isinstance(verdict, Ungraded):
            in_progress[verdict.submission].give_up(verdict.problem)
            yield from finished()
            continue
        current = in_progress[verdict.target]
        current.verdicts[verdict.koan] = batch.stored(verdict, current)
        so_far = done + sum(len(s.verdicts) for s in in_progress.values())
        on_progress(so_far, total, f"{current.submission.name} {verdict.koan}")
        yield from finished()
    yield from finished()


@dataclass
class _InProgress:
    """A submission that is being graded, and its verdicts so far."""

    submission: Submission
    seed: int
    koans: Sequence[Koan]  # to grade
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    started: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def done(self) -> bool:
        """Whether nothing more is to come."""
        return bool(self.submission.problem) or len(self.verdicts) == len(self.koans)

    def give_up(self, problem: str) -> None:
        """Grade nothing of it, because of this problem."""
        self.submission = msgspec.structs.replace(self.submission, problem=problem)
        self.verdicts.clear()


class _Batch:
    """One run over many submissions: the settings that they share, and the cache."""

    def __init__(self, workbook: Workbook, engine: Engine, cache: VerdictCache | None) -> None:
        self.workbook, self.cache = workbook, cache
        self.level = engine.level()
        self.versions = versions(workbook)
        self.device = engine.device
        limits = (engine.limits.timeout, engine.limits.memory, engine.limits.sandbox_memory)
        libraries = str(sorted(self.versions.items()))
        self._stubs: dict[str, str] = {}
        self.keys = Keys(workbook, in_words(self.level), libraries, self.device, *limits)

    def known(self, koan: Koan, current: _InProgress) -> Verdict | None:
        """The verdict, if no run is needed for it. A cached one may come from another submission of the same text."""
        submission, seed = current.submission, current.seed
        text = submission.texts.get(koan.id)
        if text is None:
            status, reason = Status.not_started, "not submitted"
            if koan.id in submission.refused:
                status, reason = Status.broken, submission.refused[koan.id]
            return Verdict(koan.id, submission.id, status, reason, reason, seed=seed)
        if is_untouched(text, self._stub(koan)):
            return Verdict(koan.id, submission.id, Status.not_started, NOT_STARTED, NOT_STARTED, seed=seed)
        verdict = self.cache.get(self._key(koan, current)) if self.cache is not None else None
        if verdict is None or (verdict.koan, verdict.seed) != (koan.id, seed):
            return None
        return msgspec.structs.replace(verdict, target=submission.id)

    def _stub(self, koan: Koan) -> str:
        """The text of the koan's stub."""
        if koan.id not in self._stubs:
            self._stubs[koan.id] = stub_of(self.workbook, koan)
        return self._stubs[koan.id]

    def stored(self, verdict: Verdict, current: _InProgress) -> Verdict:
        """Store the verdict of a run. Returns the verdict to report, which may come from a run of the same text."""
        if self.cache is None:
            return verdict
        found = self.cache.put(self._key(self.workbook.koans[verdict.koan], current), verdict)
        return msgspec.structs.replace(found, target=verdict.target)

    def _answer(self, koan: Koan, verdict: Verdict, submission: Submission) -> str:
        """What the learner wrote, if the verdict names wrong answers."""
        text = submission.texts.get(koan.id) if verdict.names else None
        if text is None:
            return ""
        failed = [test.function for test in verdict.tests if test.status == Status.failed]
        return excerpt(text, stub_of(self.workbook, koan), failed, (submission.name, submission.student))

    def _key(self, koan: Koan, current: _InProgress) -> str:
        imports = imports_of(self.workbook, current.submission, koan)
        return self.keys.key(koan, current.submission.texts[koan.id], imports=imports, seed=current.seed)

    def grade(self, current: _InProgress) -> Grade:
        order, submission = current.koans, current.submission
        statuses = {koan: verdict.status for koan, verdict in current.verdicts.items()}
        verdicts = {koan: with_unmet_imports(verdict, statuses) for koan, verdict in current.verdicts.items()}
        results = tuple(
            score(koan, verdicts[koan.id], self._answer(koan, verdicts[koan.id], submission))
            for koan in order
            if koan.id in verdicts
        )
        return Grade(
            submission=submission.name,
            folder=submission.origin,
            seed=current.seed,
            points=sum(koan.points for koan in order),
            earned=sum(g.earned for g in results),
            isolation=in_words(self.level),
            trusted=trusted(self.level) and all(_is_isolated(v) for v in verdicts.values()),
            koans=results,
            cards=proven(self.workbook, verdicts),
            versions=self.versions,
            device=self.device,
            started=current.started,
            seconds=_sum(v.seconds for v in verdicts.values()),
            problem=submission.problem,
            notes=(*submission.notes, *_uncompiled(verdicts.values())),
            id=submission.id,
            student=submission.student,
            commit=submission.commit,
            branch=submission.branch,
            authored=submission.authored,
            handed_in=submission.handed_in,
        )


def _needed(workbook: Workbook, submission: Submission, chosen: Sequence[Koan]) -> Sequence[Koan]:
    """These koans, and those that the submission's answers to them import, in the order of the workbook."""
    if len(chosen) == len(workbook.koans):
        return chosen
    found = {koan.id for koan in chosen}
    for koan in chosen:
        if koan.id in submission.texts:
            found |= set(imports_of(workbook, submission, koan))
    return [koan for koan in workbook.koans.values() if koan.id in found]


def imports_of(workbook: Workbook, submission: Submission, koan: Koan) -> dict[str, Imported]:
    """The submission's files of other koans that its file for this koan may import, by koan id.

    The file of a koan that was not handed in is its stub.
    """

    def file(other: Koan) -> Imported:
        if other.id in submission.refused:
            return Imported(refusal=f"exercises/{other.id}.py is not accepted: {submission.refused[other.id]}")
        text = submission.texts.get(other.id)
        return Imported(stub_of(workbook, other) if text is None else text, other.forbids)

    return closure(koan, submission.texts[koan.id], workbook.koans, file)


def _uncompiled(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """A note, if koans passed whose machine code was not checked."""
    passed = [verdict for verdict in verdicts if verdict.passed and verdict.uncompiled]
    if not passed:
        return ()
    count = "1 koan" if len(passed) == 1 else f"{len(passed)} koans"
    reason = next(test.message for test in passed[0].tests if test.uncompiled)
    return (f"{Status.not_run_here}: the tests of the compiled kernel in {count}; {reason}",)


def _sum(seconds: Iterable[float]) -> float:
    """The exact sum, rounded as verdicts are. It does not depend on the order of the verdicts."""
    return round(math.fsum(seconds), 4)


def _is_isolated(verdict: Verdict) -> bool:
    """Whether the run behind a verdict, if there was one, had the whole sandbox. Each worker says what it has."""
    return not verdict.isolation or verdict.isolation.startswith("isolated")


def score(koan: Koan, verdict: Verdict, answer: str = "") -> Graded:
    """The points that a verdict earns. `answer` is what the learner wrote."""
    fast = verdict.fast == Status.passed
    earned = koan.points if verdict.passed else 0
    fast_earned = koan.fast_points if fast else 0
    ran = [test for test in verdict.tests if not test.gpu and test.status != Status.not_run_here]
    passed = sum(test.status == Status.passed for test in ran)
    tests = (len(ran), passed) if 0 < passed < len(ran) else (0, 0)
    return Graded(koan.points, earned, verdict, koan.rung, koan.fast_points, fast_earned, *tests, answer=answer)


def lack_of_isolation(engine: Engine) -> str:
    """What part of the sandbox is missing where koans run, for `koans grade --require-isolation`. Empty if none is."""
    level = engine.level()
    return "" if trusted(level) else f"--require-isolation: {in_words(level)}; nothing was graded"


def as_feedback(grade: Grade) -> Grade:
    """The same results, marked as no grade: the workbook that judged may be the submission's own."""
    return msgspec.structs.replace(grade, trusted=False, isolation=f"feedback, NOT a grade; {grade.isolation}")
