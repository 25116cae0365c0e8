"""Why a koan does not pass, as data: for a person, or for an assistant that acts as a tutor."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from grader.book import source_text
from grader.book.assistants import Policy, policy_of
from grader.book.verdict import Evidence, Status, TestResult, Verdict, Worst
from grader.book.workbook import Koan, Workbook
from grader.learn.progress import Progress
from grader.learn.report.problems import problems

MOST_SENTENCES = 3  # of one failure that looks like several wrong answers


class Tests(msgspec.Struct, frozen=True):
    """How many tests passed, of those that have a result."""

    passed: int
    total: int


class Misconception(msgspec.Struct, frozen=True):
    """The wrong answers that all failures look like, by name, and what they do. Several may look the same."""

    names: tuple[str, ...]
    text: str


class Line(msgspec.Struct, frozen=True):
    """A line at fault: one that raised an error, or the first line of a function whose result is wrong.

    `file` is below the workbook's root, `line` counts from 1, `text` is the line itself.
    """

    file: str
    line: int
    text: str
    message: str


class Hints(msgspec.Struct, frozen=True):
    """How many of the koan's hints the learner has seen. `next` is the number of the next one; None after the last."""

    seen: int
    total: int
    next: int | None


class Why(msgspec.Struct, frozen=True):
    """All that is known about a koan's verdict. What does not apply is None or empty.

    `status` and `tests` are about the first claim, `fast` and `fast_tests` about the second.
    `test` is the test that the message is about: the one that failed or ran last; of a koan that is not started, the
    first. `what` says in a sentence what is wrong. `call` and the fields after it are as in `Evidence`. `message` is
    what `koans run` shows. `next` is the command to go on with.
    """

    koan: str
    title: str
    status: Status
    tests: Tests
    fast: Status | None
    fast_tests: Tests
    test: str | None
    what: str
    function: str | None
    call: str | None
    arguments: dict[str, str]
    smaller: bool
    expected: str | None
    actual: str | None
    worst: Worst | None
    table: tuple[str, ...]
    misconception: Misconception | None
    lines: tuple[Line, ...]
    message: str
    notes: tuple[str, ...]
    seed: int
    hints: Hints
    assistants: Policy
    next: str


def why(workbook: Workbook, progress: Progress, koan: Koan, verdict: Verdict, text: str) -> Why:
    """Why the verdict on this text is what it is. Raises KoansError if the workbook's policy is not valid."""
    evidence = verdict.evidence if isinstance(verdict.evidence, Evidence) else Evidence()
    test = evidence.test or (workbook.first_test(koan) if verdict.status == Status.not_started else "")
    seen, total = progress.hints(koan), len(workbook.notes(koan).hints)
    hints = Hints(seen, total, seen + 1 if seen < total else None)
    return Why(
        koan=koan.id,
        title=koan.title,
        status=verdict.status,
        tests=_counted(one for one in verdict.tests if not one.gpu),
        fast=verdict.fast,
        fast_tests=_counted(one for one in verdict.tests if one.gpu),
        test=test or None,
        what=evidence.what or ("every test passes" if verdict.passed else verdict.headline),
        function=evidence.function or None,
        call=evidence.call or None,
        arguments=evidence.arguments,
        smaller=evidence.smaller,
        expected=evidence.expected or None,
        actual=evidence.actual or None,
        worst=evidence.worst,
        table=evidence.table,
        misconception=_misconception(verdict),
        lines=_lines(workbook, koan, verdict, text),
        message=verdict.message,
        notes=verdict.notes,
        seed=verdict.seed,
        hints=hints,
        assistants=policy_of(workbook.root),
        next=_next(koan, verdict.status, hints),
    )


def _counted(tests: Iterable[TestResult]) -> Tests:
    results = [test.status for test in tests]
    return Tests(results.count(Status.passed), len(results))


def _misconception(verdict: Verdict) -> Misconception | None:
    if not verdict.names:
        return None
    says = {name: text for test in verdict.tests for name, text in test.looks.items()}
    sentences = [says.get(name, name) for name in verdict.names[:MOST_SENTENCES]]
    return Misconception(verdict.names, "; or: ".join(sentences))


def _lines(workbook: Workbook, koan: Koan, verdict: Verdict, text: str) -> tuple[Line, ...]:
    """The lines at fault, as `koans run --format gcc` lists them."""
    written = source_text.lines(text)

    def content(number: int) -> str:
        return written[number - 1].strip() if 0 < number <= len(written) else ""

    return tuple(
        Line(one.file.relative_to(workbook.root).as_posix(), one.line, content(one.line), one.message)
        for one in problems(workbook, koan, verdict, text)
        if not one.note
    )


def _next(koan: Koan, status: Status, hints: Hints) -> str:
    """The command to go on with, once the learner has thought or written."""
    if status == Status.passed:
        return "koans run"
    if status == Status.not_started:
        return f"koans read {koan.chapter}"
    if status == Status.not_run_here:
        return "koans doctor"
    if status == Status.broken:
        return f"koans run {koan.id}"
    return f"koans hint {koan.id}" if hints.next is not None else f"koans debug {koan.id}"
