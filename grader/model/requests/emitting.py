"""Sends text as events, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from grader.model.protocol import Event, Text
from grader.model.tokenizer import Tokenizer

Emit = Callable[[Event], None]
GRAM = 4  # tokens of a run, whose repetitions are counted
LONGEST = 4  # bytes of a character in UTF-8


class Writer:
    """Turns tokens into text as they come. A character whose bytes are in several tokens comes when it is whole."""

    def __init__(self, tokenizer: Tokenizer, emit: Emit, row: int = 0, whose: str = "") -> None:
        self._tokenizer = tokenizer
        self._emit = emit
        self._row = row
        self._whose = whose
        self._waiting: list[int] = []
        self.text = ""

    def add(self, ids: Iterable[int]) -> None:
        """These tokens follow."""
        for token in ids:
            self._waiting.append(token)
            text = self._tokenizer.decode(self._waiting)
            if not text.endswith("\N{REPLACEMENT CHARACTER}") or len(self._waiting) >= LONGEST:
                self._send(text)

    def end(self) -> None:
        """No more tokens follow."""
        if self._waiting:
            self._send(self._tokenizer.decode(self._waiting))

    def _send(self, text: str) -> None:
        self._waiting = []
        self.text += text
        if text:
            self._emit(Text(text, self._row, self._whose))
