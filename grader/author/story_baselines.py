"""Computes what the small model is compared with on held-out stories: `python -m grader.author.story_baselines`.

It writes `baselines.json` beside the model: unigram, 3-gram and the grammar, in nats a token and in bits a byte.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from grader.author.tokenizer_files import FOLDER
from grader.book.errors import KoansError
from grader.book.files import write_file
from grader.book.workbook import Workbook, find_root
from grader.model import functions, stories, tokenizer
from grader.model.baselines import FILE, Baselines, baselines
from grader.model.tokenizer import END, Tokenizer
from grader.model.weights import Config


def compare(root: Path, model: Tokenizer, training: int, held_out: int, vocab_size: int) -> Baselines:
    """The comparison on the first held-out stories, with counts of the first training stories."""
    grammar = stories.grammar(root)
    told = [grammar.story(seed) for seed in grammar.HELD_OUT[:held_out]]
    texts = [story.text for story in told]
    return baselines(
        _ids(model, stories.training(root, training)),
        _ids(model, texts),
        vocab_size,
        model.vocabulary.end,
        sum(len(text.encode()) for text in texts),
        sum(story.nats for story in told),
    )


def _ids(model: Tokenizer, texts: Iterable[str]) -> list[int]:
    """One after the other, each with the end token: `encode_text` remembers words only within a call."""
    return model.encode("".join(text + END for text in texts))


def main() -> int:
    """Write the file, and print what is in it."""
    try:
        book = Workbook(find_root(Path.cwd()))
        folder, grammar = book.root / FOLDER, stories.grammar(book.root)
        model = Tokenizer(functions.load(book), tokenizer.load(folder))
        sizes = len(grammar.TRAIN), len(grammar.HELD_OUT)
        text = msgspec.json.format(
            msgspec.json.encode(compare(book.root, model, *sizes, Config().vocab_size)), indent=2
        )
        write_file(folder / FILE, text + b"\n")
    except KoansError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(text.decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
