"""The one result model. A verdict is judged from what a run reported: what it did not report as passed, is not."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec


class Status(StrEnum):
    passed = "passed"
    failed = "failed"
    not_started = "not started"
    broken = "broken"
    timed_out = "timed out"
    crashed = "crashed"
    not_run_here = "not run here"


class TestResult(msgspec.Struct, frozen=True):
    """One test. `sentence` is its name as words; `looks` the wrong answers its failure looks like, by name.

    `ms`: of a race on a GPU, the median milliseconds of each contestant; the code under test is "yours".
    """

    name: str
    sentence: str
    status: Status
    message: str = ""
    headline: str = ""
    looks: dict[str, str] = {}
    cards: tuple[str, ...] = ()
    gpu: bool = False
    seconds: float = 0.0
    output: str = ""
    ms: dict[str, float] = {}


class Verdict(msgspec.Struct, frozen=True):
    """What came of running one koan against one target.

    `status` rests on the tests without the gpu mark, `fast` on those with it (None: there are none). `names` are the
    wrong answers that the failures agree on, and `message` is what a learner reads first. `isolation` says what stood
    between the code and the grader, if anything did.
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

    @property
    def passed(self) -> bool:
        return self.status == Status.passed

    @property
    def speed(self) -> str:
        return speed(self.tests)


class Exit(msgspec.Struct, frozen=True):
    """How the process of a run ended. `finished`: it said that it had run every test and meant to stop. `nonsense`: an
    isolated submission sent what is no answer."""

    finished: bool
    code: int = 0
    signal: str = ""
    timed_out: float = 0.0
    running: str = ""
    tail: str = ""
    nonsense: str = ""


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
) -> Verdict:
    """One verdict from the tests reported, an error in reading the file (`broken`), and the end of the process."""
    message = headline = ""
    tests = [_clean(test) for test in tests]
    claim = [t for t in tests if not t.gpu]
    failed = [t for t in claim if t.status == Status.failed]
    untouched = [t for t in claim if t.status == Status.not_started]
    # Where the tests of the first claim cannot run, those on a GPU still tell a stub.
    stub = [t for t in tests if t.status == Status.not_started]
    run = [t for t in tests if t.status != Status.not_run_here]
    names = _common(failed)
    if broken:
        status, message = Status.broken, broken
    elif end.timed_out:
        status = Status.timed_out
        during = f" in: {end.running}" if end.running else " while the file was being imported"
        advice = "Does a loop end, and does recursion do the same work again and again? Either can outlast any limit."
        message = f"no answer within {end.timed_out:g} s{during}\n\n{advice}"
        if failed:
            message += f"\n\nBefore that failed: {failed[0].sentence}\n\n{failed[0].message}"
    elif not end.finished:
        status, message = Status.crashed, _crash(end)
    elif (untouched and len(untouched) == len(claim)) or (stub and stub == run):
        status, message = Status.not_started, "not started: replace `raise NotImplementedError` with your own lines"
    elif untouched and not failed:
        status = Status.failed
        message = f"part of it is still to be written: {len(untouched)} tests meet its 'your turn'"
    elif failed:
        status = Status.failed
        # The first failure that says this, alone or among others: early tests can be checked by hand.
        first = ([t for t in failed if names and set(t.looks) >= set(names)] or failed)[0]
        message, headline = first.message, first.headline
        if set(first.looks) > set(names) and names and message.startswith(headline):
            # Other tests have told its look-alikes apart.
            narrowed = looks_like([first.looks[name] for name in names])
            message, headline = narrowed + message[len(headline) :], narrowed
    elif claim and all(t.status == Status.passed for t in claim):
        status = Status.passed
    else:
        lacks = [t.message for t in claim if t.status == Status.not_run_here]
        status, message = Status.not_run_here, lacks[0] if lacks else "no test ran"
    fast = _fast([t for t in tests if t.gpu], status)
    text = clean(message)
    title = clean(headline) or (text.splitlines()[0] if text else "")
    return Verdict(koan, target, status, text, title, tuple(tests), names, fast, seconds, seed, clean(output))


def speed(tests: Iterable[TestResult]) -> str:
    """What races on a GPU gave, "0.92 of sdpa": the smallest ratio to each rival or, of a family (sdpa-flash,
    sdpa-cudnn), to the fastest of it. Empty if nothing was timed."""
    least: dict[str, tuple[float, str]] = {}
    for test in tests:
        yours = test.ms.get("yours")
        for name, ms in test.ms.items():
            if yours and name != "yours":
                kind = name.partition("-")[0]
                least[kind] = min(least.get(kind, (math.inf, "")), (ms / yours, name))
    return ", ".join(f"{ratio:.2f} of {name}" for ratio, name in sorted(least.values()))


def settled(tests: Sequence[TestResult], left: int) -> bool:
    """Is it settled that these failures have one name in common, whatever `left` more tests may say?"""
    failed = [t for t in tests if t.status == Status.failed and not t.gpu]
    votes = Counter(name for t in failed for name in t.looks)
    (_, most), (_, second) = [*votes.most_common(2), ("", 0), ("", 0)][:2]
    return most > second + left and 2 * most >= len(failed) + left


def _common(failed: Sequence[TestResult]) -> tuple[str, ...]:
    """The names that most failures allow, if these are half of them at least: a name must not stand for the rest."""
    votes = Counter(name for t in failed for name in t.looks)
    most = max(votes.values(), default=0)
    if 2 * most < max(1, len(failed)):
        return ()
    return tuple(name for name, n in votes.items() if n == most)


def looks_like(says: Sequence[str]) -> str:
    """The headline of a failure that looks like one of these wrong answers."""
    more = [f"{len(says) - 3} more"] if len(says) > 3 else []
    return "this looks like: " + "\n             or: ".join([*says[:3], *more])


def _fast(tests: Sequence[TestResult], status: Status) -> Status | None:
    """The second claim. It rests on its own tests and falls with the first claim, unless that was not tried here."""
    if not tests:
        return None
    if status == Status.not_started:
        return Status.not_started if any(t.status == Status.not_started for t in tests) else Status.not_run_here
    if any(t.status == Status.not_run_here for t in tests):
        return Status.not_run_here
    ok = status in (Status.passed, Status.not_run_here) and all(t.status == Status.passed for t in tests)
    return Status.passed if ok else Status.failed


def _crash(end: Exit) -> str:
    during = f"in: {end.running}" if end.running else "while the file was being imported"
    if end.nonsense:
        cause = f"the process sent what is no answer {during}: {end.nonsense}"
        more = "Does the code reach for the descriptors of the process it runs in?"
    elif end.signal:
        cause = f"the process was killed by {end.signal} {during}"
        more = {
            "SIGSEGV": "A crash in C: memory that is not yours, or recursion too deep for the stack.",
            "SIGKILL": "It may have used up the memory.",
        }.get(end.signal, "")
    else:
        cause = f"the process ended with exit code {end.code} {during}"
        more = "Does the code call exit or os._exit? Return a value instead."
    return "\n\n".join(part for part in (cause, more, end.tail) if part)


def _clean(test: TestResult) -> TestResult:
    texts = {name: clean(getattr(test, name)) for name in ("sentence", "message", "headline", "output")}
    return msgspec.structs.replace(test, **texts)


_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_])")


# Control characters, what reorders or hides the text around it, halves of a surrogate pair, and what is no character.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\ufffe\uffff\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Text that is safe to print and to encode: no terminal escapes, no control characters but newline and tab, no
    marks that turn the direction of writing, no half surrogates.
    """
    return _UNSAFE.sub("�", _ESCAPES.sub("", text).replace("\r", ""))
