"""Walking the path: where a learner stands, what an attempt changes."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from grader.book.errors import KoansError, writing
from grader.book.stubs import differing, strip_markers, stub_of
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Card, Koan, Workbook
from grader.judge.runner import Runner
from grader.judge.targets import Target
from grader.learn.progress import Progress

LEARNER = Target("learner")


class Step(msgspec.Struct, frozen=True):
    """One attempt with this text, and the cards it unlocked. `first`: the koan had not passed before."""

    koan: Koan
    verdict: Verdict
    unlocked: tuple[Card, ...]
    text: str = ""
    first: bool = False


class Hint(msgspec.Struct, frozen=True):
    """What a learner who asks for a hint sees: tiers by number, of `total`. `again`: all had been seen before."""

    koan: Koan
    tiers: tuple[tuple[int, str], ...]
    total: int
    again: bool = False


class Stub(msgspec.Struct, frozen=True):
    """What became of an exercise that was not its stub; `kept` is the copy of what it replaced."""

    koan: Koan
    written: bool
    kept: str = ""


def koan_or_current(workbook: Workbook, progress: Progress, name: str | None) -> Koan:
    """The koan of this name, or the current one. Raises KoansError."""
    if name:
        return workbook.koan(name)
    koan = current(workbook, progress)
    if koan is None:
        raise KoansError("every koan has passed; name the one you mean, `koans list` shows them")
    return koan


def current(workbook: Workbook, progress: Progress) -> Koan | None:
    """The first koan, in walking order, that has not passed as it stands."""
    standings = progress.standings(workbook)
    return next((workbook.koans[i] for i, s in standings.items() if s.status != Status.passed), None)


def attempt(workbook: Workbook, progress: Progress, runner: Runner, koan: Koan, seed: int = 0) -> Step:
    """Run the learner's code, record it and say what it unlocked.

    The run reads the file itself, so a save in between is run again: a verdict belongs to the text it is recorded with.
    """
    text = exercise_text(workbook, koan)
    verdict = runner.run(koan, LEARNER, seed)
    while (now := exercise_text(workbook, koan)) != text:
        text = now
        verdict = runner.run(koan, LEARNER, seed)
    return settle(workbook, progress, koan, verdict, text)


def settle(workbook: Workbook, progress: Progress, koan: Koan, verdict: Verdict, text: str) -> Step:
    """Record a verdict on the learner's text, and say what it unlocked."""
    last = progress.last_pass(koan)
    first = last is None
    cards: tuple[Card, ...] = ()
    if verdict.passed and last is not None and _outcomes(last[0]) == _outcomes(verdict):
        progress.record(verdict, text)  # proves what was proved: no need to read the tests of every koan
    elif verdict.passed:
        before = progress.unlocked(workbook)
        progress.record(verdict, text)
        new = progress.unlocked(workbook) - before
        cards = tuple(c for c in workbook.cards.values() if c.id in new)
    elif verdict.status != Status.not_started:
        progress.record(verdict, text)
    return Step(koan, verdict, cards, text, first and verdict.passed)


def _outcomes(verdict: Verdict) -> set[tuple[str, Status]]:
    return {(test.name, test.status) for test in verdict.tests}


def exercise_text(workbook: Workbook, koan: Koan) -> str:
    """The learner's file as it is now; empty if it is gone."""
    try:
        return workbook.exercise(koan).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def next_hint(workbook: Workbook, progress: Progress, koan: Koan) -> Hint:
    """One tier more than before, and note that it was seen. After the last one: all of them."""
    hints = workbook.notes(koan).hints
    seen = progress.hints(koan)
    if seen >= len(hints):
        return Hint(koan, tuple(enumerate(hints, 1)), len(hints), again=True)
    progress.saw_hint(koan, seen + 1)
    return Hint(koan, ((seen + 1, hints[seen]),), len(hints))


def open_solution(workbook: Workbook, progress: Progress, koan: Koan, *, peek: bool) -> str | None:
    """The model answer, or None before the learner's own has passed. To `peek` opens it then, and is noted."""
    if progress.last_pass(koan) is None:
        if not peek:
            return None
        progress.saw_solution(koan)
    return solution_text(workbook, koan)


def solution_text(workbook: Workbook, koan: Koan) -> str:
    """The model answer without its markers. Raises KoansError where there is none to read."""
    file = workbook.solution(koan)
    if not file.exists():
        raise KoansError(f"{koan.id}: this edition of the workbook has no solutions")
    return strip_markers(file.read_text(encoding="utf-8"))


def write_stubs(workbook: Workbook, progress: Progress, *, overwrite: bool) -> Iterator[Stub]:
    """Write the stubs of koans that have no exercise; with `overwrite` also in place of exercises that differ."""
    for koan in differing(workbook):
        if workbook.exercise(koan).exists() and not overwrite:
            yield Stub(koan, written=False)
        else:
            yield Stub(koan, written=True, kept=reset(workbook, progress, koan))


def reset(workbook: Workbook, progress: Progress, koan: Koan) -> str:
    """Put the stub back; returns where the replaced text was kept, or an empty string if there was none to keep."""
    file, stub = workbook.exercise(koan), stub_of(workbook, koan)
    kept = ""
    if file.exists():
        text = file.read_text(encoding="utf-8", errors="replace")
        if text == stub:
            return ""
        kept = str(progress.keep_copy(koan, text).relative_to(workbook.root))
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(stub, encoding="utf-8")
    return kept
