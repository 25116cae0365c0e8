"""How each rung and each koan went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from grader.book.workbook import RUNGS
from grader.course.report.common import Misconception
from grader.course.report.page.markup import description, heading, text
from grader.course.report.page.overview import LOOKS, Look, Overview


def koans(overview: Overview, found: Iterable[Misconception]) -> Iterable[str]:
    common: dict[str, Misconception] = {}
    for misconception in found:
        common.setdefault(misconception.koan, misconception)
    yield '<section id="koans"><h2>Results by rung and koan</h2>'
    yield '<div class="wide"><table class="full rungs"><caption>How many submissions passed</caption><thead><tr>'
    yield heading("rung or koan", "ascending", "who") + heading("rung", "ascending", "")
    yield heading("passed", "descending", "r") + heading("of all", "descending", "")
    yield heading("most common mistake", "ascending", "") + "</tr></thead><tbody>"
    for i, rung in enumerate(RUNGS):
        own = [overview.looks[koan] for koan, of in overview.rungs.items() if of == rung]
        if own:
            yield _share(f"all of “{rung}”", "", rung, i, sum(own, Counter()), "")
    for koan, rung in overview.rungs.items():
        mistake = f"{common[koan].description} ({common[koan].count})" if koan in common else ""
        yield _share(koan, koan, rung, RUNGS.index(rung), overview.looks[koan], mistake)
    yield "</tbody></table></div></section>"


def _share(title: str, koan: str, rung: str, rank: int, counts: Counter[Look], mistake: str) -> str:
    """A row: how many of these results passed. `rank` sorts by rung. Without a koan it is of a rung."""
    whole = counts.total()
    title_of_bar = ", ".join(f"{counts[look]} {words}" for look, words in LOOKS if counts[look])
    share = 100 * counts["p"] / whole
    bar = "".join(f'<i class="{k} w{100 * counts[k] / whole:.0f}"></i>' for k, _ in LOOKS if k != "n")
    return (
        f'<tr data-k="{text(koan)}"><th scope="row" title="{text(title)}">{text(title)}</th>'
        f'<td data-v="{rank}">{text(rung)}</td>'
        f'<td class="r" data-v="{share:.2f}">{counts["p"]} <span class="dim">/ {whole}</span></td>'
        f'<td class="b" data-v="{share:.2f}"><div class="bar" title="{title_of_bar}">{bar}</div></td>'
        f'<td class="says">{description(mistake)}</td></tr>'
    )
