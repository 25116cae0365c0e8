"""Reads the review log of a file of Anki: a package (.colpkg, .apkg) or a collection (collection.anki2).

The `anki` package does it, in a process of its own with limits, because the file may be damaged or a stranger's. It
reads a copy. Notes of ours are recognized by their guid, whatever deck, tags or texts they have now.

What counts is an answer that affects Anki's schedule, as Anki's own statistics and its FSRS count: an entry with a
rating that is not cramming (`has_rating_and_affects_scheduling` in Anki's rslib/src/revlog/mod.rs). Cramming is an
answer in a filtered deck with "Reschedule cards based on my answers" off. The reset of a card and the setting of a due
date have no rating.
"""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

import msgspec

from grader.book.errors import KoansError, reading
from grader.book.files import check_ending
from grader.book.processes import FOLDER, environment, module
from grader.learn.cards.note import GUID

SUFFIXES = (".colpkg", ".apkg", ".anki2", ".anki21")
LARGEST = 2 << 30  # bytes of a collection, packed or unpacked. A million reviews take 0.1 GiB.
MOST = 1_000_000  # answers to notes of ours: 100 a day are 36,500 a year
LONGEST = 1200.0  # seconds that reading a file may take
INSTALL = "pip install 'tensor-koans[anki]'"

EPOCH = 1_136_073_600_000  # 2006, when Anki began, in milliseconds since 1970: no answer is older
AHEAD = 86_400_000  # milliseconds that another machine's clock may be ahead of ours
LONGEST_ANSWER = 86_400_000  # milliseconds; Anki itself cuts the time of an answer off at some minutes


class Answer(msgspec.Struct, frozen=True):
    """A row of Anki's review log for a note of ours, as Anki wrote it.

    `at` is the time of the answer in milliseconds since 1970, UTC. `button` is 1 to 4 for again to easy, or 0. `took`
    is in milliseconds. `kind` is 0 for learning, 1 for review, 2 for relearning, 3 for a filtered deck, and 4 or 5 for
    changes that Anki made. `factor` is the ease in permille. `own` says that the card shows the front of our note and
    asks for its back; another card of the note comes from a template that the learner added.
    """

    card: str
    at: int
    button: int
    took: int
    kind: int
    factor: int
    own: bool


class AnkiLog(msgspec.Struct, frozen=True, tag=True):
    """The answers for notes of ours in the order of time, and how many rows there are for other and deleted notes."""

    answers: tuple[Answer, ...]
    others: int
    deleted: int


class Refused(msgspec.Struct, frozen=True, tag=True):
    """Why the file could not be read, after its name and a colon."""

    why: str


Left = Literal["unrated", "cramming", "template", "time"]
"""Why an answer does not count: no rating, cramming, a card of another template, or an impossible time or rating."""


def read(file: Path, largest: int = LARGEST) -> AnkiLog:
    """The review log. Nothing is written beside the file.

    Raises KoansError, in one line, if it cannot be read or its collection has more than `largest` bytes.
    """
    check_ending(file, SUFFIXES)
    with reading(file), file.open("rb") as stream:
        stream.read(1)
    if importlib.util.find_spec("anki") is None:
        raise KoansError(f"{file}: reading it needs the package of Anki: {INSTALL}")
    with tempfile.TemporaryDirectory() as folder:
        result = _in_process(file, Path(folder), largest)
    if isinstance(result, Refused):
        raise KoansError(f"{file}: {result.why}")
    return result


def _in_process(file: Path, folder: Path, largest: int) -> AnkiLog | Refused:
    worker = module(__package__, "anki_worker")
    command = [sys.executable, *worker, str(file.absolute()), str(folder), str(largest)]
    out = folder / "out"
    try:
        with out.open("wb") as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.DEVNULL,
                env=environment(FOLDER) | {"TMPDIR": str(folder)},
                process_group=0,
            )
    except OSError as error:
        return Refused(f"no process could be started to read it: {error.strerror}")
    try:
        process.wait(LONGEST)
    except subprocess.TimeoutExpired:
        return Refused(f"reading it took longer than {LONGEST / 60:.0f} minutes")
    finally:
        process.kill()
        process.wait()
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.msgpack.decode(out.read_bytes(), type=AnkiLog | Refused)
    return Refused("it cannot be read: it is damaged, or larger than the limits allow")


def card_of(guid: str) -> str:
    """The id of the card whose note has this guid."""
    return guid.removeprefix(GUID)


def left_out(answer: Answer, now: float) -> Left | None:
    """Why this answer does not count; None if it does. `now` is in seconds since 1970, UTC."""
    if answer.button == 0 or answer.kind > 3:
        return "unrated"
    if answer.kind == 3 and answer.factor == 0:
        return "cramming"
    if not answer.own:
        return "template"
    if not (
        EPOCH <= answer.at <= now * 1000 + AHEAD and 1 <= answer.button <= 4 and 0 <= answer.took <= LONGEST_ANSWER
    ):
        return "time"
    return None
