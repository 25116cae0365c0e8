"""What people read in a terminal, at 60 columns or 200; colour only where there is a terminal."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.progress import Standing
from grader.verdict import Status, TestResult, Verdict, clean
from grader.workbook import Card, Koan, Workbook

if TYPE_CHECKING:  # of these only the types are needed, and `koans run` starts sooner without the rest
    from grader.changed import Change
    from grader.doctor import Finding
    from grader.gate import Report
    from grader.grade import Class, Grade

LOOKS: Mapping[Status, tuple[str, str]] = {
    Status.passed: ("✓", "green"),
    Status.failed: ("✗", "red"),
    Status.not_started: ("·", "dim"),
    Status.broken: ("!", "red"),
    Status.timed_out: ("!", "red"),
    Status.crashed: ("!", "red"),
    Status.not_run_here: ("–", "yellow"),
}
QUIET = (Status.passed, Status.failed, Status.not_started)  # what a class is made of
SHOWN = 28  # lines of a message: the verdict fits one screen
NARROW = 76
NOTES = 12  # lines about notebooks that a class shows


def status_text(status: Status, *, changed: bool = False) -> Text:
    symbol, style = LOOKS[status]
    return Text(f"{symbol} {status.value}" + (" (changed since it passed)" if changed else ""), style=style)


def verdict(koan: Koan, result: Verdict) -> RenderableType:
    """One koan's verdict in one screen: what failed first and why, what to do next."""
    tests = [t for t in result.tests if not t.gpu]
    passed = sum(t.status == Status.passed for t in tests)
    head = Text.assemble((koan.id, "bold"), "  ", status_text(result.status))
    if tests and result.status != Status.not_started:
        head.append(f"  {passed} of {len(tests)} tests pass", "dim")
    parts: list[RenderableType] = [head]
    if result.fast is not None and result.status in (Status.passed, Status.not_run_here):
        parts += _fast(result)
    if result.status == Status.passed:
        return Group(*parts)
    failing = next((t for t in tests if t.status == Status.failed), None)
    if failing and result.status == Status.failed:
        chosen = next((t for t in tests if _tells(t, result)), failing)
        parts += [Text(), Text.assemble(("fails: ", "dim"), chosen.sentence)]
    if result.message and result.status != Status.not_started:
        parts += [Text(), *_message(result)]
    if failing and failing.output.strip():
        lines = failing.output.strip().splitlines()
        more = [f"… {len(lines) - 6} more lines"] if len(lines) > 6 else []
        parts += [
            Text(),
            Text("printed by the code:", "dim"),
            *(Text(f"  {line[:200]}") for line in [*lines[:6], *more]),
        ]
    return Group(*parts)


def _fast(result: Verdict) -> list[RenderableType]:
    """The second claim: how fast, or why not."""
    assert result.fast is not None
    line = Text.assemble("  fast: ", status_text(result.fast))
    if result.speed:
        line.append(f", {result.speed}", "dim")
    slow = next((t for t in result.tests if t.gpu and t.status == Status.failed), None)
    return [line, *(Text(f"    {text}", "dim") for text in slow.message.splitlines()[:SHOWN])] if slow else [line]


def _tells(test: TestResult, result: Verdict) -> bool:
    """Is it this test's failure that the verdict tells? Its look-alikes may have been told apart since."""
    if test.message == result.message:
        return True
    body = test.message.removeprefix(test.headline)
    return bool(test.headline) and body != test.message and result.message == result.headline + body


def _message(result: Verdict) -> list[Text]:
    lines = result.message.splitlines()
    if len(lines) > SHOWN:
        lines = [*lines[: SHOWN - 1], f"… {len(lines) - SHOWN + 1} more lines"]
    style = "bold" if result.status == Status.failed else ""
    return [Text(line, style if i == 0 else "") for i, line in enumerate(lines)]


def next_steps(steps: Sequence[tuple[str, str]]) -> RenderableType:
    """Command and what it does."""
    table = Table.grid(padding=(0, 2))
    for command, does in steps:
        table.add_row(Text(command, "cyan"), Text(does, "dim"))
    return Group(Text(), Text("next", "dim"), Padding(table, (0, 0, 0, 2)))


def prompt(workbook: Workbook, koan: Koan) -> RenderableType:
    """Title, file and what the koan is about."""
    body = workbook.prompt(koan).partition("\n")[2].strip()
    head = Text.assemble((koan.title, "bold"), f"  ({koan.rung}, {koan.points} point{'s' * (koan.points != 1)})")
    file = Text(f"exercises/{koan.id}.py", "cyan")
    return Group(head, file, Text(), markdown(body))


def listing(workbook: Workbook, standings: Mapping[str, Standing], koans: Iterable[Koan], width: int) -> RenderableType:
    """Every koan with its standing, by chapter."""
    parts: list[RenderableType] = []
    chosen = list(koans)
    for chapter in workbook.chapters:
        own = [k for k in chapter.koans if k in chosen]
        if not own:
            continue
        done = sum(standings[k.id].status == Status.passed for k in own)
        parts.append(Text.assemble((f"{chapter.id}  ", "bold"), chapter.title, (f"  {done}/{len(own)}", "dim")))
        table = Table.grid(padding=(0, 2), expand=False)
        for koan in own:
            standing = standings[koan.id]
            row: list[Text] = [
                status_text(standing.status, changed=standing.changed and width >= NARROW),
                Text(koan.name),
            ]
            if width >= NARROW:
                row += [Text(koan.rung, "dim"), Text(koan.title, "dim", overflow="ellipsis", no_wrap=True)]
            table.add_row(*row)
        parts += [Padding(table, (0, 0, 0, 2)), Text()]
    passed = sum(s.status == Status.passed for s in standings.values())
    parts.append(Text(f"{passed} of {len(standings)} koans passed"))
    return Group(*parts)


def unlocked(cards: Sequence[Card]) -> RenderableType:
    lines = [Text.assemble(("  card unlocked: ", "green"), card.id) for card in cards]
    return Group(*lines)


def prepare() -> None:
    """Import what an afterword takes on a thread: the koan runs in another process meanwhile."""
    threading.Thread(target=import_module, args=("rich.markdown",), daemon=True).start()


def markdown(text: str) -> RenderableType:
    from rich.markdown import Markdown  # takes long to import, and most verbs need none

    return Markdown(text)


def code(text: str) -> RenderableType:
    from rich.syntax import Syntax

    return Syntax(text, "python", theme="ansi_dark", background_color="default", word_wrap=True)


def gate(report: Report) -> RenderableType:
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


def change(found: Change, koans: Sequence[Koan]) -> RenderableType:
    """What `koans verify --changed` is about to do, and what it leaves out."""
    lines = [Text(f"{len(koans)} koans touched: {', '.join(k.id for k in koans) or 'none'}")]
    if found.machine:
        says = f"{len(found.machine)} files of grader/ changed, which judge every koan: `koans verify` gates them all"
        lines.append(Text(says, "yellow"))
    return Group(*lines)


def doctor(findings: Sequence[Finding]) -> RenderableType:
    lines: list[RenderableType] = []
    for finding in findings:
        symbol, style = ("✓", "green") if finding.ok and finding.found != "none" else ("–", "yellow")
        if not finding.ok:
            symbol, style = "✗", "red"
        lines.append(Text.assemble((symbol, style), " ", (f"{finding.part:<12}", "bold"), finding.found))
        lines.append(Padding(Text(finding.says, "dim"), (0, 0, 0, 2)))
    return Group(*lines)


def grade(result: Grade) -> RenderableType:
    parts: list[RenderableType] = []
    for graded in result.koans:
        line = Text.assemble(
            f"{graded.earned}/{graded.points}  ",
            graded.verdict.koan,
            "  ",
            status_text(graded.verdict.status),
        )
        if graded.verdict.fast is not None:
            line.append("  fast: ", "dim").append_text(status_text(graded.verdict.fast))
            if graded.verdict.speed:
                line.append(f", {graded.verdict.speed}", "dim")
        parts.append(line)
        if graded.verdict.headline and graded.verdict.status not in (Status.passed, Status.not_started):
            parts.append(Padding(Text(clean(graded.verdict.headline), "dim"), (0, 0, 0, 5)))
    if result.problem:
        parts.append(Text(f"{clean(result.submission)}: {clean(result.problem)}", "red"))
        return Group(*parts)
    parts += [Text(clean(note), "yellow") for note in result.notes]
    cards = f", {len(result.cards)} cards proven" if result.cards else ""
    parts += [Text(), Text(f"{clean(result.submission)}: {result.earned} of {result.points} points{cards}", "bold")]
    parts.append(Text(f"seed {result.seed}; {clean(result.isolation)}", "dim" if result.trusted else "yellow"))
    return Group(*parts)


def classroom(found: Class) -> RenderableType:
    """A line a submission; the rest is in the reports."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in (("submission", "left"), ("points", "right"), ("passed", "right"), ("", "left")):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for one in found.grades:
        passed = sum(graded.verdict.passed for graded in one.koans)
        other = Counter(graded.verdict.status for graded in one.koans if graded.verdict.status not in QUIET)
        says = one.problem or ", ".join(f"{n} {status}" for status, n in sorted(other.items()))
        table.add_row(clean(one.submission), f"{one.earned}/{one.points}", str(passed), Text(clean(says), "red"))
    notes = [Text(f"{clean(one.submission)}: {clean(note)}", "yellow") for one in found.grades for note in one.notes]
    if len(notes) > NOTES:
        notes = [*notes[:NOTES], Text(f"and {len(notes) - NOTES} more like these; --json has them all", "yellow")]
    isolation = ", ".join(sorted({clean(one.isolation) for one in found.grades}))
    safe = all(one.trusted for one in found.grades)
    stamp = f"{len(found.grades)} submissions, seed {found.seed}; {isolation}"
    return Group(table, Text(), *notes, Text(stamp, "dim" if safe else "yellow"))


def console(*, stderr: bool = False) -> Console:
    """Plain text unless it is a terminal; never wider than 110 columns, where lines get hard to read."""
    plain = Console(stderr=stderr, highlight=False, soft_wrap=False)
    return Console(stderr=stderr, highlight=False, width=min(plain.width, 110)) if plain.width > 110 else plain
