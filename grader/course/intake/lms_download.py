"""Decides whether the names in a folder are a learning platform's, and whose work each of them is.

One name proves nothing: a learner may call a fork as Canvas calls a file. So a folder is a platform's download only if
all of its submissions are called so, and an id counts only if the names of several learners are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from grader.book.notebook_parser.notebook_file import SUFFIX
from grader.course.intake.archive_tree import is_archive
from grader.course.intake.lms_names import SHAPES, Handed, Platform, parse, without_number
from grader.course.intake.shown import shown
from grader.course.intake.tree import Entry

ARCHIVE_SUFFIX = re.compile(r"\.(zip|tar|tgz|tar\.\w+)\Z", re.IGNORECASE)
SHOWN = 2  # names that a note lists
ADVICE = "put the download in a separate folder, or give a roster"


class Download(NamedTuple):
    """What the names of a platform's download tell, by name. `several`: they are of more than one learner."""

    platform: Platform
    handed: Mapping[str, Handed]
    several: bool


class Group(msgspec.Struct, frozen=True):
    """The files of one learner, as pairs of the name that was given and what it tells. The oldest file comes first.

    `student` is empty if nobody can be sure of the id. `handed_in` is the latest time. `team` is equal for learners who
    handed in one work together, and empty for others.
    """

    learner: str
    student: str
    platform: Platform
    files: tuple[tuple[str, Handed], ...]
    late: bool = False
    handed_in: str = ""
    notes: tuple[str, ...] = ()
    team: str = ""


def download(entries: Sequence[Entry]) -> Download | None:
    """The download that these entries are, or None. Files that can be no submission of their own are passed over.

    Of several ways to read the names the one that understands most of them counts, then the more trusted one.
    """
    if _forks_among_archives(entries):
        return None
    needed = [entry.name for entry in entries if is_work(entry)]
    found: list[Download] = []
    for shape in SHAPES:
        told = {entry.name: one for entry in entries if (one := shape(entry.name))}
        if told and all(name in told for name in needed):
            platform = next(iter(told.values())).platform
            found.append(Download(platform, told, len({(one.owner, one.learner) for one in told.values()}) > 1))
    return max(found, key=lambda one: (one.several, len(one.handed)), default=None)


def is_work(entry: Entry) -> bool:
    """Whether an entry is a submission if no platform named it."""
    return entry.kind == "folder" or entry.name.endswith(SUFFIX) or is_archive(entry.name)


def bare(name: str) -> str:
    """A name without the suffix of an archive."""
    return ARCHIVE_SUFFIX.sub("", name)


def doubt(entries: Sequence[Entry]) -> str:
    """A line about entries that look like a platform's although the folder is no download, or an empty string."""
    alike = {entry.name: found for entry in entries if (found := parse(entry.name))}
    if not alike:
        return ""
    platforms = " or ".join(sorted({found.platform for found in alike.values()}))
    why = (
        "there are folders among the archives"
        if _forks_among_archives(entries)
        else "they come from more than one platform"
    )
    count = len({entry.name for entry in entries if is_work(entry)} | set(alike))
    look = f"{len(alike)} of {count} names look like a download of {platforms} ({_listed(alike)})"
    return f"{look}, but {why}: all count as plain names, without ids; {ADVICE}"


def group(found: Download, users: Mapping[str, str] = {}, teams: Mapping[str, Sequence[Handed]] = {}) -> list[Group]:
    """The files of each learner, in the order in which the learners appear.

    `users` has the user names that Blackboard's own files tell, by owner. `teams` has what Gradescope's metadata tell.
    """
    owners: dict[tuple[str, str], list[tuple[str, Handed]]] = {}
    for name, one in found.handed.items():
        owners.setdefault((one.owner, one.learner), []).append((name, one))
    groups = [_group(files) for files in owners.values()]
    if found.platform == "Blackboard":
        groups = _with_users(groups, users)
    if found.platform == "Gradescope":  # its names have no ids
        groups = [one for whole in groups for one in _of_team(whole, teams.get(whole.files[0][1].owner, ()))]
    elif not found.several:
        return [_alone(one) for one in groups]
    return _with_one_name_for_each_id(groups)


def _group(files: Sequence[tuple[str, Handed]]) -> Group:
    ordered = sorted(files, key=lambda pair: (pair[1].handed_in, len(pair[1].order), pair[1].order))
    newest = ordered[-1][1]
    same: dict[str, list[Handed]] = {}
    for _, one in ordered:
        if one.file:
            same.setdefault(without_number(one.file) if one.platform == "Canvas" else one.file, []).append(one)
    notes = [
        f"{uploads[-1].file} was handed in {len(uploads)} times: the newest file counts"
        for uploads in same.values()
        if len(uploads) > 1
    ]
    if newest.platform == "Canvas" and not newest.student:
        notes.append("the owner is unknown: the file's name has more than two numbers that may be ids")
    late = any(one.late for _, one in ordered)
    return Group(newest.learner, newest.student, newest.platform, tuple(ordered), late, newest.handed_in, tuple(notes))


def _of_team(whole: Group, team: Sequence[Handed]) -> list[Group]:
    """The work once for each of its learners."""
    several = len(team) > 1
    notes = (f"handed in together by {_listed([one.learner for one in team], 5)}",) if several else ()
    return [
        msgspec.structs.replace(
            whole,
            learner=one.learner,
            student=one.student,
            handed_in=one.handed_in,
            notes=(*whole.notes, *notes),
            team=one.owner if several else "",
        )
        for one in team
    ] or [whole]


def _alone(one: Group) -> Group:
    """The only learner of a folder: an id in a name that a learner may have chosen."""
    if not one.student:
        return one
    note = (
        f"the id {shown(one.student)} is only in the name, and there is no work of another learner to compare: not used"
    )
    return _without_id(one, f"{note}; a roster with student, path and id can name the owner")


def _with_one_name_for_each_id(groups: Sequence[Group]) -> list[Group]:
    """The groups. If one id stands with several names, none of these has it."""
    names: dict[str, dict[str, None]] = {}
    for one in groups:
        names.setdefault(one.student.casefold(), {})[one.learner] = None
    return [
        _without_id(one, f"the id {shown(one.student)} appears with several names ({_listed(others)}): it was not used")
        if one.student and len(others := names[one.student.casefold()]) > 1
        else one
        for one in groups
    ]


def _without_id(one: Group, note: str) -> Group:
    """The group without its id. A name that is only the id gives way to the file's name: reports match names too."""
    learner = bare(one.files[-1][0]) if one.learner == one.student else one.learner
    return msgspec.structs.replace(one, learner=learner, student="", notes=(*one.notes, note))


def _with_users(groups: Sequence[Group], told: Mapping[str, str]) -> list[Group]:
    """Blackboard's names do not tell where the assignment's name ends and the user's begins: K 1_x_ada."""
    owners = [one.files[0][1].owner for one in groups]
    users = _users(owners, told)
    note = "its name does not show which part is the user name, so it has no id: keep Blackboard's .txt files"
    return [
        msgspec.structs.replace(one, learner=users[owner], student=users[owner])
        if owner in users
        else _without_id(msgspec.structs.replace(one, learner=owner), note)
        for one, owner in zip(groups, owners, strict=True)
    ]


def _users(owners: Sequence[str], told: Mapping[str, str]) -> dict[str, str]:
    """The user in each owner, if it is certain: a file tells it, or all owners begin with the same assignment."""
    sure = {owner: told[owner] for owner in owners if owner in told and owner.endswith(f"_{told[owner]}")}
    starts = {owner.removesuffix(user) for owner, user in sure.items()} or {
        owners[0][: i + 1]
        for i, letter in enumerate(owners[0])
        if letter == "_" and all(owner.startswith(owners[0][: i + 1]) for owner in owners)
    }
    starts = {start for start in starts if start != "_" and start not in owners}
    if len(starts) != 1:
        return sure
    [start] = starts
    return {owner: owner[len(start) :] for owner in owners if owner.startswith(start)} | sure


def _forks_among_archives(entries: Iterable[Entry]) -> bool:
    """Whether there are folders that are no unpacked archives, and archives that were not unpacked.

    A platform hands over one or the other. A fork beside a platform's archives is a folder.
    """
    folders = {entry.name for entry in entries if entry.kind == "folder"}
    archives = {bare(entry.name) for entry in entries if entry.kind != "folder" and is_archive(entry.name)}
    return bool(folders - archives) and bool(archives - folders)


def _listed(names: Iterable[str], most: int = SHOWN) -> str:
    first = [shown(name, 40) for name in names]
    return ", ".join(first[:most]) + (f" and {len(first) - most} more" if len(first) > most else "")
