"""Anki's text import format: header lines, then one note a line (https://docs.ankiweb.net/importing/text-files.html)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping

from grader.workbook import Card, Workbook

COLUMNS = ("id", "deck", "front", "back", "tags")
DECK = "Tensor Koans"


def render(workbook: Workbook, cards: Iterable[Card]) -> str:
    """The file's text. The card id is the first field, so importing again updates a note instead of adding one."""
    titles = {chapter.id: chapter.title for chapter in workbook.chapters}
    header = ["#separator:tab", "#html:true", f"#columns:{chr(9).join(COLUMNS)}"]
    header += [f"#deck column:{COLUMNS.index('deck') + 1}", f"#tags column:{COLUMNS.index('tags') + 1}"]
    return "\n".join([*header, *("\t".join(_row(workbook, card, titles)) for card in cards)]) + "\n"


def _row(workbook: Workbook, card: Card, titles: Mapping[str, str]) -> list[str]:
    proofs = sorted({p.koan for p in workbook.proofs if p.card == card.id})
    number = card.chapter.partition("_")[0].removeprefix("ch")
    # Anki reads :: as a sub-deck, so none may come from a title.
    deck = f"{DECK}::{number} {titles[card.chapter].replace('::', ':')}"
    tags = " ".join([card.chapter, *card.facts])
    return [card.id, deck, as_html(card.front), back_html(card, proofs), tags]


def back_html(card: Card, proofs: Iterable[str]) -> str:
    """The answer, what the source got wrong, and what proves it."""
    parts = [as_html(card.back)]
    if card.erratum:
        parts.append(f"<small><b>Erratum.</b> {as_html(card.erratum)}</small>")
    if card.citation:
        parts.append(f"<small>Source: {as_html(card.citation)}</small>")
    names = ", ".join(proofs)
    if names:
        parts.append(f"<small>Proved by {html.escape(names)}</small>")
    return "<br><br>".join(parts)


def as_html(text: str) -> str:
    """Text with `code` in backticks as one line of HTML, safe in a field: no tabs, no newlines, no stray markup."""
    escaped = html.escape(text.strip(), quote=True).replace("\t", "    ")
    coded = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return coded.replace("\r\n", "\n").replace("\n", "<br>")
