"""Understands the names under which learning platforms hand over files: whose they are, which, and when they came.

Only the text of names is looked at. The formats were looked up in these places:

- Canvas: canvas-lms, lib/content_zipper.rb (get_filename, add_upload_submission, sanitize_user_name).
- Moodle: mod/assign/classes/downloader.php (get_student_prefix, load_submissionplugin_filelist).
- Blackboard: github.com/kwurst/bb-file-cleanup, README.md, which describes "Assignment File Download".
- Brightspace: names of real downloads in several public scripts. Its documentation does not tell the format.
- Gradescope: submission_metadata.yml of an export, as several public scripts read it. Its keys are names of folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

Platform = Literal["Canvas", "Moodle", "Blackboard", "Brightspace", "Gradescope", ""]
LONGEST = 1000  # characters of a name that is looked at

# lovelaceada_12345_678_hw.py, lovelaceada_LATE_12345_678_hw.py, lovelaceada_12345_text.html. The name has lowercase
# letters, digits and underscores, but no digits between underscores. Ids of attachments have many digits, so a file
# `hw_1_2_x.py` is not meant.
CANVAS = re.compile(
    r"(?P<name>\w+?)_(?P<late>LATE_)?(?P<id>[0-9]+)_(?:(?P<upload>[0-9]{3,})_(?P<file>.+)|(?P<page>text|link)\.html)",
    re.DOTALL,
)
# anon_jv2Ez_678_hw.py, LATE_anon_jv2Ez_678_hw.py
CANVAS_ANONYMOUS = re.compile(
    r"(?P<late>LATE_)?(?P<name>anon(?:ymous)?_(?P<id>[0-9A-Za-z]+))_"
    r"(?:(?P<upload>[0-9]{3,})_(?P<file>.+)|(?P<page>text|link)\.html)",
    re.DOTALL,
)
# In ada_8_123_456_hw.py the learner's name may be "ada" or "ada_8", which a learner can choose to look like another.
UNCERTAIN = re.compile(r"[0-9]{3,}_|(?:text|link)\.html\Z")
# Ada Lovelace_123_assignsubmission_file/hw.py, Ada Lovelace_123_assignsubmission_file_/hw.py in older versions, and
# Ada Lovelace_123_assignsubmission_file_hw.py without folders. A team that has no group has no id.
MOODLE = re.compile(
    r"(?P<name>[^_]*?)(?:[_ ](?P<id>[0-9]+))?_assignsubmission_(?P<what>[a-z]+)(?:_(?P<file>.*))?", re.DOTALL
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
GRADESCOPE = re.compile(r"submission_[0-9]+")
GRADESCOPE_FOLDER = re.compile(r"(?P<folder>submission_[0-9]+):\s*")
GRADESCOPE_KEY = re.compile(r"(?P<indent> {2,4}(?:- )?):(?P<key>[a-z_]+):(?P<value>.*)")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


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


class Group(msgspec.Struct, frozen=True):
    """The files of one learner, as pairs of the name that was given and what it tells. The oldest file comes first.

    A file that no platform named is alone in a group whose `platform` is empty. `handed_in` is the latest time.
    """

    learner: str
    student: str
    platform: Platform
    files: tuple[tuple[str, Handed], ...]
    late: bool = False
    handed_in: str = ""
    notes: tuple[str, ...] = ()


def parse(name: str) -> Handed | None:
    """What a platform's name for a file or folder tells, or None if it is no such name. `name` may be a path."""
    folder, _, rest = name.partition("/")
    if len(name) > LONGEST:
        return None
    # Learners choose the end of a name. So the platforms that begin a name with what only they choose come first.
    found = _brightspace(folder) or _canvas(folder) or _moodle(folder) or _blackboard(folder) or _gradescope(folder)
    if found is None or not rest:
        return found
    return msgspec.structs.replace(found, file=f"{found.file}/{rest}" if found.file else rest)


def group(names: Iterable[str]) -> list[Group]:
    """The files of each learner, in the order in which the learners appear."""
    owners: dict[tuple[str, str], list[tuple[str, Handed]]] = {}
    for name in names:
        found = parse(name) or Handed(name, "", name, False, "", "", name)
        owners.setdefault((found.platform, found.owner), []).append((name, found))
    groups = [_group(files) for files in owners.values()]
    return _with_distinct_students(groups)


def gradescope(metadata: str) -> dict[str, Handed]:
    """What submission_metadata.yml of an export of Gradescope tells about each folder. Other lines are ignored.

    Work of several learners has all their names, and the id of the first.
    """
    folders: dict[str, list[tuple[str, str]]] = {}
    found: list[tuple[str, str]] = []
    section = ""
    for line in metadata.splitlines():
        if top := GRADESCOPE_FOLDER.fullmatch(line):
            found = folders.setdefault(top["folder"], [])
            section = ""
        elif key := GRADESCOPE_KEY.fullmatch(line):
            if key["indent"] == "  ":
                section = key["key"]
            if section == "submitters" or (section == "created_at" and key["indent"] == "  "):
                found.append((key["key"], key["value"].strip("'\" ")))
    return {folder: _of_gradescope(folder, told) for folder, told in folders.items()}


def without_number(file: str) -> str:
    """A file's name without the number that Canvas adds to a later upload: "hw-2.py" is "hw.py"."""
    stem, suffix = os.path.splitext(file)
    return re.sub(r"-[0-9]+\Z", "", stem) + suffix


def _group(files: Sequence[tuple[str, Handed]]) -> Group:
    ordered = sorted(files, key=lambda pair: (pair[1].handed_in, len(pair[1].order), pair[1].order))
    newest = ordered[-1][1]
    same: dict[str, list[Handed]] = {}
    for _, one in ordered:
        if one.file:
            same.setdefault(without_number(one.file) if one.platform == "Canvas" else one.file, []).append(one)
    notes = [
        f"{uploads[-1].file} was handed in {len(uploads)} times: the newest counts"
        for uploads in same.values()
        if len(uploads) > 1
    ]
    if newest.platform == "Canvas" and not newest.student:
        notes.append(f"whose {newest.file} is cannot be told: the name has three numbers")
    late = any(one.late for _, one in ordered)
    return Group(newest.learner, newest.student, newest.platform, tuple(ordered), late, newest.handed_in, tuple(notes))


def _with_distinct_students(groups: list[Group]) -> list[Group]:
    """Blackboard's names do not tell where the assignment's name ends. It is what the names of all learners share."""
    ours = [g for g in groups if g.platform == "Blackboard"]
    if len({g.student for g in ours}) == len(ours):
        return groups
    shared = os.path.commonprefix([f"{g.files[0][1].owner}_" for g in ours])  # noqa: RUF071 (these are no paths)
    start = shared.rfind("_") + 1
    return [
        msgspec.structs.replace(g, student=(user := g.files[0][1].owner[start:]), learner=user)
        if g.platform == "Blackboard"
        else g
        for g in groups
    ]


def _canvas(name: str) -> Handed | None:
    match = CANVAS_ANONYMOUS.fullmatch(name) or CANVAS.fullmatch(name)
    if match is None or (match["name"] != match["name"].lower() and match.re is CANVAS):
        return None
    file, order, late = match["file"] or f"{match['page']}.html", match["upload"] or "", bool(match["late"])
    if match["file"] and UNCERTAIN.match(file):
        return Handed(match["name"], "", file, late, "", "Canvas", name, order)
    return Handed(match["name"], match["id"], file, late, "", "Canvas", f"{match.re is CANVAS} {match['id']}", order)


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


def _of_gradescope(folder: str, told: Sequence[tuple[str, str]]) -> Handed:
    names = [value for key, value in told if key == "name" and value]
    student = next((value for key, value in told if key in ("sid", "email") and value), "")
    time = next((value for key, value in told if key == "created_at"), "")
    # 2026-11-20 10:11:12.123456000 -08:00 or 2026-11-20 18:11:12.123456000 Z
    time = re.sub(r"(\.[0-9]*)? ?(Z|[+-][0-9]{2}:?[0-9]{2})?\Z", r"\2", time, count=1)
    return Handed(", ".join(names) or folder, student, "", False, _iso(time), "Gradescope", folder)


def _iso(text: str) -> str:
    """The time if there is such a time, or an empty string."""
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return ""
