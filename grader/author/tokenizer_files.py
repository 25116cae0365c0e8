"""Trains the tokenizer of the small model on its stories: `python -m grader.author.tokenizer_files [--check]`.

The koans read `merges.json`. `tokenizer.json` and `tokenizer_config.json` are the same tokenizer for the packages
tokenizers and transformers: byte-level BPE with GPT-2's rule for words.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from grader.book.errors import KoansError
from grader.book.files import write_file
from grader.book.workbook import Workbook, find_root
from grader.model import functions, stories
from grader.model.functions import Functions
from grader.model.tokenizer import BYTES, END, MERGES, PAD, Vocabulary, vocabulary
from grader.model.weights import Config

FOLDER = Path("content") / "ch15_model" / "model"
TEXTS = 2000  # training stories in which pairs are counted
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
Merges = Sequence[tuple[int, int]]


def train(loaded: Functions, texts: Iterable[str], config: Config) -> Vocabulary:
    """The merges of these texts: as many as the model's table has rows for, beside bytes and special tokens."""
    words: Counter[str] = Counter()
    for text in texts:
        words.update(loaded.pretokenize(text))
    return vocabulary(loaded.train_bpe_fast(dict(words), config.vocab_size - len((END, PAD))))


def letters() -> list[str]:
    """The letter that stands for each byte in tokenizer.json, by GPT-2's table (`bytes_to_unicode` in its encoder.py).

    A byte that Latin-1 prints is that letter. The others are the letters from U+0100 on, in the order of the bytes.
    """
    printed = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printed else next(others)) for byte in range(BYTES)]


def tokens(merges: Merges) -> list[str]:
    """The tokens of bytes and merges, by id, in these letters.

    Raises KoansError if two ids have the same token: tokenizer.json finds an id by its token.
    """
    table = letters()
    for left, right in merges:
        table.append(table[left] + table[right])
    twice = [token for token, times in Counter(table).items() if times > 1]
    if twice:
        raise KoansError(f"two merges make the same token: {', '.join(twice)}")
    return table


def tokenizer_json(vocabulary: Vocabulary) -> dict[str, Any]:
    """The document of the package `tokenizers`."""
    table = tokens(vocabulary.merges)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": special, **flags} for special, i in vocabulary.specials.items()],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(table)},
            "merges": [(table[left], table[right]) for left, right in vocabulary.merges],
        },
    }


def tokenizer_config(config: Config) -> dict[str, Any]:
    """What transformers wants to know beside tokenizer.json. The end of a story also stands before the first."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END,
        "eos_token": END,
        "pad_token": PAD,
        "model_max_length": config.max_position_embeddings,
        "clean_up_tokenization_spaces": False,
    }


def files(vocabulary: Vocabulary, config: Config) -> Mapping[str, bytes]:
    """The three files by name."""
    return {
        MERGES: msgspec.json.encode(vocabulary) + b"\n",
        TOKENIZER: msgspec.json.format(msgspec.json.encode(tokenizer_json(vocabulary)), indent=1) + b"\n",
        TOKENIZER_CONFIG: msgspec.json.format(msgspec.json.encode(tokenizer_config(config)), indent=2) + b"\n",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or, with `--check`, name those that differ from what would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is stale")
    check = parser.parse_args(arguments).check
    try:
        book = Workbook(find_root(Path.cwd()))
        texts, config = stories.training(book.root, TEXTS), Config()
        made = files(train(functions.load(book), texts, config), config)
        folder = book.root / FOLDER
        stale = [name for name, data in made.items() if not _holds(folder / name, data)]
        if check:
            print("\n".join(f"{folder / name}: stale" for name in stale) or "the files of the tokenizer are up to date")
            return bool(stale)
        for name in stale:
            write_file(folder / name, made[name], make_folder=True)
            print(f"wrote {folder / name}")
    except KoansError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _holds(file: Path, data: bytes) -> bool:
    return file.is_file() and file.read_bytes() == data


if __name__ == "__main__":
    sys.exit(main())
