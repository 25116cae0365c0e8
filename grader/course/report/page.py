"""One HTML page for a class: its misconceptions, how far each submission is, and how each koan and rung went.

The page loads nothing from a network (grader/book/html.py).
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

from grader.book.html import coded, parts
from grader.book.points import amount
from grader.book.verdict import SYMBOLS, Status, one_line
from grader.book.workbook import RUNGS, Rung
from grader.course.classroom import heads
from grader.course.grade import Class, Grade
from grader.course.report.common import (
    Misconception,
    misconceptions,
    safe_text,
    seed_for_students,
    total,
    version,
)
from grader.course.report.names import labels

# The CSS classes of verdicts: passed, failed, error, not run here, not started.
Look = Literal["p", "f", "e", "h", "n"]
Order = Literal["ascending", "descending"]

# The matrix shows a status by its symbol.
CLASSES: dict[Status, Look] = {
    Status.passed: "p",
    Status.failed: "f",
    Status.broken: "e",
    Status.timed_out: "e",
    Status.crashed: "e",
    Status.not_run_here: "h",
    Status.not_started: "n",
}
LOOKS: tuple[tuple[Look, str], ...] = (
    ("p", "passed"),
    ("f", "failed"),
    ("e", "broken, timed out or crashed"),
    ("h", "not run here"),
    ("n", "not started"),
)
UNFOLDED = 12  # misconceptions that are visible without a click

SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")


class _Mark(NamedTuple):
    """What a cell of the matrix shows of a koan."""

    status: Status
    fast: Status | None
    uncompiled: bool


class _Row(NamedTuple):
    """What the tables show of a grade. `head` is the grade without its koans. `koans` are ids, in order."""

    label: str
    head: Grade
    total: tuple[float, float]
    koans: tuple[str, ...]
    marks: tuple[_Mark, ...]
    passed_on: Mapping[str, tuple[int, int]]  # koans passed, and all koans
    cards: int


@dataclass
class _Overview:
    """What the tables show of a class: small enough for memory, and collected by going through the grades once."""

    rows: list[_Row] = field(default_factory=list)
    rungs: dict[str, Rung] = field(default_factory=dict)  # of each koan, in the order of the workbook
    looks: dict[str, Counter[Look]] = field(default_factory=dict)  # how many submissions, for each koan


def page(classroom: Class) -> Iterator[str]:
    """The page, in parts. The grades are gone through three times, one grade in memory at a time."""
    overview = _overview(classroom)
    found = misconceptions(classroom)
    body = chain(
        _head(classroom, overview.rows),
        _misconceptions(found, len(overview.rows)),
        _students(overview.rows),
        _matrix(overview),
        _koans(overview, found),
        _failures(classroom, [row.label for row in overview.rows]),
        _foot([row.head for row in overview.rows]),
    )
    return parts(f"{safe_text(classroom.name, 200)}: Tensor Koans", body, script=SCRIPT)


def _overview(classroom: Class) -> _Overview:
    seen = _Overview()
    marks: dict[_Mark, _Mark] = {}  # rows share what is equal: most grades have the same koans
    orders: dict[tuple[str, ...], tuple[str, ...]] = {}
    for label, head, grade in zip(labels(classroom.grades), heads(classroom.grades), classroom.grades, strict=True):
        passed: dict[str, tuple[int, int]] = {}
        row = []
        for graded in grade.koans:
            verdict = graded.verdict
            mark = _Mark(verdict.status, verdict.fast, verdict.uncompiled)
            row.append(marks.setdefault(mark, mark))
            seen.rungs.setdefault(verdict.koan, graded.rung)
            seen.looks.setdefault(verdict.koan, Counter())[CLASSES[verdict.status]] += 1
            done, all_ = passed.get(graded.rung, (0, 0))
            passed[graded.rung] = done + verdict.passed, all_ + 1
        koans = tuple(graded.verdict.koan for graded in grade.koans)
        koans = orders.setdefault(koans, koans)
        seen.rows.append(_Row(label, head, total(grade), koans, tuple(row), passed, len(grade.cards)))
    return seen


def _text(text: str, longest: int = 300) -> str:
    return escape(safe_text(text, longest))


def _name(label: str) -> str:
    """A name, which may be written from right to left without turning around what stands beside it."""
    return f"<bdi>{_text(label)}</bdi>"


def _row_head(label: str, grade: Grade) -> str:
    about = "; ".join(part for part in (one_line(grade.submission), version(grade)) if part)
    return f'<th scope="row" title="{_text(about)}">{_name(label)}</th>'


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _head(classroom: Class, rows: Sequence[_Row]) -> Iterable[str]:
    graded = [row for row in rows if not row.head.problem]
    yield f"<h1>{_text(classroom.name, 200)}</h1>"
    days = sorted({row.head.started[:10] for row in rows})
    when = f"; graded {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "") if days else ""
    yield f'<p class="dim">{_count(len(rows), "submission")}, {seed_for_students(classroom)}{_text(when)}</p>'
    by_problem: dict[str, list[str]] = {}
    for row in rows:
        if row.head.problem:
            by_problem.setdefault(row.head.problem, []).append(_name(row.label))
    for problem, names in by_problem.items():
        was = "was" if len(names) == 1 else "were"
        yield f'<p class="warn">{", ".join(names)} {was} not graded: {_text(problem)}</p>'
    yield from (f'<p class="warn">{_text(note)}</p>' for note in classroom.notes[:UNFOLDED])
    if len(classroom.notes) > UNFOLDED:
        yield f"<details><summary>{len(classroom.notes) - UNFOLDED} more notes</summary><ul>"
        yield from (f"<li>{_text(note)}</li>" for note in classroom.notes[UNFOLDED:])
        yield "</ul></details>"
    untrusted = [row.head for row in graded if not row.head.trusted]
    if untrusted:
        yield (
            f'<p class="warn">{_count(len(untrusted), "submission")} ran without the complete sandbox, so these points '
            f"can be forged: {_text(untrusted[0].isolation)}</p>"
        )
    if not graded:
        return
    points = [row.total[0] for row in graded]
    passed = [{koan for koan, mark in zip(row.koans, row.marks, strict=True) if _passed(mark)} for row in graded]
    everyone, anyone = set.intersection(*passed), set.union(*passed)
    whole = len(graded[0].koans)
    yield '<ul class="tiles">'
    possible = f'<span class="dim">/ {amount(graded[0].total[1])}</span>'
    yield f"<li><b>{statistics.median(points):g} {possible}</b>median points</li>"
    yield f"<li><b>{amount(max(points))}</b>most points</li>"
    yield f"<li><b>{len(everyone)}</b>koans passed by all</li>"
    yield f"<li><b>{whole - len(anyone)}</b>koans passed by none</li>"
    yield f"<li><b>{sum(not p for p in passed)}</b>passed nothing yet</li>"
    yield "</ul>"


def _misconceptions(found: Sequence[Misconception], size: int) -> Iterable[str]:
    yield "<h2>What the class gets wrong</h2>"
    if not found:
        yield '<p class="dim">No failure looks like a mistake that has a name.</p>'
        return
    yield (
        '<p class="dim">Wrong answers that failures look like, and in how many submissions. '
        "A paler bar: the failure may also be another wrong answer of this koan.</p>"
    )
    for part, more in ((found[:UNFOLDED], False), (found[UNFOLDED:], True)):
        if more and part:
            yield f"<details><summary>{len(part)} more</summary>"
        if part:
            yield '<ol class="held">'
            yield from (_misconception(one, size) for one in part)
            yield "</ol>"
        if more and part:
            yield "</details>"


def _misconception(one: Misconception, size: int) -> str:
    sure, maybe = (100 * len(part) / max(size, 1) for part in (one.alone, one.among))
    who = ", ".join([*(_name(n) for n in one.alone), *(f"{_name(n)} (perhaps)" for n in one.among)])
    return (
        f'<li><span class="n">{one.count}</span><div class="one"><div>{_description(one.description)}<br>'
        f'<code class="dim">{_text(one.koan)}</code></div><div><div class="bar"><i class="sure w{sure:.0f}"></i>'
        f'<i class="maybe w{maybe:.0f}"></i></div><details><summary>who</summary><p>{who}</p></details>'
        "</div></div></li>"
    )


def _description(text: str) -> str:
    """The description of a wrong answer, with text between backticks as code."""
    return coded(_text(text))


def _passed(mark: _Mark) -> bool:
    return mark.status == Status.passed


def _students(rows: Sequence[_Row]) -> Iterable[str]:
    rungs = [rung for rung in RUNGS if any(rung in row.passed_on for row in rows)]
    yield "<h2>Progress of each submission</h2>"
    yield '<p class="dim">Koans passed on each rung; click a heading to sort. “At” is the first koan not passed.</p>'
    yield '<div class="wide"><table class="full"><thead><tr>'
    yield _heading("submission", "ascending", "who")
    yield _heading("points", "descending", "r")
    yield _heading("at", "ascending", "")
    yield from (_heading(rung, "descending", "r") for rung in rungs)
    yield _heading("cards", "descending", "r")
    yield "</tr></thead><tbody>"
    for row in rows:
        earned, points = row.total
        at = next((i for i, mark in enumerate(row.marks) if not _passed(mark)), len(row.koans))
        where = row.koans[at] if at < len(row.koans) else "all passed" if row.koans else "not graded"
        cells = [
            _row_head(row.label, row.head),
            f'<td class="r" data-v="{earned}">{amount(earned)} <span class="dim">/ {amount(points)}</span></td>',
            f'<td data-v="{at}"><code>{_text(where)}</code></td>',
        ]
        nothing = '<td class="r dim" data-v="-1">–</td>'
        for rung in rungs:
            done, own = row.passed_on.get(rung, (0, 0))
            share = f'<td class="r" data-v="{done}">{done} <span class="dim">/ {own}</span></td>'
            cells.append(share if own else nothing)
        cells.append(f'<td class="r" data-v="{row.cards}">{row.cards}</td>')
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


def _heading(name: str, first: Order, css: str, title: str = "") -> str:
    """A column's heading, a button that sorts the table. `first` is the order of the first click."""
    more = f' title="{_text(title)}"' if title else ""
    button = f'<button type="button"{more}>{_text(name, 80)}</button>'
    return f'<th scope="col" class="{css}" data-first="{first}">{button}</th>'


def _matrix(overview: _Overview) -> Iterable[str]:
    order = list(overview.rungs)
    yield "<h2>Koan by koan</h2>"
    symbols = {CLASSES[status]: symbol for status, symbol in SYMBOLS.items()}
    yield '<ul class="key">'
    yield from (f'<li><span class="{look}">{symbols[look]}</span>{words}</li>' for look, words in LOOKS)
    yield "</ul>"
    yield '<div class="wide"><table class="grid"><thead><tr>' + _heading("submission", "ascending", "who")
    yield from (_heading(koan.partition("/")[2], "ascending", "k", koan) for koan in order)
    yield "</tr></thead><tbody>"
    ranks = {look: i for i, (look, _) in enumerate(LOOKS)}
    for row in overview.rows:
        marks = dict(zip(row.koans, row.marks, strict=True))
        cells = [_row_head(row.label, row.head)]
        for koan in order:
            if koan not in marks:
                cells.append('<td class="n" data-v="9"></td>')
                continue
            mark = marks[koan]
            look, symbol = CLASSES[mark.status], SYMBOLS[mark.status]
            fast = f"; fast: {mark.fast.value}" if mark.fast else ""
            compiled = f"; compiled: {Status.not_run_here}" if _passed(mark) and mark.uncompiled else ""
            title = f"{koan}: {mark.status.value}{fast}{compiled}"
            cells.append(f'<td class="{look}" data-v="{ranks[look]}"><abbr title="{_text(title)}">{symbol}</abbr></td>')
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


def _koans(overview: _Overview, found: Iterable[Misconception]) -> Iterable[str]:
    common: dict[str, Misconception] = {}
    for misconception in found:
        common.setdefault(misconception.koan, misconception)
    yield "<h2>Results by rung and koan</h2>"
    yield '<div class="wide"><table class="full rungs"><thead><tr>'
    yield _heading("rung or koan", "ascending", "who") + _heading("rung", "ascending", "")
    yield _heading("passed", "descending", "r") + _heading("of all", "descending", "")
    yield _heading("most common mistake", "ascending", "") + "</tr></thead><tbody>"
    for i, rung in enumerate(RUNGS):
        own = [overview.looks[koan] for koan, of in overview.rungs.items() if of == rung]
        if own:
            yield _share(f"all of “{rung}”", rung, i, sum(own, Counter()), "")
    for koan, rung in overview.rungs.items():
        mistake = f"{common[koan].description} ({common[koan].count})" if koan in common else ""
        yield _share(koan, rung, RUNGS.index(rung), overview.looks[koan], mistake)
    yield "</tbody></table></div>"


def _share(title: str, rung: str, rank: int, counts: Counter[Look], mistake: str) -> str:
    """A row of the table of rungs and koans: how many of these results passed. `rank` sorts by rung."""
    whole = counts.total()
    title_of_bar = ", ".join(f"{counts[look]} {words}" for look, words in LOOKS if counts[look])
    share = 100 * counts["p"] / whole
    bar = "".join(f'<i class="{k} w{100 * counts[k] / whole:.0f}"></i>' for k, _ in LOOKS if k != "n")
    return (
        f'<tr><th scope="row" title="{_text(title)}">{_text(title)}</th><td data-v="{rank}">{_text(rung)}</td>'
        f'<td class="r" data-v="{share:.2f}">{counts["p"]} <span class="dim">/ {whole}</span></td>'
        f'<td class="b" data-v="{share:.2f}"><div class="bar" title="{title_of_bar}">{bar}</div></td>'
        f'<td class="says">{_description(mistake)}</td></tr>'
    )


def _failures(classroom: Class, called: Sequence[str]) -> Iterable[str]:
    yield "<h2>Messages for each submission</h2>"
    for label, grade in zip(called, classroom.grades, strict=True):
        failures = [
            k.verdict
            for k in grade.koans
            if k.verdict.status not in (Status.passed, Status.not_started, Status.not_run_here)
        ]
        if failures or grade.notes or version(grade):
            yield f"<details><summary>{_name(label)}: {_count(len(failures), 'koan')}</summary><ul>"
            yield f'<li class="dim">{_text(version(grade))}</li>' if version(grade) else ""
            yield from (f"<li>{_text(note)}</li>" for note in grade.notes)
            for verdict in failures:
                message = _text((verdict.headline or verdict.message).partition("\n")[0])
                yield f"<li><code>{_text(verdict.koan)}</code> {verdict.status.value}: {message}</li>"
            yield "</ul></details>"


def _foot(grades: Sequence[Grade]) -> Iterable[str]:
    lines = Counter(
        "; ".join([*(f"{k} {v}" for k, v in grade.versions.items()), grade.device, grade.isolation])
        for grade in grades
        if grade.isolation
    )
    yield "<h2>Graded with</h2>"
    for line, count in lines.items():
        yield f'<p class="dim">{_text(line, 600)} ({_count(count, "submission")})</p>'
