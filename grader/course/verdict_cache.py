"""A cache of verdicts in the folder `.koans/verdicts/`: one small file for each verdict, named after its key.

`verdict_key` says what a key is made of. A run that was killed continues where it stopped, because its verdicts are in
the cache.

A file is written beside its place and then renamed, in one step. So several graders may use one folder at the same
time, on a network drive too: there is no lock to wait for and no common file that a killed writer could damage. If two
graders store the same verdict, the later one stays.

Only verdicts that rest on the text alone are stored (`Verdict.rests_on_text`). No trouble with the cache ends a run:
the user is told once, and grading goes on without it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from grader.book.verdict import Verdict

FORMAT = b"koans verdict 1\n"  # the first bytes of each file
DAY = 86_400  # seconds; the time of last use is exact to a day only, so that most reads write nothing
LIFETIME = 6 * 30 * DAY  # seconds; a verdict that nobody has read for this long is not used any more
SHARDS = [f"{n:02x}" for n in range(256)]  # the subfolders: the first two digits of a key
CHECKSUM = 16  # bytes


class VerdictCache:
    """The cache of the workbook at `root`.

    With `again` no verdict from before is used, and each new one replaces what is stored. `tell` is called with a line
    for the user if the cache cannot be used.
    """

    def __init__(self, root: Path, *, again: bool = False, tell: Callable[[str], None] = lambda line: None) -> None:
        self.folder = root / ".koans" / "verdicts"
        self.again, self.tell = again, tell
        self._written: set[str] = set()
        self._trouble = False
        self._delete_old(random.choice(SHARDS))

    def get(self, key: str) -> Verdict | None:
        """The stored verdict without its target, or None. Reading a verdict restarts its lifetime."""
        if self.again and key not in self._written:
            return None
        file = self._file(key)
        try:
            with open(file, "rb", opener=_without_waiting) as stream:
                data, age = stream.read(), time.time() - os.fstat(stream.fileno()).st_mtime
        except FileNotFoundError:
            return None
        except OSError as error:
            self._report("read", error)
            return None
        if age > LIFETIME:
            return None
        if age > DAY:
            with contextlib.suppress(OSError):
                os.utime(file)
        return _decoded(key, data)

    def put(self, key: str, verdict: Verdict) -> Verdict:
        """Store a verdict, in place of one from before this grading. Returns the verdict to report.

        Two submissions of the same text may run at the same time. Then the first verdict stays and is reported for
        both, as it will be from the cache. A verdict that does not rest on the text alone is not stored.
        """
        if self._trouble or not verdict.rests_on_text or _names_its_place(verdict):
            return verdict
        if key in self._written and (first := self.get(key)) is not None:
            return first
        try:
            self._write(self._file(key), _encoded(key, verdict))
            self._written.add(key)
        except OSError as error:
            self._report("written", error)
        return verdict

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _write(self, file: Path, data: bytes) -> None:
        """Write the whole file or nothing. It is not flushed to the disk, since a damaged file is ignored."""
        file.parent.mkdir(parents=True, exist_ok=True)
        number, new = tempfile.mkstemp(dir=file.parent, prefix=".")
        try:
            with open(number, "wb") as stream:
                stream.write(data)
            os.replace(new, file)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise

    def _report(self, what: str, error: OSError) -> None:
        """Tell the user about the first trouble. From then on nothing is stored."""
        if not self._trouble:
            self._trouble = True
            why = f"cannot be {what} ({error.strerror or error})"
            self.tell(f"{self.folder}: {why}; grading continues, but no more verdicts are cached")

    def _delete_old(self, shard: str) -> None:
        """Delete what nobody has used for long in one subfolder: to look at all takes long on a network drive."""
        oldest = time.time() - LIFETIME
        with contextlib.suppress(OSError), os.scandir(self.folder / shard) as entries:
            for entry in entries:
                limit = oldest if not entry.name.startswith(".") else time.time() - DAY  # left by a killed writer
                if entry.stat(follow_symlinks=False).st_mtime < limit:
                    os.unlink(entry.path)


def _without_waiting(file: str, flags: int) -> int:
    """Opens a file. A pipe in its place is not waited for, and reads as empty."""
    return os.open(file, flags | getattr(os, "O_NONBLOCK", 0))


def _checksum(key: str, body: bytes) -> bytes:
    return hashlib.blake2b(key.encode() + b"\0" + body, digest_size=CHECKSUM).digest()


def _encoded(key: str, verdict: Verdict) -> bytes:
    body = msgspec.msgpack.encode(msgspec.structs.replace(verdict, target=""))
    return FORMAT + _checksum(key, body) + body


def _decoded(key: str, data: bytes) -> Verdict | None:
    """The verdict, or None if the file is damaged, of another format, or was stored under another key."""
    start = len(FORMAT) + CHECKSUM
    body = data[start:]
    if data[:start] != FORMAT + _checksum(key, body):
        return None
    with contextlib.suppress(msgspec.MsgspecError):
        return msgspec.msgpack.decode(body, type=Verdict)
    return None


def _names_its_place(verdict: Verdict) -> bool:
    """Whether a text in the verdict holds the path of the submission. Another submission must not be shown that."""
    if os.sep not in verdict.target:
        return False
    body = msgspec.msgpack.encode(msgspec.structs.replace(verdict, target=""))
    return verdict.target.encode("utf-8", "replace") in body
