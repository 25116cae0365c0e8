"""The results of `koans doctor`, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from grader.learn.doctor import Finding


def findings(results: Sequence[Finding]) -> RenderableType:
    """A line for each part that was examined, with its remark below it."""
    lines: list[RenderableType] = []
    for finding in results:
        symbol, style = ("✓", "green") if finding.ok and finding.found != "none" else ("–", "yellow")
        if not finding.ok:
            symbol, style = "✗", "red"
        lines.append(Text.assemble((symbol, style), " ", (f"{finding.part:<12}", "bold"), finding.found))
        lines.append(Padding(Text(finding.says, "dim"), (0, 0, 0, 2)))
    return Group(*lines)
