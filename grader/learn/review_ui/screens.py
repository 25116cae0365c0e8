"""Shows screens: each on its own on a terminal, what is new of it where there is none."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.text import Text

from grader.learn.review_ui.keyboard import Keyboard


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until the block is done: rich shows nothing more after a print that was cut short."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed and callable(before):
        before(signal.SIGINT, None)


class Screens:
    """A keyboard, a console, and what was shown last."""

    def __init__(self, keyboard: Keyboard, console: Console) -> None:
        self.keyboard = keyboard
        self.console = console
        self._shown = ""

    @property
    def live(self) -> bool:
        return self.keyboard.live and self.console.is_terminal

    def show(self, *parts: RenderableType, ask: str = "") -> None:
        """Put this on the screen; `ask` says which keys there are, to a person only."""
        body = Group(*parts)
        if self.live:
            with _uninterrupted():
                self.console.clear()
                self.console.print(body)
                if ask:
                    self.console.print(Text(f"\n{ask}", "dim"))
            return
        with self.console.capture() as captured:
            self.console.print(body)
        text = captured.get()
        more = text.removeprefix(self._shown) if self._shown and text.startswith(self._shown) else text
        self._shown = text
        self.console.file.write(more + (f"[{ask}]\n" if ask and self.keyboard.source.isatty() else ""))
        self.console.file.flush()

    def read(self, body: RenderableType) -> None:
        """A text of any length: through the pager ($PAGER) where it is longer than the terminal."""
        if not self.live:
            self.console.print(body)
            return
        with self.console.capture() as captured:
            self.console.print(body)
        self.console.clear()
        if captured.get().count("\n") < self.console.height - 1:
            self.console.print(body)
            return
        import os

        os.environ.setdefault("LESS", "-R")  # colours as colours
        with self.console.pager(styles=not self.console.no_color):
            self.console.print(body)
