"""What the code under test prints: the streams that take the place of stdout and stderr while it runs.

A run at home and a worker have the same streams, so a file that reconfigures, flushes or closes one does so in both.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterator

from grader.book import excerpt

ELLIPSIS = "…".encode()
MARK = re.compile(excerpt.MARK.pattern.encode(), re.MULTILINE)
HALF = 1950  # bytes: the most that is kept of the beginning, and of the end


class Printed:
    """Both streams, which share what they keep, so that it stays in order."""

    def __init__(self) -> None:
        self._kept = _Kept()
        self.stdout, self.stderr = _Stream(self._kept, 1), _Stream(self._kept, 2)

    def take(self) -> str:
        """What was printed since the last call. Of a long output it has the first and the last lines: see excerpt."""
        text = self._kept.text()
        self._kept.__init__()  # type: ignore[misc]
        return text

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


def shortened(text: str) -> str:
    """What `take` returns if this text was printed."""
    kept = _Kept()
    kept.add(text.encode(errors="replace"))
    return kept.text()


class _Kept:
    """The first and the last bytes that were written, and the number of all lines."""

    def __init__(self) -> None:
        self.first, self.last = bytearray(), bytearray()
        self.lines = 0  # that have ended; a mark counts as the lines that it stands for
        self.whole = True  # nothing was left out
        self.marked = False

    def add(self, data: bytes) -> None:
        self.lines += data.count(b"\n")
        if ELLIPSIS in data:  # what a worker has shortened
            marks = [excerpt.marked(found[0]) for found in excerpt.MARK.finditer(data.decode(errors="replace"))]
            self.lines += sum(marks) - len(marks)
            self.marked |= bool(marks)
        room = HALF - len(self.first)
        self.first += data[:room]
        self.last += data[room:] if room > 0 else data
        if len(self.last) > 4 * HALF:
            del self.last[: -HALF - 1]
            self.whole = False

    def text(self) -> str:
        data = bytes(self.first + self.last)
        if self.whole and not self.marked and len(data) <= 2 * HALF:
            return _decoded(data)
        first, last = (data, data) if self.whole else (bytes(self.first), bytes(self.last))
        if self.marked:
            first, last = MARK.split(first)[0], MARK.split(last)[-1].removeprefix(b"\n")
        first, last = _first_lines(first), _last_lines(last)
        total = self.lines + (not data.endswith(b"\n"))
        left_out = total - first.count(b"\n") - last.count(b"\n") - (last != b"" and not last.endswith(b"\n"))
        between = f"{excerpt.mark(left_out)}\n" if left_out > 0 else ""
        return _decoded(first) + between + _decoded(last)


def _first_lines(data: bytes) -> bytes:
    """The whole lines that fit; of one long line its beginning."""
    if not data or (len(data) <= HALF and data.endswith(b"\n")):
        return data
    end = data.rfind(b"\n", 0, HALF) + 1
    return data[:end] if end else data[: HALF - 4] + ELLIPSIS + b"\n"


def _last_lines(data: bytes) -> bytes:
    """The whole lines that fit; of one long line its end."""
    if len(data) <= HALF:
        return data
    begin = data.find(b"\n", len(data) - HALF - 1) + 1
    return data[begin:] if 0 < begin < len(data) else ELLIPSIS + data[4 - HALF :]


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


class _Bytes(io.RawIOBase):
    """The stream of bytes below a text stream, with the descriptor that it stands for."""

    def __init__(self, kept: _Kept, descriptor: int) -> None:
        self._kept, self._descriptor = kept, descriptor

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:  # type: ignore[no-untyped-def] # any object with the buffer protocol
        written = bytes(data)
        self._kept.add(written)
        return len(written)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """Stay open: the streams outlive the code that closes them."""


class _Stream(io.TextIOWrapper):
    """A text stream that can be used as Python's own stdout can, and that stays open."""

    def __init__(self, kept: _Kept, descriptor: int) -> None:
        super().__init__(
            _Bytes(kept, descriptor),  # type: ignore[arg-type] # it needs no buffer
            encoding="utf-8",
            errors="backslashreplace",
            newline="\n",
            write_through=True,
        )

    def close(self) -> None:
        """Stay open."""
