"""The probe: do the tests of a koan notice mechanical mistakes in the workbook's own answers? `koans verify --probe`.

A mutant that passes is a survivor: a hole in the tests, or no mistake at all. Maintainers list the second kind, with
the reason, in `reference/CHAPTER/equivalents.toml`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from grader.book.errors import KoansError
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Koan, Workbook
from grader.judge.mutation.effect import NO_EFFECT
from grader.judge.mutation.mutants import Mutant, mutants
from grader.judge.runner import Ask, Limits, Runner
from grader.judge.targets import Target

LIMITS = Limits(timeout=20.0, brief=True)  # seconds; a loop that a mutant makes endless is cut off
SECOND_SEED = 1  # with the inputs of this seed a name must be found again
LEDGER = "equivalents.toml"

OnProgress = Callable[[int, int, str], None]
Kind = Literal["equivalent", "only a GPU shows it"]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mutants of one koan that may survive for one reason.

    `changes` are their changes as the probe prints them, in any answer of the koan.
    """

    koan: str
    reason: str
    changes: list[str]
    kind: Kind = "equivalent"


class Ledger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file `equivalents.toml` of a chapter."""

    survives: list[Entry] = []


class Survivor(msgspec.Struct, frozen=True):
    """A mutant that passed all tests. `reason` is empty if nobody has said why that is right."""

    koan: str
    answer: str
    change: str
    kind: Kind | Literal[""] = ""
    reason: str = ""


class ProbeReport(msgspec.Struct):
    """What the probe found.

    `mutants` counts those that make a mistake: without the equivalent ones and those that have no effect.
    `named_right` counts the caught mutants whose name was found with other inputs too, `named_wrong` those whose name
    was not, `unnamed` those without a name.
    """

    mutants: int = 0
    caught: int = 0
    equivalent: int = 0
    named_right: int = 0
    named_wrong: int = 0
    unnamed: int = 0
    survivors: list[Survivor] = msgspec.field(default_factory=list)
    stale: list[str] = msgspec.field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.unexplained and not self.stale

    @property
    def unexplained(self) -> list[Survivor]:
        return [survivor for survivor in self.survivors if not survivor.reason]


def probe(
    workbook: Workbook,
    koans: Sequence[Koan],
    runner: Runner,
    *,
    on_progress: OnProgress = lambda done, total, what: None,
) -> ProbeReport:
    """Run the mutants of these koans. `on_progress` is called after each run. Raises KoansError for a broken ledger."""
    report = ProbeReport()
    found = {koan.id: mutants(workbook, koan) for koan in koans}
    ledgers = {chapter: ledger(workbook, chapter) for chapter in {koan.chapter for koan in koans}}
    asks = [Ask(koan, Target("mutant", str(n))) for koan in koans for n in range(len(found[koan.id]))]
    verdicts = dict(_run(runner, asks, on_progress))
    again = [msgspec.structs.replace(ask, seed=SECOND_SEED) for ask, verdict in verdicts.items() if verdict.names]
    second = dict(_run(runner, again, on_progress, done=len(asks)))
    names_again = {(ask.koan.id, ask.target.name): verdict.names for ask, verdict in second.items()}
    for koan in koans:
        mine = {
            mutant: verdicts[Ask(koan, Target("mutant", str(number)))] for number, mutant in enumerate(found[koan.id])
        }
        entries = [entry for entry in ledgers[koan.chapter] if entry.koan == koan.name]
        report.stale += _count(report, koan, mine, entries)
        for number, verdict in enumerate(mine.values()):
            _count_name(report, verdict, names_again.get((koan.id, str(number)), ()))
    return report


def _run(runner: Runner, asks: Sequence[Ask], on_progress: OnProgress, done: int = 0) -> Iterator[tuple[Ask, Verdict]]:
    for number, (ask, verdict) in enumerate(runner.run_all(asks), done + 1):
        on_progress(number, done + len(asks), f"{verdict.koan} {verdict.target}")
        yield ask, verdict


def _count(report: ProbeReport, koan: Koan, verdicts: Mapping[Mutant, Verdict], entries: Sequence[Entry]) -> list[str]:
    """Count the mutants of one koan. Returns the entries of the ledger that no survivor needs."""
    allowed = {change: entry for entry in entries for change in entry.changes}
    used: set[str] = set()
    promised = _promised_dtypes(verdicts)
    for mutant, verdict in verdicts.items():
        if verdict.status != Status.passed:
            nothing = verdict.message == NO_EFFECT
            report.equivalent += nothing
            report.mutants += not nothing
            report.caught += not nothing
            continue
        used.add(mutant.change)
        entry = allowed.get(mutant.change)
        if mutant in promised or (entry is not None and entry.kind == "equivalent"):
            report.equivalent += 1
            continue
        report.mutants += 1
        survivor = Survivor(koan.id, mutant.answer, mutant.change)
        if entry is not None:
            survivor = msgspec.structs.replace(survivor, kind=entry.kind, reason=entry.reason)
        report.survivors.append(survivor)
    return [f"{koan.id}: {change}" for change in allowed if change not in used]


def _promised_dtypes(verdicts: Mapping[Mutant, Verdict]) -> set[Mutant]:
    """The mutants that cast a result to the dtype that it has anyway: of each answer the only one to pass."""
    passed: dict[tuple[str, str], list[Mutant]] = {}
    for mutant, verdict in verdicts.items():
        if mutant.operator == "dtype of" and verdict.status == Status.passed:
            passed.setdefault((mutant.answer, mutant.function), []).append(mutant)
    return {alike[0] for alike in passed.values() if len(alike) == 1}


def _count_name(report: ProbeReport, verdict: Verdict, names_again: Sequence[str]) -> None:
    if verdict.status == Status.passed or verdict.message == NO_EFFECT:
        return
    if not verdict.names:
        report.unnamed += 1
    elif set(verdict.names) & set(names_again):
        report.named_right += 1
    else:
        report.named_wrong += 1


def ledger(workbook: Workbook, chapter: str) -> list[Entry]:
    """The mutants of a chapter that may survive. Raises KoansError if the file cannot be read."""
    file = workbook.root / "reference" / chapter / LEDGER
    if not file.exists():
        return []
    try:
        return msgspec.toml.decode(file.read_bytes(), type=Ledger).survives
    except msgspec.MsgspecError as error:
        raise KoansError(f"{file.relative_to(workbook.root)}: {error}") from None
