"""The warm process that commands, the app and notebooks share, and that stays for a while when they have ended."""

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
from grader.judge.runner.address import fingerprint, folder
from grader.judge.runner.protocol import Lines, Ready

SECONDS = 600.0  # a shared server stays so long after its last run
VARIABLE = "KOANS_WARM_SECONDS"
ANSWERING = 2.0  # seconds a server may take to answer
OLD = 3600.0  # seconds after which the log of a server that crashed is removed


def seconds() -> float:
    """How long a shared server stays after its last run when nobody is connected. Raises KoansError."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return 0.0 if os.environ.get("CI", "").lower() not in ("", "0", "false") else SECONDS
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < float("inf"):
            return float(text)
    raise KoansError(f"{VARIABLE}={text}: give seconds from 0 on; with 0 no warm process is left behind")


def log_of(path: Path) -> Path:
    """Where the server at this address writes what goes wrong."""
    return path.with_suffix(".log")


def of_this_user(connection: socket.socket) -> bool:
    """The other end belongs to this user, where the system tells; elsewhere the rights of the folder must do."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", found)[1] == os.getuid())


def hello(path: Path) -> tuple[socket.socket, Ready] | None:
    """A connection to the server at this address, and what it says first; None if there is none that can be used."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(ANSWERING)
        connection.connect(str(path))
        if of_this_user(connection):
            lines, found = Lines(), list[bytes]()
            while not found and (data := connection.recv(1 << 16)):
                found = lines.feed(data)
            if found:
                ready = msgspec.json.decode(found[0], type=Ready)
                connection.settimeout(None)
                return connection, ready
    except (OSError, msgspec.MsgspecError):
        pass
    connection.close()
    return None


class Left(msgspec.Struct, frozen=True):
    """A shared server that runs: its process, the workbook, its age and how long it stays after its last run."""

    pid: int
    root: str
    age: float
    seconds: float
    current: bool


def left(root: Path) -> list[Left]:
    """The shared servers of this user and this workbook. Raises KoansError if they can have no safe place."""
    found = []
    for path in sorted(folder().glob("*.sock")):
        answer = hello(path)
        if answer is not None:
            answer[0].close()
            ready = answer[1]
            if ready.root == str(root.resolve()):
                current = ready.fingerprint == fingerprint(root)
                found.append(Left(ready.pid, ready.root, time.time() - ready.since, ready.seconds, current))
    return found


class Listener:
    """The socket at an address. Raises OSError if another server has it, or it cannot be made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for other in _dead(path.parent):
            other.unlink(missing_ok=True)
        if path.exists():
            raise FileExistsError(str(path))
        self.socket = socket.socket(socket.AF_UNIX)
        # It gets its name when it listens: until then nobody could tell it from one whose server was killed.
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
        """The next client, if it is this user's."""
        try:
            connection = self.socket.accept()[0]
        except OSError:
            return None
        if of_this_user(connection):
            return connection
        connection.close()
        return None

    def there(self) -> bool:
        """Clients find this one at the address."""
        try:
            return self.path.lstat().st_ino == self.inode
        except OSError:
            return False

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if self.there():
                self.path.unlink()
                log_of(self.path).unlink(missing_ok=True)
        self.socket.close()


def _dead(place: Path) -> Iterator[Path]:
    """What servers left that were killed."""
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
