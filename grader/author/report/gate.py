"""What `koans verify` found, in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from grader.book.workbook import Koan

if TYPE_CHECKING:
    from grader.author.changed import TouchedKoans
    from grader.author.gate import GateReport


def gate(report: GateReport) -> RenderableType:
    parts: list[RenderableType] = []
    for problem in report.problems:
        parts.append(Text.assemble((problem.where, "bold red"), "\n  ", problem.says))
    ok = Text("no koan was run; nothing is wrong with the files", "green")
    if report.koans:
        score = f"{report.caught} of {report.wrong} wrong answers caught, {report.named} by name"
        share = 100 * report.caught / report.wrong if report.wrong else 0.0
        parts.append(Text(f"{report.koans} koans, {report.runs} runs: {score}; {report.right} other right answers"))
        parts.append(Text(f"mutation score {share:.1f} %", "bold"))
        ok = Text("every koan passes the gate", "green")
    parts.append(ok if report.ok else Text(f"{len(report.problems)} problems", "red"))
    return Group(*parts)


def change(found: TouchedKoans, koans: Sequence[Koan]) -> RenderableType:
    """What `koans verify --changed` is about to do, and what it leaves out."""
    lines = [Text(f"{len(koans)} koans touched: {', '.join(k.id for k in koans) or 'none'}")]
    if found.machine:
        says = f"{len(found.machine)} files of grader/ changed, which judge every koan: `koans verify` gates them all"
        lines.append(Text(says, "yellow"))
    return Group(*lines)
