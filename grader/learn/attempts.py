"""Attempts at koans: which koan is current, and what an attempt, a hint, a solution or a reset changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from grader.book import source_text
from grader.book.database import DatabaseRefused
from grader.book.errors import KoansError, reading
from grader.book.files import write_file
from grader.book.stubs import differing, strip_markers, stub_of
from grader.book.symptom_run import SymptomRun
from grader.book.verdict import Evidence, Status, Verdict, split_notes, with_unmet_imports
from grader.book.workbook import Card, Koan, Workbook
from grader.judge.runner import Runner
from grader.judge.targets import Target
from grader.learn import tracks
from grader.learn.progress import Progress, content_key

LEARNER = Target("learner")
EXPLAINED = (Status.passed, Status.broken)  # such a verdict says all that there is to say without evidence


class Step(msgspec.Struct, frozen=True):
    """One attempt with this text, and the cards it unlocked. `first`: this is the first time that the koan passes.

    `not_recorded` says why the attempt could not be recorded, and is empty if it was. `symptom` is what a hunt showed,
    if that was asked for.
    """

    koan: Koan
    verdict: Verdict
    unlocked: tuple[Card, ...]
    text: str = ""
    first: bool = False
    not_recorded: str = ""
    symptom: SymptomRun | None = None


class Hint(msgspec.Struct, frozen=True):
    """The hints to show: pairs of tier number and text, out of `total` tiers.

    `all_seen`: the learner had already seen every tier, so all of them are shown. `not_recorded` says why it could not
    be recorded that the tier was seen, and is empty if it was.
    """

    koan: Koan
    tiers: tuple[tuple[int, str], ...]
    total: int
    all_seen: bool = False
    not_recorded: str = ""


class StubResult(msgspec.Struct, frozen=True):
    """The result for an exercise that differed from its stub. `copy` is the path of the copy of the replaced text."""

    koan: Koan
    written: bool
    copy: str = ""


def koan_or_current(workbook: Workbook, progress: Progress, name: str | None) -> Koan:
    """The koan of this name, or the current one. Raises KoansError if there is none, or if that cannot be read."""
    if name:
        return workbook.koan(name)
    progress.check_readable()
    koan = current(workbook, progress)
    if koan is None:
        raise KoansError("every koan has passed; name the koan that you mean (`koans list` shows them all)")
    return koan


def current(workbook: Workbook, progress: Progress) -> Koan | None:
    """The first koan whose file as it is now has not passed, of the active track or, if all have, of the workbook."""
    order = tracks.active(workbook).order(workbook)
    koan = tracks.first_open(order, progress.standings(workbook))
    return workbook.koans[koan] if koan else None


def attempt(workbook: Workbook, progress: Progress, runner: Runner, koan: Koan, seed: int = 0) -> Step:
    """Run the learner's code, record the verdict and return what it unlocked."""
    verdict, text = judged(workbook, runner, koan, seed)
    return record_attempt(workbook, progress, koan, verdict, text)


def latest(workbook: Workbook, progress: Progress, runner: Runner, koan: Koan) -> Step:
    """The last attempt, or a new one if the file has changed since, or if its verdict does not say enough.

    A verdict of an earlier version may lack its evidence. What was not run here may run now.
    """
    text = exercise_text(workbook, koan)
    verdict = progress.last_verdict(koan, content_key(workbook, koan, text)) if text else None
    if verdict is None or (verdict.status not in EXPLAINED and not isinstance(verdict.evidence, Evidence)):
        return attempt(workbook, progress, runner, koan)
    _, notes = split_notes(verdict)  # other koans may have passed since
    kept = msgspec.structs.replace(verdict, notes=tuple(notes))
    return Step(koan, _with_unmet_imports(workbook, progress, kept, {}), (), text)


def judged(workbook: Workbook, runner: Runner, koan: Koan, seed: int = 0) -> tuple[Verdict, str]:
    """Run the learner's code. Returns the verdict and the text that it is on. Nothing is recorded.

    The runner reads the file itself. If the file was saved during the run, the koan runs once more, so that the
    verdict belongs to the text.
    """
    text = exercise_text(workbook, koan)
    verdict = runner.run(koan, LEARNER, seed)
    while (saved := exercise_text(workbook, koan)) != text:
        text = saved
        verdict = runner.run(koan, LEARNER, seed)
    return verdict, text


def symptom(runner: Runner, koan: Koan, target: Target = LEARNER) -> SymptomRun | None:
    """What the target's code shows, if the koan is a hunt."""
    return runner.symptom(koan, target) if koan.kind == "hunt" else None


def record_attempt(
    workbook: Workbook,
    progress: Progress,
    koan: Koan,
    verdict: Verdict,
    text: str,
    others: Mapping[str, str] | None = None,
) -> Step:
    """Record a verdict on the learner's text and return what it unlocked. "Not started" is not recorded.

    `others` are texts of other koans, by id, that were there instead of the files in `exercises/`. If it cannot be
    recorded, the step says why: the verdict holds all the same.
    """
    try:
        if not progress.unreadable:  # else it is not known what has passed
            verdict = _with_unmet_imports(workbook, progress, verdict, others or {})
        return _recorded(workbook, progress, koan, verdict, text, content_key(workbook, koan, text, others))
    except DatabaseRefused as error:
        return Step(koan, verdict, (), text, not_recorded=str(error))


def _with_unmet_imports(workbook: Workbook, progress: Progress, verdict: Verdict, others: Mapping[str, str]) -> Verdict:
    """The verdict with a note about each koan that its code imports and that has not passed."""
    koans = [workbook.koans[one] for one in verdict.imports if one in workbook.koans]
    return with_unmet_imports(verdict, {one.id: _status(workbook, progress, one, others) for one in koans})


def _status(workbook: Workbook, progress: Progress, koan: Koan, others: Mapping[str, str]) -> Status | None:
    """The status of the last attempt at a koan with the text that another one imports."""
    text = others[koan.id] if koan.id in others else exercise_text(workbook, koan)
    return progress.last_status(koan, content_key(workbook, koan, text, others))


def _recorded(workbook: Workbook, progress: Progress, koan: Koan, verdict: Verdict, text: str, content: str) -> Step:
    last = progress.last_pass(koan)
    first = last is None
    cards: tuple[Card, ...] = ()
    if verdict.passed and last is not None and _outcomes(last[0]) == _outcomes(verdict):
        progress.record(verdict, text, content)  # unlocks nothing new: no need to read the tests of every koan
    elif verdict.passed:
        before = progress.unlocked(workbook)
        progress.record(verdict, text, content)
        new = progress.unlocked(workbook) - before
        cards = tuple(c for c in workbook.cards.values() if c.id in new)
    elif verdict.status != Status.not_started:
        progress.record(verdict, text, content)
    return Step(koan, verdict, cards, text, first and verdict.passed)


def _outcomes(verdict: Verdict) -> set[tuple[str, Status]]:
    return {(test.name, test.status) for test in verdict.tests}


def exercise_text(workbook: Workbook, koan: Koan) -> str:
    """The text of the learner's file as it is now; empty if the file cannot be read."""
    try:
        return source_text.readable(source_text.contents(workbook.exercise(koan)))
    except OSError:
        return ""


def next_hint(workbook: Workbook, progress: Progress, koan: Koan) -> Hint:
    """The next tier that the learner has not seen, recorded as seen if that is possible. After the last: all tiers."""
    hints = workbook.notes(koan).hints
    seen = progress.hints(koan)
    if seen >= len(hints):
        return Hint(koan, tuple(enumerate(hints, 1)), len(hints), all_seen=True)
    not_recorded = ""
    try:
        progress.record_hint(koan, seen + 1)
    except DatabaseRefused as error:
        not_recorded = str(error)
    return Hint(koan, ((seen + 1, hints[seen]),), len(hints), not_recorded=not_recorded)


def open_solution(workbook: Workbook, progress: Progress, koan: Koan, *, peek: bool) -> str | None:
    """The model answer, or None if the learner's own has not passed. `peek` opens it anyway, and is recorded.

    Raises KoansError if a peek cannot be recorded, or if it cannot be read whether the learner's own has passed.
    """
    text = solution_text(workbook, koan)
    if progress.last_pass(koan) is None:
        if peek:
            try:
                progress.record_peek(koan)
            except DatabaseRefused as error:
                raise KoansError(f"the peek cannot be recorded, so the solution is not shown: {error}") from None
        else:
            progress.check_readable()
            return None
    return text


def solution_text(workbook: Workbook, koan: Koan) -> str:
    """The model answer without its markers. Raises KoansError if this edition of the workbook has no solutions."""
    file = workbook.solution(koan)
    if not file.exists():
        raise KoansError(f"{koan.id}: this edition of the workbook has no solutions")
    return strip_markers(file.read_text(encoding="utf-8"))


def write_stubs(workbook: Workbook, progress: Progress, *, overwrite: bool) -> Iterator[StubResult]:
    """Write the stub of each koan without an exercise; with `overwrite`, also replace exercises that differ from it."""
    for koan in differing(workbook):
        if workbook.exercise(koan).exists() and not overwrite:
            yield StubResult(koan, written=False)
        else:
            yield StubResult(koan, written=True, copy=reset(workbook, progress, koan))


def reset(workbook: Workbook, progress: Progress, koan: Koan) -> str:
    """Replace the exercise by its stub. Returns the path of the copy of the replaced text, relative to the root.

    A file with the line ends of Windows keeps them.

    The path is empty if there was no exercise or it was the stub already. Raises KoansError if a file cannot be
    written.
    """
    file, stub = workbook.exercise(koan), stub_of(workbook, koan)
    copy, data = "", b""
    if why := source_text.no_plain_file(file):
        raise KoansError(f"exercises/{koan.id}.py {why}")
    if file.exists():
        with reading(file):
            data = file.read_bytes()
        if data.replace(b"\r\n", b"\n") == stub.encode():
            return ""
        copy = progress.keep_copy(koan, data).relative_to(workbook.root).as_posix()
    write_file(file, source_text.encode(stub, data), make_folder=True)
    return copy
