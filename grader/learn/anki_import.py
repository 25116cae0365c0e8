"""Imports answers of Anki's review log as reviews of cards.

Only the log counts. Anki's decks, presets, days and FSRS parameters do not, and neither does a card's state there. So
an answer that was given before a card was reset stays a review, and a suspended card has its reviews.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from pathlib import Path

import msgspec

from grader.learn.cards.anki_log import AnkiLog, Left, left_out
from grader.learn.cards.schedule import Review
from grader.learn.recall import Recall


class Reviews(msgspec.Struct, frozen=True):
    """A number of reviews, and of the cards that they are of."""

    reviews: int
    cards: int


class LeftOut(msgspec.Struct, frozen=True):
    """Rows of Anki's review log that become no reviews, by the reason.

    `locked`: of cards that are locked here. `gone`: of cards that the workbook does not have. `deleted`: of cards that
    were deleted in Anki, so that nothing says what they were. `other_notes`: of notes that are not ours. `unrated`,
    `cramming`, `template` and `time` mean the same as in `anki_log.Left`.
    """

    locked: Reviews
    gone: Reviews
    unrated: int
    cramming: int
    template: int
    time: int
    deleted: int
    other_notes: int


class Imported(msgspec.Struct, frozen=True):
    """The result of an import. `new` reviews were added, or would be in a dry run; `known` ones were there before."""

    file: str
    dry_run: bool
    new: Reviews
    known: int
    left_out: LeftOut


def select(log: AnkiLog, cards: Container[str], unlocked: Container[str], now: float) -> tuple[list[Review], LeftOut]:
    """The reviews to import at `now` (seconds since 1970, UTC). `cards` are the ids of the workbook's cards."""
    reasons = Counter[Left]()
    chosen: list[Review] = []
    locked: list[str] = []
    gone: list[str] = []
    for answer in log.answers:
        if why := left_out(answer, now):
            reasons[why] += 1
        elif answer.card not in cards:
            gone.append(answer.card)
        elif answer.card not in unlocked:
            locked.append(answer.card)
        else:
            chosen.append(Review(answer.card, answer.button, answer.at / 1000, answer.took / 1000))
    return chosen, LeftOut(
        locked=_count(locked),
        gone=_count(gone),
        unrated=reasons["unrated"],
        cramming=reasons["cramming"],
        template=reasons["template"],
        time=reasons["time"],
        deleted=log.deleted,
        other_notes=log.others,
    )


def add(recall: Recall, file: Path, reviews: list[Review], left: LeftOut, *, dry_run: bool) -> Imported:
    """Add the reviews that the log lacks, each once, at its place in time. With `dry_run` nothing is written.

    Raises DatabaseRefused if they cannot be recorded. Then none is.
    """
    new = recall.lacking("card", reviews)
    if not dry_run:
        recall.insert("card", new)
    return Imported(str(file), dry_run, _count([review.item for review in new]), len(reviews) - len(new), left)


def _count(cards: list[str]) -> Reviews:
    return Reviews(len(cards), len(set(cards)))
