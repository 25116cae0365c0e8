"""The tokenizer of chapter 15 against GPT-2's own regular expression, and against tokenizers and tiktoken.

No vocabulary is downloaded: the tables are trained here.
"""

import random
import sys
import unicodedata
from collections import Counter
from itertools import pairwise

import pytest
import regex
from tiktoken import Encoding
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

from reference.ch05_tokens.train_bpe import train_bpe
from reference.ch15_model.encode_text import encode_text
from reference.ch15_model.hunt_strange_ids import hunt_strange_ids
from reference.ch15_model.pretokenize import pretokenize
from reference.ch15_model.special_tokens import special_tokens
from reference.ch15_model.train_bpe_fast import train_bpe_fast
from tests.oracles.test_ch05 import BYTE_OF, LETTER_OF, TWO_BYTES, corpus, hugging_face, untied, vocabulary

# From OpenAI's encoder.py for GPT-2
GPT2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
RULE = regex.compile(GPT2)
CHARACTERS = "  \n\t\r\u00a0\u3000\x1c''’sStrevlmd1½²Ⅻ٣éñ中e\u0301_-.!🍓"
PROSE = "The cat's 12th hat: \"I'll sit,\" it said.\n\n  A cat sat on  2 mats!<|end|>\nThen the cats' hats\t sat<|end|>"
SPECIALS = ["<|end|>", "<|pad|>"]


def texts(seed: int, n: int, characters: str = CHARACTERS) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices(characters, k=rng.randint(0, 14))) for _ in range(n)]


def table() -> list[tuple[int, int]]:
    """Trained merges in which no two tokens have the same bytes, as both libraries need."""
    merges = train_bpe(dict(Counter(pretokenize(PROSE))), 290)
    assert len(set(vocabulary(merges))) == 290
    return merges


# Words


def test_pretokenize_is_gpt2s_regular_expression():
    for text in [PROSE, *texts(0, 5000)]:
        assert pretokenize(text) == RULE.findall(text)


def test_pretokenize_knows_each_character_as_gpt2s_regular_expression_does():
    """Between two letters, a letter makes one word, a number or another three, and whitespace two or three."""
    for i in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(i))
        if category in ("Cn", "Cs") or (category in ("Lo", "Co") and i % 100):
            continue  # Python's Unicode may be older; of 260,000 letters and private characters a sample is enough
        text = f"a{chr(i)}7{chr(i)}!"
        assert pretokenize(text) == RULE.findall(text), f"U+{i:04X}"


def test_pretokenize_cuts_where_tokenizers_byte_level_cuts():
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    for text in [PROSE, *texts(1, 1000)]:
        theirs = [text[start:end] for _, (start, end) in byte_level.pre_tokenize_str(text)]
        assert pretokenize(text) == theirs


# Special tokens


def test_special_tokens_are_where_tokenizers_finds_them():
    specials = ["<|end|>", "<|end|>a", "ab", "aba", "b|", "||"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.add_special_tokens([AddedToken(special, special=True, normalized=False) for special in specials])
    whole = pre_tokenizers.Split("nothing is split", behavior="isolated")
    tokenizer.pre_tokenizer = whole
    parts = ["<|end|>", "a", "b", "|", " ", "<|", "x"]
    rng = random.Random(0)
    for _ in range(2000):
        text = "".join(rng.choices(parts, k=rng.randint(0, 8)))
        theirs = tokenizer.encode(text)
        pieces = [piece for piece in special_tokens(text, specials) if piece in specials]
        assert theirs.tokens == pieces


# A whole text


def test_encode_text_is_that_of_tokenizers_with_our_merges():
    merges = table()
    tokenizer = hugging_face(merges)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken(special, special=True, normalized=False) for special in SPECIALS])
    ids = {special: tokenizer.token_to_id(special) for special in SPECIALS}
    assert list(ids.values()) == [290, 291]
    for text in [PROSE, PROSE * 2, *texts(2, 300), *texts(3, 300, "theca ts'on\n"), "<|end|><|pad|> a<|end|>"]:
        assert encode_text(text, merges, ids) == tokenizer.encode(text).ids


def test_encode_text_is_that_of_tiktoken_with_our_merges():
    merges = table()
    ranks = {token: i for i, token in enumerate(vocabulary(merges))}
    ids = {special: 290 + i for i, special in enumerate(SPECIALS)}
    theirs = Encoding("local", pat_str=GPT2, mergeable_ranks=ranks, special_tokens=ids)
    for text in [PROSE, PROSE * 2, *texts(4, 300), *texts(5, 300, "theca ts'on\n"), "<|end|><|pad|> a<|end|>"]:
        assert encode_text(text, merges, ids) == theirs.encode(text, allowed_special="all")
        assert encode_text(text, merges, {}) == theirs.encode_ordinary(text)


# Training


@pytest.mark.parametrize("seed", range(10))
def test_train_bpe_fast_makes_the_merges_of_train_bpe(seed):
    for letters, words in (("ab", 6), ("abé", 12), (TWO_BYTES, 60)):
        few_ties, ties = corpus(seed, words, letters), dict.fromkeys(corpus(seed, words, letters), 1)
        for counted in (few_ties, ties):
            assert train_bpe_fast(counted, 300) == train_bpe(counted, 300)


@pytest.mark.parametrize("seed", range(5))
def test_train_bpe_fast_makes_the_merges_that_tokenizers_trainer_makes(seed):
    words = corpus(seed, 100, TWO_BYTES)
    merges = untied(words, 40)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=256 + len(merges), initial_alphabet=sorted(LETTER_OF.values()), show_progress=False, min_frequency=0
    )
    tokenizer.train_from_iterator((word for word, n in words.items() for _ in range(n)), trainer)
    by_id = {i: token for token, i in tokenizer.get_vocab().items()}
    theirs = [bytes(BYTE_OF[letter] for letter in by_id[i]) for i in range(256, len(by_id))]
    assert theirs == vocabulary(train_bpe_fast(words, 256 + len(merges)))[256:]


def test_ties_by_bytes_are_what_a_maximum_over_pairs_of_bytes_gives():
    """The rule of Stanford's CS336: of the most frequent pairs, the greatest pair of byte strings."""
    for seed in range(20):
        words = dict.fromkeys(corpus(seed, 10, "abc"), 1)
        pieces = [([bytes([b]) for b in word.encode()], n) for word, n in words.items()]
        made: list[tuple[bytes, bytes]] = []
        while len(made) < 20:
            tally = Counter()
            for tokens, n in pieces:
                for pair in pairwise(tokens):
                    tally[pair] += n
            if not tally:
                break
            best = max(tally, key=lambda pair: (tally[pair], pair))
            made.append(best)
            for tokens, _ in pieces:
                for i in range(len(tokens) - 1):
                    if tuple(tokens[i : i + 2]) == best:
                        tokens[i : i + 2] = [best[0] + best[1]]
        for oracle in (train_bpe, train_bpe_fast):
            merges = oracle.wrongs["ties_by_bytes"].fn(words, 256 + 20)
            tokens = vocabulary(merges)
            assert [(tokens[left], tokens[right]) for left, right in merges] == made


def test_the_ids_of_a_right_server_are_those_of_tiktoken():
    merges = table()
    tokens = vocabulary(merges)
    known = Encoding("right", pat_str=GPT2, mergeable_ranks={t: i for i, t in enumerate(tokens)}, special_tokens={})
    rows = [PROSE, *texts(5, 200), *texts(6, 200, "theca tsi ")]
    assert hunt_strange_ids(rows, tokens, {}) == [known.encode_ordinary(text) for text in rows]
