"""Where every card and every passed koan stands: due, new, later, locked; what comes up today and on the days after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from grader.book.proven import sealed
from grader.book.verdict import Status
from grader.book.workbook import Card, Chapter, Koan, Question, Workbook
from grader.learn.cards.schedule import Plan
from grader.learn.first_solve import solved
from grader.learn.progress import Progress
from grader.learn.recall import Answer
from grader.learn.settings import Settings

DAYS = 7


class CardStanding(msgspec.Struct, frozen=True):
    """A card and where it stands. `due` is when it comes back (seconds since 1970, UTC).

    `raised`: a question on one of its facts was missed since the card was last seen, so it is due now. `proofs` are
    the koans that prove it, and `passed` when the last of them first did; `changed` those whose file is no longer what
    passed, and does not pass as it is. A locked card `waits_for` koans.
    """

    card: Card
    state: Literal["due", "new", "later", "locked"]
    due: float | None = None
    reviews: int = 0
    raised: bool = False
    proofs: tuple[str, ...] = ()
    passed: float | None = None
    changed: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()


class Back(msgspec.Struct, frozen=True):
    """A passed koan, when it comes back as a re-solve, and whether that is now."""

    koan: Koan
    due: float
    now: bool


def card_plan(settings: Settings) -> Plan:
    return Plan(settings.retention)


def koan_plan(settings: Settings) -> Plan:
    return Plan(settings.resolve_retention, minutes=False)


def cards(workbook: Workbook, progress: Progress, settings: Settings, now: float) -> list[CardStanding]:
    """Every card of the workbook, in the order of the decks. Reviews of a card that it no longer has are left alone."""
    memories = progress.recall.schedule("card", card_plan(settings))
    counts = Counter({item: len(reviews) for item, reviews in progress.recall.reviews("card").items()})
    missed = missed_facts(workbook, progress.recall.answers())
    unlocked = progress.unlocked(workbook)
    standings = progress.standings(workbook)
    passes = {koan: one.at for koan, one in solved(progress.signs()).items()}
    koans: dict[str, list[str]] = {}
    for proof in workbook.proofs:
        if proof.koan not in koans.setdefault(proof.card, []):
            koans[proof.card].append(proof.koan)
    found: list[CardStanding] = []
    for card in workbook.cards.values():
        proofs = tuple(koans.get(card.id, ()))
        memory = memories.get(card.id)
        if card.id not in unlocked and memory is None:
            needed = proofs or sealed(workbook, card)
            waits = tuple(k for k in needed if k not in passes) or needed
            found.append(CardStanding(card, "locked", proofs=proofs, waits_for=waits))
            continue
        since = max((missed[fact] for fact in card.facts if fact in missed), default=None)
        raised = since is not None and (memory is None or since > memory.last)
        is_due = memory is not None and (raised or memory.is_due(now))
        state: Literal["due", "new", "later"] = "new" if memory is None else "due" if is_due else "later"
        changed = tuple(k for k in proofs if standings[k].changed and standings[k].status != Status.passed)
        passed = max((passes[k] for k in proofs if k in passes), default=None)
        due = memory.due if memory else None
        found.append(CardStanding(card, state, due, counts[card.id], raised, proofs, passed, changed))
    return found


def of_chapter(held: Iterable[CardStanding], chapter: Chapter) -> list[CardStanding]:
    return [one for one in held if one.card.chapter == chapter.id]


def missed_facts(workbook: Workbook, answers: Iterable[Answer]) -> dict[str, float]:
    """Facts of questions whose last answer was a miss, and when that was."""
    last = {answer.question: answer for answer in answers}
    found: dict[str, float] = {}
    for answer in last.values():
        question = workbook.questions.get(answer.question)
        if question and answer.missed:
            for fact in question.facts:
                found[fact] = max(found.get(fact, 0.0), answer.at)
    return found


def line_up(held: Sequence[CardStanding], new: int) -> list[CardStanding]:
    """What to review now: due cards, those of missed questions first, then longest due; then at most `new` new ones."""
    due = sorted((h for h in held if h.state == "due"), key=lambda h: (not h.raised, h.due or 0.0))
    fresh = sorted((h for h in held if h.state == "new"), key=lambda h: not h.raised)
    return [*due, *fresh[: max(0, new)]]


def new_left(progress: Progress, settings: Settings, now: float) -> int:
    """How many new cards today still has room for."""
    firsts = [reviews[0].at for reviews in progress.recall.reviews("card").values()]
    return max(0, settings.new_per_day - sum(day_of(at) == day_of(now) for at in firsts))


def to_review(workbook: Workbook, progress: Progress, settings: Settings, now: float) -> int:
    """How many cards `koans review` would show today."""
    return len(line_up(cards(workbook, progress, settings, now), new_left(progress, settings, now)))


def koans(workbook: Workbook, progress: Progress, settings: Settings, now: float) -> list[Back]:
    """Every passed koan, those that are due first."""
    firsts = {koan: one.review for koan, one in solved(progress.signs()).items()}
    memories = progress.recall.schedule("koan", koan_plan(settings), firsts)
    known = [(workbook.koans[item], m) for item, m in memories.items() if item in workbook.koans and item in firsts]
    return sorted((Back(k, m.due, m.is_due(now)) for k, m in known), key=lambda b: (not b.now, b.due))


def returning(workbook: Workbook, progress: Progress, settings: Settings, now: float) -> list[Back]:
    """The koans that come back by themselves: none if the learner has opted out."""
    return koans(workbook, progress, settings, now) if settings.resolve else []


def raised_by(held: Iterable[CardStanding], missed: Iterable[Question]) -> list[str]:
    """The cards that come first in the next review because these questions were missed."""
    facts = {fact for question in missed for fact in question.facts}
    return [h.card.id for h in held if h.raised and facts & set(h.card.facts)]


def day_of(at: float) -> date:
    """The learner's own day."""
    return datetime.fromtimestamp(at).date()


def forecast(dues: Iterable[float], now: float, days: int = DAYS) -> list[tuple[date, int]]:
    """How many come up on each of the coming days, by the learner's calendar; today has all that is due by now, too."""
    today = day_of(now)
    counts = Counter(max(day_of(due), today) for due in dues)
    return [(day, counts[day]) for day in (today + timedelta(n) for n in range(days))]
