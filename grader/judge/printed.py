"""What the code under test prints: the streams that take the place of stdout and stderr while it runs.

A run at home and a worker have the same streams, so a file that reconfigures, flushes or closes one does so in both.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator

KEPT = 4000  # characters: the end of what was printed since it was last taken


class Printed:
    """Both streams, which share what they keep, so that it stays in order."""

    def __init__(self) -> None:
        self._tail = _Tail()
        self.stdout, self.stderr = _Stream(self._tail, 1), _Stream(self._tail, 2)

    def take(self) -> str:
        """The end of what was printed since the last call."""
        data = bytes(self._tail.data)
        self._tail.data.clear()
        return data.decode("utf-8", "replace").replace("\r\n", "\n")[-KEPT:]

    def install(self) -> None:
        """Let Python print to these streams."""
        sys.stdout, sys.stderr = self.stdout, self.stderr

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Within the block, let Python print to these streams."""
        before = sys.stdout, sys.stderr
        self.install()
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before


class _Tail:
    """The last bytes that were written."""

    def __init__(self) -> None:
        self.data = bytearray()

    def add(self, data: bytes) -> None:
        most = 4 * KEPT  # a character has at most four bytes
        self.data += data[-most:]
        if len(self.data) > 2 * most:
            del self.data[:-most]


class _Bytes(io.RawIOBase):
    """The stream of bytes below a text stream, with the descriptor that it stands for."""

    def __init__(self, tail: _Tail, descriptor: int) -> None:
        self._tail, self._descriptor = tail, descriptor

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:  # type: ignore[no-untyped-def] # any object with the buffer protocol
        written = bytes(data)
        self._tail.add(written)
        return len(written)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """Stay open: the streams outlive the code that closes them."""


class _Stream(io.TextIOWrapper):
    """A text stream that can be used as Python's own stdout can, and that stays open."""

    def __init__(self, tail: _Tail, descriptor: int) -> None:
        super().__init__(
            _Bytes(tail, descriptor),  # type: ignore[arg-type] # it needs no buffer
            encoding="utf-8",
            errors="backslashreplace",
            newline="\n",
            write_through=True,
        )

    def close(self) -> None:
        """Stay open."""
