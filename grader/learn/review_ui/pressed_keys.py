"""What is pressed on a terminal, as it is pressed: by termios, or by msvcrt on Windows."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from typing import Any, Protocol, TextIO

END = "\x04"  # Ctrl-D; on Windows it is Ctrl-Z
POLL = 0.02  # seconds between two looks for a key, where a wait for one cannot have a limit
SPECIAL = ("\x00", "\xe0")  # on Windows they come before the code of an arrow or a function key


class PressedKeys(Protocol):
    """Keys of a terminal, without an echo."""

    def prepare(self) -> None:
        """Get keys at once from now on."""

    def restore(self) -> None:
        """Get lines again, as the shell does."""

    def discard(self) -> None:
        """Forget what was pressed and not read."""

    def read(self, timeout: float | None) -> str | None:
        """What was pressed; END for the end of the input. None if nothing was within `timeout` seconds.

        Of keys that are no characters nothing is told: the text is empty.
        """


def of_terminal(source: TextIO) -> PressedKeys:
    """The keys of the terminal that `source` reads."""
    return _Windows() if sys.platform == "win32" else _Posix(source)


class _Posix:
    def __init__(self, source: TextIO) -> None:
        import termios

        self._descriptor = source.fileno()
        self._saved: list[Any] = termios.tcgetattr(self._descriptor)

    def prepare(self) -> None:
        import termios
        import tty

        with contextlib.suppress(termios.error):
            tty.setcbreak(self._descriptor, termios.TCSADRAIN)

    def restore(self) -> None:
        import termios

        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._saved)

    def discard(self) -> None:
        import termios

        with contextlib.suppress(termios.error):
            termios.tcflush(self._descriptor, termios.TCIFLUSH)

    def read(self, timeout: float | None) -> str | None:
        if timeout is not None and not select.select([self._descriptor], [], [], timeout)[0]:
            return None
        data = os.read(self._descriptor, 64)
        if not data:
            return END
        return "" if data[:1] == b"\x1b" else data.decode(errors="ignore")


class _Windows:
    """A console gives keys at once by `getwch`, whatever its mode. Ctrl-C is a key there, too."""

    def __init__(self) -> None:
        import msvcrt

        self._console: Any = msvcrt

    def prepare(self) -> None:
        pass

    def restore(self) -> None:
        pass

    def discard(self) -> None:
        while self._console.kbhit():
            self._console.getwch()

    def read(self, timeout: float | None) -> str | None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while deadline is not None and not self._console.kbhit():
            if time.monotonic() >= deadline:
                return None
            time.sleep(POLL)
        key = str(self._console.getwch())
        if key in SPECIAL:
            self._console.getwch()
            return ""
        if key == "\x03":
            raise KeyboardInterrupt
        return END if key == "\x1a" else key
