"""Shows a training as it goes on: a picture on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time

from rich.live import Live

from grader.book import output, terminal
from grader.cli.base import show
from grader.learn.report import model_training as screens
from grader.model.protocol import Baselines, Event, Substituted, Trained

PAUSE = 0.25  # seconds between two pictures
LINES = 20  # lines for a whole training where there is no picture
SHORTEST = 12  # rows of a terminal that can show the picture


class Shown:
    """The state of a training by its events, and how it is drawn. A context manager."""

    def __init__(self) -> None:
        self.state = screens.Training()
        self._console = terminal.console()
        self._live: Live | None = None
        self._drawn = 0.0

    def __enter__(self) -> Shown:
        console = self._console
        if console.is_terminal and terminal.can_draw() and console.height >= SHORTEST:
            self._live = Live(console=console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._draw()
            self._live.stop()

    def add(self, event: Event) -> None:
        """Show what this event changes."""
        self.state = screens.after(self.state, event)
        if isinstance(event, Substituted):
            show(screens.replaced(event.koan, event.why))
        if self._live is not None:
            if not isinstance(event, Trained) or time.monotonic() - self._drawn > PAUSE:
                self._draw()
        elif isinstance(event, Baselines):
            show(screens.compared(self.state.lines))
        elif isinstance(event, Trained) and self._is_told(event.step.number):
            show(screens.step_line(self.state))

    def _is_told(self, step: int) -> bool:
        every = max(1, self.state.total // LINES)
        return step % every == 0 or step in (1, self.state.total)

    def _draw(self) -> None:
        assert self._live is not None
        size = self._console.size
        braille = output.is_unicode(sys.stdout)
        picture = screens.picture(self.state, self._console.width, min(size.height - 8, 16), braille=braille)
        self._live.update(picture, refresh=True)
        self._drawn = time.monotonic()
