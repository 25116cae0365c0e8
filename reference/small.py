"""The small model of chapter 15 and the stories that no training saw: for symptoms that a reader can read."""

import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor

from reference.ch05_tokens.decode import decode as bytes_of
from reference.ch15_model.encode_text import encode_text

HEADS, KV_HEADS = 4, 2  # what `model_logits` needs besides ids and weights
END = 1022  # the id of the token that ends a story


@cache
def model_weights() -> dict[str, Tensor]:
    """The weights by Llama's names, float32. Do not change them."""
    from safetensors.torch import load_file  # a run of tests needs no file

    return {name: t.float() for name, t in load_file(_chapter() / "model" / "model.safetensors").items()}


@cache
def merges() -> list[tuple[int, int]]:
    """The merges of the tokenizer, in the order of training: merge number i makes id 256 + i."""
    return [(left, right) for left, right in _json("merges")["merges"]]


def encode(text: str) -> list[int]:
    """The ids of a text without special tokens."""
    return encode_text(text, merges(), {})


def decode(ids: list[int]) -> str:
    """The text of ids. Special tokens are left out."""
    return bytes_of([i for i in ids if i < END], merges())


def story(number: int) -> str:
    """A story that no training saw, of a number from 0 to 1,999."""
    stories = _grammar()
    told: str = stories.story(stories.HELD_OUT[number]).text
    return told


def _chapter() -> Path:
    """The folder of the chapter. A wheel has the workbook's data in a folder of its own."""
    root = Path(__file__).parents[1]
    return next(path for data in (root, root / "tensor_koans") if (path := data / "content" / "ch15_model").is_dir())


def _json(name: str) -> Any:
    return json.loads((_chapter() / "model" / f"{name}.json").read_text(encoding="utf-8"))


@cache
def _grammar() -> ModuleType:
    """The script that tells the stories."""
    spec = importlib.util.spec_from_file_location("stories_of_the_small_model", _chapter() / "stories.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look for their module there
    spec.loader.exec_module(module)
    return module
