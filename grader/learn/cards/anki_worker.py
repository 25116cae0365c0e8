"""The process that reads a file of Anki for `anki_log`, with limits. It writes its result to the standard output.

A package is unpacked as Anki restores a backup: Anki knows all formats (compressed by deflate or zstd, old and new
tables). Only the collection is taken from the package, so no picture is unpacked.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from grader.book import heap
from grader.book.verdict import one_line
from grader.learn.cards.anki_log import MOST, AnkiLog, Answer, Refused, card_of
from grader.learn.cards.note import GUID, TEMPLATE_ID

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

MEMORY = 2 << 30  # bytes
SECONDS = 900  # of the processor
COLLECTIONS = ("collection.anki2", "collection.anki21", "collection.anki21b")  # the last is the newest format
NO_MEDIA = b"{}"
NO_MEDIA_COMPRESSED = bytes.fromhex("28b52ffd2000010000")  # an empty list in the newest format: a zstd frame of 0 bytes
SQLITE = b"SQLite format 3\0"
NOT_ANKI = "it is neither a package (.colpkg, .apkg) nor a collection (collection.anki2) of Anki"

ANSWERS = """
select n.guid, r.id, r.ease, r.time, r.type, r.factor, n.mid, c.ord
from revlog r join cards c on c.id = r.cid join notes n on n.id = c.nid
where substr(n.guid, 1, ?) = ? order by r.id
"""
WITH_NOTES = "select count(*) from revlog r join cards c on c.id = r.cid join notes n on n.id = c.nid"
ALL = "select count(*) from revlog"


class Unreadable(Exception):
    """The file cannot be read. The text says why."""


def too_large(largest: int) -> Unreadable:
    return Unreadable(f"its collection has more than {largest >> 20:,} MiB")


def main() -> None:
    """Read a file. The arguments: its path, a folder for temporary files, and the most bytes that each may have."""
    file, folder, largest = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    out = os.dup(1)
    os.dup2(2, 1)  # Anki's own prints
    result: AnkiLog | Refused
    try:
        _limit(largest)
        result = _read(file, folder, largest)
    except Unreadable as error:
        result = Refused(str(error))
    except MemoryError:
        result = Refused("reading it needs too much memory")
    except Exception as error:
        if os.strerror(errno.EFBIG) in str(error):
            result = Refused(str(too_large(largest)))
        else:
            result = Refused(f"Anki cannot read it ({one_line(' '.join(str(error).split()), 200)})")
    with open(out, "wb") as stream:
        stream.write(msgspec.msgpack.encode(result))


def _limit(largest: int) -> None:
    if resource is None:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def _read(file: Path, folder: Path, largest: int) -> AnkiLog:
    from anki.collection import Collection

    if resource is not None and heap.can_limit():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (heap.mapped() + MEMORY,) * 2)
    path = folder / "collection.anki2"
    with file.open("rb") as stream:
        start = stream.read(len(SQLITE))
    if start == SQLITE:
        _copy_collection(file, path, largest)
    elif zipfile.is_zipfile(file):
        _unpack(file, folder, path, largest)
    else:
        raise Unreadable(NOT_ANKI)
    collection = Collection(str(path))
    try:
        ours, others, deleted = _counts(collection.db)
        if ours > MOST:
            raise Unreadable(f"its review log has more than {MOST:,} answers to cards of this workbook")
        return AnkiLog(tuple(_answers(collection)), others, deleted)
    finally:
        collection.close(downgrade=False)


def _copy_collection(file: Path, path: Path, largest: int) -> None:
    """Copy a collection, with the latest changes that SQLite keeps beside it while Anki is open."""
    wal = file.with_name(file.name + "-wal")
    for source, target in ((file, path), (wal, path.with_name(path.name + "-wal"))):
        if source.exists():
            if source.stat().st_size > largest:
                raise too_large(largest)
            shutil.copyfile(source, target)


def _unpack(file: Path, folder: Path, path: Path, largest: int) -> None:
    """Unpack the collection of a package, as Anki restores a backup. The package gets a list of media that is empty."""
    from anki._backend import RustBackend

    small = folder / "small.colpkg"
    try:
        with zipfile.ZipFile(file) as package, zipfile.ZipFile(small, "w") as target:
            names = set(package.namelist())
            collections = names.intersection(COLLECTIONS)
            if not collections:
                raise Unreadable(NOT_ANKI)
            for name in sorted({"meta", *collections} & names):
                with package.open(name) as source, target.open(name, "w", force_zip64=True) as copy:
                    for size in _copied(source, copy):
                        if size > largest:
                            raise too_large(largest)
            newest = COLLECTIONS[-1] in collections
            target.writestr("media", NO_MEDIA_COMPRESSED if newest else NO_MEDIA)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise Unreadable(f"it is damaged ({error})") from None
    RustBackend().import_collection_package(
        col_path=str(path),
        backup_path=str(small),
        media_folder=str(folder / "collection.media"),
        media_db=str(folder / "collection.media.db2"),
    )


def _copied(source: Any, target: Any) -> Iterator[int]:
    """Copy a stream in blocks. Yields how many bytes have been read, before each block is written."""
    size = 0
    while block := source.read(1 << 20):
        size += len(block)
        yield size
        target.write(block)


def _answers(collection: Any) -> Iterator[Answer]:
    own = _own_templates(collection)
    for guid, at, button, took, kind, factor, note_type, template in collection.db.all(ANSWERS, len(GUID), GUID):
        numbers = (at, button, took, kind, factor)
        if all(isinstance(number, int) for number in numbers) and isinstance(guid, str):
            yield Answer(card_of(guid), *numbers, own=template == own.get(note_type, 0))


def _own_templates(collection: Any) -> dict[int, int]:
    """The position of our template in each note type that has it. In any other note type ours is the first."""
    return {
        note_type["id"]: position
        for note_type in collection.models.all()
        for position, template in enumerate(note_type["tmpls"])
        if template.get("id") == TEMPLATE_ID
    }


def _counts(db: Any) -> tuple[int, int, int]:
    """How many rows of the review log are for our notes, for other notes, and for cards that are deleted."""
    ours = db.scalar(f"{WITH_NOTES} where substr(n.guid, 1, ?) = ?", len(GUID), GUID)
    with_notes = db.scalar(WITH_NOTES)
    return ours, with_notes - ours, db.scalar(ALL) - with_notes
