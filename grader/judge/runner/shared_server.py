"""The shared server: commands, the app and notebooks use it together, and it stays for some time after them."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.judge.runner.protocol import Lines, ServerReady
from grader.judge.runner.server_address import fingerprint, folder

SECONDS = 600.0  # how long a shared server stays after its last run
VARIABLE = "KOANS_WARM_SECONDS"
ANSWERING = 2.0  # seconds a server may take to answer
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


def of_this_user(connection: socket.socket) -> bool:
    """Whether the process at the other end belongs to this user.

    Some systems cannot tell. There the permissions of the socket's folder are the only protection.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return bool(uid == os.getuid())


def hello(path: Path) -> tuple[socket.socket, ServerReady] | None:
    """A connection to the server at this address, and its first message. None if no server answers there."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(ANSWERING)
        connection.connect(str(path))
        ready = _first_message(connection) if of_this_user(connection) else None
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


class Listener:
    """A socket that listens at an address. Raises OSError if another server has the address, or it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for other in _dead(path.parent):
            other.unlink(missing_ok=True)
        if path.exists():
            raise FileExistsError(str(path))
        self.socket = socket.socket(socket.AF_UNIX)
        # It gets its final name when it listens. Until then a client would take it for the socket of a killed server.
        unnamed = path.with_suffix(f".{os.getpid()}")
        mask = os.umask(0o177)
        try:
            self.socket.bind(str(unnamed))
            self.socket.listen(64)
            self.inode = unnamed.stat().st_ino
            unnamed.rename(path)
        except OSError:
            self.socket.close()
            unnamed.unlink(missing_ok=True)
            raise
        finally:
            os.umask(mask)

    def accept(self) -> socket.socket | None:
        """Connect the next client. Returns None if it belongs to another user."""
        try:
            connection = self.socket.accept()[0]
        except OSError:
            return None
        if of_this_user(connection):
            return connection
        connection.close()
        return None

    def reachable(self) -> bool:
        """Whether clients that connect to the address find this socket."""
        try:
            return self.path.lstat().st_ino == self.inode
        except OSError:
            return False

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if self.reachable():
                self.path.unlink()
                log_of(self.path).unlink(missing_ok=True)
        self.socket.close()


def _dead(place: Path) -> Iterator[Path]:
    """The sockets and old logs of servers that were killed."""
    for path in place.glob("*.sock"):
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
            probe.settimeout(ANSWERING)
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                yield path
            except OSError:
                continue
    for log in place.glob("*.log"):
        with contextlib.suppress(OSError):
            if not log.with_suffix(".sock").exists() and time.time() - log.stat().st_mtime > OLD:
                yield log
