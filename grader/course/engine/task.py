"""What a client sends to a worker, and what it gets back, as bytes.

A task holds the texts of one submission, so a worker reads nothing of the client's. Its result is the verdicts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from grader.book.koan_imports import Imported
from grader.book.verdict import Verdict
from grader.book.workbook import Koan, Workbook
from grader.judge.runner import Ask, Limits
from grader.judge.sandbox.confine import Level
from grader.judge.targets import Target

Resource = Literal["CPU", "GPU"]  # what a task asks for. A worker process has one of one of them.
RESOURCES: tuple[Resource, ...] = ("CPU", "GPU")


class Identity(msgspec.Struct, frozen=True):
    """What a worker's verdicts depend on besides the task.

    That is: the digest of its workbook and the grader's code, the versions of libraries, what separates a submission
    from the grader, and the device.
    """

    workbook: str
    versions: dict[str, str]
    resource: Resource
    isolation: Level
    device: str

    def digest(self) -> str:
        return hashlib.blake2b(msgspec.msgpack.encode(self, order="deterministic"), digest_size=20).hexdigest()


class Run(msgspec.Struct, frozen=True, array_like=True):
    """One koan to judge: its id and its text, and the ids of the koans in `Task.files` that the text may import."""

    koan: str
    text: str
    imports: tuple[str, ...]


class Task(msgspec.Struct, frozen=True):
    """Runs of one submission (an id). `accepted` are the digests of the identities that a worker may have."""

    id: str
    submission: str
    seed: int
    limits: Limits
    resource: Resource
    accepted: tuple[str, ...]
    runs: tuple[Run, ...]
    files: dict[str, Imported]


def task_of(
    number: str,
    pairs: Sequence[tuple[Koan, Target]],
    *,
    seed: int,
    limits: Limits,
    resource: Resource,
    accepted: Iterable[str],
) -> Task:
    """The task with these runs, all of one submission. Each text that several koans import is in it once."""
    files = {koan: file for _, target in pairs for koan, file in target.imports}
    runs = tuple(Run(koan.id, target.text, tuple(name for name, _ in target.imports)) for koan, target in pairs)
    return Task(number, pairs[0][1].name, seed, limits, resource, tuple(sorted(accepted)), runs, files)


def pairs_of(task: Task, workbook: Workbook, koan: str = "") -> list[tuple[Koan, Target]]:
    """The task's runs as pairs, or only its run of this koan (an id). Raises KeyError if the workbook lacks a koan."""
    return [
        (
            workbook.koans[run.koan],
            Target("text", task.submission, run.text, tuple((name, task.files[name]) for name in run.imports)),
        )
        for run in task.runs
        if koan in ("", run.koan)
    ]


def asks_of(task: Task, workbook: Workbook) -> list[Ask]:
    """What the worker's runner is asked for. Raises KeyError if the workbook lacks a koan."""
    claims: Literal["first", "fast"] = "fast" if task.resource == "GPU" else "first"
    return [Ask(koan, target, task.seed, isolated=True, claims=claims) for koan, target in pairs_of(task, workbook)]


def pack(message: Task | Identity | tuple[Verdict, ...]) -> bytes:
    return msgspec.msgpack.encode(message)


def unpack_task(data: bytes) -> Task:
    return msgspec.msgpack.decode(data, type=Task)


def unpack_identity(data: bytes) -> Identity:
    return msgspec.msgpack.decode(data, type=Identity)


def unpack_verdicts(data: bytes) -> tuple[Verdict, ...]:
    return msgspec.msgpack.decode(data, type=tuple[Verdict, ...])
