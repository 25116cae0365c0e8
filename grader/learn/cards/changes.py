"""When a note last changed, kept below .koans.

Anki overwrites a note only with a newer one, and after an update its own copy is as new as the import. So the time must
be that of the export which first had this text: the day on which an author changed it can lie before the learner's
last import, and the time of each export would make every note new each time.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from grader.book.errors import writing


class NoteChange(msgspec.Struct, frozen=True):
    """A text's digest and the time, in whole seconds since 1970, of the first export that had it."""

    digest: str
    at: int


def times(file: Path, digests: Mapping[str, str], now: float | None = None) -> dict[str, int]:
    """The time of each key, in seconds since 1970: the one kept in `file` while the digest stays, else now, and later
    than the one kept even if a clock was set back. Without the file everything is new. Raises KoansError.
    """
    kept: dict[str, NoteChange] = {}
    with contextlib.suppress(OSError, msgspec.DecodeError):
        kept = msgspec.json.decode(file.read_bytes(), type=dict[str, NoteChange])
    second = int(time.time() if now is None else now)
    for key, digest in digests.items():
        old = kept.get(key)
        if old is None or old.digest != digest:
            kept[key] = NoteChange(digest, max(second, old.at + 1) if old else second)
    draft = file.with_suffix(".draft")
    with writing(file):
        draft.write_bytes(msgspec.json.encode(kept, order="sorted"))
        os.replace(draft, file)
    return {key: kept[key].at for key in digests}
