"""Connects the client to what runs its jobs: a warm server, its own or shared, or, without fork, cold processes."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Protocol

import msgspec

from grader.book import pytorch
from grader.book.errors import KoansError
from grader.book.processes import environment, module
from grader.judge.runner import shared_server
from grader.judge.runner.protocol import Done, Job, Lines, Reply, Request, ServerReady, pack
from grader.judge.runner.server_address import fingerprint, socket_path

STARTING = 120.0  # seconds the server may take to import everything, on a slow disk
_reply: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


class Link(Protocol):
    """Sends jobs and receives how they ended. `receive` raises KoansError if a job could not be started."""

    mode: str

    @property
    def closed(self) -> bool:
        """Whether the other end has closed."""

    def send(self, request: Request) -> None: ...
    def receive(self) -> Done: ...
    def close(self) -> None: ...


def connect(root: Path, *, share: bool, abandoned: threading.Event) -> Link:
    """Connect to the shared server, and start it if there is none. Without `share`, start a server of our own.

    Where the platform cannot fork, runs are cold processes. Raises KoansError if the server does not start, or if
    `abandoned` is set while it starts.
    """
    if not hasattr(os, "fork") or os.environ.get("KOANS_COLD"):
        return Cold(root)
    if not share:
        return _start(root, [], None, abandoned)
    seconds, now = shared_server.seconds(), fingerprint(root)
    try:
        path = socket_path(root, now)
    except KoansError:  # there is no safe place for a shared server; `koans doctor` says why
        return _start(root, [], None, abandoned)
    return _attach(path, now) or _start(root, [str(path), now, str(seconds)], shared_server.log_of(path), abandoned)


class Warm:
    """A connection to a server, which writes its errors to a file. If `process` is given, closing ends the server."""

    def __init__(
        self, connection: socket.socket, mode: str, process: subprocess.Popen[bytes] | None, errors: Path | None
    ):
        self.mode = mode
        self._socket = connection
        self._process = process
        self._errors = errors
        self._lines = Lines()
        self._pending: list[bytes] = []
        self._sending = threading.Lock()

    def send(self, request: Request) -> None:
        try:
            with self._sending:
                self._socket.sendall(pack(request))
        except OSError:
            raise self._lost() from None

    def receive(self) -> Done:
        while True:
            reply = self.receive_any()
            if isinstance(reply, Done):
                return reply

    @property
    def closed(self) -> bool:
        """Whether the server has closed the connection."""
        try:
            return self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def receive_any(self) -> Reply:
        while not self._pending:
            try:
                data = self._socket.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                raise self._lost()
            self._pending += self._lines.feed(data)
        return _reply.decode(self._pending.pop(0))

    def _lost(self) -> KoansError:
        """The error to raise when the connection is lost. It quotes the last line that the server wrote."""
        reason = ""
        with contextlib.suppress(OSError):
            text = self._errors.read_text(errors="replace").strip() if self._errors else ""
            reason = text.splitlines()[-1] if text else ""
        if trouble := pytorch.explain(reason):
            return KoansError(trouble)
        return KoansError(f"the runner stopped: {reason or 'it gave no reason'}; `koans doctor` checks what it needs")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
            self._process.kill()
            self._process.wait()
            if self._errors is not None:
                self._errors.unlink(missing_ok=True)

    def leave_running(self) -> None:
        """Do not end the server when this connection closes."""
        if self._process is not None:
            self._process.returncode = 0  # without it Python warns that a process is still running
        self._process = None


def _attach(path: Path, now: str) -> Warm | None:
    """Connect to the shared server at this address, if it imported what is on disk now."""
    answer = shared_server.hello(path)
    if answer is None:
        return None
    connection, ready = answer
    if ready.fingerprint != now:
        connection.close()
        return None
    return Warm(connection, "warm, shared", None, shared_server.log_of(path))


def _start(root: Path, sharing: list[str], log: Path | None, abandoned: threading.Event) -> Warm:
    """Start a server. The arguments `sharing` let others use it; then it has a session of its own and may stay."""
    try:
        output, output_name = _open_log(log)
    except OSError as error:
        raise KoansError(f"the runner cannot start: {error.filename}: {error.strerror}") from None
    client_end, server_end = socket.socketpair()
    # The server imports the workbook's own copy of `grader`, even if the command was started from another one.
    try:
        process = subprocess.Popen(
            [sys.executable, *module(__package__, "server"), str(server_end.fileno()), str(root), *sharing],
            pass_fds=[server_end.fileno()],
            env=environment(root),
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=bool(sharing),
            process_group=None if sharing else 0,
        )
    except BaseException as error:  # Ctrl-C too
        client_end.close()
        if log is None:
            os.unlink(output_name)
        if isinstance(error, OSError):
            raise KoansError(f"the runner cannot start: {error.strerror}") from None
        raise
    finally:
        os.close(output)
        server_end.close()
    link = Warm(client_end, "warm", process, Path(output_name))
    try:
        _wait_until_ready(link, client_end, abandoned)
    except BaseException:
        process.kill()
        link.close()
        raise
    if sharing:
        link.leave_running()
    return link


def _wait_until_ready(link: Warm, connection: socket.socket, abandoned: threading.Event) -> None:
    deadline = time.monotonic() + STARTING
    while not select.select([connection], [], [], 0.1)[0]:
        if abandoned.is_set() or time.monotonic() > deadline:
            raise KoansError("the runner did not start in time; `koans doctor` checks what it needs")
    if not isinstance(link.receive_any(), ServerReady):
        raise KoansError("the runner sent an unexpected answer; run `koans doctor`")


def _open_log(log: Path | None) -> tuple[int, str]:
    """Open the file for a server's output, a temporary one without `log`. Returns its descriptor and name."""
    if log is None:
        return tempfile.mkstemp(prefix="koans-server-")
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600), str(log)


class Cold:
    """A new process for every job. Each takes some seconds to import everything, but it needs no fork."""

    mode = "cold: every run imports torch again, because this platform cannot fork"
    closed = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ended: queue.Queue[Done] = queue.Queue()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._cancelled: set[int] = set()
        self._closed = False
        self._changing = threading.Lock()  # held while a process starts, so that a cancel does not miss it

    def send(self, request: Request) -> None:
        if isinstance(request, Job):
            threading.Thread(target=self._run, args=(request,), daemon=True).start()
            return
        with self._changing:
            self._cancelled.add(request.id)
            if request.id in self._processes:
                _kill(self._processes[request.id])

    def _run(self, job: Job) -> None:
        try:
            done = self._outcome(job)
        except OSError as error:
            done = Done(job.id, 0, False, False, f"its process cannot be started ({error.strerror})")
        except Exception as error:  # the thread that waits for this job must always get its end
            done = Done(job.id, 0, False, False, f"{type(error).__name__}: {error}")
        self._ended.put(done)

    def _outcome(self, job: Job) -> Done:
        process = self._process(job)
        if process is None:
            return Done(job.id, 0, False, True)
        timed_out = False
        try:
            process.wait(job.timeout + 30)  # the child starts its own clock once everything is imported
        except subprocess.TimeoutExpired:
            timed_out = True
            _kill(process)
            process.wait()
        with self._changing:
            del self._processes[job.id]
            cancelled = job.id in self._cancelled
        code = process.returncode
        status = code << 8 if code >= 0 else -code  # as a wait status
        timed_out = timed_out or (Path(job.folder) / "timed-out").exists()
        return Done(job.id, status, timed_out, cancelled)

    def _process(self, job: Job) -> subprocess.Popen[bytes] | None:
        """Start the process of this job. Returns None if the job was cancelled before."""
        file = Path(job.folder) / "job"
        with self._changing:
            if self._closed or job.id in self._cancelled:
                return None
            file.write_bytes(msgspec.json.encode(job))
            process = subprocess.Popen(
                [sys.executable, *module(__package__, "child"), str(file)],
                env=environment(self.root),
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self._processes[job.id] = process
        return process

    def receive(self) -> Done:
        return self._ended.get()

    def close(self) -> None:
        with self._changing:
            self._closed = True
            for process in self._processes.values():
                _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a cold run and the processes in its session."""
    if process.poll() is None and hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
