"""What `koans verify` found, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from grader.author.changed import TouchedKoans
from grader.author.gate import GateReport
from grader.book.workbook import Koan


def gate(report: GateReport) -> RenderableType:
    """The problems, the counts and the mutation score: the share of wrong answers that were caught."""
    parts: list[RenderableType] = []
    for problem in report.problems:
        parts.append(Text.assemble((problem.where, "bold red"), "\n  ", problem.message))
    success = Text("no koan was run; nothing is wrong with the files", "green")
    if report.koans:
        score = f"{report.caught} of {report.wrong} wrong answers caught, {report.named} by name"
        share = 100 * report.caught / report.wrong if report.wrong else 0.0
        parts.append(Text(f"{report.koans} koans, {report.runs} runs: {score}; {report.right} other right answers"))
        parts.append(Text(f"mutation score {share:.1f} %", "bold"))
        success = Text("every koan passes the gate", "green")
    parts.append(success if report.ok else Text(f"{len(report.problems)} problems", "red"))
    return Group(*parts)


def change(touched: TouchedKoans, koans: Sequence[Koan]) -> RenderableType:
    """The koans that `koans verify --changed` is about to run, and what it leaves out."""
    lines = [Text(f"{len(koans)} koans touched: {', '.join(k.id for k in koans) or 'none'}")]
    if touched.machine:
        count = len(touched.machine)
        message = f"{count} files of grader/ changed, which judge every koan: `koans verify` gates them all"
        lines.append(Text(message, "yellow"))
    return Group(*lines)
