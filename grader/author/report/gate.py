"""What `koans verify` found, for a terminal: the gate, the probe and the soak."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from grader.author.changed import TouchedKoans
from grader.author.gate import GateReport
from grader.author.probe import ProbeReport
from grader.author.soak import SoakReport
from grader.book.workbook import Koan


def gate(report: GateReport) -> RenderableType:
    """The problems, the counts and the mutation score: the share of wrong answers that were caught."""
    parts: list[RenderableType] = []
    for problem in report.problems:
        parts.append(Text.assemble((problem.where, "bold red"), "\n  ", problem.message))
    success = Text("no koan was run; nothing is wrong with the files", "green")
    if report.koans:
        score = f"{report.caught:,} of {report.wrong:,} wrong answers caught"
        score += f", {report.named:,} by their name, {report.misnamed:,} by another"
        share = 100 * report.caught / report.wrong if report.wrong else 0.0
        parts.append(Text(f"{report.koans} koans, {report.runs:,} runs: {score}; {report.right} other right answers"))
        parts.append(Text(f"mutation score {share:.1f} %", "bold"))
        success = Text("every koan passes the gate", "green")
    parts.append(success if report.ok else Text(f"{len(report.problems)} problems", "red"))
    return Group(*parts)


def probe(report: ProbeReport) -> RenderableType:
    """The mutants that nobody explains, the counts, the share that survived, and how often a caught one was named."""
    parts: list[RenderableType] = []
    for survivor in report.unexplained:
        where = Text.assemble((f"{survivor.koan} {survivor.answer}", "bold red"))
        parts.append(Text.assemble(where, "\n  passes with this mistake: ", survivor.change))
    parts += [
        Text.assemble((change, "bold red"), "\n  is listed, but no mutant passes with it") for change in report.stale
    ]
    share = 100 * len(report.survivors) / report.mutants if report.mutants else 0.0
    survived = f"{len(report.survivors):,} survived ({share:.1f} %), {len(report.unexplained):,} without a reason"
    parts.append(
        Text(f"{report.mutants:,} mutants: {report.caught:,} caught, {survived}; {report.equivalent:,} equivalent")
    )
    names = f"{report.named_right:,} right, {report.named_wrong:,} wrong, {report.unnamed:,} none"
    parts.append(Text(f"names of the caught mutants: {names}"))
    return Group(*parts)


def soak(report: SoakReport) -> RenderableType:
    """The honest answers that were refused, and how many runs there were under each setting."""
    parts: list[RenderableType] = []
    for problem in report.problems:
        parts.append(Text.assemble((problem.where, "bold red"), "\n  ", problem.message))
    runs = ", ".join(f"{count:,} {name}" for name, count in report.runs.items())
    parts.append(Text(f"{report.seeds:,} seeds; runs: {runs}"))
    success = Text("no honest answer was refused", "green")
    parts.append(success if report.ok else Text(f"{len(report.problems)} refusals", "red"))
    return Group(*parts)


def change(touched: TouchedKoans, koans: Sequence[Koan]) -> RenderableType:
    """The koans that `koans verify --changed` is about to run, and what it leaves out."""
    lines = [Text(f"{len(koans)} koans touched: {', '.join(k.id for k in koans) or 'none'}")]
    if touched.machine:
        count = len(touched.machine)
        message = f"{count} files of grader/ changed, which judge every koan: `koans verify` checks them all"
        lines.append(Text(message, "yellow"))
    return Group(*lines)
