"""Reads single keys from a terminal. Without a terminal it reads lines, so that everything works through a pipe."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO

from grader.book import terminal

ENTER = "enter"
SCREEN_LOST = ("SIGCONT", "SIGWINCH")  # signals after which a terminal may not show the screen as it was drawn


class Keyboard:
    """The learner's keyboard, a context manager. While it is open, a terminal returns keys at once and without an echo.

    `live`: input and output are terminals, and can do more than print lines. Where Python cannot read single keys
    (Windows), they count as no terminals: each key is a line. `redraw` is called
    when the screen has to be drawn once more.
    """

    def __init__(self, source: TextIO | None = None) -> None:
        self.source = source or sys.stdin
        terminals = self.source.isatty() and sys.stdout.isatty() and terminal.can_draw()
        self.live = terminals and importlib.util.find_spec("termios") is not None  # Windows has none
        self.redraw: Callable[[], None] = lambda: None
        self._saved_mode: list[Any] | None = None
        self._saved_handlers: dict[int, Any] = {}
        self._pending = ""
        self._waiting = False  # for a key

    def __enter__(self) -> Keyboard:
        if self.live:
            import termios

            self._saved_mode = termios.tcgetattr(self.source.fileno())
            for name in SCREEN_LOST:
                if hasattr(signal, name):
                    number = getattr(signal, name)
                    self._saved_handlers[number] = signal.signal(number, self._restore_screen)
        return self

    def __exit__(self, *_: object) -> None:
        while self._saved_handlers:
            signal.signal(*self._saved_handlers.popitem())
        self._restore_mode()

    def _restore_screen(self, *_: object) -> None:
        """The command was suspended and is back, or the terminal has another size: draw the screen once more."""
        if self._waiting:
            self._set_cbreak()
            self.redraw()

    def _set_cbreak(self) -> None:
        import termios
        import tty

        with contextlib.suppress(termios.error):
            tty.setcbreak(self.source.fileno(), termios.TCSADRAIN)

    def discard(self) -> None:
        """Forget the keys that were pressed and not read yet."""
        self._pending = ""
        if self.live:
            import termios

            with contextlib.suppress(termios.error):
                termios.tcflush(self.source.fileno(), termios.TCIFLUSH)

    def _restore_mode(self) -> None:
        if self._saved_mode is not None:
            import termios

            with contextlib.suppress(termios.error, OSError):
                termios.tcsetattr(self.source.fileno(), termios.TCSADRAIN, self._saved_mode)

    def key(self, timeout: float | None = None) -> str | None:
        """The next key in lower case, "enter" for Enter; without a terminal, the next line.

        Empty at the end of the input. On a terminal, None if no key was pressed within `timeout` seconds.
        """
        if not self.live:
            line = self.source.readline()
            return (line.strip().lower() or ENTER) if line else ""
        self._waiting = True
        try:
            return self._pressed(timeout)
        finally:
            self._waiting = False

    def _pressed(self, timeout: float | None) -> str | None:
        descriptor = self.source.fileno()
        while True:
            if not self._pending:
                self._set_cbreak()  # before each key: the shell may have changed the mode after Ctrl-Z
                if timeout is not None and not select.select([descriptor], [], [], timeout)[0]:
                    return None
                data = os.read(descriptor, 64)
                if not data or data == b"\x04":
                    return ""
                if data[:1] == b"\x1b":
                    continue  # an arrow or another special key
                self._pending = data.decode(errors="ignore")
            key, self._pending = self._pending[:1], self._pending[1:]
            if key:
                return ENTER if key in "\r\n" else key.lower()

    def line(self, prompt: str = "") -> str | None:
        """The next line of text; None at the end of the input. On a terminal it can be edited."""
        if not self.live:
            line = self.source.readline()
            return line.strip() if line else None
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 - input() edits with it
        self._restore_mode()
        try:
            return input(prompt).strip()
        except EOFError:
            print()
            return None
