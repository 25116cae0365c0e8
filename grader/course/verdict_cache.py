"""Verdicts that need not be given again: one SQLite file, `.koans/grades.db`, a row for everything a verdict rests on.

A key is a digest of the koan's text as submitted, its tests, oracle and stub, the machine's code, the library versions,
the isolation, the limits and the seed. Change any, and the koan is graded anew; a run that was killed goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from pathlib import Path

import msgspec

from grader.book.database import Unusable, opened, set_aside, version
from grader.book.errors import writing
from grader.book.verdict import Status, Verdict

VERSION = 1
DAY = 86_400  # seconds; a verdict's last use is known to the day, so that most uses write nothing
MONTHS = 6 * 30 * DAY  # a verdict that nobody asked for in this time is dropped


def digest(*parts: str | bytes | int | float) -> str:
    """Of parts whose borders count."""
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=20).hexdigest()


def code(root: Path) -> str:
    """Of the machine's own code: a change there may change any verdict."""
    found = hashlib.blake2b(digest_size=20)
    for file in sorted([*(root / "grader").rglob("*.py"), root / "reference/__init__.py", root / "conftest.py"]):
        found.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()


class VerdictCache:
    """The open file. Use as a context manager. Several processes may have it open at once.

    `told` is a line for the user if the file could not be used and a new one was started.
    """

    def __init__(self, root: Path) -> None:
        self.file = root / ".koans" / "grades.db"
        self.told = ""
        with writing(self.file.parent, sqlite3.OperationalError, Unusable, more="; grades are kept there"):
            self.file.parent.mkdir(exist_ok=True)
            self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            return opened(self.file, _prepare, timeout=30)
        except Unusable as error:  # it holds nothing that cannot be had again
            aside = set_aside(self.file)
            self.told = f"{self.file}: {error}; it was kept as {aside.name}, and every verdict is given anew"
            return opened(self.file, _prepare, timeout=30)

    def __enter__(self) -> VerdictCache:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def get(self, key: str) -> Verdict | None:
        """The verdict, if it is kept. To ask for it keeps it for another six months."""
        now = time.time()
        self._db.execute("update verdicts set at = ? where key = ? and at < ?", (now, key, now - DAY))
        row = self._db.execute("select verdict from verdicts where key = ?", (key,)).fetchone()
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.msgpack.decode(row[0], type=Verdict) if row else None
        return None

    def put(self, key: str, verdict: Verdict) -> None:
        """Keep it, unless this machine could not give one."""
        if verdict.status != Status.not_run_here:
            data = msgspec.msgpack.encode(verdict)
            self._db.execute("insert or replace into verdicts values (?, ?, ?)", (key, time.time(), data))


def _prepare(db: sqlite3.Connection) -> None:
    """Bring the file to today's format, and drop what is out of date."""
    if version(db) not in (0, VERSION):
        raise Unusable(f"written by another version (format {version(db)}, this version reads {VERSION})")
    # `at` is when the verdict was last put in or asked for
    db.execute("create table if not exists verdicts (key text primary key, at real not null, verdict blob)")
    db.execute(f"pragma user_version = {VERSION}")
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = normal")
    db.execute("delete from verdicts where at < ?", (time.time() - MONTHS,))
