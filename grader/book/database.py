"""Opens and checks the SQLite files of this package, and renames one that cannot be used."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

SIDE_FILES = ("-journal", "-wal", "-shm")  # written by SQLite beside a database; they must not be left to a new one


class Unusable(Exception):
    """The file can be read, but its content cannot be used. The text says why."""


def opened(file: Path, prepare: Callable[[sqlite3.Connection], None], *, timeout: float) -> sqlite3.Connection:
    """Open a file, check it page by page and call `prepare` with the connection. Returns the connection.

    `timeout` is in seconds. Raises Unusable if the file is damaged or if `prepare` raises it, and
    sqlite3.OperationalError if the file cannot be read or written.
    """
    db = sqlite3.connect(file, timeout=timeout, isolation_level=None)
    try:
        result = str(db.execute("pragma quick_check").fetchone()[0])
        if result != "ok":
            raise Unusable(f"damaged ({result.splitlines()[-1]})")
        prepare(db)
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
