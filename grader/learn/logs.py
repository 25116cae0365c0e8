"""The logs in the progress file: rows that are only ever added, and that two machines can merge as sets.

A row has a `key`, a digest of what it says, and a `place`, by which its log is ordered. Both are the same on every
machine. The place of a new row is its time, or just after the last row of the same item if the clock shows an earlier
time. So a clock that was set back changes no order, each machine's own order survives a merge, and rows of two machines
are ordered by time. The key decides between equal places.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec

from grader.book.database import Database

STEP = 0.001  # seconds from a row to the place of the next one, if the clock shows no later time
Time = Annotated[float, msgspec.Meta(ge=0, le=32_503_680_000)]  # since 1970, UTC; to the year 3000, as Windows allows
Place = Annotated[float, msgspec.Meta(ge=0, le=1e300)]
ORDER = "order by place, key"
LAST = "order by place desc, key desc limit 1"

Value = str | int | float | bytes | None
Row = Sequence[Value]


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
        """The identity of a row: 32 hex digits. Times must be floats, as SQLite gives them back.

        JSON of Python's own library is the same with every version of Python.
        """
        said = [*row[: len(self.about) + 1 + len(self.says)]]
        blob = said.pop() if isinstance(said[-1], bytes) else b""
        assert isinstance(blob, bytes)
        return hashlib.sha256(json.dumps(said).encode() + blob).hexdigest()[:32]


ATTEMPTS = Log("attempts", ("koan",), ("content", "status", "fast", "seconds", "verdict"))
REVIEWS = Log("reviews", ("kind", "item"), ("rating", "cancels"), ("seconds",))
ANSWERS = Log("answers", ("question",), ("answer", "correct", "rating"))
RE_SOLVES = Log("resolves", ("koan",), ("event",))
LOGS = (ATTEMPTS, REVIEWS, ANSWERS, RE_SOLVES)

FORMAT = 4  # of the progress file; SCHEMA and `upgrade` make it from format 3
# `cancels` is the key of the review that a row takes back. `versions` are the texts of the learner's files: see
# `grader.learn.sync.exercises`.
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
delete from peeks where rowid not in (select min(rowid) from peeks group by koan, at);
create unique index peeks_once on peeks (koan, at);
create table versions (
    path text not null, digest text not null, saved real not null, after text not null,
    primary key (path, saved, digest, after)) without rowid;
"""


def append(db: Database, log: Log, row: Row) -> None:
    """Add a row at the end of its item's rows. If the log has its like, its time is the next one that is free."""
    count = len(log.about)
    where = " and ".join(f"{column} = ?" for column in log.about)
    place = f"max(?, coalesce((select max(place) from {log.table} where {where}) + {STEP}, 0))"
    marks = ",".join("?" * len(log.columns))
    columns = f"{','.join(log.columns)}, key, place"
    sql = f"insert into {log.table} ({columns}) values ({marks},?,{place}) on conflict (key) do nothing"
    while not db.execute(sql, (*row, log.key(row), row[count], *row[:count])).rowcount:
        row = _later(log, row)


def insert(db: Database, log: Log, rows: Mapping[str, tuple[Row, float]]) -> list[Row]:
    """Add the rows that the log lacks, given by their keys, each at its place. Returns those that were new.

    Of two rows that are the same, the earlier place and the larger of the other values count.
    """
    more = "".join(f", {column}" for column in log.more)
    known = {key: rest for key, *rest in db.execute(f"select key, place{more} from {log.table}")}
    new = {key: one for key, one in rows.items() if key not in known}
    marks = ",".join("?" * len(log.columns))
    db.executemany(
        f"insert into {log.table} ({','.join(log.columns)}, key, place) values ({marks},?,?)",
        [(*row, key, place) for key, (row, place) in new.items()],
    )
    changes = ", ".join(["place = ?", *(f"{column} = ?" for column in log.more)])
    for key, (row, place) in rows.items():
        if key in known:
            rest = [min(place, known[key][0]), *map(max, row[len(row) - len(log.more) :], known[key][1:])]
            if rest != known[key]:
                db.execute(f"update {log.table} set {changes} where key = ?", (*rest, key))
                if log is REVIEWS:
                    db.execute("delete from schedule where kind = ? and item = ?", row[:2])
    return [row for row, _ in new.values()]


def rows(db: Database, log: Log) -> dict[str, tuple[Row, float]]:
    """Every row of a log and its place, by key, in the order of the log."""
    found = db.execute(f"select {','.join(log.columns)}, place, key from {log.table} {ORDER}")
    return {key: (row, place) for *row, place, key in found}


def upgrade(db: sqlite3.Connection) -> None:
    """Copy the logs of format 3, which were ordered by id, into the tables of format 4. Ids stay as they are."""
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


def _later(log: Log, row: Row) -> Row:
    """The same row at the next time that a number can hold."""
    n = len(log.about)
    return (*row[:n], math.nextafter(float(row[n] or 0), math.inf), *row[n + 1 :])
