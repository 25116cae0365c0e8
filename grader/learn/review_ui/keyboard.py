"""Single keys from a terminal; lines where there is none, so that everything works through a pipe."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from typing import Any, TextIO

ENTER = "enter"


class Keyboard:
    """Use as a context manager: a terminal gives keys at once and does not echo them while it is open."""

    def __init__(self, source: TextIO | None = None) -> None:
        self.source = source or sys.stdin
        self.live = self.source.isatty() and sys.stdout.isatty()
        self._before: list[Any] | None = None
        self._typed = ""

    def __enter__(self) -> Keyboard:
        if self.live:
            import termios

            self._before = termios.tcgetattr(self.source.fileno())
        return self

    def __exit__(self, *_: object) -> None:
        self._as_before()

    def _as_before(self) -> None:
        if self._before is not None:
            import termios

            with contextlib.suppress(termios.error, OSError):
                termios.tcsetattr(self.source.fileno(), termios.TCSADRAIN, self._before)

    def key(self, timeout: float | None = None) -> str | None:
        """The next key, "enter" for that one; a whole line where this is no terminal. Empty at the end of input, None
        if nothing came within `timeout` seconds (terminals only).
        """
        if not self.live:
            line = self.source.readline()
            return (line.strip().lower() or ENTER) if line else ""
        import termios
        import tty

        descriptor = self.source.fileno()
        while True:
            if not self._typed:
                tty.setcbreak(descriptor, termios.TCSADRAIN)  # each time: the shell may have changed it after Ctrl-Z
                if timeout is not None and not select.select([descriptor], [], [], timeout)[0]:
                    return None
                typed = os.read(descriptor, 64)
                if not typed or typed == b"\x04":
                    return ""
                if typed[:1] == b"\x1b":
                    continue  # an arrow or the like
                self._typed = typed.decode(errors="ignore")
            key, self._typed = self._typed[:1], self._typed[1:]
            if key:
                return ENTER if key in "\r\n" else key.lower()

    def line(self, prompt: str = "") -> str | None:
        """A line of text, edited as the terminal allows; None at the end of input."""
        if not self.live:
            line = self.source.readline()
            return line.strip() if line else None
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 - input() edits with it
        self._as_before()
        try:
            return input(prompt).strip()
        except EOFError:
            print()
            return None
