"""The trace in plain text, at most 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from grader.learn.trace import reads_picture, words
from grader.learn.trace.model import Step
from grader.learn.trace.report import Report
from grader.learn.trace.reuse import Reads, Wave

COLUMNS = 80
MOST_LINES = 12  # of a launch: lines of the kernel that access memory
MOST_ROWS = 16  # of a table of reads
SIGNS = {"": "#", "·": "."}  # the others stay


def summary(report: Report) -> str:
    """The text, without a line end."""
    lines = [report.koan, *_wrapped(f"{report.inputs}; {_config(report)}"), ""]
    for launch in range(len(report.trace.launches)):
        lines += [*_launch(report, launch), ""]
    if report.bytes:
        lines += [*_bytes(report), ""]
    for table in report.reads:
        lines += [*_reads(report, table), ""]
    for launch in range(len(report.trace.launches)):
        lines += _waves(report, launch)
    for clash in report.clashes:
        what = (
            f"{words.count(clash.elements, 'element')} of {clash.argument} are used by several programs of one launch"
        )
        lines += _wrapped(f"{what}, and at least one writes them: {words.programs(clash.programs)}")
    if report.failure:
        lines += failure(report)
    return "\n".join(line.rstrip() for line in lines).rstrip()


def failure(report: Report) -> list[str]:
    """What ended the kernel, and where."""
    assert report.failure
    lines = _wrapped(f"{report.failure.kind}: {report.failure.message}")
    if report.failure.line:
        lines.append(f"  line {report.failure.line}: {report.code.get(report.failure.line, '')}"[:COLUMNS])
    return lines


def _config(report: Report) -> str:
    return ", ".join(f"{name}={value}" for name, value in report.config.items()) or "no CONFIG"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, COLUMNS, subsequent_indent="  ", break_on_hyphens=False)


def _launch(report: Report, number: int) -> Iterator[str]:
    launch = report.trace.launches[number]
    steps = report.trace.of_launch(number)
    yield f"{launch.kernel}: {words.count(launch.programs, 'program')} ({words.grid(launch)})"
    by_line: dict[tuple[int, str], list[tuple[int, Step]]] = {}
    for place, step in steps:
        by_line.setdefault((step.line, step.argument), []).append((place, step))
    yield f"  {'line':>5}  {'':25}{'first step':>12}{'times':>7}{'programs':>10}{'tiles':>7}"
    for (line, argument), same in list(by_line.items())[:MOST_LINES]:
        programs = {program for _, step in same for tile in step.tiles for program in tile.programs}
        tiles = {tile.rectangles for _, step in same for tile in step.tiles}
        first, step = same[0]
        what = f"{step.kind} {argument}"
        yield f"  {line:>5}  {what:25.25}{first + 1:>12}{len(same):>7}{len(programs):>10}{len(tiles):>7}"
    if len(by_line) > MOST_LINES:
        yield f"  and {len(by_line) - MOST_LINES} more lines"


def _bytes(report: Report) -> Iterator[str]:
    yield f"{'bytes of all programs':30}{'moved':>16}{'needed':>16}{'times':>8}"
    for row in report.bytes:
        needed = "" if row.needed is None else f"{row.needed:,}"
        more = "  too many" if row.needed is not None and row.bytes > row.needed else ""
        yield f"  {row.kind:7}{row.argument:21.21}{row.bytes:>16,}{needed:>16}{row.times:>8.3g}{more}"


def _reads(report: Report, table: Reads) -> Iterator[str]:
    yield f"{reads_picture.title(table)}"
    yield f"  {reads_picture.programs(table, report.trace)}"
    starts = reads_picture.starts(table)
    if len(starts) * 2 + 12 > COLUMNS:
        yield f"  {len(starts)} blocks are too many for a line; the page shows them"
        return
    few = ", ".join(starts) if len(starts) < 4 else f"{starts[0]}, {starts[1]} … {starts[-1]}"
    yield f"  program  blocks that start at {few}"
    signs = reads_picture.signs(table)
    for program, row in list(zip(table.programs, signs, strict=True))[:MOST_ROWS]:
        yield f"  {program:>7}  {' '.join(SIGNS.get(sign, sign)[:1] for sign in row)}"
    if len(signs) > MOST_ROWS:
        yield f"  and {len(signs) - MOST_ROWS} more programs"
    found = {sign for row in signs for sign in row}
    legend = ["# read once"] if "" in found else []
    legend += [line.replace("·", ".") for line in reads_picture.explained(table)]
    for line in legend:
        yield from (f"  {part}" for part in textwrap.wrap(line, COLUMNS - 2))


def _waves(report: Report, launch: int) -> Iterator[str]:
    rows = [wave for wave in report.waves if wave.launch == launch and wave.asked]
    if not rows or rows[-1].distinct == rows[-1].asked:
        return
    kernel = report.trace.launches[launch].kernel
    yield from _wrapped(
        f"What the L2 cache could save for {kernel}, if programs that run at the same time stay in step"
    )
    yield f"  {'at once':>8}{'bytes asked for':>18}{'of distinct tiles':>20}{'share':>8}{'most tiles in flight':>23}"
    for wave in rows:
        flight = f"{wave.tiles} ({wave.in_flight:,} bytes)"
        yield f"  {wave.programs:>8}{wave.asked:>18,}{wave.distinct:>20,}{share(wave):>8}{flight:>23}"
    yield ""


def share(wave: Wave) -> str:
    """Which part of the bytes asked for are of tiles that nobody has asked for in the same wave and step."""
    return f"{100 * wave.distinct / wave.asked:.0f} %" if wave.asked else ""
