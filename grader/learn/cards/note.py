"""A card as Anki's note: what stands on its two sides, which deck and tags it has, what is said of its proof."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from grader.book.workbook import Card, Workbook
from grader.learn.cards.markup import as_html

DECK = "Tensor Koans"


class Pass(msgspec.Struct, frozen=True):
    """A koan's first pass: the day, in UTC. `holds`: its file is still what passed last."""

    day: str
    holds: bool


class Note(msgspec.Struct, frozen=True):
    """A note in HTML. `below` is what stands under the answer and the figure: erratum, source, proof."""

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
        """What Anki knows the note by, in every format; it must never change."""
        return f"tensor-koans/{self.card}"

    def back(self, image: str = "") -> str:
        """The second field; `image` is the figure's name among the media, where there are any."""
        picture = f'<p><img src="{image}"></p>' if image else ""
        return "".join([self.answer, picture, *self.below])


def notes(
    workbook: Workbook, cards: Iterable[Card], unlocked: Collection[str], passes: Mapping[str, Pass]
) -> list[Note]:
    """Notes of these cards, in the order given. `unlocked` are card ids, `passes` are by koan."""
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
    number = card.chapter.partition("_")[0].removeprefix("ch")
    stale = unlocked and not all(passes[koan].holds for koan in koans)
    waits = [] if unlocked else [card.pending] if card.pending else koans
    marks = {"erratum": bool(card.erratum), "cited": card.evidence == "cited", "locked": bool(waits), "stale": stale}
    tags = [card.chapter, *card.facts, *(mark for mark, holds in marks.items() if holds)]
    proof = _proved(koans, passes) if unlocked else [f"Not proven yet: waits for {koan}" for koan in waits]
    below = [
        _line("erratum", f"<b>Erratum.</b> {as_html(card.erratum, card.tex)}") if card.erratum else "",
        _line("source", f"Source: {as_html(card.citation)}") if card.citation else "",
        *(_line("stale" if stale else "proof", as_html(says)) for says in proof),
    ]
    return Note(
        card=card.id,
        chapter=card.chapter,
        # Anki reads :: as a sub-deck, so none may come from a title.
        deck=f"{DECK}::{number} {' '.join(title.replace('::', ':').split())}",
        tags=tuple(f"koans::{tag}" for tag in tags),
        front=as_html(card.front, card.tex),
        answer=as_html(card.back, card.tex),
        below=tuple(line for line in below if line),
        figure=workbook.root / "content" / card.chapter / card.figure if card.figure else None,
    )


def _proved(koans: Iterable[str], passes: Mapping[str, Pass]) -> Iterator[str]:
    for koan in koans:
        now = "" if passes[koan].holds else "; its file has changed since and has not passed again"
        yield f"Proved by {koan}, passed on {passes[koan].day}{now}"


def _line(kind: str, inner: str) -> str:
    return f'<p class="{kind}"><small>{inner}</small></p>'
