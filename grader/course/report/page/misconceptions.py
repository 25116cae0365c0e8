"""What the class gets wrong: for each mistake who, the smallest input that shows it, two answers, what to reread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from grader.course.report.common import Misconception
from grader.course.report.page.evidence import Answer, Evidence
from grader.course.report.page.markup import count, description, name, names, text
from grader.course.report.page.reread import Reading, as_html
from grader.course.since import Changes

UNFOLDED = 12  # misconceptions that are visible without a click


def misconceptions(
    found: Sequence[Misconception],
    shown: Mapping[tuple[str, str], Evidence],
    numbers: Mapping[str, int],
    reading: Reading,
    changes: Changes | None,
) -> Iterable[str]:
    """`shown` is the evidence by koan and name. `numbers` are the students' numbers by label."""
    yield '<section id="mistakes"><h2>What the class gets wrong</h2>'
    if not found:
        yield '<p class="dim">No failure looks like a mistake that has a name.</p></section>'
        return
    yield (
        '<p class="dim">Wrong answers that failures look like, and in how many submissions. '
        "A paler bar: the failure may also be another wrong answer of this koan.</p>"
    )
    for part, more in ((found[:UNFOLDED], False), (found[UNFOLDED:], True)):
        if more and part:
            yield f'<details class="more"><summary>{len(part)} more</summary>'
        if part:
            yield '<ol class="held">'
            for one in part:
                yield from _misconception(one, shown[one.koan, one.name], numbers, reading, changes, one is found[0])
            yield "</ol>"
        if more and part:
            yield "</details>"
    yield "</section>"


def _misconception(
    one: Misconception,
    shown: Evidence,
    numbers: Mapping[str, int],
    reading: Reading,
    changes: Changes | None,
    unfolded: bool,
) -> Iterable[str]:
    size = len(numbers)
    sure, maybe = (100 * len(part) / max(size, 1) for part in (one.alone, one.among))
    koan = text(one.koan)
    yield (
        f'<li data-k="{koan}"><span class="n">{one.count}</span><div class="one"><div><b>{description(one.description)}'
        f'</b><br><code class="dim">{koan}</code>{_change(one, changes)}</div>'
        f'<div><div class="bar"><i class="sure w{sure:.0f}"></i><i class="maybe w{maybe:.0f}"></i></div>'
        f"<details><summary>who</summary><p>{_who(one, numbers)}</p></details></div></div>"
    )
    yield from _lesson(one, shown, reading, " open" if unfolded else "")
    yield "</li>"


def _change(one: Misconception, changes: Changes | None) -> str:
    """How many submissions looked like it before."""
    if changes is None:
        return ""
    before = changes.mistakes.get((one.koan, one.name), 0)
    return f' <span class="since">{f"last time {before}" if before else "new"}</span>'


def _who(one: Misconception, numbers: Mapping[str, int]) -> str:
    alone = [name(label, numbers[label]) for label in one.alone]
    among = [name(label, numbers[label]) for label in one.among]
    return ", ".join(filter(None, [names(alone) if alone else "", f"perhaps {names(among)}" if among else ""]))


def _lesson(one: Misconception, shown: Evidence, reading: Reading, opened: str) -> Iterable[str]:
    """What a lecturer shows: the input, the answers, the paragraph."""
    passage = reading.passage(one.koan, one.description)
    parts = []
    if shown.message:
        css = ' class="private"' if shown.names_somebody else ""
        parts.append(f"<div><h3>Smallest input that shows it</h3><pre{css}>{text(shown.message, 2000)}</pre></div>")
    if shown.examples:
        parts.append(f"<div><h3>Answers with it, without names</h3>{''.join(map(_example, shown.examples))}</div>")
    if passage:
        parts.append(f'<div class="reread"><h3>Reread {text(passage.where)}</h3>{as_html(passage)}</div>')
    if parts:
        yield f'<details class="lesson"{opened}><summary>how to show it in class</summary><div class="parts">'
        yield f"{''.join(parts)}</div></details>"


def _example(answer: Answer) -> str:
    times = f'<p class="dim">{count(answer.times, "submission")} like this</p>' if answer.times > 1 else ""
    return f"<pre>{text(answer.text, 2000)}</pre>{times}"
