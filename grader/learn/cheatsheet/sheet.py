"""The content of a cheat sheet: what was missed most, the chapters at a glance, the key facts.

A key fact is the `key` of a card in cards.toml. Keys are facts that others follow from, numbers that are often asked
for, and errors of the sources. The sheet has all of them and says which are proven.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import msgspec

from grader.book.workbook import Card, Chapter, Question, Workbook
from grader.learn.cards.note import Pass

Paper = Literal["a4", "letter"]

MISSED = 12  # questions missed most; more would push the facts off the first page
LONGEST = 300  # characters of a model answer, cut after a sentence


class SheetRow(msgspec.Struct, frozen=True):
    """A chapter at a glance, in counts.

    `passed` counts koans that pass with their file as it is; `cards` counts all cards of the chapter.
    """

    number: str
    title: str
    passed: int
    koans: int
    unlocked: int
    cards: int


class KeyFact(msgspec.Struct, frozen=True):
    """A key fact. `proven` says that its card is unlocked, `stale` that a file which proves it has changed since."""

    card: str
    text: str = msgspec.field(name="says")
    proven: bool = msgspec.field(name="holds")
    stale: bool
    missed: int


class MissedQuestion(msgspec.Struct, frozen=True):
    """A card or a question, by its id, and how often it was missed."""

    id: str
    prompt: str = msgspec.field(name="ask")
    answer: str
    missed: int = 0


class Part(msgspec.Struct, frozen=True):
    """The key facts of a chapter.

    `others` are the chapter's cards that appear nowhere else on the sheet; only the sheet of one chapter has them.
    """

    number: str
    title: str
    facts: tuple[KeyFact, ...]
    others: tuple[MissedQuestion, ...] = ()


class Sheet(msgspec.Struct, frozen=True):
    """A whole cheat sheet, in reading order. `day` is a date such as 2026-11-21.

    The sheet of one chapter has one part and one row.
    """

    title: str
    day: str
    missed: tuple[MissedQuestion, ...]
    rows: tuple[SheetRow, ...]
    parts: tuple[Part, ...]

    @property
    def summary(self) -> str:
        """The day, and the counts of all rows added up, in one line."""
        passed, koans = sum(r.passed for r in self.rows), sum(r.koans for r in self.rows)
        unlocked, cards = sum(r.unlocked for r in self.rows), sum(r.cards for r in self.rows)
        return f"{self.day}: {passed} of {koans} koans passed, {unlocked} of {cards} cards unlocked"


def sheet(
    workbook: Workbook,
    chapter: Chapter | None,
    *,
    unlocked: Collection[str],
    passes: Mapping[str, Pass],
    misses: Mapping[str, int],
    day: str,
) -> Sheet:
    """The sheet of a chapter, or of all chapters. `unlocked` holds card ids, and `passes` is keyed by koan id.

    `misses` says how often each card or question was missed, by id. Ids that the workbook does not have are ignored.
    """
    chapters = [chapter] if chapter else workbook.chapters
    cards: dict[str, list[Card]] = {one.id: [] for one in chapters}
    for card in workbook.cards.values():
        cards.get(card.chapter, []).append(card)
    candidates = [_card(card, misses) for own in cards.values() for card in own]
    candidates += [_question(q, misses) for q in workbook.questions.values() if q.chapter in cards]
    missed = _most_missed(candidates)
    missed_ids = {one.id for one in missed}
    stale = _stale(workbook, unlocked, passes)

    def fact(card: Card) -> KeyFact:
        return KeyFact(card.id, card.key, card.id in unlocked, card.id in stale, misses.get(card.id, 0))

    parts = []
    for one in chapters:
        own = cards[one.id]
        facts = sorted((fact(card) for card in own if card.key), key=lambda f: -f.missed)
        others = [_card(card, misses) for card in own if not card.key and card.id not in missed_ids] if chapter else []
        parts.append(Part(_number(one), one.title, tuple(facts), tuple(others)))
    rows = tuple(_row(one, cards[one.id], unlocked, passes) for one in chapters)
    title = f"{_number(chapter)} {chapter.title}" if chapter else "Cheat sheet"
    return Sheet(f"Tensor Koans: {title}", day, missed, rows, tuple(parts))


def _stale(workbook: Workbook, unlocked: Collection[str], passes: Mapping[str, Pass]) -> set[str]:
    """The unlocked cards that are proved by a file which has changed since it passed."""
    koans: dict[str, set[str]] = {}
    for proof in workbook.proofs:
        koans.setdefault(proof.card, set()).add(proof.koan)
    return {card for card in unlocked if not all(passes[koan].holds for koan in koans.get(card, ()))}


def _row(chapter: Chapter, cards: list[Card], unlocked: Collection[str], passes: Mapping[str, Pass]) -> SheetRow:
    return SheetRow(
        number=_number(chapter),
        title=chapter.title,
        passed=sum(koan.id in passes and passes[koan.id].holds for koan in chapter.koans),
        koans=len(chapter.koans),
        unlocked=sum(card.id in unlocked for card in cards),
        cards=len(cards),
    )


def _number(chapter: Chapter) -> str:
    return chapter.id.partition("_")[0].removeprefix("ch")


def _most_missed(candidates: Iterable[MissedQuestion]) -> tuple[MissedQuestion, ...]:
    return tuple(sorted((one for one in candidates if one.missed > 0), key=lambda one: -one.missed)[:MISSED])


def _card(card: Card, misses: Mapping[str, int]) -> MissedQuestion:
    return MissedQuestion(card.id, card.front, card.back, misses.get(card.id, 0))


def _question(question: Question, misses: Mapping[str, int]) -> MissedQuestion:
    right = next((option for option in question.options if option.correct), None)
    answer = f"{right.text}: {right.why}" if right else _shortened(question.answer)
    return MissedQuestion(question.id, question.prompt, answer, misses.get(question.id, 0))


def _shortened(text: str) -> str:
    """As many whole sentences as fit LONGEST characters, and at least the first."""
    if len(text) <= LONGEST:
        return text
    ends = [match.end() for match in re.finditer(r"[.?!](?= |$)", text)]
    within = [end for end in ends if end <= LONGEST]
    return text[: within[-1] if within else ends[0] if ends else LONGEST]
