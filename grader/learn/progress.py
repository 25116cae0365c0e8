"""What a learner has done, in one SQLite file: `.koans/progress.db` below the workbook's root.

The log of attempts is the truth. A pass counts for the text it was given for: change the file, and it is "changed
since".
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grader.book.database import Unusable, opened, set_aside, version
from grader.book.errors import KoansError, writing
from grader.book.proven import proven, sealed
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Koan, Workbook
from grader.learn.cards.note import Pass
from grader.learn.first_solve import Sign
from grader.learn.recall import SCHEMA as RECALL
from grader.learn.recall import Recall

ATTEMPTS = """
create table attempts (
    id integer primary key, koan text not null, at real not null, content text not null, status text not null,
    fast text, seconds real not null, verdict blob not null);
create index attempts_by_koan on attempts (koan, id);
create table hints (koan text not null, tier integer not null, at real not null, primary key (koan, tier));
create table peeks (koan text not null, at real not null);
"""
TEXTS = "create table texts (content text primary key, text text not null);"
FORMATS = (ATTEMPTS, RECALL + TEXTS)  # what each version of the file added; an older one gets the rest in place
VERSION = len(FORMATS)


class Standing(msgspec.Struct, frozen=True):
    """Where a koan stands: the status of its last attempt, or what its file says by itself.

    `passed` is the last pass, if any; `changed` says that the file is no longer what passed.
    """

    status: Status
    attempts: int = 0
    passed: bool = False
    changed: bool = False
    fast: Status | None = None
    hints: int = 0
    peeked: bool = False


class Progress:
    """One open progress file. Use as a context manager. Two processes may have it open at once."""

    def __init__(self, root: Path) -> None:
        self.folder = root / ".koans"
        self.file = self.folder / "progress.db"
        more = ", and progress is kept there; work in a copy you can write to"
        with writing(self.folder, sqlite3.OperationalError, more=more):
            self.folder.mkdir(exist_ok=True)
            self._db = self._open()
            self.recall = Recall(self._db)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def _open(self) -> sqlite3.Connection:
        try:
            return opened(self.file, _prepare, timeout=10)
        except Unusable as error:
            kept = set_aside(self.file)
            raise KoansError(
                f"{self.file}: {error}; it was kept as {kept.name}, and the next run starts a new one"
            ) from None

    def record(self, verdict: Verdict, text: str) -> None:
        """Add one attempt at the koan, made with this text."""
        row = (
            verdict.koan,
            time.time(),
            digest(text),
            verdict.status.value,
            verdict.fast and verdict.fast.value,
        )
        blob = msgspec.json.encode(verdict)
        self._db.execute(
            "insert into attempts (koan, at, content, status, fast, seconds, verdict) values (?,?,?,?,?,?,?)",
            (*row, verdict.seconds, blob),
        )
        if verdict.passed:
            self._db.execute("insert or ignore into texts values (?,?)", (digest(text), text))

    def last_pass(self, koan: Koan) -> tuple[Verdict, float, str] | None:
        """The last verdict that passed, when it was given and the digest of the text it was given for."""
        row = self._db.execute(
            "select verdict, at, content from attempts where koan = ? and status = 'passed' order by id desc limit 1",
            (koan.id,),
        ).fetchone()
        return (msgspec.json.decode(row[0], type=Verdict), row[1], row[2]) if row else None

    def standings(self, workbook: Workbook, only: Koan | None = None) -> dict[str, Standing]:
        """Where every koan stands, in walking order, or one of them."""
        from grader.book.stubs import not_started

        rows = self._db.execute(
            "select koan, count(*), max(id), max(case when status = 'passed' then id end) from attempts group by koan"
        ).fetchall()
        summary = {koan: (count, last, best) for koan, count, last, best in rows}
        found = {}
        for koan in [only] if only else workbook.koans.values():
            file = workbook.exercise(koan)
            text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
            count, last, best = summary.get(koan.id, (0, None, None))
            content, status, fast = self._attempt(last) if last else ("", "", None)
            passed_content = self._attempt(best)[0] if best else ""
            tiers, peeked = self.hints(koan), self.peeked(koan)
            passed = bool(best)
            changed = passed and digest(text) != passed_content
            if last and content == digest(text):
                now = Status(status)
            elif not file.exists():
                now = Status.broken
            elif passed and not changed:
                now = Status.passed
            else:
                now = Status.not_started if not_started(workbook, koan) else Status.failed
            found[koan.id] = Standing(now, count, passed, changed, Status(fast) if fast else None, tiers, peeked)
        return found

    def _attempt(self, number: int) -> tuple[str, str, str | None]:
        row = self._db.execute("select content, status, fast from attempts where id = ?", (number,)).fetchone()
        return row[0], row[1], row[2]

    def unlocked(self, workbook: Workbook) -> set[str]:
        """Cards every proof of which has passed in the latest passing attempt at its koan; cited ones with the last
        koan of their chapter.
        """
        best = {koan.id: found[0] for koan in workbook.koans.values() if (found := self.last_pass(koan))}
        cited = [c for c in workbook.cards.values() if c.evidence == "cited" and not c.pending]
        proofs = {proof.card for proof in workbook.proofs}
        read = [c.id for c in cited if c.id not in proofs and best.keys() >= set(sealed(workbook, c))]
        return {*proven(workbook, best), *read}

    def signs(self) -> list[Sign]:
        """Everything a learner did at koans, in no order: attempts, hints, peeks."""
        rows = self._db.execute(
            "select koan, at, case when status = 'passed' then 'passed' else 'failed' end, content from attempts "
            "where status <> 'not run here' "
            "union all select koan, at, 'hint', '' from hints union all select koan, at, 'peek', '' from peeks"
        )
        return [Sign(*row) for row in rows]

    def text(self, content: str) -> str | None:
        """A text that passed, by its digest; None for one from before texts were kept."""
        row = self._db.execute("select text from texts where content = ?", (content,)).fetchone()
        return str(row[0]) if row else None

    def passes(self, workbook: Workbook) -> dict[str, Pass]:
        """By koan that ever passed: when it first did, and whether its file is still what passed."""
        rows = self._db.execute("select koan, min(at) from attempts where status = 'passed' group by koan").fetchall()
        standings = self.standings(workbook)
        return {
            koan: Pass(time.strftime("%Y-%m-%d", time.gmtime(at)), not standings[koan].changed)
            for koan, at in rows
            if koan in standings
        }

    def hints(self, koan: Koan) -> int:
        """How many tiers the learner has seen."""
        row = self._db.execute("select max(tier) from hints where koan = ?", (koan.id,)).fetchone()
        return row[0] or 0

    def saw_hint(self, koan: Koan, tier: int) -> None:
        self._db.execute("insert or ignore into hints values (?,?,?)", (koan.id, tier, time.time()))

    def peeked(self, koan: Koan) -> bool:
        return self._db.execute("select 1 from peeks where koan = ?", (koan.id,)).fetchone() is not None

    def saw_solution(self, koan: Koan) -> None:
        self._db.execute("insert into peeks values (?,?)", (koan.id, time.time()))

    def misses(self) -> dict[str, int]:
        """How often each card or question was missed, by id; those never missed are left out."""
        return self.recall.misses()

    def keep_copy(self, koan: Koan, text: str) -> Path:
        """Keep a text that is about to be replaced; returns where."""
        folder = self.folder / "replaced" / koan.chapter
        folder.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        file = folder / f"{koan.name}-{stamp}.py"
        for n in range(1, 1000):
            if not file.exists():
                break
            file = folder / f"{koan.name}-{stamp}-{n}.py"
        file.write_text(text, encoding="utf-8")
        return file


def _prepare(db: sqlite3.Connection) -> None:
    """Bring the file to today's format."""
    found = version(db)
    if found not in range(VERSION + 1):
        raise Unusable(f"written by another version (format {found}, this version reads {VERSION})")
    if found < VERSION:
        with _transaction(db):
            for statements in FORMATS[version(db) :]:  # asked again: another process may have been first
                for statement in statements.split(";"):
                    db.execute(statement)
            db.execute(f"pragma user_version = {VERSION}")
    db.execute("pragma synchronous = normal")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("begin immediate")
    try:
        yield
    except BaseException:
        db.execute("rollback")
        raise
    db.execute("commit")
