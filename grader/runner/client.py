"""Starts the warm server, gives it jobs and turns what comes back into verdicts."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from grader.errors import KoansError
from grader.runner.protocol import Done, Event, Job, Lines, Ready, Reply, pack
from grader.stubs import not_started
from grader.targets import Target, exercise_file, missing_requirement
from grader.verdict import Exit, Status, TestResult, Verdict, judge
from grader.workbook import Koan, Workbook

_reply: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)
KEEP = 4000  # characters of output a verdict carries
STARTING = 60.0  # seconds the server may take to import everything


class Limits(msgspec.Struct, frozen=True):
    """What one run may use: seconds of wall time and bytes of memory beyond the warm process."""

    timeout: float = 20.0
    memory: int = 2 << 30


class Runner:
    """A warm process to run koans in. Use it as a context manager; it starts on the first run that needs it."""

    def __init__(self, workbook: Workbook, limits: Limits | None = None) -> None:
        self.workbook = workbook
        self.limits = limits or Limits()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._lines = Lines()
        self._ids = itertools.count()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server and every run in it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
            self._process.kill()
            self._process.wait()
            self._process = None

    def run(self, koan: Koan, target: Target, seed: int = 0) -> Verdict:
        """The verdict on one koan. Raises KoansError only if the machine itself cannot run."""
        return next(self.run_many([(koan, target)], seed=seed, parallel=1))

    def run_many(
        self, pairs: Iterable[tuple[Koan, Target]], *, seed: int = 0, parallel: int | None = None
    ) -> Iterator[Verdict]:
        """A verdict for every pair, as they come in, `parallel` at a time (default: one a core)."""
        waiting = iter(pairs)
        width = parallel or os.cpu_count() or 1
        flying: dict[int, _Flight] = {}
        with tempfile.TemporaryDirectory(prefix="koans-") as folder:
            while True:
                for koan, target in itertools.islice(waiting, width - len(flying)):
                    early = self._without_running(koan, target, seed)
                    if early is not None:
                        yield early
                        continue
                    flight = self._send(koan, target, seed, Path(folder))
                    flying[flight.job.id] = flight
                if not flying:
                    more = next(waiting, None)
                    if more is None:
                        return
                    waiting = itertools.chain([more], waiting)
                    continue
                done = self._receive()
                if isinstance(done, Done) and done.id in flying:
                    yield self._verdict(flying.pop(done.id), done)

    def _without_running(self, koan: Koan, target: Target, seed: int) -> Verdict | None:
        """What can be said from the files alone: missing, unchanged, or not for this machine."""
        lack = missing_requirement(koan)
        if lack:
            return Verdict(koan.id, str(target), Status.not_run_here, lack, lack, seed=seed)
        if target.kind not in ("learner", "path"):
            return None
        file = exercise_file(self.workbook, koan, target)
        if not file.is_file():
            says = f"{file.name} does not exist: `koans reset {koan.name}` makes it anew"
            return Verdict(koan.id, str(target), Status.broken, says, says, seed=seed)
        if not_started(self.workbook, koan, file):
            says = "not started"
            return Verdict(koan.id, str(target), Status.not_started, says, says, seed=seed)
        return None

    def _send(self, koan: Koan, target: Target, seed: int, folder: Path) -> _Flight:
        connection = self._connect()
        number = next(self._ids)
        place = folder / str(number)
        place.mkdir()
        job = Job(
            number,
            str(self.workbook.root),
            str(self.workbook.test_file(koan)),
            str(target),
            seed,
            str(place),
            self.limits.timeout,
            self.limits.memory,
        )
        connection.sendall(pack(job))
        return _Flight(job, koan, target, time.monotonic())

    def _connect(self) -> socket.socket:
        if self._socket is None:
            ours, theirs = socket.socketpair()
            # The workbook's own copy of the machine comes first, whichever one the command was started from.
            path = os.pathsep.join([str(self.workbook.root), *filter(None, [os.environ.get("PYTHONPATH")])])
            environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the server
            self._process = subprocess.Popen(
                [sys.executable, "-m", "grader.runner.server", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                cwd=self.workbook.root,
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
            )
            theirs.close()
            self._socket = ours
            ours.settimeout(STARTING)
            self._pending: list[bytes] = []
            if not isinstance(self._receive(), Ready):
                raise KoansError("the runner answered out of turn; run `koans doctor`")
            ours.settimeout(self.limits.timeout + 30)
        return self._socket

    def _receive(self) -> Reply:
        assert self._socket is not None
        while not self._pending:
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                data = b""
            if not data:
                raise KoansError(f"the runner stopped: {self._last_words()}; `koans doctor` checks what it needs")
            self._pending += self._lines.feed(data)
        return _reply.decode(self._pending.pop(0))

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read()[-4000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it gave no reason"

    def _verdict(self, flight: _Flight, done: Done) -> Verdict:
        folder = Path(flight.job.folder)
        events = list(_events(folder / "events"))
        output = _tail(folder / "output")
        tests = [e.result for e in events if e.result is not None]
        finished = any(e.what == "finished" for e in events) and os.WIFEXITED(done.status)
        running = _running(events, tests)
        end = Exit(
            finished=finished,
            code=os.WEXITSTATUS(done.status) if os.WIFEXITED(done.status) else 0,
            signal=signal.Signals(os.WTERMSIG(done.status)).name if os.WIFSIGNALED(done.status) else "",
            timed_out=flight.job.timeout if done.timed_out else 0.0,
            running=running,
            tail="" if finished else _fault(output),
        )
        lacks = [e.text for e in events if e.what == "lack"]
        seconds = round(time.monotonic() - flight.started, 4)
        if lacks:
            tests = [TestResult("", "", Status.not_run_here, message=lacks[0])]
        broken = next((e.text for e in events if e.what == "broken"), "")
        expected = next((e.number for e in events if e.what == "collected"), 0)
        if finished and not broken and not lacks and len(tests) != expected:
            end = msgspec.structs.replace(end, finished=False)
        shown = "\n".join(t.output for t in tests if t.output)[:KEEP]
        koan, target = flight.koan.id, str(flight.target)
        return judge(koan, target, tests, broken, end, seconds=seconds, seed=flight.job.seed, output=shown)


class _Flight(msgspec.Struct, frozen=True):
    job: Job
    koan: Koan
    target: Target
    started: float


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
