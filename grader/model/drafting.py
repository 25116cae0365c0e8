"""Drafts tokens by counts of three tokens in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from grader.model import stories
from grader.model.baselines import Trigram, fit_trigram
from grader.model.tokenizer import Tokenizer

STORIES = 1000  # the counts of so many take a second


@dataclass(frozen=True)
class TrigramDrafter:
    """What follows two tokens. `stop` stands in front of a text."""

    trigram: Trigram
    stop: int

    def probabilities(self, ids: Sequence[int]) -> Tensor:
        """The distribution of the next token, (vocab,) in float32."""
        before = [self.stop, self.stop, *ids][-2:]
        return torch.from_numpy(self.trigram.next(before[0], before[1])).float()


def drafter(root: Path, tokenizer: Tokenizer) -> TrigramDrafter:
    """Counts the tokens of stories for training. Raises KoansError if there are none."""
    vocabulary = tokenizer.vocabulary
    ids = stories.token_stream(tokenizer, stories.training(root, STORIES))
    return TrigramDrafter(fit_trigram(ids.numpy(), vocabulary.size), vocabulary.end)
