"""The logs in the progress file: rows that are only ever added, and that two machines can merge as sets.

A row has a `key`, a digest of what it says, and a `place`, by which its log is ordered. Both are the same on every
machine. The place of a new row is its time, or just after the last row of the same item if the clock shows an earlier
time. So a clock that was set back changes no order, each machine's own order survives a merge, and rows of two machines
are ordered by time. The key decides between equal places.
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec

STEP = 0.001  # seconds from a row to the place of the next one, if the clock shows no later time
ORDER = "order by place, key"
LAST = "order by place desc, key desc limit 1"

Value = str | int | float | bytes | None
Row = Sequence[Value]


class Executes(Protocol):
    """A connection to a progress file: of SQLite or of `grader.book.database`."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> sqlite3.Cursor: ...


class Log(msgspec.Struct, frozen=True):
    """A log: its table and the columns of a row. A row starts with what it is about (`about`) and its time.

    `says` are the columns that, with these, tell two rows apart; `more` are the others.
    """

    table: str
    about: tuple[str, ...]
    says: tuple[str, ...]
    more: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a row, without its place and its key."""
        return (*self.about, "at", *self.says, *self.more)

    def key(self, row: Row) -> str:
        """The identity of a row: 32 hex digits."""
        known = dict(zip((*self.about, "at", *self.says), row, strict=False))
        text = "\0".join(_shown(column, value) for column, value in known.items())
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


ATTEMPTS = Log("attempts", ("koan",), ("content", "status", "fast", "seconds", "verdict"))
REVIEWS = Log("reviews", ("kind", "item"), ("rating", "cancels"), ("seconds",))
ANSWERS = Log("answers", ("question",), ("answer", "correct", "rating"))
RE_SOLVES = Log("resolves", ("koan",), ("event",))
LOGS = (ATTEMPTS, REVIEWS, ANSWERS, RE_SOLVES)

FORMAT = 4  # of the progress file; SCHEMA and `upgrade` make it from format 3
# `cancels` is the key of the review that a row takes back.
SCHEMA = """
alter table attempts rename to old_attempts;
alter table reviews rename to old_reviews;
alter table answers rename to old_answers;
alter table resolves rename to old_resolves;
drop index attempts_by_koan;
drop index reviews_by_item;
create table attempts (
    id integer primary key, koan text not null, at real not null, content text not null, status text not null,
    fast text, seconds real not null, verdict blob not null, place real not null, key text not null unique);
create index attempts_in_order on attempts (koan, place, key, status);
create table reviews (
    id integer primary key, kind text not null, item text not null, at real not null, rating integer not null,
    cancels text, seconds real not null, place real not null, key text not null unique);
create index reviews_in_order on reviews (kind, item, place, key);
create table answers (
    id integer primary key, question text not null, at real not null, answer text not null, correct integer,
    rating integer, place real not null, key text not null unique);
create index answers_in_order on answers (question, place, key);
create table resolves (
    id integer primary key, koan text not null, at real not null, event text not null, place real not null,
    key text not null unique);
create index resolves_in_order on resolves (koan, place, key);
"""


def append(db: Executes, log: Log, row: Row) -> None:
    """Add a row at the end of its item's rows. If the log has its like, its time is the next one that is free."""
    count = len(log.about)
    where = " and ".join(f"{column} = ?" for column in log.about)
    place = f"max(?, coalesce((select max(place) from {log.table} where {where}) + {STEP}, 0))"
    marks = ",".join("?" * len(log.columns))
    sql = f"insert or ignore into {log.table} ({','.join(log.columns)}, key, place) values ({marks},?,{place})"
    while not db.execute(sql, (*row, log.key(row), row[count], *row[:count])).rowcount:
        row = _later(log, row)


def insert(db: Executes, log: Log, rows: Iterable[tuple[Row, float]]) -> int:
    """Add the rows that the log lacks, each at its place. Returns how many were new.

    Of two rows that are the same, the earlier place counts.
    """
    marks = ",".join("?" * len(log.columns))
    sql = (
        f"insert into {log.table} ({','.join(log.columns)}, key, place) values ({marks},?,?) "
        "on conflict (key) do update set place = excluded.place where excluded.place < place"
    )
    before = count(db, log)
    for row, place in rows:
        db.execute(sql, (*row, log.key(row), place))
    return count(db, log) - before


def count(db: Executes, log: Log) -> int:
    """How many rows a log has."""
    return int(db.execute(f"select count(*) from {log.table}").fetchone()[0])


def upgrade(db: sqlite3.Connection) -> None:
    """Copy the logs of format 3, which were ordered by id, into those of format 4. Ids stay as they are."""
    keys: dict[int, str] = {}  # of the reviews, by id
    for log in LOGS:
        old = [{"cancels": "undoes"}.get(column, column) for column in log.columns]
        ends: dict[Row, float] = {}
        seen: set[str] = set()
        marks = ",".join("?" * (len(log.columns) + 3))
        sql = f"insert into {log.table} (id, {','.join(log.columns)}, key, place) values ({marks})"
        for number, *values in db.execute(f"select id, {','.join(old)} from old_{log.table} order by id").fetchall():
            row: Row = values
            if log is REVIEWS:
                place_of = log.columns.index("cancels")
                undone = values[place_of]
                cancels = None if undone is None else keys.get(undone, "")
                row = (*values[:place_of], cancels, *values[place_of + 1 :])
            while (key := log.key(row)) in seen:
                row = _later(log, row)
            seen.add(key)
            if log is REVIEWS:
                keys[number] = key
            about, at = tuple(row[: len(log.about)]), float(row[len(log.about)] or 0)
            ends[about] = max(at, ends[about] + STEP) if about in ends else at
            db.execute(sql, (number, *row, key, ends[about]))
        db.execute(f"drop table old_{log.table}")


def _shown(column: str, value: Value) -> str:
    """A value as text, the same for what is given and for what SQLite gives back."""
    if column in ("at", "seconds"):
        return repr(float(value or 0))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return repr(int(value) if isinstance(value, bool) else value)


def _later(log: Log, row: Row) -> Row:
    """The same row at the next time that a number can hold."""
    n = len(log.about)
    return (*row[:n], math.nextafter(float(row[n] or 0), math.inf), *row[n + 1 :])
