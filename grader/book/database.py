"""Opens and checks the SQLite files of this package, and renames one that cannot be used."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from grader.book.errors import KoansError, reason

SIDE_FILES = ("-journal", "-wal", "-shm")  # written by SQLite beside a database; they must not be left to a new one

Prepare = Callable[[sqlite3.Connection], None]


class Unusable(Exception):
    """The file can be read, but its content cannot be used. The text says why."""


class DatabaseRefused(KoansError):
    """The file could not be read or written: the disk is full, it is locked, and the like. The text says why."""


class Database:
    """A connection whose errors are messages: each of its methods raises DatabaseRefused, and no error of SQLite."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        self._connection = connection
        self.file = file

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        with self._refusing():
            return self._connection.execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute the statement for each of the rows, for all of them or none."""
        with self.transaction(), self._refusing():
            self._connection.executemany(sql, rows)

    @contextlib.contextmanager
    def transaction(self, *, keep: bool = True) -> Iterator[None]:
        """What is written within the block is written as a whole, or not at all. A block within another joins it.

        Without `keep` it is taken back at the end of the block.
        """
        if self._connection.in_transaction:
            yield
            return
        self.execute("begin immediate")
        try:
            yield
            self.execute("commit" if keep else "rollback")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # SQLite may have ended the transaction itself
                self._connection.execute("rollback")
            raise

    def close(self) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DatabaseRefused(f"{self.file}: {reason(error, self.file)}") from None


def opened(file: Path, prepare: Prepare, *, timeout: float) -> sqlite3.Connection:
    """Open a file, check it page by page and call `prepare` with the connection. Returns the connection.

    `timeout` is in seconds. Raises Unusable if the file is damaged or if `prepare` raises it, and
    sqlite3.OperationalError or OSError if the file cannot be read or written.
    """
    db = sqlite3.connect(file, timeout=timeout, isolation_level=None)
    try:
        _check(db)
        prepare(db)
        for place in (file, file.parent):  # SQLite itself opens what it may only read
            if not os.access(place, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))
    except sqlite3.OperationalError:
        db.close()
        raise
    except sqlite3.DatabaseError as error:
        db.close()
        raise Unusable(f"damaged ({error})") from None
    except BaseException:
        db.close()
        raise
    return db


def copied(file: Path, prepare: Prepare) -> sqlite3.Connection:
    """A copy in memory of a file that may only be read, which refuses every write. Raises as `opened` does.

    Without a file it is a copy of an empty one.
    """
    copy = sqlite3.connect(":memory:", isolation_level=None)
    try:
        if file.exists():
            with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", timeout=0, uri=True)) as db:
                db.execute("select 1 from sqlite_master").fetchone()  # before `backup`, which waits for a locked file
                db.backup(copy)
        _check(copy)
        prepare(copy)
        copy.execute("pragma query_only = on")
    except sqlite3.OperationalError:
        copy.close()
        raise
    except sqlite3.DatabaseError as error:
        copy.close()
        raise Unusable(f"damaged ({error})") from None
    except BaseException:
        copy.close()
        raise
    return copy


def _check(db: sqlite3.Connection) -> None:
    result = str(db.execute("pragma quick_check").fetchone()[0])
    if result != "ok":
        raise Unusable(f"damaged ({result.splitlines()[-1]})")


def version(db: sqlite3.Connection) -> int:
    """The format number in the file's header; 0 for a new file."""
    return int(db.execute("pragma user_version").fetchone()[0])


def set_aside(file: Path) -> Path:
    """Rename the file and its side files to a name that no file has yet. Returns the new path."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    ends = itertools.chain([""], (f"-{n}" for n in itertools.count(1)))
    names = (file.with_name(f"{file.stem}-{stamp}{end}{file.suffix}") for end in ends)
    renamed = next(name for name in names if not name.exists())
    for tail in (*SIDE_FILES, ""):
        with contextlib.suppress(FileNotFoundError):
            file.with_name(file.name + tail).rename(renamed.with_name(renamed.name + tail))
    return renamed
