"""The review schedule: which cards and passed koans are due, new, due later or locked, and a forecast by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from grader.book.proven_cards import required_koans
from grader.book.verdict import Status
from grader.book.workbook import Card, Chapter, Koan, Question, Workbook
from grader.learn.cards.schedule import Plan
from grader.learn.first_solve import first_solves
from grader.learn.mistakes import by_card
from grader.learn.progress import Progress
from grader.learn.recall import Answer
from grader.learn.settings import Settings

DAYS = 7  # days of forecast after a review

CardState = Literal["due", "new", "later", "locked"]


class CardMistake(msgspec.Struct, frozen=True):
    """A mistake that the learner made in a koan. `at` is in seconds since 1970, UTC."""

    says: str
    koan: str
    at: float


class CardStanding(msgspec.Struct, frozen=True):
    """A card and where it stands. Times are in seconds since 1970, UTC.

    `due`: when the card comes back. `raised`: a question on one of its facts was missed after the card was last seen,
    so it is due now. `proofs`: the koans that prove it. `passed`: when the last of these passed for the first
    time. `changed`: those whose file is no longer the text that passed, and has not passed as it is now; `in_notebook`:
    those of them whose text passed in a notebook. `waits_for`: the koans that a locked card still needs. `mistake`: the
    last one in which a test failed that proves the card.
    """

    card: Card
    state: CardState
    due: float | None = None
    reviews: int = 0
    raised: bool = False
    proofs: tuple[str, ...] = ()
    passed: float | None = None
    changed: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    mistake: CardMistake | None = None
    in_notebook: tuple[str, ...] = ()


class ReturningKoan(msgspec.Struct, frozen=True):
    """A passed koan that comes back as a re-solve. `due` is in seconds since 1970, UTC."""

    koan: Koan
    due: float
    is_due: bool


def card_plan(settings: Settings) -> Plan:
    """The plan by which cards come back."""
    return Plan(settings.retention, parameters=settings.parameters)


def koan_plan(settings: Settings) -> Plan:
    """The plan by which koans come back. Parameters that were fitted to cards are not for koans."""
    return Plan(settings.resolve_retention, minutes=False)


def cards(workbook: Workbook, progress: Progress, settings: Settings, now: float) -> list[CardStanding]:
    """Where each card of the workbook stands, in the order of the decks. Reviews of removed cards are ignored."""
    memories = progress.recall.schedule("card", card_plan(settings))
    counts = Counter({item: len(reviews) for item, reviews in progress.recall.reviews("card").items()})
    missed = missed_facts(workbook, progress.recall.answers())
    unlocked = progress.unlocked(workbook)
    koan_standings = progress.standings(workbook)
    passes = {koan: first.at for koan, first in first_solves(progress.activities()).items()}
    proving = _proving_koans(workbook)
    mistakes = {
        card: CardMistake(one.sentence, one.koan, one.at)
        for card, one in by_card(progress.mistakes.occurrences()).items()
        if one.koan in workbook.koans
    }
    standings: list[CardStanding] = []
    for card in workbook.cards.values():
        proofs = proving.get(card.id, ())
        memory = memories.get(card.id)
        if card.id not in unlocked and memory is None:
            needed = proofs or required_koans(workbook, card)
            waits = tuple(k for k in needed if k not in passes) or needed
            standings.append(CardStanding(card, "locked", proofs=proofs, waits_for=waits))
            continue
        since = max((missed[fact] for fact in card.facts if fact in missed), default=None)
        raised = since is not None and (memory is None or since > memory.last)
        is_due = memory is not None and (raised or memory.is_due(now))
        state: CardState = "new" if memory is None else "due" if is_due else "later"
        changed = tuple(k for k in proofs if koan_standings[k].changed and koan_standings[k].status != Status.passed)
        in_notebook = tuple(k for k in changed if koan_standings[k].in_notebook)
        passed = max((passes[k] for k in proofs if k in passes), default=None)
        due = memory.due if memory else None
        mistake = mistakes.get(card.id)
        standings.append(
            CardStanding(
                card,
                state,
                due,
                counts[card.id],
                raised,
                proofs,
                passed,
                changed,
                mistake=mistake,
                in_notebook=in_notebook,
            )
        )
    return standings


def _proving_koans(workbook: Workbook) -> dict[str, tuple[str, ...]]:
    """The koans that prove each card, by card id, in the order of their proofs."""
    koans: dict[str, dict[str, None]] = {}
    for proof in workbook.proofs:
        koans.setdefault(proof.card, {})[proof.koan] = None
    return {card: tuple(proving) for card, proving in koans.items()}


def of_chapter(standings: Iterable[CardStanding], chapter: Chapter) -> list[CardStanding]:
    """The cards of this chapter."""
    return [standing for standing in standings if standing.card.chapter == chapter.id]


def missed_facts(workbook: Workbook, answers: Iterable[Answer]) -> dict[str, float]:
    """The facts of each question whose last answer was a miss, with the time of that answer."""
    last = {answer.question: answer for answer in answers}
    missed: dict[str, float] = {}
    for answer in last.values():
        question = workbook.questions.get(answer.question)
        if question and answer.missed:
            for fact in question.facts:
                missed[fact] = max(missed.get(fact, 0.0), answer.at)
    return missed


def review_queue(standings: Sequence[CardStanding], new: int) -> list[CardStanding]:
    """The cards to review now, in order: the due ones, then at most `new` new ones.

    Cards of missed questions come first in both groups, then cards of mistakes that the learner made in a koan. Among
    the other due cards, the longest due comes first.
    """

    def preferred(standing: CardStanding) -> tuple[bool, bool]:
        return not standing.raised, standing.mistake is None

    due = sorted((s for s in standings if s.state == "due"), key=lambda s: (*preferred(s), s.due or 0.0))
    unseen = sorted((s for s in standings if s.state == "new"), key=preferred)
    return [*due, *unseen[: max(0, new)]]


def new_cards_left(progress: Progress, settings: Settings, now: float) -> int:
    """How many new cards may still be shown today."""
    firsts = [reviews[0].at for reviews in progress.recall.reviews("card").values()]
    return max(0, settings.new_per_day - sum(day_of(at) == day_of(now) for at in firsts))


def cards_to_review(workbook: Workbook, progress: Progress, settings: Settings, now: float) -> int:
    """How many cards `koans review` would show today."""
    return len(review_queue(cards(workbook, progress, settings, now), new_cards_left(progress, settings, now)))


def koans(workbook: Workbook, progress: Progress, settings: Settings, now: float) -> list[ReturningKoan]:
    """Every passed koan with its schedule: those that are due first, then by time."""
    firsts = {koan: first.review for koan, first in first_solves(progress.activities()).items()}
    memories = progress.recall.schedule("koan", koan_plan(settings), firsts)
    passed = [
        ReturningKoan(workbook.koans[item], memory.due, memory.is_due(now))
        for item, memory in memories.items()
        if item in workbook.koans and item in firsts
    ]
    return sorted(passed, key=lambda koan: (not koan.is_due, koan.due))


def returning(workbook: Workbook, progress: Progress, settings: Settings, now: float) -> list[ReturningKoan]:
    """The koans that the schedule brings back, those that are due first. Empty if the learner has opted out."""
    return koans(workbook, progress, settings, now) if settings.resolve else []


def raised_by(standings: Iterable[CardStanding], missed: Iterable[Question]) -> list[str]:
    """The cards that come first in the next review because these questions were missed."""
    facts = {fact for question in missed for fact in question.facts}
    return [s.card.id for s in standings if s.raised and facts & set(s.card.facts)]


def day_of(at: float) -> date:
    """The day in the learner's time zone; `at` is in seconds since 1970, UTC."""
    return datetime.fromtimestamp(at).date()


def forecast(dues: Iterable[float], now: float, days: int = DAYS) -> list[tuple[date, int]]:
    """How many items are due on each of the coming `days`, in the learner's time zone.

    What is overdue counts for today.
    """
    today = day_of(now)
    counts = Counter(max(day_of(due), today) for due in dues)
    return [(day, counts[day]) for day in (today + timedelta(n) for n in range(days))]
