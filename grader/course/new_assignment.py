"""Makes the folder of an assignment: `assignment.toml` with every field explained, and a secret for its seeds."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import msgspec

from grader.book.errors import KoansError, writing
from grader.book.files import write_file
from grader.book.workbook import Workbook
from grader.course.assignment import NAME
from grader.course.exceptions import EXTENSIONS, OVERRIDES
from grader.course.scheme import Scheme, read
from grader.course.seeds import SECRET, new_secret

TEXT = """\
# An assignment. INSTRUCTORS.md has the rules. After a change: `koans assignment check` on this folder.
title = {title}
# Chapters and koans. Without this field, all koans.
{koans}
# These earn points that are not among the possible points.
extra_credit = []
# What a failed koan earns: "none", "tests" (the share of its tests that passed), or a table with a line for each rung:
# partial = {{ "fuse it" = "tests", "stabilize it" = "50%" }}
partial = "none"

# Times without an offset are in this time zone. A day alone ends with its last second.
time_zone = {zone}
{opens}
{due}
# Of several hand-ins, the latest counts, or the best one.
counts = "latest"
# The random inputs of the tests: the same for the whole class, or other ones for each student.
seeds = "class"
# How speed on a GPU counts: "counted", "extra credit" or "ignored".
fast = "counted"
# What the edition asks of coding assistants: "tutor", "off" or "open".
assistants = "tutor"

# Points in place of the workbook's: for each koan of a chapter, or for one koan.
[points]
# ch06_numerics = 2
# softmax = 3.5

[late]
rule = "no penalty" # or "per day", with per_day and most; or "not accepted"
# per_day = "10%" # of the possible points; or a number of points
# most = "50%" # all days together take at most this
grace = "0 min" # work that comes this soon after the time is on time
# closes = "7 days" # later than this after the time, nothing is accepted

# What one member hands in counts for all.
[groups]
# red = ["ada", "ben"]
"""
IGNORED = f"# Only the people who grade may have these.\n/{SECRET}\n/{EXTENSIONS}\n/{OVERRIDES}\n"


class Choices(msgspec.Struct, frozen=True):
    """What is known about a new assignment. Everything but the time zone may be empty."""

    title: str = ""
    koans: tuple[str, ...] = ()
    opens: str = ""
    due: str = ""
    time_zone: str = "UTC"


def create(folder: Path, choices: Choices, workbook: Workbook) -> Scheme:
    """Make the folder. Raises KoansError, and leaves nothing, if it has an assignment or if a choice makes no sense."""
    if (folder / NAME).exists():
        raise KoansError(f"{folder / NAME}: exists; change it, or give another folder")
    is_new = not folder.exists()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    written = [folder / NAME]
    try:
        write_file(folder / NAME, _text(choices, folder.resolve().name))
        read(folder, workbook)
        if not (folder / ".gitignore").exists():
            written.append(folder / ".gitignore")
            write_file(folder / ".gitignore", IGNORED)
        new_secret(folder / SECRET)
        return read(folder, workbook)
    except BaseException:
        for file in written:
            file.unlink(missing_ok=True)
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def _text(choices: Choices, name: str) -> str:
    koans = ", ".join(map(_string, choices.koans))
    return TEXT.format(
        title=_string(choices.title or name),
        koans=f"koans = [{koans}]" if koans else '# koans = ["ch06_numerics", "causal_mask"]',
        zone=_string(choices.time_zone),
        opens=_time("opens", choices.opens, "2026-11-06T08:00:00"),
        due=_time("due", choices.due, "2026-11-20T23:59:00"),
    )


def _time(field: str, text: str, example: str) -> str:
    return f"{field} = {_string(text)}" if text else f"# {field} = {example}"


def _string(text: str) -> str:
    """The text as a string of TOML."""
    return json.dumps(text, ensure_ascii=False)
