"""Decides which cards are proved, and what the others wait for."""

from __future__ import annotations

from collections.abc import Mapping

from grader.book.verdict import Verdict
from grader.book.workbook import Card, Workbook


def proven(workbook: Workbook, verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
    """The ids of the cards whose tests have all passed, in the order of the decks. `verdicts` are by koan.

    Only koans that passed count, because a run that ended early may not have reached every case of a test.
    """
    results: dict[str, dict[str, set[str]]] = {}
    for koan, verdict in verdicts.items():
        if verdict.passed:
            for test in verdict.tests:
                results.setdefault(koan, {}).setdefault(test.name.partition("[")[0], set()).add(test.status.value)
    proofs: dict[str, list[bool]] = {}
    for proof in workbook.proofs:
        proofs.setdefault(proof.card, []).append(results.get(proof.koan, {}).get(proof.test) == {"passed"})
    return tuple(c.id for c in workbook.cards.values() if not c.pending and c.id in proofs and all(proofs[c.id]))


def required_koans(workbook: Workbook, card: Card) -> tuple[str, ...]:
    """The koans that must pass before a card without a test unlocks.

    These are the koan that will prove it one day, or for a cited card every koan of its chapter.
    """
    if card.pending:
        return (card.pending,)
    return tuple(koan.id for koan in workbook.koans.values() if koan.chapter == card.chapter)
