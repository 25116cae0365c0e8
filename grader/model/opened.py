"""A model with its tokenizer, ready to run on the functions of a choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from grader.book.errors import KoansError
from grader.book.workbook import Workbook
from grader.model import functions, tokenizer, weights
from grader.model.forward import Model, Precision, quantized
from grader.model.functions import Functions, Whose
from grader.model.tokenizer import END, Tokenizer

Watching = Callable[[Functions], None]  # told of functions before the first of them runs


@dataclass(frozen=True)
class Opened:
    """The model, and the tokenizer that belongs to it."""

    model: Model
    tokenizer: Tokenizer

    @property
    def functions(self) -> Functions:
        return self.model.functions

    def prompt(self, text: str) -> list[int]:
        """The ids of a prompt, after the token that ends the story before it. Raises KoansError if it is too long."""
        ids = self.tokenizer.encode(END + text)
        room = self.model.config.max_position_embeddings
        if len(ids) >= room:
            raise KoansError(f"the prompt has {len(ids)} tokens, and the model has a context of {room}: shorten it")
        return ids


def opened(
    root: Path,
    folder: Path,
    whose: Whose | None = None,
    watch: Watching | None = None,
    precision: Precision = "float32",
) -> Opened:
    """The model in a folder, on the functions of a choice.

    Raises KoansError if a file is missing or damaged, and what `functions.load` raises.
    """
    config, loaded = weights.load(folder)
    vocabulary = tokenizer.load(folder)
    chosen = functions.load(Workbook(root), whose, watch)
    if precision == "4bit":
        loaded = quantized(chosen, loaded)
    return Opened(Model(chosen, config, loaded, precision), Tokenizer(chosen, vocabulary))
