"""Fuzzes rosters, names of learning platforms and ids: `python -m tests.fuzz.roster --seconds 600 --seed 1`."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.course.intake import ids, lms_download, lms_names, roster
from grader.course.intake.tree import Entry
from tests.fuzz.fuzzer import Fuzzer, main, mutated

FILE = Path("/class/roster.csv")
COLUMNS = (*roster.PATHS, *roster.NAMES, *roster.FIRST_NAMES, *roster.LAST_NAMES, *roster.IDS, *roster.TIMES, "section", "", " Name ",
           "STUDENT ID", "sis_login_id", "\ufeffname", "name\n", "é")  # fmt: skip
CELLS = ("", " ", "Ada", "Lovelace, Ada", "lovelaceada", "7", "Participant 7", "Participant ", "-", "forks/ada", "../x", "/y", "a\0b",
         "2026-11-20 10:11", "11/12/2026", "Friday, 20 November 2026, 10:11 PM", "9999-99-99", "0001-01-01T00:00:00-23:59", '"', '""',
         "a\nb", "a\r\nb", "\x1b[31m", "\ud800", "=1+1", "Points Possible", "Manual Posting", "Student, Test", "é" * 100, "x" * 5000,
         "\u202e", "٣", "²", "ß", "İ", ",", ";", "\t")  # fmt: skip
PIECES = ("_", "_", "__", " ", " - ", "-", "/", "7", "12345", "678", "٣", "ada", "Ada Lovelace", "Zoë", "LATE", "LATE_", "anon_", "anonymous_",
          "_assignsubmission_", "file_", "onlinetext_", "_attempt_", "2026-11-20-10-11-12", "2026-99-99-99-99-99", "Nov 20, 2026 1011 AM",
          "5 March 2026 612 PM", "Feb 31, 2026 2599", "submission_", "text.html", ".txt", ".py", "-2", "\n", "\0", "\ud800")  # fmt: skip
ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32")


def make(rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        names = ["".join(rng.choice(PIECES) for _ in range(rng.randrange(9))) for _ in range(rng.randrange(1, 9))]
        return "\x1f".join(names).encode("utf-8", "surrogatepass")
    delimiter, end = rng.choice(",,;\t|"), rng.choice(("\n", "\r\n", "\r"))
    width = rng.choice((1, 2, 3, 5, 3000 if rng.random() < 0.05 else 4))
    header = [rng.choice(COLUMNS) for _ in range(width)]
    table = [
        [cell(rng) for _ in range(rng.choice((width, width, rng.randrange(width + 2))))]
        for _ in range(rng.choice((0, 1, 3, 20)))
    ]
    if rng.random() < 0.02:  # more rows than are read, or more bytes
        size = 1 + sum(len(text) + 1 for row in table for text in row)
        table *= min(rng.choice((100, 6000)), 1 + 2 * roster.LARGEST // size)
    text = rng.choice(("", "", "", "sep=;\r\n", "\n\n")) + end.join(delimiter.join(cells) for cells in [header, *table])
    data = (
        text.encode(rng.choice(ENCODINGS), "replace") if rng.random() < 0.9 else text.encode("utf-8", "surrogatepass")
    )
    return mutated(data[: roster.LARGEST], rng) if rng.random() < 0.4 else data[: roster.LARGEST]


def cell(rng: random.Random) -> str:
    text = rng.choice(CELLS)
    return '"' + text.replace('"', '""') + '"' if rng.random() < 0.4 else text


def check(data: bytes) -> None:
    check_roster(data)
    check_names(data.decode("utf-8", "surrogateescape")[:20_000].split("\x1f"))


def check_roster(data: bytes) -> None:
    try:
        found, says = roster.parse(data, FILE), f"{FILE}"
    except KoansError as error:
        found, says = roster.Roster((), False), str(error)
    assert says.startswith(str(FILE)) and says.isprintable() and len(says) < 400, says
    assert len(found.notes) <= roster.MOST_NOTES + 1
    for note in found.notes:
        assert note.isprintable() and len(note) < 500, note
    lines = [row.line for row in found.rows]
    assert lines == sorted(set(lines)) and all(row.name for row in found.rows)
    assert all(row.path is None or found.has_paths for row in found.rows)
    works = [lms_names.Handed(row.name, row.id, "", False, "", "", "") for row in found.rows[::2]]
    pairs = roster.match(found.rows, [Work(w.learner, w.student) for w in works])
    assert len(pairs) == len(found.rows)
    assert len(roster.missing(found.rows, [])) == len(found.rows)


class Work(msgspec.Struct, frozen=True):
    name: str
    student: str


def check_names(names: list[str]) -> None:
    entries = [Entry(name, "file") for name in dict.fromkeys(names)]
    whole = lms_download.download(entries)
    groups = lms_download.group(whole) if whole else []
    assert sorted(name for g in groups for name, _ in g.files) == sorted(whole.handed if whole else ())
    for g in groups:
        assert len({(handed.owner, handed.learner) for _, handed in g.files}) == 1
        assert g.student in ("", *(handed.student for _, handed in g.files), *_endings(g.files[0][1].owner))
        assert len(g.notes) <= len(g.files) + 2
    assert whole or lms_download.doubt(entries).isprintable()
    found = ids.identify([(name, "") for name in names])
    assert len({one.lower() for one in found}) == len(names) and all(ids.is_safe(one) for one in found)


def _endings(owner: str) -> list[str]:
    """What may be a user's name in Blackboard."""
    return [owner[i + 1 :] for i, letter in enumerate(owner) if letter == "_"]


FUZZER = Fuzzer("roster", make, check)

if __name__ == "__main__":
    sys.exit(main(FUZZER))
