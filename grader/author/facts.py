"""What the workbook has on each fact of its sources: cards, questions, evidence, and errata of the source."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

import msgspec

from grader.book.errors import KoansError
from grader.book.workbook import Card, CardProof, ErratumKind, Fact, Question, Workbook


class CardEvidence(msgspec.Struct, frozen=True):
    """A card and its evidence: tests that run on any machine, benchmarks (tests that need a GPU), or a citation."""

    card: Card
    tests: tuple[CardProof, ...]
    benchmarks: tuple[CardProof, ...]

    @property
    def exists(self) -> bool:
        """Whether the card has any evidence at all."""
        return bool(self.tests or self.benchmarks or self.card.evidence == "cited")


class FactCoverage(msgspec.Struct, frozen=True):
    """A fact, and the cards and questions about it."""

    fact: Fact
    cards: tuple[CardEvidence, ...]
    questions: tuple[Question, ...]

    @property
    def errata(self) -> tuple[CardEvidence, ...]:
        return tuple(evidence for evidence in self.cards if evidence.card.erratum)


class ListedErratum(msgspec.Struct, frozen=True):
    """A card that says where its source is wrong, with its evidence, and the facts that it is about."""

    facts: tuple[Fact, ...]
    evidence: CardEvidence = msgspec.field(name="shown")  # the name in JSON (`koans facts --errata --json`)


def coverage(workbook: Workbook, names: Sequence[str] = ()) -> tuple[FactCoverage, ...]:
    """The coverage of the facts with these names, or of all facts, in the order of the sources.

    A name is a fact ("N8-1"), a source ("N8", "B1") or a chapter with cards or questions on facts ("ch09").
    Raises KoansError for any other name.
    """
    cards = [_evidence(workbook, card) for card in workbook.cards.values()]
    chosen = {fact for name in names for fact in _fact_ids(workbook, name)} if names else set(workbook.facts)
    return tuple(
        FactCoverage(
            fact,
            tuple(e for e in cards if fact.id in e.card.facts),
            tuple(q for q in workbook.questions.values() if fact.id in q.facts),
        )
        for fact in workbook.facts.values()
        if fact.id in chosen
    )


def errata(workbook: Workbook, names: Sequence[str] = ()) -> tuple[ListedErratum, ...]:
    """The errata on the facts with these names, or all errata. Each stands once, at the first of its facts.

    The errata of a chapter are those on its own cards. Raises KoansError for a name that means nothing.
    """
    chapters = {_chapter(workbook, name) for name in names} - {""}
    others = [name for name in names if not _chapter(workbook, name)]
    facts = {c.fact.id for c in coverage(workbook, others)} if others or not names else set()
    return tuple(
        ListedErratum(tuple(workbook.facts[f] for f in evidence.card.facts), evidence)
        for covered in coverage(workbook)
        for evidence in covered.errata
        if evidence.card.facts[0] == covered.fact.id
        if evidence.card.chapter in chapters or facts.intersection(evidence.card.facts)
    )


def beyond(workbook: Workbook) -> tuple[tuple[CardEvidence, ...], tuple[Question, ...]]:
    """The cards, with their evidence, and the questions that go beyond the sources: they contain no fact of them."""
    cards = tuple(_evidence(workbook, card) for card in workbook.cards.values() if not card.facts)
    return cards, tuple(question for question in workbook.questions.values() if not question.facts)


def kinds(cards: Iterable[Card]) -> dict[ErratumKind, int]:
    """How many errata of each kind these cards have, in the order of the kinds."""
    found = Counter(card.erratum.kind for card in cards if card.erratum)
    return {kind: found[kind] for kind in get_args(ErratumKind)}


def missing(workbook: Workbook) -> Iterator[tuple[Fact, str]]:
    """The facts without a card or question, or without evidence, each with a message that says which."""
    for covered in coverage(workbook):
        if not covered.cards and not covered.questions:
            yield covered.fact, "no card and no question carries this fact"
        elif not any(evidence.exists for evidence in covered.cards):
            yield covered.fact, "no test and no citation proves this fact: its cards have neither"


def _evidence(workbook: Workbook, card: Card) -> CardEvidence:
    proofs = [p for p in workbook.proofs if p.card == card.id]
    return CardEvidence(card, tuple(p for p in proofs if not p.gpu), tuple(p for p in proofs if p.gpu))


def _fact_ids(workbook: Workbook, name: str) -> Iterator[str]:
    """The ids of the facts that a name stands for. Raises KoansError."""
    if chapter := _chapter(workbook, name):
        yield from (fact for card in workbook.cards.values() if card.chapter == chapter for fact in card.facts)
        yield from (fact for q in workbook.questions.values() if q.chapter == chapter for fact in q.facts)
        return
    wanted = name.upper()
    matches = [fact for fact in workbook.facts if fact == wanted or _source(fact) == wanted]
    if not matches:
        near = difflib.get_close_matches(wanted, list(workbook.facts), 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`koans facts` shows them all"
        raise KoansError(f"no fact, source or chapter is called '{name}': {hint}")
    yield from matches


def _source(fact: str) -> str:
    """The source that a fact's id starts with: N8 of N8-1, Q of Q4."""
    head, _, number = fact.partition("-")
    return head if number else head.rstrip("0123456789")


def _chapter(workbook: Workbook, name: str) -> str:
    """The id of the chapter that a name stands for, or an empty string. Facts and sources have precedence."""
    if name.upper() in {*workbook.facts, *map(_source, workbook.facts)}:
        return ""
    try:
        return workbook.chapter(name).id
    except KoansError:
        return ""
