"""What stands on a cheat sheet: what was missed most, the chapters at a glance, the key facts.

A fact is key if its card has a line for it (`key` in cards.toml): what other facts follow from, the numbers that are
asked for, and what the sources get wrong. All of them are on the sheet, proven or not, and the sheet says which are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

import msgspec

from grader.book.workbook import Card, Chapter, Question, Workbook
from grader.learn.cards.note import Pass

MISSED = 12  # more would push the facts off the first page
LONGEST = 300  # characters of a model answer; it ends with a sentence


class SheetRow(msgspec.Struct, frozen=True):
    """A chapter at a glance. Counts; `passed` are koans that passed as they stand, `cards` those a test can prove."""

    number: str
    title: str
    passed: int
    koans: int
    proven: int
    cards: int


class KeyFact(msgspec.Struct, frozen=True):
    """A key fact. `holds`: its card is proven; `stale`: by a file that has changed since."""

    card: str
    says: str
    holds: bool
    stale: bool
    missed: int


class MissedQuestion(msgspec.Struct, frozen=True):
    """A card or question by its id, with its answer; `missed` times."""

    id: str
    ask: str
    answer: str
    missed: int = 0


class Part(msgspec.Struct, frozen=True):
    """A chapter's facts, and where the sheet is about this chapter alone, its cards that stand nowhere else on it."""

    number: str
    title: str
    facts: tuple[KeyFact, ...]
    others: tuple[MissedQuestion, ...] = ()


class Sheet(msgspec.Struct, frozen=True):
    """Everything on it, in the order of reading; `day` is a date, 2026-11-21. A chapter alone has one part and one row,
    which says no more than the summary.
    """

    title: str
    day: str
    missed: tuple[MissedQuestion, ...]
    rows: tuple[SheetRow, ...]
    parts: tuple[Part, ...]

    @property
    def summary(self) -> str:
        passed, koans = sum(r.passed for r in self.rows), sum(r.koans for r in self.rows)
        proven, cards = sum(r.proven for r in self.rows), sum(r.cards for r in self.rows)
        return f"{self.day}: {passed} of {koans} koans passed, {proven} of {cards} cards proven"


def sheet(
    workbook: Workbook,
    chapter: Chapter | None,
    *,
    unlocked: Collection[str],
    passes: Mapping[str, Pass],
    misses: Mapping[str, int],
    day: str,
) -> Sheet:
    """The sheet of a chapter, or of all. `unlocked` are card ids, `passes` by koan, `misses` how often a card or
    question (by id) was missed; ids that the workbook has no more are left out.
    """
    chapters = [chapter] if chapter else workbook.chapters
    cards: dict[str, list[Card]] = {found.id: [] for found in chapters}
    for card in workbook.cards.values():
        cards.get(card.chapter, []).append(card)
    proved_by: dict[str, set[str]] = {}
    for proof in workbook.proofs:
        proved_by.setdefault(proof.card, set()).add(proof.koan)
    stale = {card for card in unlocked if not all(passes[koan].holds for koan in proved_by[card])}

    def fact(card: Card) -> KeyFact:
        return KeyFact(card.id, card.key, card.id in unlocked, card.id in stale, misses.get(card.id, 0))

    asked = [_card(card, misses) for own in cards.values() for card in own]
    asked += [_question(q, misses) for q in workbook.questions.values() if q.chapter in cards]
    most = _most(asked)
    told = {one.id for one in most}
    parts, rows = [], []
    for found in chapters:
        own = cards[found.id]
        facts = sorted((fact(card) for card in own if card.key), key=lambda f: -f.missed)
        others = [_card(card, misses) for card in own if not card.key and card.id not in told] if chapter else []
        number = _number(found)
        parts.append(Part(number, found.title, tuple(facts), tuple(others)))
        provable = [card for card in own if card.evidence == "proved"]
        rows.append(
            SheetRow(
                number,
                found.title,
                sum(koan.id in passes and passes[koan.id].holds for koan in found.koans),
                len(found.koans),
                sum(card.id in unlocked for card in provable),
                len(provable),
            )
        )
    title = f"{_number(chapter)} {chapter.title}" if chapter else "Cheat sheet"
    return Sheet(f"Tensor Koans: {title}", day, most, tuple(rows), tuple(parts))


def _number(chapter: Chapter) -> str:
    return chapter.id.partition("_")[0].removeprefix("ch")


def _most(asked: Iterable[MissedQuestion]) -> tuple[MissedQuestion, ...]:
    return tuple(sorted((one for one in asked if one.missed > 0), key=lambda one: -one.missed)[:MISSED])


def _card(card: Card, misses: Mapping[str, int]) -> MissedQuestion:
    return MissedQuestion(card.id, card.front, card.back, misses.get(card.id, 0))


def _question(question: Question, misses: Mapping[str, int]) -> MissedQuestion:
    right = next((option for option in question.options if option.correct), None)
    answer = f"{right.text}: {right.why}" if right else _shortened(question.answer)
    return MissedQuestion(question.id, question.prompt, answer, misses.get(question.id, 0))


def _shortened(text: str) -> str:
    """Whole sentences of at most LONGEST characters, the first of them in any case."""
    if len(text) <= LONGEST:
        return text
    ends = [found.end() for found in re.finditer(r"[.?!](?= |$)", text)]
    within = [end for end in ends if end <= LONGEST]
    return text[: within[-1] if within else ends[0] if ends else LONGEST]
