"""What the workbook has on each fact of its sources: cards and questions, what shows them, and what does not hold."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

import msgspec

from grader.book.errors import KoansError
from grader.book.workbook import Card, CardProof, Fact, Question, Workbook


class CardEvidence(msgspec.Struct, frozen=True):
    """A card and what shows it: tests that any machine runs, benchmarks (tests that need a GPU), a citation."""

    card: Card
    tests: tuple[CardProof, ...]
    benchmarks: tuple[CardProof, ...]

    @property
    def anything(self) -> bool:
        return bool(self.tests or self.benchmarks or self.card.evidence == "cited")


class Account(msgspec.Struct, frozen=True):
    """A fact and everything that carries it."""

    fact: Fact
    cards: tuple[CardEvidence, ...]
    questions: tuple[Question, ...]

    @property
    def errata(self) -> tuple[CardEvidence, ...]:
        return tuple(shown for shown in self.cards if shown.card.erratum)


class Erratum(msgspec.Struct, frozen=True):
    """A card that says where its source is wrong, and the facts it is about."""

    facts: tuple[Fact, ...]
    shown: CardEvidence


def accounts(workbook: Workbook, names: Sequence[str] = ()) -> tuple[Account, ...]:
    """What there is on the facts of these names, or on all: a fact ("N8-1"), the facts of one source ("N8", "B1"),
    or those that a chapter carries ("ch09"). In the order of the sources. Raises KoansError.
    """
    shown = [_shown(workbook, card) for card in workbook.cards.values()]
    chosen = {fact for name in names for fact in _named(workbook, name)} if names else set(workbook.facts)
    return tuple(
        Account(
            fact,
            tuple(s for s in shown if fact.id in s.card.facts),
            tuple(q for q in workbook.questions.values() if fact.id in q.facts),
        )
        for fact in workbook.facts.values()
        if fact.id in chosen
    )


def errata(workbook: Workbook, names: Sequence[str] = ()) -> tuple[Erratum, ...]:
    """Every erratum of these names, or of all, each once: by the first fact it is about. Raises KoansError."""
    chapters = {_chapter(workbook, name) for name in names} - {""}
    others = [name for name in names if not _chapter(workbook, name)]
    facts = {a.fact.id for a in accounts(workbook, others)} if others or not names else set()
    return tuple(
        Erratum(tuple(workbook.facts[f] for f in shown.card.facts), shown)
        for account in accounts(workbook)
        for shown in account.errata
        if shown.card.facts[0] == account.fact.id
        if shown.card.chapter in chapters or facts.intersection(shown.card.facts)
    )


def missing(workbook: Workbook) -> Iterator[tuple[Fact, str]]:
    """The facts that nothing carries, or nothing shows, and which of the two."""
    for account in accounts(workbook):
        if not account.cards and not account.questions:
            yield account.fact, "no card and no question carries this fact"
        elif not any(shown.anything for shown in account.cards):
            yield account.fact, "no test and no citation shows this fact: its cards have none"


def _shown(workbook: Workbook, card: Card) -> CardEvidence:
    proofs = [p for p in workbook.proofs if p.card == card.id]
    return CardEvidence(card, tuple(p for p in proofs if not p.gpu), tuple(p for p in proofs if p.gpu))


def _named(workbook: Workbook, name: str) -> Iterator[str]:
    """The ids of the facts that a name stands for."""
    if chapter := _chapter(workbook, name):
        carried = [(c.chapter, c.facts) for c in workbook.cards.values()]
        carried += [(q.chapter, q.facts) for q in workbook.questions.values()]
        yield from (fact for where, own in carried if where == chapter for fact in own)
        return
    wanted = name.upper()
    found = [fact for fact in workbook.facts if fact == wanted or _source(fact) == wanted]
    if not found:
        near = difflib.get_close_matches(wanted, list(workbook.facts), 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`koans facts` shows them all"
        raise KoansError(f"no fact, source or chapter is called '{name}': {hint}")
    yield from found


def _source(fact: str) -> str:
    """The source that a fact's id starts with: N8 of N8-1, Q of Q4."""
    head, _, number = fact.partition("-")
    return head if number else head.rstrip("0123456789")


def _chapter(workbook: Workbook, name: str) -> str:
    """The id of the chapter that a name stands for, or nothing: a fact's id goes first."""
    if name.upper() in {*workbook.facts, *map(_source, workbook.facts)}:
        return ""
    try:
        return workbook.chapter(name).id
    except KoansError:
        return ""
