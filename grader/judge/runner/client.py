"""Starts the warm server, gives it jobs and turns what comes back into verdicts."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.book.stubs import not_started, stub_of
from grader.book.verdict import Exit, Status, TestResult, Verdict, judge
from grader.book.workbook import Koan, Workbook
from grader.judge.runner.address import fingerprint
from grader.judge.runner.link import Link, connect
from grader.judge.runner.protocol import Cancel, Done, Event, Job
from grader.judge.sandbox import probe
from grader.judge.sandbox.confine import Level
from grader.judge.sandbox.service import Service
from grader.judge.sandbox.submission import Unreadable
from grader.judge.targets import Target, exercise_file, missing_requirement, source

KEEP = 4000  # characters of output a verdict carries
AHEAD = 200  # runs looked through for one that suits a free place: more than any koan has
OURS = "ours"  # the group of runs of the workbook's own answers


class Limits(msgspec.Struct, frozen=True):
    """What one run may use: seconds of wall time and bytes of memory beyond the warm process.

    `brief` saves the time that making a failing input smaller takes, and ends a run once a failure's name is settled.
    """

    timeout: float = 20.0
    memory: int = 2 << 30
    brief: bool = False


COMPILING = 40.0  # seconds for the compilers of a kernel koan's tests, where nothing is in the cache and others run too
RACES = 3  # on a GPU, of one koan, at most; each has a limit of its own


class Cancelled(Exception):
    """The run was given up before it had a verdict."""


class Ask(msgspec.Struct, frozen=True):
    """One run to be made. With `isolated` the code under test runs in the sandbox, if the runner has one. With `twice`
    every call is made in the sandbox and outside; a run in which they differ is cut off (status crashed).
    """

    koan: Koan
    target: Target
    seed: int = 0
    isolated: bool = False
    twice: bool = False

    @property
    def lane(self) -> str:
        """What runs that follow each other in one process have in common: see `_group` and `OracleCache`."""
        return self.target.name if self.target.kind == "path" else self.koan.id


class Runner:
    """Runs koans, in a warm process where the platform can fork. Use it as a context manager.

    It starts on the first run that needs it. Learners' runners share one for each workbook, which stays for some
    minutes (see `shared`); without `share` it is the runner's own and ends with it. One that no longer runs
    what is on disk is replaced. `isolated` runs the code under test in sandboxed workers, where there is a sandbox,
    and never in a shared process, which others can talk to.
    """

    def __init__(
        self, workbook: Workbook, limits: Limits | None = None, *, share: bool = True, isolated: bool = False
    ) -> None:
        self.workbook = workbook
        self.limits = limits or Limits()
        self.share = share and not isolated
        self.isolated = isolated and sys.platform == "linux"
        self._sandbox: Service | None = None
        self._level: Level | None = None
        self._memos: tempfile.TemporaryDirectory[str] | None = None
        self._link: Link | None = None
        self._fingerprint = ""
        self._ids = itertools.count()
        self._flying: dict[int, _Flight] = {}
        self._abandoned = threading.Event()
        self._cancels = 0

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every run of ours, and the server if it is ours alone."""
        link, self._link = self._link, None
        if link is not None:
            link.close()
        if self._memos is not None:
            self._memos.cleanup()
            self._memos = None
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            sandbox.close()

    def _memo(self, koan: Koan) -> str:
        if self._memos is None:
            self._memos = tempfile.TemporaryDirectory(prefix="koans-memo-")
        return str(Path(self._memos.name) / f"{koan.chapter}.{koan.name}")

    def level(self) -> Level:
        """What stands between the code under test and the grader here."""
        if self._level is None:
            self._level = probe.level(self.workbook.root) if self.isolated else probe.UNAVAILABLE
        return self._level

    def warm_up(self) -> str:
        """Start now instead of at the first run; says how runs will be made ("warm", "cold: …")."""
        return self._connected().mode

    def _connected(self) -> Link:
        if self._link is not None and self._flying:
            return self._link  # while runs are made the server stays
        now = fingerprint(self.workbook.root)
        if self._link is not None and (now != self._fingerprint or self._link.gone):
            self.close()
        if self._link is None:
            self._fingerprint = now
            if self.isolated:
                self._sandbox = Service(self.workbook.root)  # they start side by side
            self._link = connect(self.workbook.root.resolve(), share=self.share, abandoned=self._abandoned)
        return self._link

    def give_up(self) -> None:
        """Cancel, and stop waiting for a server that is still starting. For the end of an app, from another thread."""
        self._abandoned.set()
        self.cancel()

    def cancel(self) -> None:
        """Give up the runs in flight: their verdicts are not given. May be called from another thread."""
        self._cancels += 1
        link = self._link
        for number in list(self._flying):
            if link is not None:
                with contextlib.suppress(KoansError):  # a server that is gone is told by the run that waits for it
                    link.send(Cancel(number))

    def run(self, koan: Koan, target: Target, seed: int = 0) -> Verdict:
        """The verdict on one koan. Raises Cancelled, or KoansError if the machine itself cannot run."""
        for verdict in self.run_many([(koan, target)], seed=seed, parallel=1):
            return verdict
        raise Cancelled(koan.id)

    def run_many(
        self, pairs: Iterable[tuple[Koan, Target]], *, seed: int = 0, parallel: int | None = None
    ) -> Iterator[Verdict]:
        """A verdict for every pair, as they come in, `parallel` at a time (default: one a core)."""
        asks = (Ask(koan, target, seed, self.isolated) for koan, target in pairs)
        # A list can be looked through for what comes next; of a generator each pair is taken when its turn has come.
        for _, verdict in self.run_all(list(asks) if isinstance(pairs, Sequence) else asks, parallel=parallel):
            yield verdict

    def run_all(self, asks: Iterable[Ask], *, parallel: int | None = None) -> Iterator[tuple[Ask, Verdict]]:
        """The verdict on each run, as they come in, `parallel` at a time (default: one a core)."""
        waiting = _Waiting(asks)
        width = parallel or os.cpu_count() or 1
        with tempfile.TemporaryDirectory(prefix="koans-") as folder:
            try:
                last = ""
                more = True
                while more or self._flying:
                    while more and len(self._flying) < width:
                        ask = waiting.take(last, {f.ask.lane for f in self._flying.values()})
                        if ask is None:
                            more = False
                            break
                        early = self._without_running(ask.koan, ask.target, ask.seed)
                        if early is not None:
                            yield ask, early
                        else:
                            self._send(ask, Path(folder))
                    if self._flying and self._link is not None:
                        done = self._link.receive()
                        flight = self._flying.pop(done.id, None)
                        last = flight.ask.lane if flight is not None else ""
                        if flight is not None and not done.cancelled:
                            yield flight.ask, self._verdict(flight, done)
            finally:
                if self._flying:  # the caller lost interest, or an error came up
                    self._flying.clear()
                    self.close()

    def _without_running(self, koan: Koan, target: Target, seed: int) -> Verdict | None:
        """What can be said from the files alone: missing, unchanged, or not for this machine."""
        lack = missing_requirement(koan)
        if lack:
            return Verdict(koan.id, str(target), Status.not_run_here, lack, lack, seed=seed)
        if target.kind == "path":
            return self._not_submitted(koan, target, seed)
        if target.kind != "learner":
            return None
        file = exercise_file(self.workbook, koan, target)
        if not file.is_file():
            says = f"{file.name} does not exist: `koans reset {koan.name}` makes it anew"
            return Verdict(koan.id, str(target), Status.broken, says, says, seed=seed)
        if not_started(self.workbook, koan, file):
            says = "not started"
            return Verdict(koan.id, str(target), Status.not_started, says, says, seed=seed)
        return None

    def _not_submitted(self, koan: Koan, target: Target, seed: int) -> Verdict | None:
        """What can be said of a stranger's file without parsing it here."""
        try:
            text = source(self.workbook, koan, target)
        except FileNotFoundError:
            return Verdict(koan.id, str(target), Status.not_started, "not submitted", "not submitted", seed=seed)
        except Unreadable as error:
            return Verdict(koan.id, str(target), Status.broken, str(error), str(error), seed=seed)
        if text.splitlines() == stub_of(self.workbook, koan).splitlines():
            return Verdict(koan.id, str(target), Status.not_started, "not started", "not started", seed=seed)
        return None

    def _send(self, ask: Ask, folder: Path) -> None:
        cancels = self._cancels
        link = self._connected()
        koan, target, apart = ask.koan, ask.target, ask.isolated and self.isolated
        # No learner's code in the process that runs the tests.
        ours = (apart and not ask.twice) or target.kind not in ("learner", "path")
        if self._sandbox is not None:
            self._sandbox.wait()
        number = next(self._ids)
        place = folder / str(number)
        place.mkdir()
        job = Job(
            number,
            str(self.workbook.root),
            str(self.workbook.test_file(koan)),
            str(target),
            ask.seed,
            str(place),
            self.limits.timeout + _allowance(koan),
            self.limits.memory,
            self.limits.brief,
            self._sandbox.address if self._sandbox and apart else "",
            apart and ask.twice,
            self._memo(koan) if ours else "",
            _group(koan, target) if ours else "",
        )
        self._flying[number] = _Flight(job, ask, time.monotonic())
        if self._cancels != cancels:  # given up while the server started: it is told not to begin
            link.send(Cancel(number))
        link.send(job)

    def _verdict(self, flight: _Flight, done: Done) -> Verdict:
        folder = Path(flight.job.folder)
        events = list(_events(folder / "events"))
        output = _tail(folder / "output")
        tests = [e.result for e in events if e.result is not None]
        # 0: all passed, 1: some failed, 5: none to run; anything else is pytest's own trouble
        finished = any(e.what == "finished" and e.number in (0, 1, 5) for e in events) and os.WIFEXITED(done.status)
        running = _running(events, tests)
        gone = next((e for e in events if e.what in ("late", "gone", "nonsense")), None)  # an isolated submission
        status, late = done.status, done.timed_out
        if gone is not None:
            status, late = gone.number, gone.what == "late"
        end = Exit(
            finished=finished,
            code=os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
            signal=signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "",
            timed_out=flight.job.timeout if late else 0.0,
            running=running,
            tail="" if finished else _fault(gone.text if gone else output),
            nonsense=gone.text if gone and gone.what == "nonsense" else "",
        )
        lacks = [e.text for e in events if e.what == "lack"]
        seconds = round(time.monotonic() - flight.started, 4)
        if lacks:
            tests = [TestResult("", "", Status.not_run_here, message=lacks[0])]
        broken = next((e.text for e in events if e.what == "broken"), "")
        # how many tests there are, or how many were enough
        expected = next((e.number for e in reversed(events) if e.what in ("collected", "settled")), 0)
        if finished and not broken and not lacks and len(tests) != expected:
            end = msgspec.structs.replace(end, finished=False)
        shown = "\n".join(t.output for t in tests if t.output)[:KEEP]
        koan, target = flight.ask.koan.id, str(flight.ask.target)
        verdict = judge(koan, target, tests, broken, end, seconds=seconds, seed=flight.job.seed, output=shown)
        confined = next((e.text for e in events if e.what == "confined"), "")
        if flight.job.sandbox and flight.ask.koan.kind == "kernel":
            confined = "isolated: a kernel's text is checked and interpreted; no Python of the submission runs"
        return msgspec.structs.replace(verdict, isolation=confined)


def _group(koan: Koan, target: Target) -> str:
    """Runs that may share a process: the workbook's own answers, or the koans of one submission.

    A submitted kernel has the process that interprets it to itself.
    """
    if target.kind == "path":
        return "" if koan.kind == "kernel" else target.name
    return OURS


def _allowance(koan: Koan) -> float:
    """Seconds on top of a run's limit: for compilers, and for a GPU's clock, which a learner's code cannot hurry."""
    if koan.kind != "kernel":
        return 0.0
    from grader.gpu.client import LIMIT
    from grader.gpu.devices import present

    return COMPILING + (RACES * LIMIT if koan.fast_points and present() else 0.0)


class _Flight(msgspec.Struct, frozen=True):
    job: Job
    ask: Ask
    started: float


class _Waiting:
    """Runs to be made. A free place keeps its lane, or takes one that no other place is in.

    Of a generator each run is taken when there is a place for it: what has ended by then may have made it needless.
    """

    def __init__(self, asks: Iterable[Ask]) -> None:
        self.ahead = AHEAD if isinstance(asks, Sequence) else 1
        self.asks = iter(asks)
        self.seen: list[Ask] = []

    def take(self, last: str, taken: Collection[str]) -> Ask | None:
        self.seen += itertools.islice(self.asks, self.ahead - len(self.seen))
        lanes = [ask.lane for ask in self.seen]
        free = next((i for i, lane in enumerate(lanes) if lane not in taken), 0)
        at = lanes.index(last) if last in lanes else free
        return self.seen.pop(at) if self.seen else None


def _events(file: Path) -> Iterator[Event]:
    """The lines written so far; a run that died may have cut the last one short."""
    with contextlib.suppress(OSError, msgspec.MsgspecError), file.open("rb") as lines:
        for line in lines:
            yield msgspec.json.decode(line, type=Event)


def _running(events: list[Event], tests: list[TestResult]) -> str:
    started = [e.text for e in events if e.what == "start"]
    return started[-1] if len(started) > len(tests) else ""


def _tail(file: Path) -> str:
    with contextlib.suppress(OSError), file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - 20_000))
        return stream.read().decode(errors="replace")
    return ""


def _fault(output: str) -> str:
    """The lines faulthandler wrote about the learner's own file."""
    lines = [line.strip() for line in output.splitlines()]
    fatal = [line for line in lines if line.startswith(("Fatal Python error", "MemoryError"))][:1]
    own = [line for line in lines if line.startswith('File "') and "/exercises/ch" in line and "/test_" not in line][:2]
    return "\n".join([*fatal, *(f"  {line.rpartition('/')[2].replace(chr(34), '')}" for line in own)])
