"""Records when each note last changed, in a file under .koans.

Anki overwrites a note only with a newer one, and after an update its own copy is as new as the import. So a note's time
is the time of the export that first had this text. The day on which an author changed the card would not do: it can lie
before the learner's last import. The time of each export would not do either: every note would be new every time.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from grader.book.files import write_file


class NoteChange(msgspec.Struct, frozen=True):
    """The digest of a note's text, and the time of the first export that had it, in whole seconds since 1970."""

    digest: str
    at: int


def times(file: Path, digests: Mapping[str, str], now: float | None = None) -> dict[str, int]:
    """The time at which the text of each key last changed, in seconds since 1970. Updates the record in `file`.

    A key whose digest is unchanged keeps its recorded time. Any other key gets the time `now`, or one second after its
    recorded time if the clock was set back. Without a readable record every key is new. Raises KoansError if `file`
    cannot be written.
    """
    recorded: dict[str, NoteChange] = {}
    with contextlib.suppress(OSError, msgspec.DecodeError):
        recorded = msgspec.json.decode(file.read_bytes(), type=dict[str, NoteChange])
    current = int(time.time() if now is None else now)
    for key, digest in digests.items():
        last = recorded.get(key)
        if last is None or last.digest != digest:
            recorded[key] = NoteChange(digest, max(current, last.at + 1) if last else current)
    write_file(file, msgspec.json.encode(recorded, order="sorted"), make_folder=True)
    return {key: recorded[key].at for key in digests}
