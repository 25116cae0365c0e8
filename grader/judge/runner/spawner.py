"""Runs jobs in processes that are started for them, where a process with torch must not fork.

A process is a spare until it gets a job: it has imported everything and waits. It makes the run of one job, because a
learner's code may have broken anything in it, and the next spare starts meanwhile. Runs of one group share a process.
"""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from grader.book import processes
from grader.book.places import code
from grader.book.processes import environment, module
from grader.judge.runner.protocol import CANNOT_START, MAX_RUNS, OUTPUT, Cancel, Done, Job, Request, pack, trouble

STARTING = 120.0  # seconds that a process may take to import everything, on a slow disk
SETTLED = 1.0  # seconds after which a run is a long one, so the next spare starts beside it
ENDING = 2.0  # seconds to wait for the end of a process that was killed
CHECK_EVERY = 0.5  # seconds between looks at the size of a run's output, where the system sets no limit to it
HAS_LIMITS = importlib.util.find_spec("resource") is not None  # Windows has none


@dataclass(eq=False)
class Run:
    """A job, and the function that is told how it ended."""

    job: Job
    done: Callable[[Done], None]
    process: RunProcess | None = None
    began: float = 0.0
    timed_out: bool = False
    cancelled: bool = False


@dataclass(eq=False)
class RunProcess:
    """A process for runs. `errors` is what it writes until its first run. `runs` counts the jobs that it was given."""

    process: subprocess.Popen[bytes]
    errors: IO[bytes]
    ready: bool = False
    run: Run | None = None
    runs: int = 0
    group: str = ""
    oracle_cache: str = ""
    timer: threading.Timer | None = field(default=None, repr=False)

    def send(self, job: Job) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(pack(job))
        self.process.stdin.flush()


class Spawner:
    """Starts processes and gives them jobs. With `keeps_spare` one process is always ready, or about to be.

    Several threads may use it.
    """

    def __init__(self, root: Path, *, keeps_spare: bool) -> None:
        self.root, self.keeps_spare = root, keeps_spare
        self._lock = threading.RLock()
        self._waiting: list[Run] = []  # for a process
        self._processes: list[RunProcess] = []
        self._grouped = False  # the latest job belongs to a group, whose process is its own spare
        self._fails = False  # the latest spare could not start
        self._closed = False

    def begin(self, run: Run) -> None:
        """Make the run as soon as there is a process for it. `run.done` is called, maybe in another thread."""
        with self._lock:
            if not run.cancelled:
                self._grouped, self._fails = bool(run.job.group), False
                self._waiting.append(run)
        self.advance()

    def cancel(self, run: Run) -> None:
        """End the run, or do not start it. It is still reported as done."""
        with self._lock:
            run.cancelled = True
            if run in self._waiting:
                self._waiting.remove(run)
            if run.process is not None and run.process.run is run:
                self._kill(run.process)
        if run.process is None:
            run.done(Done(run.job.id, 0, False, True))

    def end_groups(self) -> None:
        """End the processes of groups that wait for another job, since nobody is there to send one."""
        with self._lock:
            for process in self._idle():
                self._kill(process)

    def close(self) -> None:
        """End all processes. What runs is not reported."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            ending = list(self._processes)
            for process in ending:
                self._kill(process)
        for process in ending:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.process.wait(ENDING)

    def advance(self) -> None:
        """Give waiting runs to processes, and start those that are missing."""
        failed: list[tuple[Run, str]] = []
        with self._lock:
            if self._closed:
                return
            for run in list(self._waiting):
                process = self._fit(run.job)
                if process is not None:
                    self._waiting.remove(run)
                    self._give(process, run)
            while len(self._waiting) > len(self._spares()):
                for process in self._idle():  # they belong to another group, or have made all their runs
                    self._kill(process)
                try:
                    self._start()
                except OSError as error:
                    failed.append((self._waiting.pop(0), f"{CANNOT_START} ({error.strerror})"))
            if self._wants_spare():
                with contextlib.suppress(OSError):  # the next run says so
                    self._start()
        for run, why in failed:
            run.done(Done(run.job.id, 0, False, False, why))

    def _spares(self) -> list[RunProcess]:
        return [process for process in self._processes if not process.runs]

    def _idle(self) -> list[RunProcess]:
        return [process for process in self._processes if process.runs and process.run is None]

    def _wants_spare(self) -> bool:
        """A spare is missing, and its start would not slow down a run that is about to end."""
        if not self.keeps_spare or self._grouped or self._fails or self._spares():
            return False
        began = [process.run.began for process in self._processes if process.run is not None]
        return all(time.monotonic() >= moment + SETTLED for moment in began)

    def _fit(self, job: Job) -> RunProcess | None:
        """A process for the job. One that has the oracle cache of this job in memory is preferred."""
        same = [one for one in self._idle() if job.group and one.group == job.group and one.runs < MAX_RUNS]
        same.sort(key=lambda one: one.oracle_cache != job.oracle_cache)
        return next(iter([*same, *(one for one in self._spares() if one.ready)]), None)

    def _give(self, process: RunProcess, run: Run) -> None:
        process.run, run.process, run.began = run, process, time.monotonic()
        process.runs += 1
        process.group, process.oracle_cache = run.job.group, run.job.oracle_cache
        self._clock(process, run.job.timeout, lambda: self._late(run))
        if self.keeps_spare and not run.job.group:
            self._timer(SETTLED, self.advance)
        with contextlib.suppress(OSError):  # it has ended, as the thread that watches it is about to notice
            process.send(run.job)

    def _late(self, run: Run) -> None:
        with self._lock:
            if run.process is not None and run.process.run is run:
                run.timed_out = True
                self._kill(run.process)

    def _start(self) -> None:
        """Start a spare. Raises OSError."""
        errors = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
        try:
            process = processes.start(
                [*module(__package__, "spare"), str(self.root)],
                env=environment(code(self.root)),
                cwd=self.root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        except OSError:
            errors.close()
            raise
        spare = RunProcess(process, errors)
        self._processes.append(spare)
        self._clock(spare, STARTING, lambda: self._kill(spare))
        for target in (self._listen, self._watch):
            threading.Thread(target=target, args=(spare,), daemon=True).start()

    def _kill(self, process: RunProcess) -> None:
        """Kill a process. One of a group gets no further job, because it looks idle until its end is noticed."""
        process.runs = max(process.runs, MAX_RUNS)
        processes.end(process.process)

    def _clock(self, process: RunProcess, seconds: float, late: Callable[[], None]) -> None:
        """Set the one timer of a process."""
        if process.timer is not None:
            process.timer.cancel()
        process.timer = self._timer(seconds, late)

    @staticmethod
    def _timer(seconds: float, function: Callable[[], None]) -> threading.Timer:
        timer = threading.Timer(seconds, function)
        timer.daemon = True
        timer.start()
        return timer

    def _listen(self, process: RunProcess) -> None:
        """Read what a process reports: first that it is ready, then the exit code of each run of a group."""
        assert process.process.stdout is not None
        with process.process.stdout as reports:
            if not reports.readline():
                return
            with self._lock:
                process.ready = True
                if process.timer is not None:
                    process.timer.cancel()
            self.advance()
            for line in reports:
                code, ends = map(int, line.split())
                self._reported(process, code, bool(ends))

    def _reported(self, process: RunProcess, code: int, ends: bool) -> None:
        """A run of a group has ended, and its process goes on, unless it `ends`."""
        with self._lock:
            run, process.run = process.run, None
            if process.timer is not None:
                process.timer.cancel()
            if ends:
                process.runs = MAX_RUNS
        if run is not None:
            run.done(Done(run.job.id, code, run.timed_out, run.cancelled))
        self.advance()

    def _watch(self, process: RunProcess) -> None:
        """Wait until a process has ended, and tell how its run ended."""
        code = self._wait(process)
        processes.end(process.process)  # what it has started
        with self._lock:
            run, process.run = process.run, None
            self._processes.remove(process)
            if process.timer is not None:
                process.timer.cancel()
            closed, why = self._closed, trouble(run.job, code) if run is not None else ""
            self._fails = not process.ready
            if run is None and self._fails and self._waiting:
                run, why = self._waiting.pop(0), f"{CANNOT_START} ({_last_line(process.errors)})"
        process.errors.close()
        with contextlib.suppress(OSError):
            assert process.process.stdin is not None
            process.process.stdin.close()
        if run is not None and not closed:
            run.done(Done(run.job.id, code, run.timed_out, run.cancelled, why))
        self.advance()

    def _wait(self, process: RunProcess) -> int:
        if HAS_LIMITS:
            return process.process.wait()
        while True:
            try:
                return process.process.wait(CHECK_EVERY)
            except subprocess.TimeoutExpired:
                run = process.run
                if run is not None and _size(Path(run.job.folder) / "output") > OUTPUT:
                    self._kill(process)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _last_line(errors: IO[bytes]) -> str:
    """The last line that a process wrote before its first run."""
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it gave no reason"


class Requests:
    """The requests of one client. `reply` is called, in any thread, when a job has ended."""

    def __init__(self, spawner: Spawner, reply: Callable[[Done], None]) -> None:
        self._spawner, self._reply = spawner, reply
        self._lock = threading.Lock()
        self._runs: dict[int, Run] = {}
        self._cancelled: set[int] = set()  # jobs that were cancelled before they arrived
        self._newest = -1
        self._gone = False

    def handle(self, request: Request) -> None:
        """Begin a job, or cancel one."""
        if isinstance(request, Cancel):
            with self._lock:
                run = self._runs.get(request.id)
                if request.id > self._newest:
                    self._cancelled.add(request.id)
            if run is not None:
                self._spawner.cancel(run)
            return
        with self._lock:
            self._newest = max(self._newest, request.id)
            cancelled = request.id in self._cancelled
            self._cancelled.discard(request.id)
            run = self._runs[request.id] = Run(request, self._done)
        if cancelled:
            self._spawner.cancel(run)
        self._spawner.begin(run)

    def _done(self, done: Done) -> None:
        with self._lock:
            known = self._runs.pop(done.id, None) is not None  # a run that is cancelled twice is done once
        if known and not self._gone:
            self._reply(done)

    def drop(self) -> None:
        """The client has gone: nobody waits for its runs."""
        self._gone = True
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            self._spawner.cancel(run)
