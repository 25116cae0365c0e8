"""A cache of verdicts in one SQLite file, `.koans/grades.db`.

A key is a digest of everything that a verdict depends on: the koan's text as submitted, its tests, oracle and stub, the
grader's code, the library versions, the isolation, the limits and the seed. If any of them changes, the koan is graded
again. A run that was killed continues where it stopped, because its verdicts are in the cache.
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
DAY = 86_400  # seconds; the time of last use is exact to a day only, so that most reads write nothing
LIFETIME = 6 * 30 * DAY  # seconds; a verdict that nobody has read for this long is deleted


def digest(*parts: str | bytes | int | float) -> str:
    """Digest of a list of values. `"ab", "c"` and `"a", "bc"` have different digests."""
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=20).hexdigest()


def code_digest(root: Path) -> str:
    """Digest of the grader's own code in the workbook at `root`. Any change to this code may change any verdict."""
    total = hashlib.blake2b(digest_size=20)
    for file in sorted([*(root / "grader").rglob("*.py"), root / "reference/__init__.py", root / "conftest.py"]):
        total.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()


class VerdictCache:
    """The open cache file of the workbook at `root`. A context manager. Several processes may have it open at once.

    `message` is a line for the user if the file could not be used and was replaced by a new one, else empty.
    Raises KoansError if the file cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.file = root / ".koans" / "grades.db"
        self.message = ""
        with writing(self.file.parent, sqlite3.OperationalError, Unusable, more="; grades are kept there"):
            self.file.parent.mkdir(exist_ok=True)
            self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            return opened(self.file, _prepare, timeout=30)
        except Unusable as error:  # starting over is safe: every verdict can be computed again
            backup = set_aside(self.file)
            self.message = f"{self.file}: {error}; it was kept as {backup.name}, and every verdict is made again"
            return opened(self.file, _prepare, timeout=30)

    def __enter__(self) -> VerdictCache:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def get(self, key: str) -> Verdict | None:
        """The cached verdict, or None. Reading a verdict restarts its lifetime."""
        now = time.time()
        self._db.execute("update verdicts set at = ? where key = ? and at < ?", (now, key, now - DAY))
        row = self._db.execute("select verdict from verdicts where key = ?", (key,)).fetchone()
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.msgpack.decode(row[0], type=Verdict) if row else None
        return None

    def put(self, key: str, verdict: Verdict) -> None:
        """Store a verdict. One that this machine could not give (not run here) is not stored."""
        if verdict.status != Status.not_run_here:
            data = msgspec.msgpack.encode(verdict)
            self._db.execute("insert or replace into verdicts values (?, ?, ?)", (key, time.time(), data))


def _prepare(db: sqlite3.Connection) -> None:
    """Create the table in a new file, and delete verdicts past their lifetime. Raises Unusable for another format."""
    if version(db) not in (0, VERSION):
        raise Unusable(f"written by another version (format {version(db)}, this version reads {VERSION})")
    # `at` is the time when the verdict was last stored or read.
    db.execute("create table if not exists verdicts (key text primary key, at real not null, verdict blob)")
    db.execute(f"pragma user_version = {VERSION}")
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = normal")
    db.execute("delete from verdicts where at < ?", (time.time() - LIFETIME,))
