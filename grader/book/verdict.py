"""The result of a run as data. The verdict is judged from what the run reported: only a reported pass is a pass."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from grader.book.workbook import Koan


class Status(StrEnum):
    passed = "passed"
    failed = "failed"
    not_started = "not started"
    broken = "broken"
    timed_out = "timed out"
    crashed = "crashed"
    not_run_here = "not run here"


# The symbol that a terminal, a notebook and a report show for each status.
SYMBOLS: Mapping[Status, str] = {
    Status.passed: "✓",
    Status.failed: "✗",
    Status.not_started: "·",
    Status.broken: "!",
    Status.timed_out: "!",
    Status.crashed: "!",
    Status.not_run_here: "–",
}


LONGEST_PART = 2_000  # characters of a text in Evidence
IMPORTS = "it imports "  # begins a note about another koan
RESTS_ON_TEXT = (Status.passed, Status.failed, Status.not_started, Status.broken)


class TestResult(msgspec.Struct, frozen=True):
    """The result of one test.

    `sentence` is the test's name as words. `looks` maps the name of each wrong answer that the failure looks like to
    its description. `function` is the function whose check failed, if one did. `ms` is filled by a race on a GPU: the
    median milliseconds of each contestant. The code under test is "yours". `uncompiled`: it was not run, because no
    compiler that fits is installed here; the first claim then rests on the other tests.
    """

    name: str
    sentence: str
    status: Status
    message: str = ""
    headline: str = ""
    looks: dict[str, str] = {}
    function: str = ""
    cards: tuple[str, ...] = ()
    gpu: bool = False
    seconds: float = 0.0
    output: str = ""
    ms: dict[str, float] = {}
    uncompiled: bool = False


class Worst(msgspec.Struct, frozen=True):
    """The element of a tensor that is furthest from its expected value, and how far. Numbers are texts, as in "nan"."""

    index: tuple[int, ...]
    expected: str
    actual: str
    difference: str


class Evidence(msgspec.Struct, frozen=True):
    """What the message of a verdict shows, in parts. Each text is as long as in the message.

    `test` is the name of the test as words: of the failure that the message shows, or the one that ran when the run
    ended early. `what` says what is wrong. If a check of `function` failed, `arguments` are the arguments of the call
    by name, for the smallest failing input that was found. `smaller`: the test's own input is larger. `table` replaces
    `expected` and `actual` if the result is right but, for example, a kernel moves too many bytes.
    """

    test: str = ""
    what: str = ""
    function: str = ""
    arguments: dict[str, str] = {}
    smaller: bool = False
    expected: str = ""
    actual: str = ""
    worst: Worst | None = None
    table: tuple[str, ...] = ()

    @property
    def call(self) -> str:
        """The call with the names of its arguments. Empty if no call was compared."""
        compared = self.arguments or self.expected
        return f"{self.function}({', '.join(self.arguments)})" if compared else ""


class Verdict(msgspec.Struct, frozen=True):
    """The result of running one koan against one target.

    `status` depends on the tests without the gpu mark. `fast` depends on the tests with it and is None if there are
    none. `names` are the wrong answers that all failures of a function look like. A learner reads `message` first.
    `isolation` says what separated the code from the grader, if anything did. `by_machine`: the machine may have caused
    a failure, and not the text (see `faults`). `imports` are the other koans whose files the code imports. `notes` are
    lines for the learner that change no status, such as what would be different when graded. `evidence` belongs to a
    learner's own run that failed or ended early. Graded verdicts have none, and JSON then leaves it out.
    """

    koan: str
    target: str
    status: Status
    message: str = ""
    headline: str = ""
    tests: tuple[TestResult, ...] = ()
    names: tuple[str, ...] = ()
    fast: Status | None = None
    seconds: float = 0.0
    seed: int = 0
    output: str = ""
    isolation: str = ""
    by_machine: bool = False
    imports: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    evidence: Evidence | msgspec.UnsetType = msgspec.UNSET

    @property
    def passed(self) -> bool:
        return self.status == Status.passed

    @property
    def uncompiled(self) -> bool:
        """Whether the machine code was not checked, because no compiler that fits is installed here."""
        return any(test.uncompiled for test in self.tests)

    @property
    def rests_on_text(self) -> bool:
        """Whether a further run of the same text on the same machine must give the same verdict.

        A run that took too long or crashed may do better on a machine that is less busy. So may a race on a GPU: its
        times are measured, and another process may have used the GPU. Such verdicts are not cached.
        """
        raced = any(test.gpu and test.status in (Status.passed, Status.failed) for test in self.tests)
        return self.status in RESTS_ON_TEXT and not self.by_machine and not raced

    @property
    def speed(self) -> str:
        return speed(self.tests)


class Exit(msgspec.Struct, frozen=True):
    """How the process of a run ended.

    `finished`: it reported that it had run every test. `timed_out`: the limit in seconds, if the limit ended it.
    `running`: the test that was running. `nonsense`: why the messages of an isolated submission are no answer.
    """

    finished: bool
    code: int = 0
    signal: str = ""
    timed_out: float = 0.0
    running: str = ""
    tail: str = ""
    nonsense: str = ""


MICROSECONDS = 6  # decimals of seconds: what a clock gives beyond them is noise, and takes room in results


def judge(
    koan: str,
    target: str,
    tests: Sequence[TestResult],
    broken: str,
    end: Exit,
    *,
    seconds: float,
    seed: int,
    output: str,
    names: Mapping[str, Sequence[str]] = {},
    by_machine: bool = False,
) -> Verdict:
    """The verdict from the reported tests, an error in reading the file (`broken`), and the end of the process.

    `names` are the wrong answers that the run's own checks agree on, by the function that failed.
    """
    tests = [cleaned(test) for test in tests]
    earned = earned_names(tests, names)
    outcome = _outcome(tests, broken, end, earned)
    fast = _fast([t for t in tests if t.gpu], outcome.status)
    message = clean(outcome.message)
    headline = clean(outcome.headline) or (message.splitlines()[0] if message else "")
    return Verdict(
        koan,
        target,
        outcome.status,
        message,
        headline,
        tuple(tests),
        earned,
        fast,
        round(seconds, MICROSECONDS),
        seed,
        clean(output),
        by_machine=by_machine,
        notes=_uncompiled(tests),
    )


def _uncompiled(tests: Sequence[TestResult]) -> tuple[str, ...]:
    """A note, if the machine code was not checked."""
    skipped = [test for test in tests if test.uncompiled]
    if not skipped:
        return ()
    count = "1 test" if len(skipped) == 1 else f"{len(skipped)} tests"
    return (f"{Status.not_run_here}: {count} of the compiled kernel; {skipped[0].message}",)


class _Outcome(msgspec.Struct, frozen=True):
    """The first claim's status and the text that explains it. Without a headline the first line of it serves as one."""

    status: Status
    message: str = ""
    headline: str = ""


def _outcome(tests: Sequence[TestResult], broken: str, end: Exit, names: Sequence[str]) -> _Outcome:
    """What the run shows about the tests without the gpu mark. The first case that applies decides."""
    first_claim = [t for t in tests if not t.gpu]
    failed = _with(Status.failed, first_claim)
    if broken:
        return _Outcome(Status.broken, broken)
    if end.timed_out:
        return _Outcome(Status.timed_out, _timeout(end, failed))
    if not end.finished:
        return _Outcome(Status.crashed, _crash(end))
    if _is_stub(first_claim, tests):
        return _Outcome(Status.not_started, "not started: replace `raise NotImplementedError` with your own lines")
    if failed:
        return _failure(failed, names)
    if untouched := _with(Status.not_started, first_claim):
        part = f"not finished: {len(untouched)} tests still reach `raise NotImplementedError`"
        return _Outcome(Status.failed, part)
    if _all(Status.passed, [t for t in first_claim if not t.uncompiled]):
        return _Outcome(Status.passed)
    lacking = _with(Status.not_run_here, first_claim)
    return _Outcome(Status.not_run_here, lacking[0].message if lacking else "no test ran")


def _with(status: Status, tests: Sequence[TestResult]) -> list[TestResult]:
    return [test for test in tests if test.status == status]


def _all(status: Status, tests: Sequence[TestResult]) -> bool:
    """Whether there are tests and all of them have this status."""
    return bool(tests) and all(test.status == status for test in tests)


def _is_stub(first_claim: Sequence[TestResult], tests: Sequence[TestResult]) -> bool:
    """All tests of the first claim found a stub, or all tests that could run did.

    A machine that cannot run the tests of the first claim may have a GPU for the others, which recognize a stub too.
    """
    could_run = [t for t in tests if t.status != Status.not_run_here]
    return _all(Status.not_started, first_claim) or _all(Status.not_started, could_run)


def _failure(failed: Sequence[TestResult], names: Sequence[str]) -> _Outcome:
    first = _shown(failed, names)
    if not _is_named(first, names):
        return _Outcome(Status.failed, first.message, first.headline)
    headline, message = named_message(first, names)
    return _Outcome(Status.failed, message, headline)


def _is_named(test: TestResult, names: Sequence[str]) -> bool:
    """Whether the failure looks like all of `names`, of which there are some."""
    return bool(names) and set(test.looks) >= set(names)


def _shown(failed: Sequence[TestResult], names: Sequence[str]) -> TestResult:
    """The first failure that looks like all of `names`, else the first: early tests can be checked by hand."""
    return next((test for test in failed if _is_named(test, names)), failed[0])


def shown_test(verdict: Verdict) -> TestResult | None:
    """The test that the message of a failed verdict is about. None for any other verdict."""
    first_claim = [test for test in verdict.tests if not test.gpu]
    if verdict.status != Status.failed:
        return None
    if failed := _with(Status.failed, first_claim):
        return _shown(failed, verdict.names)
    return next(iter(_with(Status.not_started, first_claim)), None)


def named_message(test: TestResult, names: Sequence[str]) -> tuple[str, str]:
    """The headline that names the wrong answers a failure looks like, and its message with that headline."""
    headline = looks_like([test.looks[name] for name in names])
    sentence, _, rest = test.message.partition("\n\n")
    return headline, f"{headline}\n\n  {sentence}\n{rest}".rstrip()


def with_unmet_imports(verdict: Verdict, statuses: Mapping[str, Status | None]) -> Verdict:
    """The verdict with a note about each koan that its code imports and that has not passed. Statuses by koan id."""
    unmet = [koan for koan in verdict.imports if statuses.get(koan) != Status.passed]
    notes = [f"{IMPORTS}{koan}, which has not passed: fix that koan first" for koan in unmet]
    return msgspec.structs.replace(verdict, notes=(*verdict.notes, *notes))


def wants_fast(koan: Koan, verdict: Verdict) -> bool:
    """Whether a run on a GPU could still earn the points for `fast`: the first claim passed, and no race was run."""
    return koan.fast_points > 0 and verdict.passed and verdict.fast == Status.not_run_here


def with_fast(first: Verdict, fast: Verdict) -> Verdict:
    """The verdict on both claims of a koan, from a run of the first claim that passed and a run of `fast` alone.

    It is the verdict that one run of both gives on a machine with a GPU. If the run of `fast` ended early, none of its
    tests has passed, and a note says why. The first claim stays, because another run passed it. If there was no device
    in the end, `fast` is still not run here.
    """
    ended_early = fast.status in (Status.broken, Status.timed_out, Status.crashed)
    raced = {test.name: test for test in fast.tests}
    tests = [raced.get(test.name, test) if test.gpu else test for test in first.tests]
    notes = [*first.notes, *(note for note in fast.notes if note not in first.notes)]
    if ended_early:
        tests = [_not_proved(test, fast) if test.gpu else test for test in tests]
    if ended_early or not fast.tests:
        notes.append(f"fast: {fast.headline}")
    return msgspec.structs.replace(
        first,
        tests=tuple(tests),
        fast=_fast([test for test in tests if test.gpu], first.status),
        seconds=round(first.seconds + fast.seconds, 4),
        output="\n".join(output for output in (first.output, fast.output) if output),
        by_machine=first.by_machine or fast.by_machine,
        notes=tuple(notes),
    )


def _not_proved(test: TestResult, fast: Verdict) -> TestResult:
    """The result of a test in a run that ended early: only its own failure counts."""
    if test.status == Status.failed:
        return test
    return msgspec.structs.replace(test, status=Status.failed, message=fast.message, headline=fast.headline)


def split_notes(verdict: Verdict) -> tuple[list[str], list[str]]:
    """The notes about imports, which are shown before the message, and the others, which are shown after it."""
    first = [note for note in verdict.notes if note.startswith(IMPORTS)]
    return first, [note for note in verdict.notes if not note.startswith(IMPORTS)]


def speed(tests: Iterable[TestResult]) -> str:
    """The smallest speed relative to each rival in the races on a GPU, as in "0.92 of sdpa". Empty without races.

    Of a family of rivals (sdpa-flash, sdpa-cudnn) only the fastest counts.
    """
    least: dict[str, tuple[float, str]] = {}
    for test in tests:
        yours = test.ms.get("yours")
        for name, ms in test.ms.items():
            if yours and name != "yours":
                family = name.partition("-")[0]
                least[family] = min(least.get(family, (math.inf, "")), (ms / yours, name))
    return ", ".join(f"{ratio:.2f} of {name}" for ratio, name in sorted(least.values()))


def earned_names(tests: Sequence[TestResult], names: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names of the first function that has some and of which every failure looks like all of them.

    A test that failed outside of a check (an exception, a timeout) belongs to no function and rules out every name.
    """
    failed = _with(Status.failed, [t for t in tests if not t.gpu])
    if not all(test.function for test in failed):
        return ()
    for function in dict.fromkeys(test.function for test in failed):
        mine = names.get(function, ())
        if mine and all(set(t.looks) >= set(mine) for t in failed if t.function == function):
            return tuple(mine)
    return ()


def looks_like(descriptions: Sequence[str]) -> str:
    """The headline of a failure that looks like these wrong answers."""
    more = [f"{len(descriptions) - 3} more"] if len(descriptions) > 3 else []
    return "this looks like: " + "\n             or: ".join([*descriptions[:3], *more])


def _fast(tests: Sequence[TestResult], status: Status) -> Status | None:
    """The status of the second claim: its own tests must pass, and the first claim must not have failed."""
    if not tests:
        return None
    if status == Status.not_started:
        return Status.not_started if _with(Status.not_started, tests) else Status.not_run_here
    if _with(Status.not_run_here, tests):
        return Status.not_run_here
    ok = status in (Status.passed, Status.not_run_here) and _all(Status.passed, tests)
    return Status.passed if ok else Status.failed


def _during(end: Exit) -> str:
    return f"in: {end.running}" if end.running else "while the file was being imported"


def _timeout(end: Exit, failed: Sequence[TestResult]) -> str:
    advice = "Does every loop end? Does recursion repeat the same work? Both can exceed any time limit."
    message = f"no answer within {end.timed_out:g} s {_during(end)}\n\n{advice}"
    if failed:
        message += f"\n\nBefore that, this test failed: {failed[0].sentence}\n\n{failed[0].message}"
    return message


def _crash(end: Exit) -> str:
    during = _during(end)
    if end.nonsense:
        cause = f"the process sent something that is not an answer {during}: {end.nonsense}"
        more = "Does the code use file descriptors of its process?"
    elif end.signal:
        cause = f"the process was killed by {end.signal} {during}"
        more = {
            "SIGSEGV": "A crash in C code: an invalid memory access, or recursion too deep for the stack.",
            "SIGKILL": "The process may have used too much memory.",
        }.get(end.signal, "")
    else:
        cause = f"the process ended with exit code {end.code} {during}"
        more = "Does the code call exit or os._exit? Return a value instead."
    return "\n\n".join(part for part in (cause, more, end.tail) if part)


def cleaned(test: TestResult) -> TestResult:
    """The result with texts that are safe to print and to encode."""
    texts = {name: clean(getattr(test, name)) for name in ("sentence", "message", "headline", "output")}
    return msgspec.structs.replace(test, **texts)


def cleaned_evidence(evidence: Evidence) -> Evidence:
    """The evidence with texts that are safe to print and to encode, and not longer than LONGEST_PART."""

    def part(text: str) -> str:
        text = clean(text)
        return text if len(text) <= LONGEST_PART else f"{text[: LONGEST_PART - 1]}…"

    texts = {name: part(getattr(evidence, name)) for name in ("test", "what", "function", "expected", "actual")}
    arguments = {part(name): part(text) for name, text in evidence.arguments.items()}
    return msgspec.structs.replace(evidence, **texts, arguments=arguments, table=tuple(map(part, evidence.table)))


_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_])")


# Control characters, marks that reorder or hide the text around them, lone surrogates, and code points that are no
# characters.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\ufffe\uffff\ud800-\udfff]"
)


def clean(text: str) -> str:
    """The text made safe to print and to encode.

    It has no terminal escapes, no control characters except newline and tab, no marks that change the direction of
    writing, and no lone surrogates.
    """
    return _UNSAFE.sub("�", _ESCAPES.sub("", text).replace("\r", ""))


def one_line(text: str, longest: int = 200) -> str:
    """The text made safe to print, on one line and cut to `longest` characters: a name in a message or a table."""
    line = " ".join(clean(text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
