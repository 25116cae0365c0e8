"""What a learner has done, in one SQLite file: `.koans/progress.db` below the workbook's root.

Everything is derived from the log of attempts. A pass counts for the text that passed. If the file has another text
now, its standing is "changed".
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from grader.book import source_text
from grader.book.database import Database, DatabaseRefused, Unusable, copied, opened, set_aside, version
from grader.book.errors import KoansError, reason, writing
from grader.book.files import write_file
from grader.book.koan_imports import imported
from grader.book.proven_cards import proven, required_koans
from grader.book.stubs import not_started
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Koan, Workbook
from grader.learn import logs
from grader.learn.cards.note import Pass
from grader.learn.first_solve import Activity
from grader.learn.mistakes import SCHEMA as MISTAKES
from grader.learn.mistakes import MistakeLog
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
# What each version of the file added. An older file is upgraded in place; to logs.FORMAT, logs.upgrade does the rest.
FORMATS = (ATTEMPTS, RECALL + TEXTS, MISTAKES, logs.SCHEMA)
VERSION = len(FORMATS)
NOTEBOOK = "notebook"  # the target of a verdict on a notebook's cell


class Standing(msgspec.Struct, frozen=True):
    """Where a koan stands: the status of its last attempt, or what its file shows if it was not run as it is now.

    `passed`: some attempt has passed. `changed`: the file is not a text that passed. `in_notebook`: the last one passed
    in a notebook, and the file is another. `fast` is the status of the
    last attempt's `gpu` tests. `hints` is the number of tiers seen.
    """

    status: Status
    attempts: int = 0
    passed: bool = False
    changed: bool = False
    fast: Status | None = None
    hints: int = 0
    peeked: bool = False
    in_notebook: bool = False


class Progress:
    """One open progress file, a context manager. Several processes may have it open at the same time.

    `timeout`: seconds to wait for another process that has locked it. Raises KoansError if the folder cannot be
    written or the file is damaged. With `must_write=False` a file that can only be read is read, and `refused` says why
    it cannot be written. If it cannot be read either, `unreadable` is set, and the methods answer as if nothing had
    been recorded.

    A method that cannot read or write raises DatabaseRefused. If `refused` is set, each recording tries the file again.
    """

    def __init__(self, root: Path, timeout: float = 5, *, must_write: bool = True) -> None:
        self._timeout = timeout
        self.folder = root / ".koans"
        self.file = self.folder / "progress.db"
        self.refused = ""
        self.unreadable = False
        if must_write:
            place = self.file if self.file.exists() else self.folder
            more = ", and progress is saved there; work in a copy of the workbook that you can write to"
            with writing(place, sqlite3.OperationalError, more=more):
                self._use(self._open(self._timeout))
        else:
            self._open_or_copy()

    def _use(self, connection: sqlite3.Connection) -> None:
        self._db = Database(connection, self.file)
        self.recall = Recall(self._db)
        self.mistakes = MistakeLog(self._db)

    def _open_or_copy(self) -> None:
        try:
            self._use(self._open(self._timeout))
        except (OSError, sqlite3.OperationalError) as error:
            place = self.file if self.file.exists() else self.folder
            self.refused = f"{place}: cannot be written ({reason(error, place)})"
            try:
                self._use(copied(self.file, _prepare))
            except (OSError, sqlite3.OperationalError, Unusable) as unread:
                self.unreadable = True
                self.refused = f"{place}: cannot be read ({reason(unread, place)})"
                self._use(copied(self.folder / "none", _prepare))

    def recording(self) -> Database:
        """The database to write into. Raises DatabaseRefused if it still cannot be written."""
        if self.refused:
            try:
                connection = self._open(timeout=0.5)
            except (OSError, sqlite3.OperationalError):
                raise DatabaseRefused(self.refused) from None
            self.close()
            self._use(connection)
            self.refused, self.unreadable = "", False
        return self._db

    def check_readable(self) -> None:
        """Raise KoansError if what was recorded is not known, because the file cannot be read."""
        if self.unreadable:
            raise KoansError(self.refused)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def _open(self, timeout: float) -> sqlite3.Connection:
        self.folder.mkdir(exist_ok=True)
        try:
            return opened(self.file, _prepare, timeout=timeout)
        except Unusable as error:
            copy = set_aside(self.file)
            raise KoansError(
                f"{self.file}: {error}; the file was renamed to {copy.name}, and the next run starts a new one"
            ) from None

    def record(self, verdict: Verdict, text: str, content: str = "") -> None:
        """Add one attempt at the verdict's koan, made with this text. `content` is what `content_key` gives for it."""
        content = content or digest(text)
        row = (
            verdict.koan,
            time.time(),
            content,
            verdict.status.value,
            verdict.fast and verdict.fast.value,
        )
        blob = msgspec.json.encode(verdict)
        db = self.recording()
        with db.transaction():
            logs.append(db, logs.ATTEMPTS, (*row, verdict.seconds, blob))
            if verdict.passed:
                db.execute("insert or ignore into texts values (?,?)", (content, text))

    def last_pass(self, koan: Koan) -> tuple[Verdict, float, str] | None:
        """The last verdict that passed, its time (seconds since 1970, UTC) and the digest of its text, if any."""
        row = self._db.execute(
            "select verdict, at, content from attempts where koan = ? and status = 'passed' " + logs.LAST,
            (koan.id,),
        ).fetchone()
        return (msgspec.json.decode(row[0], type=Verdict), row[1], row[2]) if row else None

    def last_status(self, koan: Koan, content: str) -> Status | None:
        """The status of the last attempt at this koan of this content (see `content_key`); None if there was none."""
        row = self._db.execute(
            f"select status from attempts where koan = ? and content = ? {logs.LAST}", (koan.id, content)
        ).fetchone()
        return Status(row[0]) if row else None

    def last_verdict(self, koan: Koan, content: str) -> Verdict | None:
        """The verdict of the last attempt at this koan, if that was on this content (see `content_key`)."""
        row = self._db.execute(
            f"select content, verdict from attempts where koan = ? {logs.LAST}", (koan.id,)
        ).fetchone()
        return msgspec.json.decode(row[1], type=Verdict) if row and row[0] == content else None

    def standings(self, workbook: Workbook, only: Koan | None = None) -> dict[str, Standing]:
        """Where each koan stands, by id in the order of the workbook; with `only`, where this one stands."""
        summary: dict[str, tuple[int, int | None, int | None]] = {}
        for name, number, status in self._db.execute("select koan, id, status from attempts order by koan, place, key"):
            count, _, last_pass = summary.get(name, (0, None, None))
            summary[name] = (count + 1, number, number if status == "passed" else last_pass)
        koans = [only] if only else workbook.koans.values()
        return {koan.id: self._standing(workbook, koan, *summary.get(koan.id, (0, None, None))) for koan in koans}

    def _standing(
        self, workbook: Workbook, koan: Koan, count: int, last: int | None, last_pass: int | None
    ) -> Standing:
        """The standing of a koan with `count` attempts, from the ids of its last attempt and of its last pass."""
        file = workbook.exercise(koan)
        data = _contents(file)
        content = content_key(workbook, koan, source_text.readable(data or b""))
        last_content, last_status, fast = self._attempt(last) if last else ("", "", None)
        passed = last_pass is not None
        changed = (
            last_pass is not None
            and content != self._attempt(last_pass)[0]
            and self.last_status(koan, content) != Status.passed  # it may have passed before, or on another machine
        )
        if last and last_content == content:
            status = Status(last_status)
        elif data is None:
            status = Status.broken
        elif passed and not changed:
            status = Status.passed
        else:
            status = Status.not_started if not_started(workbook, koan) else Status.failed
        fast_status = Status(fast) if fast else None
        last_verdict = self.last_pass(koan) if changed else None
        in_notebook = last_verdict is not None and last_verdict[0].target == NOTEBOOK
        return Standing(status, count, passed, changed, fast_status, self.hints(koan), self.peeked(koan), in_notebook)

    def _attempt(self, number: int) -> tuple[str, str, str | None]:
        """The digest of the text, the status and the status of the `gpu` tests of the attempt with this id."""
        row = self._db.execute("select content, status, fast from attempts where id = ?", (number,)).fetchone()
        return row[0], row[1], row[2]

    def unlocked(self, workbook: Workbook) -> set[str]:
        """The ids of the cards that are unlocked.

        A card is unlocked when each test that proves it passed in the last passing attempt at its koan. A card with a
        citation and no test is unlocked when every koan of its chapter has passed.
        """
        verdicts = {koan.id: last[0] for koan in workbook.koans.values() if (last := self.last_pass(koan))}
        cited = [c for c in workbook.cards.values() if c.evidence == "cited" and not c.pending]
        proofs = {proof.card for proof in workbook.proofs}
        cited_ids = [c.id for c in cited if c.id not in proofs and verdicts.keys() >= set(required_koans(workbook, c))]
        return {*proven(workbook, verdicts), *cited_ids}

    def activities(self) -> list[Activity]:
        """Every attempt, hint and peek, by time. Attempts that were not run are left out."""
        rows = self._db.execute(
            "select koan, at, case when status = 'passed' then 'passed' else 'failed' end, content, "
            "0 as part, place, key from attempts where status <> 'not run here' "
            "union all select koan, at, 'hint', '', 1, tier, koan from hints "
            "union all select koan, at, 'peek', '', 2, 0, koan from peeks order by at, part, place, key"
        )
        return [Activity(*row[:4]) for row in rows]

    def text(self, content: str) -> str | None:
        """The text that passed, by its digest; None if it passed before the file stored texts."""
        row = self._db.execute("select text from texts where content = ?", (content,)).fetchone()
        return str(row[0]) if row else None

    def passes(self, workbook: Workbook) -> dict[str, Pass]:
        """For each koan that has passed: the day of its first pass (UTC), and whether its file is still what passed."""
        rows = self._db.execute("select koan, min(at) from attempts where status = 'passed' group by koan").fetchall()
        standings = self.standings(workbook)
        return {
            koan: Pass(time.strftime("%Y-%m-%d", time.gmtime(at)), not standings[koan].changed)
            for koan, at in rows
            if koan in standings
        }

    def hints(self, koan: Koan) -> int:
        """How many tiers of hints the learner has seen."""
        row = self._db.execute("select max(tier) from hints where koan = ?", (koan.id,)).fetchone()
        return row[0] or 0

    def record_hint(self, koan: Koan, tier: int) -> None:
        """Record that the learner has seen this tier of hints."""
        self.recording().execute("insert or ignore into hints values (?,?,?)", (koan.id, tier, time.time()))

    def peeked(self, koan: Koan) -> bool:
        """Whether the learner has seen the solution before passing."""
        return self._db.execute("select 1 from peeks where koan = ?", (koan.id,)).fetchone() is not None

    def record_peek(self, koan: Koan) -> None:
        """Record that the learner has seen the solution before passing."""
        self.recording().execute("insert or ignore into peeks values (?,?)", (koan.id, time.time()))

    def misses(self) -> dict[str, int]:
        """How often each card or question was missed, by id. Those never missed are left out."""
        return self.recall.misses()

    def keep_copy(self, koan: Koan, data: bytes) -> Path:
        """Save a copy of a file that is about to be replaced, under .koans/replaced. Returns the path of the copy.

        Raises KoansError if it cannot be written. Then nothing may be replaced.
        """
        return keep_copy(self.folder, f"{koan.id}.py", data)


def keep_copy(progress_folder: Path, name: str, data: bytes) -> Path:
    """Save a copy of a file that is about to be replaced, under the folder `replaced`, as `name` with the time in it.

    Raises KoansError if it cannot be written. Then nothing may be replaced.
    """
    wanted = progress_folder / "replaced" / name
    stamped = f"{wanted.stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    file = wanted.with_name(f"{stamped}{wanted.suffix}")
    for n in range(1, 1000):
        if not file.exists():
            break
        file = wanted.with_name(f"{stamped}-{n}{wanted.suffix}")
    try:
        write_file(file, data, make_folder=True)
    except KoansError as error:
        raise KoansError(f"{error}; a copy of the old file belongs there, so nothing was replaced") from None
    return file


def _contents(file: Path) -> bytes | None:
    """The bytes of a file; None if it is missing or cannot be read."""
    try:
        return source_text.contents(file)
    except OSError:
        return None


def _prepare(db: sqlite3.Connection) -> None:
    """Upgrade the file to the current format. Raises Unusable if its format is not known."""
    file_version = version(db)
    if file_version not in range(VERSION + 1):
        raise Unusable(
            f"another version of koans wrote it (format {file_version}, this version reads format {VERSION})"
        )
    if file_version < VERSION:
        with _transaction(db):
            current = version(db)  # read once more: another process may have upgraded it
            for statements in FORMATS[current:]:
                for statement in statements.split(";"):
                    db.execute(statement)
            if current < logs.FORMAT:
                logs.upgrade(db)
            db.execute(f"pragma user_version = {VERSION}")
    db.execute("pragma synchronous = normal")


def content_key(workbook: Workbook, koan: Koan, text: str, others: Mapping[str, str] | None = None) -> str:
    """The key of an answer: of its text and, if it imports other koans' files, of their texts as they are now.

    `others` are texts, by koan, that were there instead of files.
    """
    given = others or {}
    texts: dict[str, str] = {}
    waiting = [(koan.id, text)]
    while waiting:
        name, importing = waiting.pop()
        for other in imported(importing, name, workbook.koans):
            if other not in texts and other != koan.id:
                file = workbook.exercise(workbook.koans[other])
                texts[other] = given[other] if other in given else source_text.readable(_contents(file) or b"")
                waiting.append((other, texts[other]))
    return digest("\0".join([text, *(f"{name}\0{texts[name]}" for name in sorted(texts))]))


def digest(text: str) -> str:
    """The key of a text: 32 hex digits of its SHA-256."""
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
