"""What client and server say to each other: one JSON object a line."""

from __future__ import annotations

import msgspec

from grader.book.verdict import TestResult


class Job(msgspec.Struct, frozen=True, tag=True):
    """Run one test file. `folder` receives `events` (Event lines) and `output`; sizes in bytes, times in seconds.

    `brief` leaves failing inputs as they were found and ends once the name of a failure is settled. `sandbox` is where
    workers are to be had; empty: no isolation.
    With `twice` every call is made outside the sandbox as well, and has to come to the same.
    `memo` is a file of what oracles have said before; empty: none, because the run holds a learner's code.
    `group`: runs of one group may follow each other in one process; empty: this one has a process to itself.
    """

    id: int
    root: str
    test_file: str
    target: str
    seed: int
    folder: str
    timeout: float
    memory: int
    brief: bool = False
    sandbox: str = ""
    twice: bool = False
    memo: str = ""
    group: str = ""


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Kill a job, or do not start it; it still reports Done."""

    id: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The server has imported everything, as it was on disk when `fingerprint` was taken.

    The rest is for people: its process, its workbook, when it started, and how long it stays after its last run.
    """

    fingerprint: str
    pid: int = 0
    root: str = ""
    since: float = 0.0
    seconds: float = 0.0


class Done(msgspec.Struct, frozen=True, tag=True):
    """A job's process has ended, by itself or not. `status` is the wait status.

    `trouble` says why there was no process, if none could be started.
    """

    id: int
    status: int
    timed_out: bool
    cancelled: bool
    trouble: str = ""


class Event(msgspec.Struct, frozen=True):
    """One line that a run writes as it goes, so that a run that dies has still said how far it came."""

    what: str  # collected, start, result, broken, settled, lack, confined, late, gone, nonsense, finished
    text: str = ""
    result: TestResult | None = None
    number: int = 0


Request = Job | Cancel
Reply = Ready | Done


def pack(message: Request | Reply) -> bytes:
    return msgspec.json.encode(message) + b"\n"


class Lines:
    """Cuts a byte stream into lines."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        *lines, self.rest = (self.rest + data).split(b"\n")
        return lines
