"""Text to ids and back, by the functions of the koans and the merges of a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from grader.book.errors import KoansError, reading
from grader.model.functions import Functions

MERGES = "merges.json"
END, PAD = "<|end|>", "<|pad|>"
BYTES = 256  # ids 0 to 255 are the bytes


class Vocabulary(msgspec.Struct, frozen=True):
    """Merge number i makes id 256 + i. The special tokens follow."""

    merges: tuple[tuple[int, int], ...]
    specials: dict[str, int]

    @property
    def end(self) -> int:
        """The id that ends a story, and stands before the first."""
        return self.specials[END]

    @property
    def size(self) -> int:
        """How many ids there are."""
        return BYTES + len(self.merges) + len(self.specials)

    @property
    def pad(self) -> int:
        return self.specials[PAD]


def load(folder: Path) -> Vocabulary:
    """The vocabulary of the model in a folder. Raises KoansError if its file is missing or damaged."""
    with reading(folder / MERGES):
        data = (folder / MERGES).read_bytes()
    try:
        return msgspec.json.decode(data, type=Vocabulary)
    except msgspec.MsgspecError as error:
        raise KoansError(f"{folder / MERGES}: {error}") from None


def vocabulary(merges: list[tuple[int, int]]) -> Vocabulary:
    """These merges, with the special tokens after them."""
    first = BYTES + len(merges)
    return Vocabulary(tuple(merges), {END: first, PAD: first + 1})


@dataclass(frozen=True)
class Tokenizer:
    functions: Functions
    vocabulary: Vocabulary
    _merges: list[tuple[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_merges", list(self.vocabulary.merges))

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self.functions.encode_text(text, self._merges, dict(self.vocabulary.specials))
        return ids

    def decode(self, ids: list[int]) -> str:
        """The text of the ids; special tokens are left out."""
        specials = self.vocabulary.specials.values()
        text: str = self.functions.decode([i for i in ids if i not in specials], self._merges)
        return text
