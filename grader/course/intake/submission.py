"""A submission: what one learner handed in, as texts of koans. Once it is made, nothing looks at its place again."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Place(msgspec.Struct, frozen=True):
    """A file or folder on disk or, with `inside`, a file or folder in that archive.

    `name` is what the learner called it, if a learning platform has given it another name.
    """

    file: str
    inside: tuple[str, ...] = ()
    name: str = ""


class Submission(msgspec.Struct, frozen=True):
    """A learner's work.

    `id` is safe as a file name and unique in its batch. `name` is what the learner is called; whoever shows it escapes
    it. `student` is the id that a roster or a learning platform gives the learner. `origin` is where the work was
    found, for messages. `texts` and `refused` have a koan's id as key: its file's text, or why the file is not
    accepted. A koan in neither was not handed in. Times are ISO 8601: `authored` is the commit's time by its author's
    clock, `handed_in` is what the platform says. All of these are empty if they are unknown. `notes` are for the
    instructor. `problem` says why nothing could be read, and is empty otherwise.
    """

    id: str
    name: str
    origin: str
    student: str = ""
    texts: Mapping[str, str] = {}
    refused: Mapping[str, str] = {}
    commit: str = ""
    branch: str = ""
    authored: str = ""
    handed_in: str = ""
    notes: tuple[str, ...] = ()
    problem: str = ""


class Source(msgspec.Struct, frozen=True):
    """Where a submission will be read from: its places on disk, and what is known about it before it is read.

    The fields are as in Submission. With a `problem` it has no places and is not read. `team` is equal for learners who
    handed in one work together, and empty for others.
    """

    id: str
    name: str
    origin: str
    places: tuple[Place, ...] = ()
    student: str = ""
    handed_in: str = ""
    notes: tuple[str, ...] = ()
    problem: str = ""
    team: str = ""
