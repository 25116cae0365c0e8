"""The shared server: commands, the app and notebooks use it together, and it stays for some time after them."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.judge.runner.local_socket import Listener, dial
from grader.judge.runner.protocol import Lines, ServerReady
from grader.judge.runner.server_address import fingerprint, folder

SECONDS = 600.0  # how long a shared server stays after its last run
VARIABLE = "KOANS_WARM_SECONDS"
OLD = 3600.0  # seconds after which the log of a crashed server is removed


def seconds() -> float:
    """How long a shared server stays after its last run when no client is connected. Raises KoansError."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
        return 0.0 if in_ci else SECONDS
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < float("inf"):
            return float(text)
    raise KoansError(f"{VARIABLE}={text}: give a number of seconds, 0 or more; 0 leaves no warm process behind")


def log_of(path: Path) -> Path:
    """The file to which the server at this address writes its errors."""
    return path.with_suffix(".log")


def hello(path: Path) -> tuple[socket.socket, ServerReady] | None:
    """A connection to the server at this address, and its first message. None if no server answers there."""
    try:
        connection = dial(path)
    except OSError:
        return None
    try:
        ready = _first_message(connection)
        if ready is not None:
            connection.settimeout(None)
            return connection, ready
    except (OSError, msgspec.MsgspecError):
        pass
    connection.close()
    return None


def _first_message(connection: socket.socket) -> ServerReady | None:
    lines = Lines()
    while data := connection.recv(1 << 16):
        if complete := lines.feed(data):
            return msgspec.json.decode(complete[0], type=ServerReady)
    return None


class WarmProcess(msgspec.Struct, frozen=True):
    """A shared server that is running: its process, its workbook, its age, and how long it stays after its last run.

    `current` tells whether it imported what is on disk now.
    """

    pid: int
    root: str
    age: float
    seconds: float
    current: bool


def find_warm(root: Path) -> list[WarmProcess]:
    """The shared servers of this user and this workbook. Raises KoansError if there is no safe place for a socket."""
    servers = []
    for path in sorted(folder().glob("*.sock")):
        answer = hello(path)
        if answer is None:
            continue
        connection, ready = answer
        connection.close()
        if ready.root == str(root.resolve()):
            current = ready.fingerprint == fingerprint(root)
            servers.append(WarmProcess(ready.pid, ready.root, time.time() - ready.since, ready.seconds, current))
    return servers


class SharedListener(Listener):
    """A listener at the address of a shared server. It also removes what servers that were killed have left."""

    def __init__(self, path: Path) -> None:
        for other in _dead(path.parent):
            other.unlink(missing_ok=True)
        super().__init__(path)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if self.reachable():
                log_of(self.path).unlink(missing_ok=True)
        super().close()


def _dead(place: Path) -> Iterator[Path]:
    """The sockets and old logs of servers that were killed."""
    for path in place.glob("*.sock"):
        try:
            dial(path).close()
        except ConnectionRefusedError:
            yield path
        except OSError:
            continue
    for log in place.glob("*.log"):
        with contextlib.suppress(OSError):
            if not log.with_suffix(".sock").exists() and time.time() - log.stat().st_mtime > OLD:
                yield log
