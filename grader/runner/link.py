"""How the client reaches what runs its jobs: a warm server, its own or shared, or without fork cold processes."""

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
from typing import Protocol

import msgspec

from grader.errors import KoansError
from grader.runner.address import fingerprint, socket_path
from grader.runner.protocol import Cancel, Done, Job, Lines, Ready, Reply, Request, pack

STARTING = 120.0  # seconds the server may take to import everything, on a slow disk
_reply: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


class Link(Protocol):
    """Takes jobs, gives back their ends."""

    mode: str

    def send(self, request: Request) -> None: ...
    def receive(self) -> Done: ...
    def close(self) -> None: ...


def connect(root: Path, *, share: bool, abandoned: threading.Event) -> Link:
    """A shared server if one runs what is on disk, else a warm server of one's own, else cold processes.

    Raises KoansError if the server does not start, or `abandoned` is set while it does.
    """
    if not hasattr(os, "fork") or os.environ.get("KOANS_COLD"):
        return Cold(root)
    if not share:
        found = _attach(root)
        if found is not None:
            return found
    return _start(root, share=share, abandoned=abandoned)


class Warm:
    """A connection to a server. `process` is the server if it is ours to end."""

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


def _attach(root: Path) -> Warm | None:
    """A running shared server of the same user that imported what is on disk now."""
    path = socket_path(root)
    try:
        if path.stat().st_uid != os.getuid():
            return None
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(1.0)
        connection.connect(str(path))
    except OSError:
        return None
    link = Warm(connection, "warm, shared", None, None)
    try:
        ready = link.receive_any()
    except (KoansError, msgspec.MsgspecError):
        ready = None
    if not isinstance(ready, Ready) or ready.fingerprint != fingerprint(root):
        link.close()
        return None
    connection.settimeout(None)
    return link


def _start(root: Path, *, share: bool, abandoned: threading.Event) -> Warm:
    ours, theirs = socket.socketpair()
    handle, name = tempfile.mkstemp(prefix="koans-server-")
    # The workbook's own copy of the machine comes first, whichever one the command was started from.
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "grader.runner.server",
            str(theirs.fileno()),
            str(root),
            *(["--share"] if share else []),
        ],
        pass_fds=[theirs.fileno()],
        env={**os.environ, "PYTHONPATH": path},
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=handle,
        stderr=handle,
    )
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
        link.close()
        raise
    return link


class Cold:
    """A new process for every job, importing everything anew: some seconds each, but it needs no fork."""

    mode = "cold: every run imports torch anew, because this platform cannot fork"

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ended: queue.Queue[Done] = queue.Queue()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def send(self, request: Request) -> None:
        if isinstance(request, Cancel):
            process = self._processes.get(request.id)
            if process is not None:
                process.kill()
            return
        threading.Thread(target=self._run, args=(request,), daemon=True).start()

    def _run(self, job: Job) -> None:
        file = Path(job.folder) / "job"
        file.write_bytes(msgspec.json.encode(job))
        path = os.pathsep.join([str(self.root), *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.Popen(
            [sys.executable, "-m", "grader.runner.child", str(file)],
            env={**os.environ, "PYTHONPATH": path},
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._processes[job.id] = process
        timed_out = False
        try:
            process.wait(job.timeout + 30)  # the child starts its own clock once everything is imported
        except subprocess.TimeoutExpired:
            timed_out = True
            process.kill()
            process.wait()
        del self._processes[job.id]
        code = process.returncode
        status = code << 8 if code >= 0 else -code  # as wait() would say it
        timed_out = timed_out or (Path(job.folder) / "timed-out").exists()
        self._ended.put(Done(job.id, status, timed_out, False))

    def receive(self) -> Done:
        return self._ended.get()

    def close(self) -> None:
        for process in list(self._processes.values()):
            process.kill()
