"""The shared server where processes are spawned: it keeps a spare process, and gives jobs of its clients to such ones.

The client starts it as `python -m grader.judge.runner.spawn_server ROOT SOCKET FINGERPRINT SECONDS`. It imports little
itself. It writes a line when it listens. It ends SECONDS after its last run, when it has no client. Until its stdin is
closed it waits for the client that started it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from grader.judge.runner.protocol import Done, Lines, Request, ServerReady, pack
from grader.judge.runner.server_address import fingerprint
from grader.judge.runner.shared_server import SharedListener
from grader.judge.runner.spawner import Requests, Spawner

CHECK_EVERY = 5.0  # seconds between checks whether the server still runs what is on disk
SENDING = 5.0  # seconds a client may leave a reply unread before it counts as gone
PAUSE = 0.02  # seconds after nobody could be accepted
WAKE = 0.5  # seconds between looks whether anybody still needs the server


class Client:
    """One connection. `used` is called with each request and each reply."""

    def __init__(self, connection: socket.socket, spawner: Spawner, used: Callable[[], None]) -> None:
        self._connection, self._used = connection, used
        self._requests = Requests(spawner, self._reply)
        self._sending = threading.Lock()

    def serve(self, ready: ServerReady) -> None:
        """Say who we are, and handle requests until the client goes away."""
        self._connection.settimeout(SENDING)
        lines = Lines()
        try:
            self._send(pack(ready))
            while data := self._receive():
                for line in lines.feed(data):
                    with contextlib.suppress(msgspec.MsgspecError):  # the client has another version
                        request = msgspec.json.decode(line, type=Request)
                        self._used()
                        self._requests.handle(request)
        finally:
            self._requests.drop()
            self._connection.close()

    def _receive(self) -> bytes:
        while True:
            try:
                return self._connection.recv(1 << 16)
            except TimeoutError:
                continue  # the timeout is for sending
            except OSError:
                return b""

    def _reply(self, done: Done) -> None:
        self._used()
        self._send(pack(done))

    def _send(self, data: bytes) -> None:
        try:
            with self._sending:
                self._connection.sendall(data)
        except OSError:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)  # the next read then finds that the client has gone


class Server:
    """Accepts clients in one thread and serves each in its own. `serve` returns when nobody needs the server."""

    def __init__(self, spawner: Spawner, listener: SharedListener, ready: ServerReady) -> None:
        self.spawner, self.listener, self.ready = spawner, listener, ready
        self._listening = True
        self._clients = 1  # the one that starts the server
        self._lock = threading.Lock()
        self._last_used = self._last_check = time.monotonic()

    def serve(self) -> None:
        threading.Thread(target=self._wait_for_starter, daemon=True).start()
        threading.Thread(target=self._accept, daemon=True).start()
        try:
            while self._needed():
                time.sleep(WAKE)
                self._check_disk()
        finally:
            self._stop_listening()
            self.spawner.close()

    def _needed(self) -> bool:
        with self._lock:
            if self._clients:
                return True
            return self._listening and time.monotonic() < self._last_used + self.ready.seconds

    def _use(self) -> None:
        self._last_used = time.monotonic()

    def _wait_for_starter(self) -> None:
        while os.read(0, 4096):
            pass
        self._left()

    def _accept(self) -> None:
        self.listener.socket.settimeout(WAKE)  # closing a socket ends no wait for it on every system
        while self._listening:
            connection = self.listener.accept()
            if connection is None:
                time.sleep(PAUSE)
                continue
            with self._lock:
                self._clients += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            Client(connection, self.spawner, self._use).serve(self.ready)
        finally:
            self._left()

    def _left(self) -> None:
        with self._lock:
            self._clients -= 1
            last = not self._clients
        if last:
            self.spawner.end_groups()

    def _check_disk(self) -> None:
        """Stop listening if the address was removed or the files on disk have changed."""
        now = time.monotonic()
        if not self._listening or now < self._last_check + CHECK_EVERY:
            return
        self._last_check = now
        if not self.listener.reachable() or fingerprint(Path(self.ready.root)) != self.ready.fingerprint:
            self._stop_listening()

    def _stop_listening(self) -> None:
        """Accept no more clients. Those that are connected may stay as long as they like."""
        if self._listening:
            self._listening = False
            self.listener.close()


def main() -> None:
    root, address, expected, seconds = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ready = ServerReady(fingerprint(root), os.getpid(), str(root), time.time(), seconds)
    if ready.fingerprint == expected:
        with contextlib.suppress(OSError):  # another server was first
            listener = SharedListener(address)
            spawner = Spawner(root, keeps_spare=True)
            spawner.advance()
            os.write(1, b"listening\n")
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.close(null)
            Server(spawner, listener, ready).serve()
    os._exit(0)


if __name__ == "__main__":
    main()
