"""The logs of reviews, answers and re-solves, in the tables of the progress file.

The logs are append-only: taking a review back adds a row that cancels it. The table `schedule` caches the replay of the
log of reviews. A cached row is computed again if its reviews, the version of FSRS or the settings have changed.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from grader.book.database import Database, DatabaseRefused
from grader.learn.cards.schedule import AGAIN, HARD, Memory, Plan, Review, replay
from grader.learn.logs import ANSWERS, LAST, ORDER, RE_SOLVES, REVIEWS, append, insert

Kind = Literal["card", "koan"]

SCHEMA = """
create table reviews (
    id integer primary key, kind text not null, item text not null, rating integer not null, at real not null,
    seconds real not null, undoes integer);
create index reviews_by_item on reviews (kind, item, id);
create table answers (
    id integer primary key, question text not null, at real not null, answer text not null, correct integer,
    rating integer);
create table resolves (id integer primary key, koan text not null, at real not null, event text not null);
create table schedule (
    kind text not null, item text not null, rests_on text not null, memory blob not null, primary key (kind, item));
"""


class Answer(msgspec.Struct, frozen=True):
    """An answer to a question. `at` is in seconds since 1970, UTC.

    `correct` is set for a quiz. `rating` (1 to 4) is set where the learner judged their own answer.
    """

    question: str
    at: float
    answer: str
    correct: bool | None = None
    rating: int | None = None

    @property
    def missed(self) -> bool:
        """Wrong, or rated again or hard."""
        return self.correct is False or (self.rating is not None and self.rating <= HARD)


class ReSolveStep(msgspec.Struct, frozen=True):
    """A step of a re-solve. `at` is in seconds since 1970, UTC."""

    koan: str
    at: float
    event: Literal["started", "failed", "passed", "given up"]


class Recall:
    """The logs of one open progress file. `kind` says whether an item is a card or a koan."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def review(self, kind: Kind, review: Review) -> None:
        """Add a rating of a card or a koan."""
        append(self._db, REVIEWS, _row(kind, review))

    def insert(self, kind: Kind, reviews: Iterable[Review]) -> int:
        """Add reviews from elsewhere that the log lacks, all or none. Returns how many were new.

        The log has a review if it has one of the same item, time and rating, also if that was taken back since. A new
        one is placed by its time: before the reviews that were given later, and what the log had keeps its order.
        """
        rows = [_row(kind, review) for review in reviews]
        with self._db.transaction():
            return len(insert(self._db, REVIEWS, {REVIEWS.key(row): (row, row[2]) for row in rows}))

    def lacking(self, kind: Kind, reviews: Iterable[Review]) -> list[Review]:
        """The reviews that `insert` would add."""
        keys = {key for (key,) in self._db.execute("select key from reviews where kind = ?", (kind,))}
        return [review for review in reviews if REVIEWS.key(_row(kind, review)) not in keys]

    def take_back(self, kind: Kind, item: str) -> None:
        """Cancel the item's last rating that still counts. Nothing happens if there is none."""
        with self._db.transaction():
            last = self._db.execute(
                f"select key from reviews r where kind = ? and item = ? and cancels is null and not exists "
                f"(select 1 from reviews c where c.kind = r.kind and c.item = r.item and c.cancels = r.key) {LAST}",
                (kind, item),
            ).fetchone()
            if last is not None:
                append(self._db, REVIEWS, (kind, item, time.time(), 0, last[0], 0.0))

    def reviews(self, kind: Kind) -> dict[str, tuple[Review, ...]]:
        """The ratings that still count, by item, in the order in which they were given."""
        rows = self._db.execute(
            "select item, rating, at, seconds from reviews where kind = ? and cancels is null and key not in "
            f"(select cancels from reviews where cancels is not null) {ORDER}",
            (kind,),
        )
        by_item: dict[str, list[Review]] = {}
        for row in rows:
            by_item.setdefault(row[0], []).append(Review(*row))
        return {item: tuple(reviews) for item, reviews in by_item.items()}

    def schedule(self, kind: Kind, plan: Plan, firsts: Mapping[str, Review] | None = None) -> dict[str, Memory]:
        """The memory of each item that has reviews or a first rating that is not in the log (`firsts`).

        Memories that the cache lacks are computed, and stored in it if that is possible.
        """
        firsts = firsts or {}
        last = dict(self._db.execute("select item, max(id) from reviews where kind = ? group by item", (kind,)))
        if not last and not firsts:
            return {}
        key = plan.key
        keys = {i: f"{key}; review {last.get(i)}; first {_first_key(firsts.get(i))}" for i in {*last, *firsts}}
        rows = self._db.execute("select item, rests_on, memory from schedule where kind = ?", (kind,))
        cached = {item: memory for item, rests_on, memory in rows if keys.get(item) == rests_on}
        memories = {item: msgspec.msgpack.decode(memory, type=Memory) for item, memory in cached.items()}
        stale = keys.keys() - cached.keys()
        if stale:
            logged = self.reviews(kind)
            for item in stale:
                first = (firsts[item],) if item in firsts else ()
                if reviews := (*first, *logged.get(item, ())):
                    memories[item] = replay(reviews, plan)
            self._store(
                [(kind, item, keys[item], msgspec.msgpack.encode(memories[item])) for item in stale if item in memories]
            )
        return memories

    def _store(self, rows: Sequence[tuple[str, str, str, bytes]]) -> None:
        with contextlib.suppress(DatabaseRefused):  # without the cache it is computed again the next time
            self._db.executemany("insert or replace into schedule values (?,?,?,?)", rows)

    def answer(self, answer: Answer) -> None:
        """Add an answer to a question."""
        correct = None if answer.correct is None else int(answer.correct)
        append(self._db, ANSWERS, (answer.question, float(answer.at), answer.answer, correct, answer.rating))

    def answers(self) -> list[Answer]:
        """Every answer, in the order in which they were given."""
        rows = self._db.execute(f"select question, at, answer, correct, rating from answers {ORDER}")
        return [Answer(q, at, text, None if ok is None else bool(ok), rating) for q, at, text, ok, rating in rows]

    def add_re_solve_step(self, step: ReSolveStep) -> None:
        """Add a step of a re-solve."""
        append(self._db, RE_SOLVES, (step.koan, float(step.at), step.event))

    def end_re_solve(self, step: ReSolveStep, review: Review) -> None:
        """Add the last step of a re-solve and its rating, both or none."""
        with self._db.transaction():
            self.add_re_solve_step(step)
            self.review("koan", review)

    def re_solve_steps(self) -> list[ReSolveStep]:
        """Every step of every re-solve, in the order in which they happened."""
        return [ReSolveStep(*row) for row in self._db.execute(f"select koan, at, event from resolves {ORDER}")]

    def misses(self) -> dict[str, int]:
        """How often each card was rated again, and how often each question was missed, by id."""
        misses = Counter(
            review.item for reviews in self.reviews("card").values() for review in reviews if review.rating == AGAIN
        )
        misses.update(answer.question for answer in self.answers() if answer.missed)
        return dict(misses)


def _row(kind: Kind, review: Review) -> tuple[str, str, float, int, None, float]:
    return (kind, review.item, float(review.at), int(review.rating), None, float(review.seconds))


def _first_key(review: Review | None) -> str:
    return f"{review.rating} at {review.at}" if review else "none"
