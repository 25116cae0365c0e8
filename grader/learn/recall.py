"""What a learner has recalled: the logs of reviews, answers and re-solves, in the tables of the progress file.

Logs only grow. Taking a review back adds a row that says so. The table `schedule` is a cache of what replaying the log
gives; a row that rests on other reviews, another FSRS or other settings is made anew.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from grader.learn.cards.schedule import AGAIN, HARD, Memory, Plan, Review, replay

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
    """What a learner answered to a question: `correct` for a quiz, `rating` (1 to 4) where they judged themselves."""

    question: str
    at: float
    answer: str
    correct: bool | None = None
    rating: int | None = None

    @property
    def missed(self) -> bool:
        return self.correct is False or (self.rating is not None and self.rating <= HARD)


class ReSolve(msgspec.Struct, frozen=True):
    """A step of a re-solve."""

    koan: str
    at: float
    event: Literal["started", "failed", "passed", "given up"]


class Recall:
    """The logs of one open progress file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def review(self, kind: Kind, review: Review) -> None:
        """Add a rating."""
        self._db.execute(
            "insert into reviews (kind, item, rating, at, seconds) values (?,?,?,?,?)",
            (kind, review.item, review.rating, review.at, review.seconds),
        )

    def take_back(self, kind: Kind, item: str) -> None:
        """The item's last rating that stands does not count."""
        self._db.execute(
            "insert into reviews (kind, item, rating, at, seconds, undoes) "
            "select kind, item, 0, ?, 0, id from reviews r where kind = ? and item = ? and undoes is null "
            "and not exists (select 1 from reviews u where u.kind = r.kind and u.item = r.item and u.undoes = r.id) "
            "order by id desc limit 1",
            (time.time(), kind, item),
        )

    def reviews(self, kind: Kind) -> dict[str, tuple[Review, ...]]:
        """Every rating that stands, by item, in the order in which they were given."""
        rows = self._db.execute(
            "select item, rating, at, seconds from reviews where kind = ? and undoes is null and id not in "
            "(select undoes from reviews where undoes is not null) order by id",
            (kind,),
        )
        found: dict[str, list[Review]] = {}
        for row in rows:
            found.setdefault(row[0], []).append(Review(*row))
        return {item: tuple(reviews) for item, reviews in found.items()}

    def schedule(self, kind: Kind, plan: Plan, firsts: Mapping[str, Review] | None = None) -> dict[str, Memory]:
        """What is known of every item that has reviews, or a first rating from elsewhere (`firsts`)."""
        firsts = firsts or {}
        last = dict(self._db.execute("select item, max(id) from reviews where kind = ? group by item", (kind,)))
        if not last and not firsts:
            return {}
        key = plan.key
        rests_on = {i: f"{key}; review {last.get(i)}; first {_first(firsts.get(i))}" for i in {*last, *firsts}}
        rows = self._db.execute("select item, rests_on, memory from schedule where kind = ?", (kind,))
        known = {item: memory for item, on, memory in rows if rests_on.get(item) == on}
        memories = {item: msgspec.msgpack.decode(memory, type=Memory) for item, memory in known.items()}
        stale = rests_on.keys() - known.keys()
        if stale:
            logged = self.reviews(kind)
            for item in stale:
                first = (firsts[item],) if item in firsts else ()
                if reviews := (*first, *logged.get(item, ())):
                    memories[item] = replay(reviews, plan)
            fresh = [
                (kind, item, rests_on[item], msgspec.msgpack.encode(memories[item]))
                for item in stale
                if item in memories
            ]
            self._keep(fresh)
        return memories

    def _keep(self, rows: Sequence[tuple[str, str, str, bytes]]) -> None:
        self._db.execute("begin immediate")
        self._db.executemany("insert or replace into schedule values (?,?,?,?)", rows)
        self._db.execute("commit")

    def answer(self, answer: Answer) -> None:
        """Add an answer to a question."""
        self._db.execute(
            "insert into answers (question, at, answer, correct, rating) values (?,?,?,?,?)",
            (answer.question, answer.at, answer.answer, answer.correct, answer.rating),
        )

    def answers(self) -> list[Answer]:
        """Every answer, in the order in which they were given."""
        rows = self._db.execute("select question, at, answer, correct, rating from answers order by id")
        return [Answer(q, at, text, None if ok is None else bool(ok), rating) for q, at, text, ok, rating in rows]

    def resolve(self, step: ReSolve) -> None:
        """Add a step of a re-solve."""
        self._db.execute("insert into resolves (koan, at, event) values (?,?,?)", (step.koan, step.at, step.event))

    def resolves(self) -> list[ReSolve]:
        """Every step of every re-solve, in the order in which they were made."""
        return [ReSolve(*row) for row in self._db.execute("select koan, at, event from resolves order by id")]

    def misses(self) -> dict[str, int]:
        """How often each card was rated "again", and each question answered wrong or judged half known at best."""
        found = Counter(
            review.item for reviews in self.reviews("card").values() for review in reviews if review.rating == AGAIN
        )
        found.update(answer.question for answer in self.answers() if answer.missed)
        return dict(found)


def _first(review: Review | None) -> str:
    return f"{review.rating} at {review.at}" if review else "none"
