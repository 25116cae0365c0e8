"""Connects the client to what runs its jobs: a warm server, its own or shared, or processes that it starts itself."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Protocol

import msgspec

from grader.book import processes, pytorch
from grader.book.errors import KoansError
from grader.book.places import code
from grader.book.processes import WAKE, PipeReader, environment, module
from grader.judge.runner import shared_server, start
from grader.judge.runner.protocol import Done, Lines, Reply, Request, ServerReady, pack
from grader.judge.runner.server_address import fingerprint, socket_path
from grader.judge.runner.spawner import Requests, Spawner

STARTING = 120.0  # seconds the server may take to import everything, on a slow disk
TOO_LATE = "the runner did not start in time; `koans doctor` checks what it needs"
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

    Where processes are spawned, a server of our own is this process. Raises KoansError if the server does not start, or
    if `abandoned` is set while it starts.
    """
    way = start.how()
    if way == "cold":
        return Spawning(root, f"cold: every run imports torch again, because of {start.VARIABLE}", keeps_spare=False)
    path = None
    if share:
        seconds, now = shared_server.seconds(), fingerprint(root)
        with contextlib.suppress(KoansError):  # there is no safe place for a shared server; `koans doctor` says why
            path = socket_path(root, now)
    if path is None:
        return _start(root, [], None, abandoned) if way == "fork" else Spawning(root, "warm", keeps_spare=share)
    sharing = [str(path), now, str(seconds)]
    attached = _attach(path, now, "warm, shared")
    if attached is not None:
        return attached
    if way == "fork":
        return _start(root, sharing, shared_server.log_of(path), abandoned)
    with _start_spawning(root, sharing, shared_server.log_of(path), abandoned):
        return _attach(path, now, "warm") or Spawning(root, "warm", keeps_spare=True)


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
            if not select.select([self._socket], [], [], 0)[0]:
                return False
            return self._socket.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):
            return True

    def receive_any(self) -> Reply:
        while not self._pending:
            try:
                while not select.select([self._socket], [], [], WAKE)[0]:
                    pass
                data = self._socket.recv(1 << 16)
            except (OSError, ValueError):  # another thread has closed it
                data = b""
            if not data:
                raise self._lost()
            self._pending += self._lines.feed(data)
        return _reply.decode(self._pending.pop(0))

    def _lost(self) -> KoansError:
        """The error to raise when the connection is lost. It quotes the last line that the server wrote."""
        reason = ""
        with contextlib.suppress(OSError):
            text = self._errors.read_text(encoding="utf-8", errors="replace").strip() if self._errors else ""
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


def _attach(path: Path, now: str, mode: str) -> Warm | None:
    """Connect to the shared server at this address, if it imported what is on disk now."""
    answer = shared_server.hello(path)
    if answer is None:
        return None
    connection, ready = answer
    if ready.fingerprint != now:
        connection.close()
        return None
    return Warm(connection, mode, None, shared_server.log_of(path))


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
            env=environment(code(root)),
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


def _start_spawning(root: Path, sharing: list[str], log: Path, abandoned: threading.Event) -> IO[bytes]:
    """Start a shared server that spawns, and wait until it listens. It may end instead, if another one was first.

    It waits for a first client until the pipe that is returned is closed.
    """
    try:
        output = _open_log(log)[0]
        try:
            process = processes.start(
                [*module(__package__, "spawn_server"), str(root), *sharing],
                env=environment(code(root)),
                cwd=root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                lasting=True,
            )
        finally:
            os.close(output)
    except OSError as error:
        raise KoansError(f"the runner cannot start: {error.strerror}") from None
    assert process.stdin is not None and process.stdout is not None
    reader, deadline = PipeReader(process.stdout), time.monotonic() + STARTING
    while True:
        try:
            reader.read(0.1)
            break
        except TimeoutError:
            if abandoned.is_set() or time.monotonic() > deadline:
                processes.end(process)
                raise KoansError(TOO_LATE) from None
    process.returncode = 0  # without it Python warns that a process is still running
    return process.stdin


def _wait_until_ready(link: Warm, connection: socket.socket, abandoned: threading.Event) -> None:
    deadline = time.monotonic() + STARTING
    while not select.select([connection], [], [], 0.1)[0]:
        if abandoned.is_set() or time.monotonic() > deadline:
            raise KoansError(TOO_LATE)
    if not isinstance(link.receive_any(), ServerReady):
        raise KoansError("the runner sent an unexpected answer; run `koans doctor`")


def _open_log(log: Path | None) -> tuple[int, str]:
    """Open the file for a server's output, a temporary one without `log`. Returns its descriptor and name."""
    if log is None:
        return tempfile.mkstemp(prefix="koans-server-")
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600), str(log)


class Spawning:
    """Starts the processes of runs from this one: with `keeps_spare` one is started before its job."""

    closed = False

    def __init__(self, root: Path, mode: str, *, keeps_spare: bool) -> None:
        self.mode = mode
        self._ended: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._spawner = Spawner(root, keeps_spare=keeps_spare)
        self._requests = Requests(self._spawner, self._ended.put)
        self._spawner.advance()

    def send(self, request: Request) -> None:
        self._requests.handle(request)

    def receive(self) -> Done:
        while True:
            with contextlib.suppress(queue.Empty):
                return self._ended.get(timeout=WAKE)

    def close(self) -> None:
        self._requests.drop()
        self._spawner.close()
