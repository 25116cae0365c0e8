"""Reads single keys from a terminal. Without a terminal it reads lines, so that everything works through a pipe."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO

from grader.book import terminal
from grader.learn.review_ui.pressed_keys import END, PressedKeys, of_terminal

ENTER = "enter"
SCREEN_LOST = ("SIGCONT", "SIGWINCH")  # signals after which a terminal may not show the screen as it was drawn


class Keyboard:
    """The learner's keyboard, a context manager. While it is open, a terminal returns keys at once and without an echo.

    `live`: input and output are terminals, and can do more than print lines. `redraw` is called when the screen has to
    be drawn once more.
    """

    def __init__(self, source: TextIO | None = None) -> None:
        self.source = source or sys.stdin
        self.live = self.source.isatty() and sys.stdout.isatty() and terminal.can_draw()
        self.redraw: Callable[[], None] = lambda: None
        self._keys: PressedKeys | None = None
        self._saved_handlers: dict[int, Any] = {}
        self._pending = ""
        self._waiting = False  # for a key

    def __enter__(self) -> Keyboard:
        if self.live:
            self._keys = of_terminal(self.source)
            for name in SCREEN_LOST:
                if hasattr(signal, name):
                    number = getattr(signal, name)
                    self._saved_handlers[number] = signal.signal(number, self._restore_screen)
        return self

    def __exit__(self, *_: object) -> None:
        while self._saved_handlers:
            signal.signal(*self._saved_handlers.popitem())
        if self._keys is not None:
            self._keys.restore()

    def _restore_screen(self, *_: object) -> None:
        """The command was suspended and is back, or the terminal has another size: draw the screen once more."""
        if self._waiting and self._keys is not None:
            self._keys.prepare()
            self.redraw()

    def discard(self) -> None:
        """Forget the keys that were pressed and not read yet."""
        self._pending = ""
        if self._keys is not None:
            self._keys.discard()

    def key(self, timeout: float | None = None) -> str | None:
        """The next key in lower case, "enter" for Enter; without a terminal, the next line.

        Empty at the end of the input. On a terminal, None if no key was pressed within `timeout` seconds.
        """
        if self._keys is None:
            line = self.source.readline()
            return (line.strip().lower() or ENTER) if line else ""
        self._waiting = True
        try:
            return self._pressed(self._keys, timeout)
        finally:
            self._waiting = False

    def _pressed(self, keys: PressedKeys, timeout: float | None) -> str | None:
        while True:
            if not self._pending:
                keys.prepare()  # before each key: the shell may have changed the mode after Ctrl-Z
                pressed = keys.read(timeout)
                if pressed is None:
                    return None
                if pressed == END:
                    return ""
                self._pending = pressed
            key, self._pending = self._pending[:1], self._pending[1:]
            if key:
                return ENTER if key in "\r\n" else key.lower()

    def line(self, prompt: str = "") -> str | None:
        """The next line of text; None at the end of the input. On a terminal it can be edited."""
        if self._keys is None:
            line = self.source.readline()
            return line.strip() if line else None
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 - input() edits with it
        self._keys.restore()
        try:
            return input(prompt).strip()
        except EOFError:
            print()
            return None
