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

from grader.errors import KoansError
from grader.verdict import Status, Verdict

VERSION = 1
MONTHS = 6 * 30 * 86_400  # seconds after which a verdict that nobody asked for is dropped


def digest(*parts: str | bytes | int | float) -> str:
    """Of parts whose borders count."""
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=20).hexdigest()


def code(root: Path) -> str:
    """Of the machine's own code: a change there may change any verdict."""
    found = hashlib.blake2b(digest_size=20)
    for file in sorted([*(root / "grader").rglob("*.py"), root / "reference/__init__.py", root / "conftest.py"]):
        found.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()


class Kept:
    """The open file. Use as a context manager. Several processes may have it open at once."""

    def __init__(self, root: Path) -> None:
        self.file = root / ".koans" / "grades.db"
        try:
            self.file.parent.mkdir(exist_ok=True)
            self._db = self._connect()
        except sqlite3.DatabaseError:  # damaged or of another version: it holds nothing that cannot be had again
            with contextlib.suppress(OSError):
                self.file.replace(self.file.with_name(f"grades-{time.strftime('%Y%m%d-%H%M%S')}.db"))
            self._db = self._again()
        except OSError as error:
            raise KoansError(
                f"{self.file.parent}: cannot be written ({error.strerror}); grades are kept there"
            ) from None

    def _again(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except (sqlite3.Error, OSError) as error:
            raise KoansError(f"{self.file}: cannot be opened ({error}), and grades are kept there") from None

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.file, timeout=30, isolation_level=None)
        version = db.execute("pragma user_version").fetchone()[0]
        if version not in (0, VERSION):
            db.close()
            raise sqlite3.DatabaseError("another version")
        db.execute("create table if not exists verdicts (key text primary key, at real not null, verdict blob)")
        db.execute(f"pragma user_version = {VERSION}")
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = normal")
        db.execute("delete from verdicts where at < ?", (time.time() - MONTHS,))
        return db

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def get(self, key: str) -> Verdict | None:
        row = self._db.execute("select verdict from verdicts where key = ?", (key,)).fetchone()
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.msgpack.decode(row[0], type=Verdict) if row else None
        return None

    def put(self, key: str, verdict: Verdict) -> None:
        """Keep it, unless this machine could not give one."""
        if verdict.status != Status.not_run_here:
            data = msgspec.msgpack.encode(verdict)
            self._db.execute("insert or replace into verdicts values (?, ?, ?)", (key, time.time(), data))
