"""The state of a review session, and how a key changes it. No clock, no files, no terminal.

The state holds the history of each card, and every interval is a replay of it, so the session and the log agree. A card
that comes back within minutes is shown again in the same session. If no other card is left, it is shown early.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from grader.learn.cards.schedule import AGAIN, RATINGS, Plan, Review, choices, replay

SOON = 20 * 60.0  # a card due within so many seconds comes back in the same session


class ReviewEffect(msgspec.Struct, frozen=True):
    """A change to write to the log: add this review, or take back this review, the card's last one."""

    verb: Literal["review", "take back"]
    review: Review


class ReviewSession(msgspec.Struct, frozen=True):
    """A review session. Times are in seconds since 1970, UTC.

    `card` is on the screen since `since`; None if no card is left. `revealed`: its answer is shown. `waiting` are the
    cards not yet shown. `returning` are those that come back in this session, with the time when they are due. `done`
    are the ratings given in the session, and `histories` all reviews by card.
    """

    plan: Plan
    histories: Mapping[str, tuple[Review, ...]]
    waiting: tuple[str, ...]
    card: str | None = None
    since: float = 0.0
    revealed: bool = False
    returning: Mapping[str, float] = {}
    done: tuple[Review, ...] = ()
    ended: bool = False

    @property
    def left(self) -> int:
        """How many cards are still to be shown, including those that come back."""
        return len(self.waiting) + len(self.returning) + (self.card is not None)

    def history(self, card: str) -> tuple[Review, ...]:
        """All reviews of this card that count."""
        return self.histories.get(card, ())

    def intervals(self, now: float) -> dict[int, float]:
        """Seconds until the card on the screen comes back, for each rating."""
        assert self.card is not None
        return choices(self.history(self.card), self.plan, now)


def begin(cards: Sequence[str], histories: Mapping[str, tuple[Review, ...]], plan: Plan, now: float) -> ReviewSession:
    """A session that reviews these cards in this order. `histories` are the reviews that the log has, by card."""
    return _next(ReviewSession(plan, dict(histories), tuple(cards)), now)


def step(session: ReviewSession, key: str, now: float) -> tuple[ReviewSession, ReviewEffect | None]:
    """The session after a key, and what to write to the log.

    Any key shows the answer, 1 to 4 rate the card, u takes the last rating back, q or the end of input ("") ends.
    """
    if key in ("q", ""):
        return msgspec.structs.replace(session, ended=True), None
    if key == "u":
        return _take_back(session, now)
    if session.card is None:
        return msgspec.structs.replace(session, ended=True), None
    if not session.revealed:
        return msgspec.structs.replace(session, revealed=True), None
    if key in map(str, RATINGS):
        return _rate(session, session.card, int(key), now)
    return session, None


def _rate(session: ReviewSession, card: str, rating: int, now: float) -> tuple[ReviewSession, ReviewEffect]:
    review = Review(card, rating, now, round(max(0.0, now - session.since), 1))
    history = (*session.history(card), review)
    due = replay(history, session.plan).due
    rated = msgspec.structs.replace(
        session,
        histories={**session.histories, card: history},
        returning={**session.returning, card: due} if due <= now + SOON else session.returning,
        done=(*session.done, review),
        card=None,
    )
    return _next(rated, now), ReviewEffect("review", review)


def _take_back(session: ReviewSession, now: float) -> tuple[ReviewSession, ReviewEffect | None]:
    if not session.done:
        return session, None
    last = session.done[-1]
    on_screen = (session.card,) if session.card is not None else ()
    return msgspec.structs.replace(
        session,
        histories={**session.histories, last.item: session.history(last.item)[:-1]},
        waiting=(*(c for c in on_screen if c != last.item), *session.waiting),
        card=last.item,
        since=now,
        revealed=False,
        returning={card: due for card, due in session.returning.items() if card != last.item},
        done=session.done[:-1],
    ), ReviewEffect("take back", last)


def _next(session: ReviewSession, now: float) -> ReviewSession:
    """Show the next card: a returning card that is due, else a waiting card, else the returning card due first."""
    soonest = min(session.returning, key=lambda card: session.returning[card], default=None)
    if soonest is not None and (session.returning[soonest] <= now or not session.waiting):
        returning = {card: due for card, due in session.returning.items() if card != soonest}
        return msgspec.structs.replace(session, card=soonest, returning=returning, since=now, revealed=False)
    card = session.waiting[0] if session.waiting else None
    return msgspec.structs.replace(session, card=card, waiting=session.waiting[1:], since=now, revealed=False)


class Summary(msgspec.Struct, frozen=True):
    """The totals of a session. `again` counts the reviews rated again."""

    reviews: int
    cards: int
    again: int
    seconds: float


def summary(session: ReviewSession) -> Summary:
    """The totals of a session, without the ratings that were taken back."""
    done = session.done
    again = sum(review.rating == AGAIN for review in done)
    return Summary(len(done), len({r.item for r in done}), again, sum(r.seconds for r in done))
