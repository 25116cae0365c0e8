"""Training a tokenizer: `train_bpe_fast` beside `train_bpe`, the loop of minbpe and the trainer of `tokenizers`.

    python benchmarks/bpe.py --out benchmarks/results/bpe.json
    python benchmarks/bpe.py --quick --json

500 merges on 130 KB of the workbook's own texts. The figures are seconds of CPU time in one thread, the best of several
rounds. Ours are the solutions' functions, which get the words with their counts. Splitting the text into words is timed
separately. minbpe keeps every word of the text, also those that occur again, and counts all pairs again after each
merge. `tokenizers` splits the text and trains in one call.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from itertools import pairwise
from typing import NamedTuple, TypeVar

from _common import ROOT, CannotMeasure, Figures, main, progress
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from solutions.ch05_tokens.train_bpe import train_bpe
from solutions.ch15_model.pretokenize import pretokenize
from solutions.ch15_model.train_bpe_fast import train_bpe_fast

T = TypeVar("T")
Merges = list[tuple[int, int]]


class Size(NamedTuple):
    bytes: int
    merges: int
    rounds: int


WHOLE, QUICK = Size(130_000, 500, 3), Size(4_000, 20, 1)


def text_of(size: int) -> str:
    """The first bytes of the workbook's texts, chapter by chapter."""
    texts = "".join(file.read_text("utf-8") for file in sorted((ROOT / "content").glob("ch*/*.md")))
    data = texts.encode()[:size]
    if len(data) < size:
        raise CannotMeasure(f"the workbook's texts have only {len(data)} bytes")
    return data.decode("utf-8", errors="ignore")


def minbpe(words: list[str], merges: int) -> Merges:
    """The loop of minbpe's RegexTokenizer.train: all words of the text, and all pairs counted again each time."""
    pieces = [list(word.encode()) for word in words]
    made: Merges = []
    while len(made) < merges:
        tally: dict[tuple[int, int], int] = {}
        for ids in pieces:
            for pair in pairwise(ids):
                tally[pair] = tally.get(pair, 0) + 1
        best = max(tally, key=lambda pair: tally[pair])
        pieces = [_merged(ids, best, 256 + len(made)) for ids in pieces]
        made.append(best)
    return made


def _merged(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    out, i = [], 0
    while i < len(ids):
        found = i + 1 < len(ids) and ids[i] == pair[0] and ids[i + 1] == pair[1]
        out.append(new_id if found else ids[i])
        i += 2 if found else 1
    return out


def hugging_face(text: str, merges: int) -> int:
    """How many tokens the vocabulary of `tokenizers` has after training."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=256 + merges, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer.get_vocab_size()


def measure(options: argparse.Namespace) -> Figures:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    size = QUICK if options.quick else WHOLE
    text = text_of(size.bytes)

    def best_of(name: str, rounds: int, call: Callable[[], T]) -> tuple[float, T]:
        """The least seconds of some rounds, and the result."""
        progress(name)
        seconds = []
        for _ in range(rounds):
            start = time.process_time()
            result = call()
            seconds.append(time.process_time() - start)
        print(f"{name:<16}{min(seconds):>8.3f} s")
        return float(f"{min(seconds):.3g}"), result

    split, listed = best_of("pretokenize", size.rounds, lambda: pretokenize(text))
    words = dict(Counter(listed))
    vocab = 256 + size.merges
    fast, ours = best_of("train_bpe_fast", size.rounds, lambda: train_bpe_fast(words, vocab))
    theirs, tokens = best_of("tokenizers", size.rounds, lambda: hugging_face(text, size.merges))
    slow, same = best_of("train_bpe", 1, lambda: train_bpe(words, vocab))
    loop, others = best_of("minbpe's loop", 1, lambda: minbpe(listed, size.merges))
    if not (ours == same and len(ours) == len(others) == size.merges and tokens == vocab):
        raise CannotMeasure("the trainers did not make the same number of merges, or ours differ")
    return {
        "bytes": size.bytes,
        "words": len(listed),
        "different words": len(words),
        "merges": size.merges,
        "tokenizers": version("tokenizers"),
        "seconds": {
            "pretokenize": split,
            "train_bpe_fast": fast,
            "train_bpe": slow,
            "minbpe's loop": loop,
            "tokenizers": theirs,
        },
    }


if __name__ == "__main__":
    main(__doc__, measure, argparse.ArgumentParser())
