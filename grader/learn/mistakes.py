"""The misconceptions that a learner had: the wrong answers that their attempts looked like, from the log of attempts.

A run that is repeated without a change of the text is no new mistake, so each counts once per text. Reading every
verdict of a long log takes most of a second, so the table `mistakes` keeps what was found in them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from grader.book.database import Database, DatabaseRefused
from grader.book.verdict import Status

SCHEMA = """
create table mistakes (
    attempt integer primary key, koan text not null, content text not null, at real not null, found blob not null);
create table mistakes_read (upto integer not null);
"""
# What the general mistakes of any koan have in common, and how their names start. Names of koans' own wrong answers
# are others.
FAMILIES = (
    ("the result has the wrong dtype", r"returns_fp32|gives_(?:float|bfloat|u?int|bool|complex)\d*\w*"),
    ("the result has the wrong type", r"gives_an?_\w+"),
    ("computed in low precision: upcast inside and round once at the end", r"low_precision\w*"),
    ("the call changes an input: work on a copy", r"input_(?:values|requires_grad|grad)"),
    ("a bad input is accepted, or raises the wrong error", r"accepts_[A-Z]\w*|raises_[A-Z]\w*_not_\w+"),
    ("a valid input raises an error", r"raises_[A-Z]\w*"),
    ("the axes are in the wrong order, or one is missing or extra", r"axis_lost|axis_kept|axes_in_another_order"),
)  # fmt: skip
MOST_SENTENCES = 3  # of one attempt that looks like several wrong answers


Rank = tuple[float, str]  # the place and the key of an attempt, which order its log: see `grader.learn.logs`


class Finding(msgspec.Struct, frozen=True):
    """What one failed attempt looked like: names of wrong answers and their sentences, in the same order.

    `cards` are those that the tests which failed in this way prove.
    """

    names: tuple[str, ...]
    says: tuple[str, ...]
    cards: tuple[str, ...]


class Occurrence(msgspec.Struct, frozen=True):
    """An attempt that looked like known wrong answers.

    `rank` orders the attempts. `content` is the digest of its text, `at` its time (UTC).
    """

    rank: Rank
    koan: str
    content: str
    at: float
    found: Finding

    @property
    def sentence(self) -> str:
        return "; or: ".join(self.found.says[:MOST_SENTENCES])


class Mistake(msgspec.Struct, frozen=True):
    """A misconception of one koan. `says` are its author's words; several if the answers were like several.

    `times` counts the texts that had it, `last` is the day of the last one, in ISO 8601 and the learner's time zone.
    `passed`: the koan has passed since. `family` is the description of a mistake that any koan can have, or empty.
    """

    koan: str
    names: tuple[str, ...]
    says: tuple[str, ...]
    times: int
    last: str
    passed: bool
    family: str = ""

    @property
    def sentence(self) -> str:
        return "; or: ".join(self.says[:MOST_SENTENCES])


class GeneralMistake(msgspec.Struct, frozen=True):
    """A mistake that any koan can have, over all koans that had it. `open` are those that have not passed since.

    `says` are its author's words if they are the same for all of these koans, and else what they have in common.
    """

    says: str
    koans: tuple[str, ...]
    times: int
    last: str
    open: tuple[str, ...] = ()


class _Test(msgspec.Struct):
    status: str
    looks: dict[str, str] = {}
    cards: tuple[str, ...] = ()


class _Verdict(msgspec.Struct):
    """The part of a kept verdict that tells of mistakes."""

    names: tuple[str, ...] = ()
    tests: tuple[_Test, ...] = ()


class MistakeLog:
    """The mistakes in the log of attempts of one open progress file."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def occurrences(self) -> list[Occurrence]:
        """Every attempt that looked like known wrong answers, in order."""
        upto = self._db.execute("select max(upto) from mistakes_read").fetchone()[0] or 0
        last = self._db.execute("select max(id) from attempts").fetchone()[0] or 0
        kept = self._db.execute(
            "select place, key, mistakes.koan, mistakes.content, mistakes.at, found "
            "from mistakes join attempts on attempts.id = mistakes.attempt"
        ).fetchall()
        found = [Occurrence((r[0], r[1]), r[2], r[3], r[4], msgspec.msgpack.decode(r[5], type=Finding)) for r in kept]
        if last > upto:
            new = self._read(upto, last)
            self._store(new, last)
            found += new.values()
        return sorted(found, key=lambda one: one.rank)

    def _read(self, upto: int, last: int) -> dict[int, Occurrence]:
        """The mistakes in the attempts that were added after the one numbered `upto`, by number."""
        rows = self._db.execute(
            "select id, place, key, koan, content, at, verdict from attempts where id > ? and id <= ? and status = ?",
            (upto, last, Status.failed.value),
        )
        found = ((row, finding(row[6])) for row in rows)
        return {r[0]: Occurrence((r[1], r[2]), r[3], r[4], r[5], one) for r, one in found if one is not None}

    def _store(self, new: Mapping[int, Occurrence], last: int) -> None:
        """Keep what was found. If it cannot be written, it is found again the next time."""
        rows = [(n, o.koan, o.content, o.at, msgspec.msgpack.encode(o.found)) for n, o in new.items()]
        with contextlib.suppress(DatabaseRefused), self._db.transaction():
            for row in rows:
                self._db.execute("insert or ignore into mistakes values (?,?,?,?,?)", row)
            self._db.execute("delete from mistakes_read")
            self._db.execute("insert into mistakes_read values (?)", (last,))

    def passes(self) -> dict[str, Rank]:
        """The rank of each koan's last attempt that passed."""
        rows = self._db.execute(
            "select koan, place, key from attempts where status = 'passed' order by koan, place, key"
        )
        return {koan: (place, key) for koan, place, key in rows}


def finding(verdict: bytes) -> Finding | None:
    """What the verdict of a failed attempt looks like, or None if it looks like no known wrong answer."""
    try:
        kept = msgspec.json.decode(verdict, type=_Verdict)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    alike = [test for test in kept.tests if test.status == "failed" and set(test.looks) >= set(kept.names)]
    if not kept.names or not alike:
        return None
    cards = dict.fromkeys(card for test in alike for card in test.cards)
    return Finding(kept.names, tuple(alike[0].looks[name] for name in kept.names), tuple(cards))


def family_of(names: Iterable[str]) -> str:
    """The description of the general mistake that all these names stand for, or an empty string."""
    families = {next((says for says, start in FAMILIES if re.fullmatch(start, name)), "") for name in names}
    return families.pop() if len(families) == 1 else ""


def by_koan(occurrences: Iterable[Occurrence], passes: Mapping[str, Rank]) -> list[Mistake]:
    """The mistakes of each koan: those not passed since come first, then the most frequent, then the latest."""
    groups: dict[tuple[str, tuple[str, ...]], list[Occurrence]] = {}
    for one in occurrences:
        groups.setdefault((one.koan, one.found.names), []).append(one)
    mistakes = [
        Mistake(
            koan,
            names,
            group[-1].found.says,
            len({one.content for one in group}),
            datetime.fromtimestamp(group[-1].at).date().isoformat(),
            koan in passes and passes[koan] > group[-1].rank,
            family_of(names),
        )
        for (koan, names), group in sorted(groups.items(), key=lambda item: -item[1][-1].at)
    ]
    return sorted(mistakes, key=lambda m: (m.passed, -m.times))


def general(mistakes: Iterable[Mistake]) -> list[GeneralMistake]:
    """The mistakes that any koan can have, grouped over koans, in the order of `by_koan`."""
    groups: dict[str, list[Mistake]] = {}
    for mistake in mistakes:
        if mistake.family:
            groups.setdefault(mistake.family, []).append(mistake)
    grouped = [
        GeneralMistake(
            group[0].sentence if len({m.sentence for m in group}) == 1 else family,
            tuple(dict.fromkeys(m.koan for m in group)),
            sum(m.times for m in group),
            max(m.last for m in group),
            tuple(dict.fromkeys(m.koan for m in group if not m.passed)),
        )
        for family, group in groups.items()
    ]
    return sorted(grouped, key=lambda m: (not m.open, -m.times))


def by_card(occurrences: Iterable[Occurrence]) -> dict[str, Occurrence]:
    """The last mistake of each card: one in which a test failed that proves the card."""
    return {card: one for one in occurrences for card in one.found.cards}
