"""The messages between client and server, and the events that a run writes: one JSON object a line."""

from __future__ import annotations

from typing import Literal

import msgspec

from grader.book.verdict import Evidence, TestResult
from grader.judge.targets import Target

# Which claims of a koan a run is about: both, the first one (tests without the gpu mark), or `fast` (tests with it).
Claims = Literal["all", "first", "fast"]


class Job(msgspec.Struct, frozen=True, tag=True):
    """Run one test file. Sizes are in bytes and times in seconds.

    The run writes the files `events` (Event lines) and `output` to `folder`. A `brief` run does not make failing inputs
    smaller and ends once the name of a failure is settled. `sandbox` is the address of the zygote that starts workers,
    or empty for a run without isolation. There the code under test has `sandbox_memory` for itself. With `twice` every
    call is made outside the sandbox as well, and the results must be equal. `oracle_cache` is the file of earlier
    results of oracles. It is empty if the run's process holds a learner's code. Runs of one `group` may be made by one
    process, one after another. Without a group the run has a process of its own. With `keeps_results` the process
    keeps what it has computed, because others of the group test other submissions with the same tests and the same
    seed. With `seeded` only the tests that depend on the seed are run, if there are any. If `claims` is "first", tests
    with the gpu mark are not run here, even if there is a GPU. If it is "fast", only these tests are run. With
    `evidence` the run also writes the parts of the messages. With `symptom` no test is run: the run writes the symptom
    of a hunt.
    """

    id: int
    root: str
    test_file: str
    target: Target
    seed: int
    folder: str
    timeout: float
    memory: int
    sandbox_memory: int = 512 << 20
    brief: bool = False
    sandbox: str = ""
    twice: bool = False
    oracle_cache: str = ""
    group: str = ""
    keeps_results: bool = False
    seeded: bool = False
    claims: Claims = "all"
    evidence: bool = False
    symptom: bool = False


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Kill a job, or do not start it. The server still replies with Done."""

    id: int


class ServerReady(msgspec.Struct, frozen=True, tag=True):
    """The server has imported everything. `fingerprint` tells which files it imported.

    The other fields are shown to users: the server's process, its workbook, when it started, and how many seconds it
    stays after its last run.
    """

    fingerprint: str
    pid: int = 0
    root: str = ""
    since: float = 0.0
    seconds: float = 0.0


class Done(msgspec.Struct, frozen=True, tag=True):
    """A job's process has ended with this code, negative for a signal. `trouble` says why, if none could be started."""

    id: int
    code: int
    timed_out: bool
    cancelled: bool
    trouble: str = ""


EventKind = Literal[
    "collected",  # `number` tests were found
    "broken",  # the file could not be imported; `text` says why
    "confined",  # the submission has a worker; `text` says what confines it
    "start",  # of the test in `text`
    "result",  # of one test, and its `evidence`, if the job wants it
    "settled",  # after `number` tests: the others cannot change the name of the failure
    "imports",  # the koans whose files the code imports: `names`
    "threads",  # at the end the process has `number` threads
    "names",  # the wrong answers that all failures of the function in `text` look like: `names`
    "machine",  # the machine may have caused a failure, and not the code under test
    "late",  # the submission's worker was too slow
    "gone",  # the submission's worker ended early; `number` is its wait status, `text` the end of its stderr
    "healthy",  # the symptom of a hunt that is in order, in `symptom`
    "shown",  # the symptom of the code under test, in `symptom`
    "nonsense",  # the submission's worker sent what is no answer; `text` says what
    "finished",  # pytest has ended with the exit code `number`
]


class Event(msgspec.Struct, frozen=True):
    """One line that a run writes while it runs. So even a run that dies shows how far it got."""

    kind: EventKind
    text: str = ""
    result: TestResult | None = None
    number: int = 0
    names: tuple[str, ...] = ()
    evidence: Evidence | None = None
    symptom: bytes = b""  # as msgpack, because JSON has no NaN


Request = Job | Cancel
Reply = ServerReady | Done


MAX_RUNS = 200  # runs of one process, before what they leave behind adds up
MAX_GROWTH = 256 << 20  # bytes of addresses that they may leave behind
OUTPUT = 64 << 20  # the most bytes that a run may write to one file
CANNOT_START = "its process cannot be started"  # and in brackets what the process or the system said
NO_WORKER = 75  # exit code of a run whose worker in the sandbox could not be started


def trouble(job: Job, code: int) -> str:
    """Why a run that ended with this exit code was not made, or an empty string."""
    return "its worker process cannot be started" if job.sandbox and code == NO_WORKER else ""


def pack(message: Request | Reply) -> bytes:
    return msgspec.json.encode(message) + b"\n"


class Lines:
    """Cuts a byte stream into lines."""

    def __init__(self) -> None:
        self.rest = b""  # the line that is not complete yet

    def feed(self, data: bytes) -> list[bytes]:
        *lines, self.rest = (self.rest + data).split(b"\n")
        return lines
