"""A socket that only processes of this user can use, at an address that is a path in a folder that is theirs alone.

Where the system has Unix sockets, the path is one. Elsewhere (Windows) it is a file with a port of this machine and two
secrets: a client shows that it could read the file, and so does the server.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import socket
import struct
import sys
from pathlib import Path

ANSWERING = 2.0  # seconds that the other end may take to answer
CONNECTING = 5.0  # seconds to reach a port: Windows takes two to say that nobody listens there
LOCAL = "127.0.0.1"
SECRET = 32  # bytes of a secret


def has_unix_sockets() -> bool:
    return hasattr(socket, "AF_UNIX")


def of_this_user(connection: socket.socket) -> bool:
    """Whether the process at the other end of a Unix socket belongs to this user.

    Some systems cannot tell. There the permissions of the socket's folder are the only protection.
    """
    if sys.platform != "linux":
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return bool(uid == os.getuid())


def dial(path: Path) -> socket.socket:
    """A connection to the server at this address, with ANSWERING seconds for an answer. Raises OSError.

    ConnectionRefusedError means that no server is there any more.
    """
    if has_unix_sockets():
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(ANSWERING)
            connection.connect(str(path))
            if not of_this_user(connection):
                raise PermissionError(f"{path}: another user's process listens there")
        except BaseException:
            connection.close()
            raise
        return connection
    port, ours, theirs = _read(path)
    connection = socket.create_connection((LOCAL, port), CONNECTING)
    try:
        connection.settimeout(ANSWERING)
        connection.sendall(ours)
        if not hmac.compare_digest(_exactly(connection, SECRET), theirs):
            raise ConnectionRefusedError(f"{path}: another program has the port now")
    except BaseException:
        connection.close()
        raise
    return connection


def _read(path: Path) -> tuple[int, bytes, bytes]:
    """The port, what a client sends, and what the server answers. Raises OSError."""
    data = path.read_bytes()
    if len(data) != 2 + 2 * SECRET:
        raise ConnectionRefusedError(f"{path}: no address")
    return int.from_bytes(data[:2], "big"), data[2 : 2 + SECRET], data[2 + SECRET :]


def _exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes of a connection. Fewer if the other end closes it, or takes too long. Raises OSError."""
    data = b""
    while len(data) < size and (part := connection.recv(size - len(data))):
        data += part
    return data


class Listener:
    """A socket that listens at an address. Raises OSError if another server has the address, or it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists():
            raise FileExistsError(str(path))
        # It gets its final name when it listens. Until then a client would take it for the socket of a killed server.
        unnamed = path.with_suffix(f".{os.getpid()}")
        self._expected, self._answer = secrets.token_bytes(SECRET), secrets.token_bytes(SECRET)
        self.socket = socket.socket(socket.AF_UNIX if has_unix_sockets() else socket.AF_INET)
        try:
            if has_unix_sockets():
                self._bind(unnamed)
            else:
                self._publish(unnamed)
            self.inode = unnamed.stat().st_ino
            unnamed.rename(path)
        except OSError:
            self.socket.close()
            unnamed.unlink(missing_ok=True)
            raise

    def _bind(self, path: Path) -> None:
        mask = os.umask(0o177)
        try:
            self.socket.bind(str(path))
            self.socket.listen(64)
        finally:
            os.umask(mask)

    def _publish(self, path: Path) -> None:
        self.socket.bind((LOCAL, 0))
        self.socket.listen(64)
        port = self.socket.getsockname()[1]
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(port.to_bytes(2, "big") + self._expected + self._answer)

    def accept(self) -> socket.socket | None:
        """Connect the next client. Returns None if it belongs to another user, or if none came within the timeout."""
        try:
            connection = self.socket.accept()[0]
        except OSError:
            return None
        if self._trusts(connection):
            return connection
        connection.close()
        return None

    def _trusts(self, connection: socket.socket) -> bool:
        if has_unix_sockets():
            return of_this_user(connection)
        try:
            connection.settimeout(ANSWERING)
            if not hmac.compare_digest(_exactly(connection, SECRET), self._expected):
                return False
            connection.sendall(self._answer)
        except OSError:
            return False
        return True

    def reachable(self) -> bool:
        """Whether clients that connect to the address find this socket."""
        try:
            return self.path.lstat().st_ino == self.inode
        except OSError:
            return False

    def close(self) -> None:
        """Accept no more clients, and remove the address."""
        with contextlib.suppress(OSError):
            if self.reachable():
                self.path.unlink()
        self.socket.close()
