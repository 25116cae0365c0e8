"""Turns a card into an Anki note: its two sides, its deck and tags, and the lines about its proof."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from grader.book.workbook import Card, Workbook
from grader.learn.cards.markup import as_html

DECK = "Tensor Koans"
GUID = "tensor-koans/"  # the guids of our notes start with it; it must never change
TEMPLATE_ID = 8_411_763_900_104  # of the note type's only template


class Pass(msgspec.Struct, frozen=True):
    """A koan's first pass. `day` is its date in UTC; `holds` says that the file is unchanged since it last passed."""

    day: str
    holds: bool


class Note(msgspec.Struct, frozen=True):
    """A note in HTML. `below` holds the lines under the answer and the figure: erratum, source, proof."""

    card: str
    chapter: str
    deck: str
    tags: tuple[str, ...]
    front: str
    answer: str
    below: tuple[str, ...]
    figure: Path | None = None

    @property
    def guid(self) -> str:
        """The id by which Anki recognizes the note, in every format. It must never change."""
        return GUID + self.card

    def back(self, image: str = "") -> str:
        """The second field. `image` is the file name of the figure in Anki's media folder; empty for no figure."""
        picture = f'<p><img src="{image}"></p>' if image else ""
        return "".join([self.answer, picture, *self.below])


def notes(
    workbook: Workbook, cards: Iterable[Card], unlocked: Collection[str], passes: Mapping[str, Pass]
) -> list[Note]:
    """The notes of these cards, in the same order. `unlocked` holds card ids; `passes` is keyed by koan id."""
    titles = {chapter.id: chapter.title for chapter in workbook.chapters}
    koans: dict[str, dict[str, None]] = {}
    for proof in workbook.proofs:
        koans.setdefault(proof.card, {})[proof.koan] = None
    return [
        _note(workbook, card, titles[card.chapter], card.id in unlocked, [*koans.get(card.id, ())], passes)
        for card in cards
    ]


def _note(
    workbook: Workbook, card: Card, title: str, unlocked: bool, koans: list[str], passes: Mapping[str, Pass]
) -> Note:
    number, erratum = card.chapter.partition("_")[0].removeprefix("ch"), card.erratum
    stale = unlocked and not all(passes[koan].holds for koan in koans)
    missing = [] if unlocked else [card.pending] if card.pending else koans
    flags = {"erratum": bool(erratum), "cited": card.evidence == "cited", "locked": bool(missing), "stale": stale}
    tags = [card.chapter, *card.facts, *(flag for flag, is_set in flags.items() if is_set)]
    proof = _proof_lines(koans, passes) if unlocked else [f"Not proven yet: waits for {koan}" for koan in missing]
    below = [
        _line("erratum", f"<b>Erratum ({erratum.kind}).</b> {as_html(erratum.words, card.tex)}") if erratum else "",
        _line("source", f"Source: {as_html(card.citation)}") if card.citation else "",
        *(_line("stale" if stale else "proof", as_html(text)) for text in proof),
    ]
    return Note(
        card=card.id,
        chapter=card.chapter,
        # Anki reads :: as the start of a sub-deck, so a title may not contain it.
        deck=f"{DECK}::{number} {' '.join(title.replace('::', ':').split())}",
        tags=tuple(f"koans::{tag}" for tag in tags),
        front=as_html(card.front, card.tex),
        answer=as_html(card.back, card.tex),
        below=tuple(line for line in below if line),
        figure=workbook.figure(card),
    )


def _proof_lines(koans: Iterable[str], passes: Mapping[str, Pass]) -> Iterator[str]:
    for koan in koans:
        change = "" if passes[koan].holds else "; its file has changed since then and has not passed again"
        yield f"Proved by {koan}, passed on {passes[koan].day}{change}"


def _line(kind: Literal["erratum", "source", "proof", "stale"], inner: str) -> str:
    return f'<p class="{kind}"><small>{inner}</small></p>'
