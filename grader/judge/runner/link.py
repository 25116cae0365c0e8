"""How the client reaches what runs its jobs: a warm server, its own or shared, or without fork cold processes."""

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

from grader.book.errors import KoansError
from grader.book.processes import environment, module
from grader.judge.runner import shared
from grader.judge.runner.address import fingerprint, socket_path
from grader.judge.runner.protocol import Done, Job, Lines, Ready, Reply, Request, pack

STARTING = 120.0  # seconds the server may take to import everything, on a slow disk
_reply: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


class Link(Protocol):
    """Takes jobs, gives back their ends. `receive` raises KoansError if a job could not be started."""

    mode: str

    @property
    def gone(self) -> bool:
        """Nothing can be sent any more."""

    def send(self, request: Request) -> None: ...
    def receive(self) -> Done: ...
    def close(self) -> None: ...


def connect(root: Path, *, share: bool, abandoned: threading.Event) -> Link:
    """With `share` the shared server, started if there is none; without, one of our own; without fork, cold processes.

    Raises KoansError if the server does not start, or `abandoned` is set while it does.
    """
    if not hasattr(os, "fork") or os.environ.get("KOANS_COLD"):
        return Cold(root)
    if share:
        stays, now = shared.seconds(), fingerprint(root)
        try:
            path = socket_path(root, now)
        except KoansError:  # no safe place for a shared one: `koans doctor` says why
            return _start(root, [], None, abandoned)
        return _attach(path, now) or _start(root, [str(path), now, str(stays)], shared.log_of(path), abandoned)
    return _start(root, [], None, abandoned)


def _started(done: Done) -> Done:
    if done.trouble:
        raise KoansError(f"the koan was not run: {done.trouble}")
    return done


class Warm:
    """A connection to a server, which writes its errors to a file. `process` is the server if it is ours to end."""

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
                return _started(reply)

    @property
    def gone(self) -> bool:
        """The server has ended since it was last heard of."""
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
        words = ""
        with contextlib.suppress(OSError):
            text = self._errors.read_text(errors="replace").strip() if self._errors else ""
            words = text.splitlines()[-1] if text else ""
        return KoansError(f"the runner stopped: {words or 'it gave no reason'}; `koans doctor` checks what it needs")

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

    def leave(self) -> None:
        """The server is not ours to end any more."""
        self._process = None


def _attach(path: Path, now: str) -> Warm | None:
    """The shared server at this address, if it imported what is on disk now."""
    found = shared.hello(path)
    if found is None:
        return None
    connection, ready = found
    if ready.fingerprint != now:
        connection.close()
        return None
    return Warm(connection, "warm, shared", None, shared.log_of(path))


def _start(root: Path, sharing: list[str], log: Path | None, abandoned: threading.Event) -> Warm:
    """Start a server. With `sharing` others may use it, and it has a session of its own, in which it may stay."""
    try:
        handle, name = _log(log)
    except OSError as error:
        raise KoansError(f"the runner cannot start: {error.filename}: {error.strerror}") from None
    ours, theirs = socket.socketpair()
    # The workbook's own copy of the machine comes first, whichever one the command was started from.
    try:
        process = subprocess.Popen(
            [sys.executable, *module(__package__, "server"), str(theirs.fileno()), str(root), *sharing],
            pass_fds=[theirs.fileno()],
            env=environment(root),
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=bool(sharing),
        )
    except OSError as error:
        ours.close()
        raise KoansError(f"the runner cannot start: {error.strerror}") from None
    finally:
        os.close(handle)
        theirs.close()
    link = Warm(ours, "warm", process, Path(name))
    deadline = time.monotonic() + STARTING
    try:
        while not select.select([ours], [], [], 0.1)[0]:
            if abandoned.is_set() or time.monotonic() > deadline:
                raise KoansError("the runner did not start in time; `koans doctor` checks what it needs")
        if not isinstance(link.receive_any(), Ready):
            raise KoansError("the runner answered out of turn; run `koans doctor`")
    except BaseException:
        process.kill()
        link.close()
        raise
    if sharing:
        link.leave()
    return link


def _log(log: Path | None) -> tuple[int, str]:
    if log is None:
        return tempfile.mkstemp(prefix="koans-server-")
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600), str(log)


class Cold:
    """A new process for every job, importing everything anew: some seconds each, but it needs no fork."""

    mode = "cold: every run imports torch anew, because this platform cannot fork"
    gone = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ended: queue.Queue[Done] = queue.Queue()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._cancelled: set[int] = set()
        self._closed = False
        self._changing = threading.Lock()  # held where a process starts, so that none escapes a cancel

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
            done = Done(job.id, 0, False, False, f"no process for it can be started ({error.strerror})")
        except Exception as error:  # whoever waits for the end of this job must be told
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
        status = code << 8 if code >= 0 else -code  # as wait() would say it
        timed_out = timed_out or (Path(job.folder) / "timed-out").exists()
        return Done(job.id, status, timed_out, cancelled)

    def _process(self, job: Job) -> subprocess.Popen[bytes] | None:
        """The process of this job, unless it was cancelled before there was one."""
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
        return _started(self._ended.get())

    def close(self) -> None:
        with self._changing:
            self._closed = True
            for process in self._processes.values():
                _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a cold run, with what it started once it had a session of its own."""
    if process.poll() is None and hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
