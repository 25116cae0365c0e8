"""One HTML page: the pairs with their texts side by side, and how they were weighed.

The page loads nothing from a network (grader/book/html.py). It holds names and texts of students.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from grader.book.html import parts
from grader.book.verdict import one_line
from grader.book.workbook import Workbook
from grader.course.report.common import safe_text
from grader.course.similarity.evidence import EXPECTED_FALSE
from grader.course.similarity.side_by_side import Line, Texts
from grader.course.similarity.survey import Match, Pair, Survey, other_side
from grader.course.similarity.words import (
    CANNOT_KNOW,
    NO_PENALTY,
    alike,
    also_shipped,
    by_chance,
    compared,
    count,
    rarity,
)

MOST_PAIRS = 200  # with texts; the others are lines of the table
MOST_MATCHES = 12  # of a pair, with texts
MOST_LINES = 200  # of one text
LONGEST_LINE = 400  # characters

STYLE = """
.pair{border-top:2px solid var(--line);margin-top:2rem;padding-top:.5rem}
.two{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:.75rem;margin:.5rem 0 1rem}
.two pre{margin:0;padding:.5rem;background:var(--panel);border:1px solid var(--line);border-radius:.4rem;
overflow:auto;font:.8rem/1.45 ui-monospace,monospace}
.two mark{background:var(--eb);color:inherit;display:inline-block;min-width:100%}
.two .no{color:var(--dim);user-select:none}
@media(max-width:50rem){.two{grid-template-columns:minmax(0,1fr)}}
"""


def page(workbook: Workbook, found: Survey, title: str) -> Iterator[str]:
    """The lines of the page."""
    return parts(f"{title}: similarity", _body(workbook, found, title), style=STYLE)


def _text(text: str, longest: int = LONGEST_LINE) -> str:
    return escape(one_line(text, longest))


def _body(workbook: Workbook, found: Survey, title: str) -> Iterator[str]:
    yield f"<h1>{_text(title, 200)}: similar answers</h1>"
    yield f'<p class="dim">{_text(compared(found))}.</p>'
    yield f'<p class="warn"><b>{NO_PENALTY}</b> {CANNOT_KNOW}</p>'
    notes = [*found.notes, *(f"{p.name}: {note}" for p in (*found.people, *found.earlier) for note in p.notes)]
    if notes:
        yield f"<details><summary>{count(len(notes), 'note')}</summary><ul>"
        yield from (f"<li>{_text(note)}</li>" for note in notes)
        yield "</ul></details>"
    yield "<h2>Pairs to look at</h2>"
    if not found.pairs:
        yield "<p>Nobody is more alike than chance explains.</p>"
    else:
        yield from _table(found)
    yield from _weighed(found)
    texts = Texts(workbook, found)
    for number, pair in enumerate(found.pairs[:MOST_PAIRS]):
        yield from _pair(texts, found, number, pair)
    if len(found.pairs) > MOST_PAIRS:
        yield f"<p>The texts of {count(len(found.pairs) - MOST_PAIRS, 'more pair')} are not on this page.</p>"


def _table(found: Survey) -> Iterator[str]:
    yield '<div class="wide"><table class="full"><thead><tr>'
    yield '<th scope="col" class="who">one</th><th scope="col">other</th>'
    yield '<th scope="col">alike</th><th scope="col">evidence</th></tr></thead><tbody>'
    for number, pair in enumerate(found.pairs):
        one = _text(found.people[pair.one].name, 80)
        link = f'<a href="#p{number}">{one}</a>' if number < MOST_PAIRS else one
        yield (
            f'<tr><th scope="row">{link}</th><td>{_text(other_side(found, pair), 80)}</td>'
            f"<td>{_text(alike(pair))}</td><td>{_text(by_chance(pair))}</td></tr>"
        )
    yield "</tbody></table></div>"


def _weighed(found: Survey) -> Iterable[str]:
    return (
        "<details><summary>How it was weighed</summary>",
        "<p>Each function is put into a normal form. Names, comments, formatting, helper functions, temporary "
        "variables, the order of independent statements and of the operands of + and * then make no difference. Two "
        "answers are alike exactly if the forms are equal. Otherwise they are compared by the parts that they share "
        "(winnowing). Lines of the stub count for nothing, and neither does what more than half of the class "
        "writes.</p>",
        "<p>A match counts by its rarity: how many of the other students wrote something as close. What half of the "
        "class writes says nothing, even if it is equal to the solution. The evidence of all functions of a pair is "
        "multiplied, and functions that are not alike count against it.</p>",
        f"<p>With {found.comparisons:,} comparisons, some pairs are alike by chance. A pair is listed if a class like "
        f"this, in which everybody works alone, has at most {EXPECTED_FALSE:g} such pairs by the model. The model "
        "takes the functions of a student as independent. Students with the same habits are more alike than it "
        "says.</p>",
        "</details>",
    )


def _pair(texts: Texts, found: Survey, number: int, pair: Pair) -> Iterator[str]:
    one, other = _text(found.people[pair.one].name, 80), _text(other_side(found, pair), 80)
    yield f'<section class="pair" id="p{number}"><h2>{one} and {other}</h2>'
    yield f"<p>{_text(alike(pair))}. The evidence is {_text(by_chance(pair))}.</p>"
    if also_shipped(pair):
        yield f"<p>{also_shipped(pair)}</p>"
    for match in pair.matches[:MOST_MATCHES]:
        yield _heading(match)
        left, right = texts.of(pair, match)
        yield f'<div class="two">{_column(one, left)}{_column(other, right)}</div>'
    rest = pair.matches[MOST_MATCHES:]
    if rest:
        yield f"<details><summary>{count(len(rest), 'more function')} alike</summary><ul>"
        yield from (f"<li>{_heading(match)}</li>" for match in rest)
        yield "</ul></details>"
    yield "</section>"


def _heading(match: Match) -> str:
    which = f", as {_text(match.text_of)}" if match.text_of else ""
    return (
        f"<p><code>{_text(match.koan)}</code> {_text(match.function)}: {match.level}{which}. "
        f"Of the students who answered it, {rarity(match)}.</p>"
    )


def _column(name: str, lines: Sequence[Line]) -> str:
    shown = [_line(line) for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(f"… {count(len(lines) - MOST_LINES, 'more line')} …")
    return f'<div><p class="dim">{name}</p><pre>' + "\n".join(shown) + "</pre></div>"


def _line(line: Line) -> str:
    text = escape(safe_text(line.text, LONGEST_LINE)) or " "
    number = f'<span class="no">{line.number:4} </span>'
    return f"<mark>{number}{text}</mark>" if line.shared else f"{number}{text}"
