"""Writes a text that comes in pieces, with line breaks between words."""

from __future__ import annotations

import re
import sys

from rich.cells import cell_len
from rich.text import Text

from grader.book import terminal


class Stream:
    """Writes each word as soon as it is whole. Where it is no terminal, lines are broken only where the text does."""

    def __init__(self) -> None:
        self._console = terminal.console()
        self._width = self._console.width - 1 if self._console.is_terminal else 0
        self._column = 0
        self._word = ""
        self._style = ""

    def write(self, text: str, style: str = "") -> None:
        if style != self._style:
            self._flush()
            self._style = style
        if not self._width:
            self._put(text)
            return
        *whole, self._word = re.findall(r"\s|\S+|^$", self._word + text) or [""]
        for part in whole:
            self._put_word(part)
        if self._word.isspace():
            self._flush()
        sys.stdout.flush()

    def end(self) -> None:
        """Write what is left, and end the line."""
        self._flush()
        if self._column:
            self._put("\n")
        sys.stdout.flush()

    def _flush(self) -> None:
        word, self._word = self._word, ""
        if word:
            self._put_word(word)

    def _put_word(self, part: str) -> None:
        if part == "\n":
            self._put(part)
        elif part.isspace():
            if 0 < self._column < self._width:
                self._put(" ")
        else:
            if self._column and self._column + cell_len(part) > self._width:
                self._put("\n")
            self._put(part)

    def _put(self, text: str) -> None:
        self._console.print(Text(text, self._style), end="", soft_wrap=True)
        lines = text.rsplit("\n", 1)
        self._column = cell_len(lines[-1]) + (self._column if len(lines) == 1 else 0)
