"""The warm process: imports everything once, then forks a child for each job and waits until the child has ended.

It has one thread, because a fork copies only the thread that calls it. The client starts it as
`python -m grader.judge.runner.server FD ROOT [SOCKET FINGERPRINT SECONDS]`. FD is the first client's connection. The
server ends when its last client has gone. With a SOCKET it also listens there for others, and it ends SECONDS after its
last run.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import msgspec

from grader.book.processes import fork
from grader.book.workbook import Workbook
from grader.judge.runner.child import execute, leave_parent, prepare, serve
from grader.judge.runner.preload import warm_up
from grader.judge.runner.protocol import (
    CANNOT_START,
    MAX_GROWTH,
    MAX_RUNS,
    Cancel,
    Done,
    Job,
    Lines,
    Reply,
    Request,
    ServerReady,
    pack,
    trouble,
)
from grader.judge.runner.server_address import fingerprint
from grader.judge.runner.shared_server import SharedListener
from grader.judge.sandbox.reaper import Reaper

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CHECK_EVERY = 5.0  # seconds between checks whether a shared server still runs what is on disk
SENDING = 5.0  # seconds a client may leave a reply unread before it counts as gone


@dataclass(eq=False)
class Client:
    """One connection. `newest` is its latest job; `cancelled` are the jobs cancelled before they arrived."""

    connection: socket.socket
    lines: Lines
    newest: int = -1
    cancelled: set[int] = field(default_factory=set)


@dataclass
class RunningJob:
    """A job in flight."""

    job: Job
    client: Client
    deadline: float
    timed_out: bool = False
    cancelled: bool = False


@dataclass
class GroupProcess:
    """A child that makes the runs of one group, one after another.

    `runs` counts the jobs it was given. `oracle_cache` is the cache file of the latest one. `mapped` is the address
    space of the process, in bytes, when it was forked.
    """

    pid: int
    group: str
    oracle_cache: str
    connection: socket.socket
    mapped: int
    runs: int = 1


class Server:
    """One loop over clients and the ends of children. It stops when nobody needs it."""

    def __init__(
        self, first: socket.socket, listener: SharedListener | None, ready: ServerReady, workbook: Workbook | None
    ) -> None:
        self.ready, self.workbook = ready, workbook
        self.listener = listener
        self.clients: set[Client] = set()
        self.runs: dict[int, RunningJob] = {}  # by pid
        self.group_processes: dict[int, GroupProcess] = {}  # by pid
        self.last_used = self.last_check = time.monotonic()
        self.reaper = Reaper()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.reaper.fd, selectors.EVENT_READ, self.reaper)
        if listener is not None:
            self.selector.register(listener.socket, selectors.EVENT_READ, listener)
        self._add_client(first)

    def serve(self) -> None:
        try:
            while self._needed():
                self._step()
        finally:
            self._stop_listening()
            for pid in {*self.runs, *self.group_processes}:
                _kill(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)  # so that the resources it used are counted
            _kill_orphans()

    def _needed(self) -> bool:
        """A client is connected, or a shared server is still within its seconds after the last run."""
        if self.clients:
            return True
        return self.listener is not None and time.monotonic() < self.last_used + self.ready.seconds

    def _step(self) -> None:
        """Wait until something happens, and handle it."""
        wait = min(self._timeouts(time.monotonic()), default=None)
        for key, _ in self.selector.select(None if wait is None else max(0.0, wait)):
            self._handle_input(key.data)
        self._end_late_runs()
        for pid, status in self.reaper.ended():
            self._child_ended(pid, status)
        self._check_disk()

    def _timeouts(self, now: float) -> Iterator[float]:
        """Seconds until there is something to do even if no input arrives."""
        yield from (run.deadline - now for run in self.runs.values())
        if self.listener is not None:
            yield self.last_check + CHECK_EVERY - now
            if not self.clients:
                yield self.last_used + self.ready.seconds - now

    def _handle_input(self, source: SharedListener | GroupProcess | Client | Reaper) -> None:
        if isinstance(source, SharedListener):
            connection = source.accept()
            if connection is not None:
                self._add_client(connection)
        elif isinstance(source, GroupProcess):
            self._process_reported(source)
        elif isinstance(source, Client):
            self._receive(source)
        else:
            source.drain()

    def _end_late_runs(self) -> None:
        now = time.monotonic()
        for pid, run in self.runs.items():
            if now >= run.deadline and not run.timed_out:
                run.timed_out = True
                run.deadline = now + 3600
                self._kill_run(pid)

    def _check_disk(self) -> None:
        """Stop listening if the socket was removed or the files on disk have changed."""
        now = time.monotonic()
        if self.listener is None or now < self.last_check + CHECK_EVERY:
            return
        self.last_check = now
        if not self.listener.reachable() or fingerprint(Path(self.ready.root)) != self.ready.fingerprint:
            self._stop_listening()

    def _stop_listening(self) -> None:
        """Accept no more clients. Those that are connected may stay as long as they like."""
        if self.listener is not None:
            self.selector.unregister(self.listener.socket)
            self.listener.close()
            self.listener = None

    # Clients

    def _add_client(self, connection: socket.socket) -> None:
        connection.settimeout(SENDING)
        client = Client(connection, Lines())
        self.clients.add(client)
        self.selector.register(connection, selectors.EVENT_READ, client)
        self._send(client, self.ready)

    def _receive(self, client: Client) -> None:
        """Read requests of a client and handle them."""
        try:
            data = client.connection.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._remove_client(client)
            return
        for line in client.lines.feed(data):
            try:
                request = msgspec.json.decode(line, type=Request)
            except msgspec.MsgspecError:
                continue  # the client has another version, so its request cannot be understood
            if isinstance(request, Cancel):
                self._cancel(client, request)
            else:
                self._start(client, request)

    def _remove_client(self, client: Client) -> None:
        """Forget a client that has gone, and kill its runs, because nobody waits for them."""
        self.selector.unregister(client.connection)
        client.connection.close()
        self.clients.discard(client)
        for pid, run in self.runs.items():
            if run.client is client:
                self._kill_run(pid)
        if not self.clients:
            for pid in self.group_processes:
                self._kill_run(pid)

    def _send(self, client: Client, reply: Reply) -> None:
        try:
            client.connection.sendall(pack(reply))
        except OSError:
            with contextlib.suppress(OSError):
                client.connection.shutdown(socket.SHUT_RDWR)  # the next read then finds that the client has gone

    # Runs

    def _cancel(self, client: Client, request: Cancel) -> None:
        if request.id > client.newest:  # its job has not arrived yet
            client.cancelled.add(request.id)
        for pid, run in self.runs.items():
            if run.job.id == request.id and run.client is client:
                run.cancelled = True
                self._kill_run(pid)

    def _start(self, client: Client, job: Job) -> None:
        client.newest = max(client.newest, job.id)
        self.last_used = time.monotonic()
        if job.id in client.cancelled:
            client.cancelled.discard(job.id)
            self._send(client, Done(job.id, 0, False, True))
            return
        run = RunningJob(job, client, time.monotonic() + job.timeout)
        try:
            self.runs[self._reuse_process(job) or self._fork(job)] = run
        except OSError as error:
            self._send(client, Done(job.id, 0, False, False, f"{CANNOT_START} ({error.strerror})"))

    def _finish(self, run: RunningJob, status: int) -> None:
        """Tell the client that its run has ended."""
        self.last_used = time.monotonic()
        code = os.waitstatus_to_exitcode(status)
        self._send(run.client, Done(run.job.id, code, run.timed_out, run.cancelled, trouble(run.job, code)))

    def _kill_run(self, pid: int) -> None:
        """Kill a child. A process of a group gets no further job, because it would look idle until it is reaped."""
        if pid in self.group_processes:
            self.group_processes[pid].runs = MAX_RUNS
        _kill(pid)

    def _idle_processes(self) -> list[GroupProcess]:
        return [process for process in self.group_processes.values() if process.pid not in self.runs]

    def _reuse_process(self, job: Job) -> int:
        """Give the job to an idle process of its group. Returns the process's pid, or 0 if there is none.

        A process that has the oracle cache of this job in memory is preferred. A job without a group gets a process of
        its own.
        """
        fit = [process for process in self._idle_processes() if process.group == job.group and process.runs < MAX_RUNS]
        for process in sorted(fit, key=lambda process: process.oracle_cache != job.oracle_cache):
            with contextlib.suppress(OSError):
                process.connection.sendall(pack(job))
                process.runs, process.oracle_cache = process.runs + 1, job.oracle_cache
                return process.pid
        return 0

    def _fork(self, job: Job) -> int:
        """Start a child for the job. Returns its pid. Raises OSError."""
        if job.group:  # the idle processes belong to another group, or have made all their runs
            for process in self._idle_processes():
                self._kill_run(process.pid)
        server_end, child_end = socket.socketpair()
        try:
            pid = fork()
        except OSError:
            server_end.close()
            child_end.close()
            raise
        if pid == 0:
            self._become_child(job, child_end)
        child_end.close()
        if job.group:
            self.group_processes[pid] = GroupProcess(pid, job.group, job.oracle_cache, server_end, _mapped(pid))
            self.selector.register(server_end, selectors.EVENT_READ, self.group_processes[pid])
        else:
            server_end.close()
        return pid

    def _become_child(self, job: Job, connection: socket.socket) -> NoReturn:
        code = 70
        try:
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            leave_parent(keep=connection.fileno() if job.group else 0)
            if job.group:
                code = serve(job, connection, self.workbook)
            else:
                prepare(job)
                code = execute(job, self.workbook)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _process_reported(self, process: GroupProcess) -> None:
        """Read the exit code of a process's run. If the process has ended, its wait status tells how the run ended."""
        code = b""
        with contextlib.suppress(OSError):
            code = process.connection.recv(1)
        if not code:
            self._disconnect(process)
            return
        if _mapped(process.pid) > process.mapped + MAX_GROWTH:
            process.runs = MAX_RUNS
        run = self.runs.pop(process.pid, None)
        if run is not None:
            self._finish(run, code[0] << 8)

    def _disconnect(self, process: GroupProcess) -> None:
        if process.connection.fileno() >= 0:  # it is not closed yet
            self.selector.unregister(process.connection)
            process.connection.close()

    def _child_ended(self, pid: int, status: int) -> None:
        run = self.runs.pop(pid, None)
        process = self.group_processes.pop(pid, None)
        if process is not None:
            self._disconnect(process)
        if run is None:
            return  # an idle process, or an orphan of a run that has ended
        _kill(pid)  # the processes that the run left in its session
        if not self.runs:
            _kill_orphans(self.group_processes)
        self._finish(run, status)


def _mapped(pid: int) -> int:
    """The bytes of address space that a process has. 0 if it has ended, or if the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _kill(pid: int) -> None:
    """Kill a run's process group. A run that has not called setsid yet is killed alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _kill_orphans(known: Collection[int] = ()) -> None:
    """Kill all children but the known ones. Processes that left their run's session become our children, because the
    server is a subreaper.
    """
    with contextlib.suppress(OSError):
        for pid in map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()):
            if pid not in known:
                _kill(pid)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def main() -> None:
    first, root = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    socket_file, expected, seconds = sys.argv[3:6] or ("", "", "0")
    ready = ServerReady(fingerprint(root), os.getpid(), str(root), time.time(), float(seconds))
    workbook = warm_up(root)
    listener = None
    if socket_file and ready.fingerprint == expected:
        with contextlib.suppress(OSError):  # another server was first
            listener = SharedListener(Path(socket_file))
    Server(first, listener, ready, workbook).serve()


if __name__ == "__main__":
    main()
