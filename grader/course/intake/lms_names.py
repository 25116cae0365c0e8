"""Understands the names under which learning platforms hand over files: whose they are, which, and when they came.

Only the text of one name is looked at. A learner may call anything so: `lms_download` decides whether a platform gave
the name. The formats were looked up in these places:

- Canvas: canvas-lms, lib/content_zipper.rb (get_filename, add_upload_submission, sanitize_user_name).
- Moodle: mod/assign/classes/downloader.php (get_student_prefix, load_submissionplugin_filelist).
- Blackboard: github.com/kwurst/bb-file-cleanup, README.md, which describes "Assignment File Download". Several public
  scripts read the text file that it writes for each attempt.
- Brightspace: names of real downloads in several public scripts. Its documentation does not tell the format.
- Gradescope: submission_metadata.yml of an export, as several public scripts read it. Its keys are names of folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Literal, NamedTuple

import msgspec

Platform = Literal["Canvas", "Moodle", "Blackboard", "Brightspace", "Gradescope", ""]
LONGEST = 1000  # characters of a name that is looked at

# lovelaceada_12345_678_hw.py, lovelaceada_LATE_12345_678_hw.py, lovelaceada_12345_text.html. The name has lowercase
# letters, digits and underscores, and may be empty. Ids of attachments have many digits, so a file `hw_1_2_x.py` is not
# meant. In a new Canvas they are short.
CANVAS_NAME = r"(?P<name>[a-z0-9_\x80-\U0010ffff]*?)"
CANVAS_END = r"(?:(?P<upload>[0-9]{%d,})_(?P<file>.+)|(?P<page>text|link)\.html)"
# anon_jv2Ez_678_hw.py, LATE_anon_jv2Ez_678_hw.py
CANVAS_ANONYMOUS_NAME = r"(?P<late>LATE_)?(?P<name>anon(?:ymous)?_(?P<id>[0-9A-Za-z]+))_"


class _Canvas(NamedTuple):
    """How Canvas's names look if the ids of attachments have at least so many digits."""

    ordinary: re.Pattern[str]
    anonymous: re.Pattern[str]
    pair: re.Pattern[str]  # where an id and an upload may begin: ada_8_123_456_hw.py has two such places

    @staticmethod
    def of(digits: int) -> _Canvas:
        end = CANVAS_END % digits
        return _Canvas(
            re.compile(CANVAS_NAME + "_(?P<late>LATE_)?(?P<id>[0-9]+)_" + end, re.DOTALL),
            re.compile(CANVAS_ANONYMOUS_NAME + end, re.DOTALL),
            re.compile(rf"(?=_(?:LATE_)?[0-9]+_(?:[0-9]{{{digits},}}_.|(?:text|link)\.html\Z))", re.DOTALL),
        )


CANVAS, SHORT_CANVAS = _Canvas.of(3), _Canvas.of(1)
CANVAS_LETTERS = re.compile(r"[a-z0-9_\x80-\U0010ffff]*")
# Ada Lovelace_123_assignsubmission_file/hw.py, Ada Lovelace_123_assignsubmission_file_/hw.py in older versions, and
# Ada Lovelace_123_assignsubmission_file_hw.py without folders. A team that has no group has no id.
MOODLE = re.compile(
    r"(?P<name>[^_]*?)(?:[_ ](?P<id>[0-9]+))?_assignsubmission_(?P<what>[a-z0-9]+)(?:_(?P<file>.*))?", re.DOTALL
)
# HW 1_ada_attempt_2026-11-20-10-11-12_hw.py, and a text file HW 1_ada_attempt_2026-11-20-10-11-12.txt
BLACKBOARD = re.compile(
    r"(?P<name>.+?)_attempt_(?P<time>[0-9]{4}(?:-[0-9]{2}){5})(?:_(?P<file>.+)|(?P<text>\.txt))", re.DOTALL
)
# 12345-678 - Ada Lovelace - Nov 20, 2026 1011 AM, or 20 November 2026 1011 AM. The first number is the learner's or the
# group's, the second is the assignment's.
BRIGHTSPACE = re.compile(
    r"(?P<id>[0-9]+)-[0-9]+ - (?P<name>.+?) - "
    r"(?:(?P<month>[A-Z][a-z]+) (?P<day>[0-9]{1,2}), (?P<year>[0-9]{4})"
    r"|(?P<day2>[0-9]{1,2}) (?P<month2>[A-Z][a-z]+),? (?P<year2>[0-9]{4}))"
    r" (?P<hour>[0-9]{1,2}?):?(?P<minute>[0-9]{2})(?: ?(?P<half>[AP]M))?(?: - (?P<file>.+))?",
    re.DOTALL,
)
# The first line of the text file: Name: Ada Lovelace (ada)
BLACKBOARD_LEARNER = re.compile(r"Name: .*\((?P<user>[^()]+)\)\s*")
GRADESCOPE = re.compile(r"submission_[0-9]+")
GRADESCOPE_FOLDER = re.compile(r"(?P<folder>submission_[0-9]+):\s*")
GRADESCOPE_KEY = re.compile(r"(?P<indent> {2,4}(?:- )?):(?P<key>[a-z_]+):(?P<value>.*)")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class _Told(NamedTuple):
    """What Gradescope's metadata tell about one folder."""

    learners: list[dict[str, str]]
    about: dict[str, str]


class Handed(msgspec.Struct, frozen=True):
    """What the name of a file tells: a learner's name and id, and the name that the learner gave the file.

    `file` is a path for a file in a folder, and empty for a folder itself. `handed_in` is a time in ISO 8601, and empty
    if it is not known. Only Gradescope's has a zone. `owner` is equal for files of one learner. `order` grows with the
    time of uploads of one learner.
    """

    learner: str
    student: str
    file: str
    late: bool
    handed_in: str
    platform: Platform
    owner: str
    order: str = ""


def parse(name: str) -> Handed | None:
    """What a platform's name for a file or folder tells, or None if it is no such name. `name` may be a path."""
    # Learners choose the end of a name. So the platforms that begin a name with what only they choose come first.
    return next((found for shape in SHAPES[:-1] if (found := shape(name))), None)


def gradescope(metadata: str) -> dict[str, tuple[Handed, ...]]:
    """What submission_metadata.yml of an export of Gradescope tells about each folder: one learner after another.

    Other lines are ignored. A folder without a learner has one who is called like the folder.
    """
    folders: dict[str, _Told] = {}
    found = _Told([], {})
    section = ""
    for line in metadata.splitlines():
        if top := GRADESCOPE_FOLDER.fullmatch(line):
            found = folders.setdefault(top["folder"], _Told([], {}))
            section = ""
        elif key := GRADESCOPE_KEY.fullmatch(line):
            value = key["value"].strip("'\" ")
            if key["indent"] == "  ":
                section = key["key"]
                found.about.setdefault(section, value)
            elif section == "submitters":
                if key["indent"].endswith("- ") or not found.learners:
                    found.learners.append({})
                found.learners[-1].setdefault(key["key"], value)
    return {folder: _of_gradescope(folder, told) for folder, told in folders.items()}


def blackboard_user(line: str) -> str:
    """The user name in the first line of Blackboard's text file for an attempt, or an empty string.

    The learner wrote much of what follows that line.
    """
    match = BLACKBOARD_LEARNER.fullmatch(line)
    return match["user"] if match else ""


def without_number(file: str) -> str:
    """A file's name without the number that Canvas adds to a later upload: "hw-2.py" is "hw.py"."""
    stem, suffix = os.path.splitext(file)
    return re.sub(r"-[0-9]+\Z", "", stem) + suffix


def _whole(name: str, shape: Callable[[str], Handed | None]) -> Handed | None:
    """What a path tells: the shape understands its first name."""
    folder, _, rest = name.partition("/")
    found = shape(folder) if len(name) <= LONGEST else None
    if found is None or not rest:
        return found
    return msgspec.structs.replace(found, file=f"{found.file}/{rest}" if found.file else rest)


def _canvas(name: str, forms: _Canvas = CANVAS) -> Handed | None:
    anonymous = forms.anonymous.fullmatch(name)
    match = anonymous or forms.ordinary.fullmatch(name)
    if match is None:
        return None
    file, order, late = match["file"] or f"{match['page']}.html", match["upload"] or "", bool(match["late"])
    # In ada_8_123_456_hw.py the learner's name may be "ada" or "ada_8". Who is called "ada_8" is not to be user 8.
    pairs = [pair.start() for pair in forms.pair.finditer(name, match.end("id"))]
    if any(CANVAS_LETTERS.fullmatch(name, 0, start) for start in pairs):
        return Handed(name, "", file, late, "", "Canvas", f"file {name}", order)
    learner, owner = match["name"] or match["id"], f"{'anonymous' if anonymous else 'id'} {match['id']}"
    return Handed(learner, match["id"], file, late, "", "Canvas", owner, order)


def _canvas_short(name: str) -> Handed | None:
    return _canvas(name, SHORT_CANVAS)


def _moodle(name: str) -> Handed | None:
    match = MOODLE.fullmatch(name)
    if match is None:
        return None
    student = match["id"] or ""
    anonymous = match["name"] in ("", "Participant")
    learner = f"Participant {student}".strip() if anonymous else match["name"]
    return Handed(learner, student, match["file"] or "", False, "", "Moodle", student or f"name {learner}")


def _blackboard(name: str) -> Handed | None:
    match = BLACKBOARD.fullmatch(name)
    if match is None:
        return None
    user = match["name"].rpartition("_")[2]
    year, month, day, *clock = match["time"].split("-")
    time = _iso(f"{year}-{month}-{day}T{':'.join(clock)}")
    return Handed(user, user, match["file"] or "", False, time, "Blackboard", match["name"])


def _brightspace(name: str) -> Handed | None:
    match = BRIGHTSPACE.fullmatch(name)
    if match is None:
        return None
    year, month, day = (match[key] or match[f"{key}2"] for key in ("year", "month", "day"))
    number = MONTHS.index(month[:3].lower()) + 1 if month[:3].lower() in MONTHS else 0
    hour = int(match["hour"])
    if match["half"]:
        hour = hour % 12 + 12 * (match["half"] == "PM")
    time = _iso(f"{year}-{number:02}-{int(day):02}T{hour:02}:{match['minute']}:00")
    return Handed(match["name"], match["id"], match["file"] or "", False, time, "Brightspace", match["id"])


def _gradescope(name: str) -> Handed | None:
    """The name has the number of the submission. The learner's name is only in submission_metadata.yml."""
    return Handed(name, "", "", False, "", "Gradescope", name) if GRADESCOPE.fullmatch(name) else None


def _of_gradescope(folder: str, told: _Told) -> tuple[Handed, ...]:
    # 2026-11-20 10:11:12.123456000 -08:00 or 2026-11-20 18:11:12.123456000 Z
    zone = re.compile(r"(\.[0-9]*)? ?(Z|[+-][0-9]{2}:?[0-9]{2})?\Z")
    time = _iso(zone.sub(r"\2", told.about.get("created_at", ""), count=1))
    found: dict[tuple[str, str], Handed] = {}
    for learner in told.learners or [{}]:
        student = learner.get("sid") or learner.get("email") or ""
        name = learner.get("name") or student or folder
        found.setdefault((name, student), Handed(name, student, "", False, time, "Gradescope", folder))
    return tuple(found.values())


def _iso(text: str) -> str:
    """The time if there is such a time, or an empty string."""
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return ""


# Each platform's names, in the order of trust. The last is for a Canvas whose ids have few digits, and fits much else.
SHAPES: tuple[Callable[[str], Handed | None], ...] = tuple(
    partial(_whole, shape=shape) for shape in (_brightspace, _canvas, _moodle, _blackboard, _gradescope, _canvas_short)
)
