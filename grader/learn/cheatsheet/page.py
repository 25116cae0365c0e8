"""The cheat sheet as one HTML page, to read on a screen or to print from a browser."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from grader.book.html import coded, document
from grader.learn.cheatsheet.markdown import KEY, Mark, mark
from grader.learn.cheatsheet.sheet import KeyFact, MissedQuestion, Sheet, SheetRow

STYLE = Path(__file__).with_name("sheet.css").read_text(encoding="utf-8")
CLASSES: dict[Mark, str] = {"✓": "p", "!": "e", "○": "n"}  # the classes of page.css for passed, in trouble, not started


def render(sheet: Sheet) -> str:
    """The text of the page."""
    return document(sheet.title, _body(sheet), style=STYLE)


def _body(sheet: Sheet) -> Iterator[str]:
    yield f"<h1>{_text(sheet.title)}</h1>"
    yield f'<p class="dim">{_text(sheet.summary)}</p>'
    if sheet.missed:
        yield "<h2>Missed most</h2>"
        yield '<ul class="asked columns">'
        yield from (_question(question) for question in sheet.missed)
        yield "</ul>"
    if len(sheet.rows) > 1:
        yield "<h2>Chapters at a glance</h2>"
        yield '<table class="glance"><thead><tr><td></td><th>chapter</th><td></td><th>koans</th><th>cards</th></tr>'
        yield f"</thead><tbody>{''.join(_row(row) for row in sheet.rows)}</tbody></table>"
    yield "<h2>Key facts</h2>"
    yield f'<p class="dim">{_text(KEY)}</p>'
    yield '<div class="columns">'
    for part in sheet.parts:
        heading = f"<h3>{part.number} {_text(part.title)}</h3>" if len(sheet.parts) > 1 else ""
        yield f'<section>{heading}<ul class="facts">'
        yield from (_fact(fact) for fact in part.facts)
        yield "</ul></section>"
    yield "</div>"
    for part in sheet.parts:
        if part.others:
            yield "<h2>The other cards</h2>"
            yield f'<ul class="asked columns">{"".join(_question(question) for question in part.others)}</ul>'


def _row(row: SheetRow) -> str:
    share = round(100 * row.passed / row.koans) if row.koans else 0
    return (
        f'<tr><td>{row.number}</td><th scope="row">{_text(row.title)}</th>'
        f'<td class="b"><div class="bar"><i class="p w{share}"></i></div></td>'
        f"<td>{row.passed}/{row.koans}</td><td>{row.unlocked}/{row.cards}</td></tr>"
    )


def _fact(fact: KeyFact) -> str:
    symbol = mark(fact)
    missed = f' <b class="missed">missed {fact.missed} ×</b>' if fact.missed else ""
    return f'<li><span class="mark {CLASSES[symbol]}">{symbol}</span>{_text(fact.text)}{missed}</li>'


def _question(question: MissedQuestion) -> str:
    missed = f'<b class="missed">{question.missed} ×</b> ' if question.missed else ""
    return f"<li>{missed}<b>{_text(question.prompt)}</b> {_text(question.answer)}</li>"


def _text(text: str) -> str:
    return coded(escape(text))
