"""A SQLite file of ours: opened, checked page by page, and kept under another name where it cannot be used."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

BESIDE = ("-journal", "-wal", "-shm")  # what SQLite keeps beside a file; a new file must not take it for its own


class Unusable(Exception):
    """The file can be read, but what it holds cannot be used. The text says why."""


def opened(file: Path, prepare: Callable[[sqlite3.Connection], None], *, timeout: float) -> sqlite3.Connection:
    """A connection to a sound file, made ready by `prepare`.

    Raises Unusable if the file is damaged or `prepare` says so, and sqlite3.OperationalError if the system does
    not let us read or write it.
    """
    db = sqlite3.connect(file, timeout=timeout, isolation_level=None)
    try:
        found = str(db.execute("pragma quick_check").fetchone()[0])
        if found != "ok":
            raise Unusable(f"damaged ({found.splitlines()[-1]})")
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
    """The number that the file carries for its format; 0 for a new file."""
    return int(db.execute("pragma user_version").fetchone()[0])


def set_aside(file: Path) -> Path:
    """Give the file, and what SQLite keeps beside it, a name that nothing has yet. Returns the new path."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    ends = itertools.chain([""], (f"-{n}" for n in itertools.count(1)))
    names = (file.with_name(f"{file.stem}-{stamp}{end}{file.suffix}") for end in ends)
    kept = next(name for name in names if not name.exists())
    for tail in (*BESIDE, ""):
        with contextlib.suppress(FileNotFoundError):
            file.with_name(file.name + tail).rename(kept.with_name(kept.name + tail))
    return kept
