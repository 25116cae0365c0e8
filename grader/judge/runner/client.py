"""Starts the warm server, sends it jobs, and judges how the runs ended."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from grader.book import pytorch, source_text
from grader.book.errors import KoansError
from grader.book.processes import cores
from grader.book.stubs import is_untouched, not_started, stub_of
from grader.book.symptom_run import SymptomRun
from grader.book.verdict import Evidence, Exit, Status, Verdict, cleaned_evidence, judge, shown_test
from grader.book.workbook import Koan, Workbook
from grader.gpu import devices
from grader.gpu.client import LIMIT as RACE_SECONDS
from grader.judge import when_graded
from grader.judge.printed import shortened
from grader.judge.runner.link import Link, connect
from grader.judge.runner.protocol import CANNOT_START, Cancel, Claims, Done, Event, EventKind, Job
from grader.judge.runner.server_address import fingerprint
from grader.judge.sandbox import probe
from grader.judge.sandbox.confine import THREADS, Level
from grader.judge.sandbox.service import Service
from grader.judge.sandbox.submission import Unreadable
from grader.judge.targets import Target, exercise_file, source
from reference.symptom import Symptom

COMPARE_EVERY = 1.0  # seconds between two looks at the files on disk within one batch: each takes 5 ms
NOT_STARTED = "not started"  # what the verdict on an untouched stub says
LOOK_AHEAD = 200  # the next run is chosen among this many: no koan has more
# How Windows ends a process that went wrong: by a status as exit code. A stack overflow has the name it has on Linux.
FIRST_CRASH = 0xC000_0000
CRASHES = {0xC000_0005: "SIGSEGV", 0xC000_00FD: "SIGSEGV", 0xC000_0094: "SIGFPE", 0xC000_001D: "SIGILL"}
SUBMITTED = ("path", "text")  # kinds of targets whose code is neither ours nor in the learner's own exercises
OWN_ANSWERS, SUBMISSIONS = "ours", "submissions"  # the groups: see `_group`


class Limits(msgspec.Struct, frozen=True):
    """What one run may use: seconds of wall time and bytes of memory beyond the warm process.

    In the sandbox an answer has `sandbox_memory` for itself. That is four times what every solution passes with, and
    two hostile answers at once stay below 2 GiB.

    With `brief` a run does not make failing inputs smaller, and it ends once the name of a failure is settled.
    """

    timeout: float = 20.0
    memory: int = 2 << 30
    sandbox_memory: int = 512 << 20
    brief: bool = False


# Seconds for the compilers that the tests of a kernel koan start, with an empty cache and a busy machine.
COMPILING = 40.0
RACES = 3  # the most tests of one koan that race on a GPU; each has its own limit


class Cancelled(Exception):
    """The run was cancelled before it had a verdict."""


class Ask(msgspec.Struct, frozen=True):
    """A request for one run.

    With `isolated` the code under test runs in the sandbox, if the runner has one. With `twice` every call is made in
    the sandbox and outside. A run in which the two differ is ended (status crashed). With `seeded` only the tests that
    depend on the seed are run, if there are any. `claims` and `symptom` are as in Job.
    """

    koan: Koan
    target: Target
    seed: int = 0
    isolated: bool = False
    twice: bool = False
    seeded: bool = False
    claims: Claims = "all"
    symptom: bool = False

    @property
    def lane(self) -> str:
        """Runs of one lane are best made one after another in one process: see `_group` and `OracleCache`."""
        return self.target.name if self.target.kind in SUBMITTED else self.koan.id


class Runner:
    """Runs koans, in a warm process where the platform can fork. Use it as a context manager.

    The process starts at the first run. Runners of learners share one process for each workbook, and it stays for some
    minutes (see `shared`). Without `share` the process is the runner's own and ends with it. A process is
    replaced when the files on disk have changed. With `isolated` the code under test runs in sandboxed workers, where
    there is a sandbox. Then the process is never shared, because other programs can talk to a shared one.

    Raises KoansError if the workbook's path is no text: then no message can hold it.
    """

    def __init__(
        self, workbook: Workbook, limits: Limits | None = None, *, share: bool = True, isolated: bool = False
    ) -> None:
        self.workbook = workbook
        _check_path(workbook.root)
        self.limits = limits or Limits()
        self.share = share and not isolated
        self.isolated = isolated and sys.platform == "linux"
        self._sandbox: Service | None = None
        self._level: Level | None = None
        self._oracle_caches: tempfile.TemporaryDirectory[str] | None = None
        self._link: Link | None = None
        self._fingerprint = ""
        self._compared = -math.inf  # when it last looked whether the files on disk have changed, in seconds
        self._ids = itertools.count()
        self._in_flight: dict[int, _Flight] = {}
        self._abandoned = threading.Event()
        self._cancels = 0

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every run of this runner, and the server if no other runner shares it."""
        link, self._link = self._link, None
        if link is not None:
            link.close()
        if self._oracle_caches is not None:
            self._oracle_caches.cleanup()
            self._oracle_caches = None
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            sandbox.close()

    def _oracle_cache(self, koan: Koan) -> str:
        """The file that the trusted runs of a koan share. It is removed when the runner closes."""
        if self._oracle_caches is None:
            self._oracle_caches = tempfile.TemporaryDirectory(prefix="koans-oracle-cache-")
        return str(Path(self._oracle_caches.name) / f"{koan.chapter}.{koan.name}")

    def level(self) -> Level:
        """What separates the code under test from the grader on this machine."""
        if self._level is None:
            self._level = probe.level(self.workbook.root) if self.isolated else probe.UNAVAILABLE
        return self._level

    @property
    def device(self) -> str:
        """The names of this machine's GPUs, else its CPU."""
        return devices.device()

    def warm_up(self) -> str:
        """Start the process now instead of at the first run. Returns how runs will be made ("warm", "cold: …")."""
        return self._connected().mode

    def _connected(self) -> Link:
        if self._link is not None and self._in_flight:
            return self._link  # the server is not replaced during a run
        if self._link is not None and not self._link.closed and time.monotonic() < self._compared + COMPARE_EVERY:
            return self._link
        now = fingerprint(self.workbook.root)
        self._compared = time.monotonic()
        if self._link is not None and (now != self._fingerprint or self._link.closed):
            self.close()
        if self._link is None:
            self._fingerprint = now
            if self.isolated:
                self._sandbox = Service(self.workbook.root)  # it starts while the server starts
            self._link = connect(self.workbook.root.resolve(), share=self.share, abandoned=self._abandoned)
        return self._link

    def give_up(self) -> None:
        """Cancel, and stop waiting for a server that is still starting. An app calls it from another thread to end."""
        self._abandoned.set()
        self.cancel()

    def cancel(self) -> None:
        """Cancel the runs in flight: they give no verdicts. May be called from another thread."""
        self._cancels += 1
        link = self._link
        for number in list(self._in_flight):
            if link is not None:
                # A server that is gone is reported by the thread that waits for the run.
                with contextlib.suppress(KoansError):
                    link.send(Cancel(number))

    def run(self, koan: Koan, target: Target, seed: int = 0) -> Verdict:
        """The verdict on one koan. Raises Cancelled, or KoansError if the machine itself cannot run."""
        for verdict in self.run_many([(koan, target)], seed=seed, parallel=1):
            return verdict
        raise Cancelled(koan.id)

    def run_many(
        self,
        pairs: Iterable[tuple[Koan, Target]],
        *,
        seed: int | Callable[[str], int] = 0,
        parallel: int | None = None,
        claims: Claims = "all",
    ) -> Iterator[Verdict]:
        """A verdict for each pair, in the order the runs end, `parallel` at a time (default: one for each core).

        `seed` may be a function of the target's name.
        """
        asks: Iterable[Ask] = (
            Ask(koan, target, seed if isinstance(seed, int) else seed(target.name), self.isolated, claims=claims)
            for koan, target in pairs
        )
        if isinstance(pairs, Sequence):  # `_Waiting` chooses among the entries of a list
            asks = list(asks)
        for _, verdict in self.run_all(asks, parallel=parallel):
            yield verdict

    def run_all(self, asks: Iterable[Ask], *, parallel: int | None = None) -> Iterator[tuple[Ask, Verdict]]:
        """The verdict on each run, in the order they end, `parallel` at a time (default: one for each core)."""
        for ask, verdict, _ in self._run_all(asks, parallel):
            yield ask, verdict

    def symptom(self, koan: Koan, target: Target, seed: int = 0) -> SymptomRun:
        """What a hunt shows with the target's code. Raises Cancelled, or KoansError if the machine itself cannot run.

        Raises KoansError if the koan is no hunt.
        """
        for _, run in self.symptoms([Ask(koan, target, seed)], parallel=1):
            return run
        raise Cancelled(koan.id)

    def symptoms(self, asks: Iterable[Ask], *, parallel: int | None = None) -> Iterator[tuple[Ask, SymptomRun]]:
        """What each of these hunts shows, in the order the runs end. Raises KoansError if a koan is no hunt."""
        asks = [msgspec.structs.replace(ask, symptom=True) for ask in asks]
        for ask in asks:
            if ask.koan.kind != "hunt":
                raise KoansError(f"{ask.koan.id} is no hunt, so it has no symptom; `koans list` shows which koans are")
        for ask, verdict, log in self._run_all(asks, parallel):
            healthy, shown = (log.symptom("healthy"), log.symptom("shown")) if log is not None else (None, None)
            measure = log.text("healthy") if log is not None else ""
            problem = "" if shown is not None else verdict.message or verdict.status.value
            yield ask, SymptomRun(measure, healthy, shown, problem)

    def _run_all(self, asks: Iterable[Ask], parallel: int | None) -> Iterator[tuple[Ask, Verdict, _Log | None]]:
        """The verdict on each run, with what the run has written, if it was made."""
        waiting = _Waiting(asks)
        self._compared = -math.inf
        width = parallel or cores()
        lane = ""  # of the run that ended last
        with tempfile.TemporaryDirectory(prefix="koans-", ignore_cleanup_errors=True) as folder:
            try:
                while True:
                    for ask, decided in self._start_runs(waiting, width, lane, Path(folder)):
                        yield ask, decided, None
                    if not self._in_flight:
                        return
                    if self._link is None:  # closed by another thread
                        continue
                    done = self._link.receive()
                    flight = self._in_flight.pop(done.id, None)
                    lane = flight.ask.lane if flight is not None else ""
                    if flight is not None and not done.cancelled:
                        log = _Log(Path(flight.job.folder) / "events")
                        verdict = self._verdict(flight, done, log)
                        shutil.rmtree(flight.job.folder, ignore_errors=True)  # a class has many runs
                        yield flight.ask, verdict, log
            finally:
                if self._in_flight:  # the caller stopped iterating, or there was an error
                    self._in_flight.clear()
                    self.close()

    def _start_runs(self, waiting: _Waiting, width: int, lane: str, folder: Path) -> Iterator[tuple[Ask, Verdict]]:
        """Start runs until `width` are in flight or none is waiting. Yields the verdicts that need no run."""
        while len(self._in_flight) < width:
            ask = waiting.pop(lane, {flight.ask.lane for flight in self._in_flight.values()})
            if ask is None:
                return
            verdict = self._without_running(ask)
            if verdict is None:
                try:
                    self._start(ask, folder)
                    continue
                except OSError as error:
                    verdict = _not_run(ask, f"its folder cannot be made ({error.strerror})")
            yield ask, verdict

    def _without_running(self, ask: Ask) -> Verdict | None:
        """The verdict, if the files alone decide it."""
        decided = self._from_files(ask.koan, ask.target)
        if decided is None:
            return None
        status, message = decided
        if ask.symptom and status == Status.not_started:  # what it shows is where the hunt begins
            return None
        return Verdict(ask.koan.id, str(ask.target), status, message, message, seed=ask.seed)

    def _from_files(self, koan: Koan, target: Target) -> tuple[Status, str] | None:
        """The status and its reason, if this machine cannot run the koan, or its file is missing or unchanged."""
        if target.kind in SUBMITTED:
            return self._from_submission(koan, target)
        if target.kind != "learner":
            return None
        file = exercise_file(self.workbook, koan, target)
        if not file.is_file():
            missing = f"does not exist: `koans reset {koan.name}` writes its stub again"
            return Status.broken, f"{file.name} {source_text.no_plain_file(file) or missing}"
        if not_started(self.workbook, koan, file):
            return Status.not_started, NOT_STARTED
        return None

    def _from_submission(self, koan: Koan, target: Target) -> tuple[Status, str] | None:
        """The same for a submitted text, which this process does not parse."""
        try:
            text = source(self.workbook, koan, target)
        except FileNotFoundError:
            return Status.not_started, "not submitted"
        except Unreadable as error:
            return Status.broken, str(error)
        if is_untouched(text, stub_of(self.workbook, koan)):
            return Status.not_started, NOT_STARTED
        return None

    def _start(self, ask: Ask, folder: Path) -> None:
        cancels = self._cancels
        link = self._connected()
        if self._sandbox is not None:
            self._sandbox.wait()
        job = self._job(ask, next(self._ids), folder)
        self._in_flight[job.id] = _Flight(job, ask, time.monotonic())
        if self._cancels != cancels:  # cancelled while the server started, so the server must not start the run
            link.send(Cancel(job.id))
        link.send(job)

    def _job(self, ask: Ask, number: int, folder: Path) -> Job:
        """The job of a run, with an empty folder for what the run writes."""
        koan, target = ask.koan, ask.target
        isolated = ask.isolated and self.isolated
        # Is the process of the tests free of a learner's code?
        trusted = (isolated and not ask.twice) or target.kind not in ("learner", *SUBMITTED)
        place = folder / str(number)
        place.mkdir()
        return Job(
            id=number,
            root=str(self.workbook.root),
            test_file=str(self.workbook.test_file(koan)),
            target=target,
            seed=ask.seed,
            folder=str(place),
            timeout=self.limits.timeout + _allowance(koan, ask.claims),
            memory=self.limits.memory,
            sandbox_memory=self.limits.sandbox_memory,
            brief=self.limits.brief,
            sandbox=self._sandbox.address if self._sandbox and isolated else "",
            twice=isolated and ask.twice,
            oracle_cache=self._oracle_cache(koan) if trusted else "",
            group=_group(koan, target) if trusted else "",
            keeps_results=trusted and target.kind in SUBMITTED,
            seeded=ask.seeded,
            claims=ask.claims,
            evidence=target.kind == "learner" and not self.limits.brief,
            symptom=ask.symptom,
        )

    def _verdict(self, flight: _Flight, done: Done, log: _Log) -> Verdict:
        seconds = round(time.monotonic() - flight.started, 4)
        koan, job = flight.ask.koan, flight.job
        if done.trouble:
            return _not_run(flight.ask, done.trouble)
        end = _exit(job, done, log)
        tests = log.tests
        output = shortened("\n".join(t.output for t in tests if t.output))
        target = str(flight.ask.target)
        verdict = judge(
            koan.id,
            target,
            tests,
            log.text("broken"),
            end,
            seconds=seconds,
            seed=job.seed,
            output=output,
            names={event.text: event.names for event in log.events if event.kind == "names"},
            by_machine=log.first("machine") is not None,
        )
        isolation = log.text("confined")
        if job.sandbox and koan.kind == "kernel":
            isolation = "isolated: the grader checks and interprets the kernel's text; no Python of the submission runs"
        imports, threads = log.first("imports"), log.first("threads")
        return msgspec.structs.replace(
            verdict,
            isolation=isolation,
            imports=imports.names if imports else (),
            notes=(*verdict.notes, *self._notes(flight.ask, verdict, threads.number if threads else 0)),
            evidence=_evidence(verdict, end, log) if job.evidence else msgspec.UNSET,
        )

    def _notes(self, ask: Ask, verdict: Verdict, threads: int) -> tuple[str, ...]:
        """What a learner should know about being graded, after a run at home that ended with so many threads."""
        if ask.isolated or ask.target.kind not in ("learner", "path") or verdict.status == Status.not_started:
            return ()
        try:
            text = source(self.workbook, ask.koan, ask.target)
        except (OSError, SyntaxError, Unreadable):
            return ()
        try:
            notes = when_graded.notes(self.workbook, ask.koan, text)
        except RecursionError:  # a tree of unusual depth
            notes = ()
        return (*notes, *_threads(threads))


def _threads(number: int) -> tuple[str, ...]:
    """A note, if the code left more threads than a worker may have."""
    if number < THREADS:
        return ()
    return (f"when graded: it keeps {number} threads running, but the grader's sandbox allows {THREADS}: end them",)


def _check_path(root: Path) -> None:
    """Raise KoansError if the path has bytes that are no characters in this process's encoding."""
    try:
        str(root).encode()
    except UnicodeEncodeError:
        encoding = sys.getfilesystemencoding()
        raise KoansError(f"{root}: this path is not {encoding}; rename the folder, or set LC_ALL=C.UTF-8") from None


def _not_run(ask: Ask, reason: str) -> Verdict:
    """The verdict on a run that could not start. A learner's own machine needs attention: then raises KoansError.

    Only a race is measured by a run for the claim `fast`, and this machine could not measure it.
    """
    text = f"the koan was not run: {reason}"
    if not ask.isolated:
        raise KoansError(pytorch.explain(reason.removeprefix(f"{CANNOT_START} (")) or text)
    status = Status.not_run_here if ask.claims == "fast" else Status.crashed
    return Verdict(ask.koan.id, str(ask.target), status, text, text, seed=ask.seed)


def _group(koan: Koan, target: Target) -> str:
    """Runs of one group may share a process. All answers of the workbook are a group, and so are the isolated
    submissions of a runner: their code never runs in this process.

    The process of a submitted kernel walks a stranger's syntax tree. So it makes one run.
    """
    if target.kind in SUBMITTED:
        return "" if koan.kind == "kernel" else SUBMISSIONS
    return OWN_ANSWERS


def _allowance(koan: Koan, claims: Claims) -> float:
    """Seconds added to a run's limit for compilers and for races on a GPU. A learner's code cannot shorten these."""
    if koan.kind != "kernel":
        return 0.0
    races = koan.fast_points and (claims == "fast" or (claims == "all" and devices.present()))
    return COMPILING + (RACES * RACE_SECONDS if races else 0.0)


class _Flight(msgspec.Struct, frozen=True):
    """A run that was started at `started`."""

    job: Job
    ask: Ask
    started: float


class _Waiting:
    """Runs that were not started yet.

    When a run ends, its place is given to another run of the same lane. If none is waiting, it is given to a run of a
    lane that no other place has. A generator is read one run at a time, when there is a place: the runs that have
    ended by then may have made the next one unnecessary.
    """

    def __init__(self, asks: Iterable[Ask]) -> None:
        self.look_ahead = LOOK_AHEAD if isinstance(asks, Sequence) else 1
        self.asks = iter(asks)
        self.candidates: list[Ask] = []

    def pop(self, last: str, busy: Collection[str]) -> Ask | None:
        """Remove and return the next run for a place whose last lane was `last`. Other places have the `busy` lanes."""
        self.candidates += itertools.islice(self.asks, self.look_ahead - len(self.candidates))
        if not self.candidates:
            return None
        lanes = [ask.lane for ask in self.candidates]
        if last in lanes:
            return self.candidates.pop(lanes.index(last))
        return self.candidates.pop(next((i for i, lane in enumerate(lanes) if lane not in busy), 0))


class _Log:
    """The events that a run wrote before it ended."""

    def __init__(self, file: Path) -> None:
        self.events = list(_events(file))
        self.tests = [event.result for event in self.events if event.result is not None]

    def first(self, *kinds: EventKind) -> Event | None:
        return next((event for event in self.events if event.kind in kinds), None)

    def text(self, kind: EventKind) -> str:
        """The text of the first event of this kind, or an empty string."""
        event = self.first(kind)
        return event.text if event is not None else ""

    def evidence(self, test: str) -> Evidence:
        """The parts of the message of a test. All are empty if the test wrote none."""
        results = [event for event in self.events if event.result is not None and event.result.name == test]
        return next((event.evidence for event in results if event.evidence is not None), Evidence())

    def symptom(self, kind: EventKind) -> Symptom | None:
        event = self.first(kind)
        return msgspec.msgpack.decode(event.symptom, type=Symptom) if event is not None else None

    def running(self) -> str:
        """The test that was running at the end, or an empty string."""
        started = [event.text for event in self.events if event.kind == "start"]
        return started[-1] if len(started) > len(self.tests) else ""

    def finished(self) -> bool:
        """pytest ran all tests it was to run. Other exit codes than these tell of trouble in pytest itself."""
        all_passed, some_failed, none_collected = 0, 1, 5
        codes = (all_passed, some_failed, none_collected)
        return any(event.kind == "finished" and event.number in codes for event in self.events)

    def complete(self) -> bool:
        """There is a result of every test, unless the file was broken or cannot run here."""
        if self.text("broken"):
            return True
        counts = [event.number for event in self.events if event.kind in ("collected", "settled")]
        expected = counts[-1] if counts else 0  # how many tests there are, or how many settled the name of the failure
        return len(self.tests) == expected


def _exit(job: Job, done: Done, log: _Log) -> Exit:
    """How the run ended. If the worker of an isolated submission ended early, its end counts."""
    worker = log.first("late", "gone", "nonsense")
    if worker is not None:
        code = os.waitstatus_to_exitcode(worker.number)
        late, output = worker.kind == "late", worker.text
    else:
        code, late, output = done.code, done.timed_out, _tail(Path(job.folder) / "output")
    finished = log.finished() and not _crash(done.code)
    return Exit(
        finished=finished and log.complete(),
        code=0 if _crash(code) else code,
        signal=_crash(code),
        timed_out=job.timeout if late else 0.0,
        running=log.running(),
        tail="" if finished else _fault(output),
        nonsense=worker.text if worker is not None and worker.kind == "nonsense" else "",
    )


def _evidence(verdict: Verdict, end: Exit, log: _Log) -> Evidence | msgspec.UnsetType:
    """The parts of the verdict's message, if the run failed or ended early."""
    test = shown_test(verdict)
    if test is not None:
        found = log.evidence(test.name)
        found = msgspec.structs.replace(found, test=test.sentence, what=found.what or verdict.headline)
        return cleaned_evidence(found)
    if verdict.status in (Status.timed_out, Status.crashed):
        return cleaned_evidence(Evidence(test=end.running, what=verdict.headline))
    return msgspec.UNSET


def _crash(code: int) -> str:
    """What killed a process that ended with this code, or an empty string if it ended by itself."""
    if code >= FIRST_CRASH:
        return CRASHES.get(code, f"Windows with the status {code:#x}")
    if code >= 0:
        return ""
    try:
        return signal.Signals(-code).name
    except ValueError:  # most real-time signals have no name
        return f"signal {-code}"


def _events(file: Path) -> Iterator[Event]:
    """The events in the file. The last line may be incomplete if the run died."""
    with contextlib.suppress(OSError, msgspec.MsgspecError), file.open("rb") as lines:
        for line in lines:
            yield msgspec.json.decode(line, type=Event)


def _tail(file: Path) -> str:
    """The last 20,000 bytes of the file as text, or an empty string if it cannot be read."""
    with contextlib.suppress(OSError), file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - 20_000))
        return stream.read().decode(errors="replace")
    return ""


def _fault(output: str) -> str:
    """The lines that faulthandler wrote about the learner's own file."""
    lines = [line.strip().replace("\\", "/") for line in output.splitlines()]  # a path of Windows
    fatal = [line for line in lines if line.startswith(("Fatal Python error", "MemoryError"))][:1]
    own = [line for line in lines if line.startswith('File "') and "/exercises/ch" in line and "/test_" not in line][:2]
    return "\n".join([*fatal, *(f"  {line.rpartition('/')[2].replace(chr(34), '')}" for line in own)])
