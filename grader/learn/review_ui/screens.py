"""Shows one screen after the other. Without a terminal, only what a screen adds to the one before is printed."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator

from rich.console import Console, Group, RenderableType
from rich.text import Text

from grader.book.errors import KoansError, refusal
from grader.learn.review_ui.keyboard import Keyboard


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Delay Ctrl-C until the block ends, because rich prints nothing more after an interrupted print."""
    pressed: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if pressed and callable(handler):
        handler(signal.SIGINT, None)


def warning(text: str) -> list[Text]:
    """The parts of a screen that show a warning; none if it is empty."""
    return [Text(), Text(text, "yellow")] if text else []


class Screens:
    """A keyboard and a console on which screens are shown."""

    def __init__(self, keyboard: Keyboard, console: Console) -> None:
        self.keyboard = keyboard
        self.console = console
        self._last_text = ""
        self._last_screen: tuple[RenderableType, str] | None = None
        keyboard.redraw = self._redraw

    @property
    def live(self) -> bool:
        """Input and output are terminals."""
        return self.keyboard.live and self.console.is_terminal

    def show(self, *parts: RenderableType, ask: str = "") -> None:
        """Show a screen. `ask` names the keys, and is shown on a terminal only."""
        body = Group(*parts)
        if self.live:
            self._last_screen = body, ask
            with _uninterrupted():
                self._redraw()
            return
        with self.console.capture() as captured:
            self.console.print(body)
        text = captured.get()
        new = text.removeprefix(self._last_text)
        self._last_text = text
        self.console.file.write(new + (f"[{ask} · then Enter]\n" if ask and self.keyboard.source.isatty() else ""))
        self.console.file.flush()

    def unrecorded(self, record: Callable[[], object]) -> str:
        """Record something. Returns "not recorded: …" if the system refuses, for example because the disk is full.

        Otherwise the text is empty. Without a terminal nobody could react: then it raises KoansError.
        """
        try:
            record()
        except Exception as error:
            return self.not_recorded(error)
        return ""

    def not_recorded(self, error: Exception) -> str:
        """The text for an error, if the system refuses to write. Raises as `unrecorded` does."""
        reason = str(error) if isinstance(error, KoansError) else refusal(error)
        if not reason:
            raise error
        if not self.live:
            raise KoansError(f"not recorded: {reason}") from None
        return f"not recorded: {reason}"

    def _redraw(self) -> None:
        if self._last_screen is None:
            return
        body, ask = self._last_screen
        self.console.clear()
        self.console.print(body)
        if ask:
            self.console.print(Text(f"\n{ask}", "dim"))

    def read(self, body: RenderableType) -> None:
        """Show a text of any length. If it is longer than the terminal, it goes through the pager ($PAGER)."""
        if not self.live:
            self.console.print(body)
            return
        with self.console.capture() as captured:
            self.console.print(body)
        self.console.clear()
        if captured.get().count("\n") < self.console.height - 1:
            self.console.print(body)
            return
        # less passes color codes through, and its prompt names the keys.
        os.environ.setdefault("LESS", "-R -PsSpace\\: the next page, q\\: leave the text")
        with self.console.pager(styles=not self.console.no_color):
            self.console.print(body)
