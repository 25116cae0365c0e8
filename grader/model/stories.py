"""The workbook's stories, the text that its model learns from. A script beside the chapter tells them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from grader.book.errors import KoansError
from grader.book.places import shipped
from grader.model.tokenizer import END, Tokenizer

FILE = Path("content") / "ch15_model" / "stories.py"


@cache
def grammar(root: Path) -> ModuleType:
    """The script, as a module: `story(seed)`, `TRAIN`, `HELD_OUT`. Raises KoansError if there is none."""
    file = shipped(root) / FILE
    spec = importlib.util.spec_from_file_location("stories_of_ch15", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise KoansError(f"{file}: is not there")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look for their module there
    spec.loader.exec_module(module)
    return module


def texts(root: Path, seeds: Iterable[int]) -> list[str]:
    """The stories of these seeds."""
    story = grammar(root).story
    return [story(seed).text for seed in seeds]


def training(root: Path, count: int) -> list[str]:
    """The first `count` stories for training, or all if there are fewer."""
    return texts(root, grammar(root).TRAIN[:count])


def token_stream(tokenizer: Tokenizer, texts: Iterable[str]) -> Tensor:
    """All ids in one row, (n,): the end token, the first text, the end token, the next text, and so on.

    One call encodes all: `encode_text` remembers words only within a call.
    """
    return torch.tensor(tokenizer.encode(END + "".join(text + END for text in texts)))


def held_out(root: Path, count: int) -> list[str]:
    """The first `count` stories that no training sees."""
    return texts(root, grammar(root).HELD_OUT[:count])
