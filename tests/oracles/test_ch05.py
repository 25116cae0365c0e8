"""The oracles of chapter 5 against the tokenizers people use: tokenizers and tiktoken, on tables made here; and torch's
FLOP counter.

No vocabulary is downloaded. tokenizers trains and encodes with its own code; tiktoken is handed the bytes and ranks of a
table and encodes and decodes with its own. The two write bytes as printable letters in different ways; here all is bytes.
"""

import random
from collections import Counter
from itertools import pairwise, product

import pytest
import torch
import torch.nn.functional as F
from tiktoken import Encoding
from tiktoken._educational import SimpleBytePairEncoding
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.utils.flop_counter import FlopCounterMode

from reference.ch05_tokens.decode import decode
from reference.ch05_tokens.encode import encode
from reference.ch05_tokens.fertility import fertility
from reference.ch05_tokens.letters_in_tokens import letters_in_tokens
from reference.ch05_tokens.merge_pair import merge_pair
from reference.ch05_tokens.most_frequent_pair import most_frequent_pair
from reference.ch05_tokens.token_drift import token_drift
from reference.ch05_tokens.train_bpe import train_bpe

Merges = list[tuple[int, int]]
LETTERS = "abcdeé€"
TWO_BYTES = LETTERS[:-1]  # both pairs of bytes in € are equally frequent, a tie whenever it is merged
PLAIN = [
    *range(33, 127),
    *range(161, 173),
    *range(174, 256),
]  # bytes that tokenizers writes as the letter of that number
LETTER_OF = {b: chr(b) for b in PLAIN} | {b: chr(256 + i) for i, b in enumerate(sorted({*range(256)} - {*PLAIN}))}
BYTE_OF = {letter: b for b, letter in LETTER_OF.items()}


def vocabulary(merges: Merges) -> list[bytes]:
    tokens = [bytes([b]) for b in range(256)]
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    return tokens


def corpus(seed: int, words: int = 12, letters: str = LETTERS) -> dict[str, int]:
    """Words with counts: early letters are common, so that ties are few."""
    rng = random.Random(seed)
    weights = [1 / (i + 1) for i in range(len(letters))]
    return {"".join(rng.choices(letters, weights, k=rng.randint(1, 8))): rng.randint(1, 50) for _ in range(words)}


def untied(words: dict[str, int], most: int) -> Merges:
    """The merges up to the first that two pairs might have won, where trainers part by their rules."""
    merges = train_bpe(words, 256 + most)
    for n in range(len(merges)):
        tally: Counter[tuple[int, int]] = Counter()
        for word, count in words.items():
            for pair in pairwise(encode(word, merges[:n])):
                tally[pair] += count
        if list(tally.values()).count(max(tally.values())) > 1:
            return merges[:n]
    return merges


def hugging_face(merges: Merges) -> Tokenizer:
    """tokenizers' BPE with this table."""
    tokens = ["".join(LETTER_OF[b] for b in token) for token in vocabulary(merges)]
    table = [(tokens[left], tokens[right]) for left, right in merges]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=table))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def open_ai(merges: Merges) -> Encoding:
    """tiktoken with this table."""
    ranks = {token: i for i, token in enumerate(vocabulary(merges))}
    return Encoding("local", pat_str=r"[\s\S]+", mergeable_ranks=ranks, special_tokens={})


def tables() -> list[Merges]:
    """Trained tables in which no two tokens have the same bytes, as a vocabulary by bytes needs."""
    found = [train_bpe(corpus(seed), 256 + size) for seed, size in product(range(12), (5, 20, 60))]
    return [merges for merges in found if len(set(vocabulary(merges))) == 256 + len(merges)]


def texts(seed: int, n: int = 40) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices(LETTERS + " ", k=rng.randint(0, 14))) for _ in range(n)]


# Training


@pytest.mark.parametrize("seed", range(20))
def test_train_bpe_makes_the_merges_that_tokenizers_trainer_makes(seed):
    words = corpus(seed, 100, TWO_BYTES)
    merges = untied(words, 40)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    alphabet = sorted(LETTER_OF.values())
    trainer = trainers.BpeTrainer(
        vocab_size=256 + len(merges), initial_alphabet=alphabet, show_progress=False, min_frequency=0
    )
    tokenizer.train_from_iterator((word for word, n in words.items() for _ in range(n)), trainer)
    by_id = {i: token for token, i in tokenizer.get_vocab().items()}
    theirs = [bytes(BYTE_OF[letter] for letter in by_id[i]) for i in range(256, len(by_id))]
    assert theirs == vocabulary(merges)[256:]


@pytest.mark.parametrize("seed", range(10))
def test_train_bpe_makes_the_tokens_that_tiktokens_teaching_code_makes(seed):
    words = corpus(seed, 50, TWO_BYTES)
    merges = untied(words, 40)
    text = " ".join(word for word, n in words.items() for _ in range(n))
    theirs = SimpleBytePairEncoding.train(text, vocab_size=256 + len(merges), pat_str=r"\S+").mergeable_ranks
    assert sorted(theirs, key=lambda token: theirs[token]) == vocabulary(merges)


def test_enough_of_these_merges_are_compared():
    assert sum(len(untied(corpus(seed, 100, TWO_BYTES), 40)) for seed in range(20)) > 200


@pytest.mark.parametrize("word", ["zzzab", "zzab", *(f"word {seed}" for seed in range(12))])
def test_most_frequent_pair_is_the_first_that_tokenizers_trainer_merges(word):
    """Overlapping places count: in 'zzzab' the pair zz stands twice, and no other does."""
    if word[5:].isdigit():
        word = "".join(random.Random(int(word[5:])).choices("abc", (9, 3, 1), k=41))
    places = list(Counter(pairwise(word)).values())
    best = places.count(max(places)) == 1
    tokenizer = Tokenizer(models.BPE())
    tokenizer.train_from_iterator([word], trainers.BpeTrainer(vocab_size=len(set(word)) + 1, show_progress=False))
    (first,) = (token for token in tokenizer.get_vocab() if len(token) == 2)
    numbers = list(map(ord, word))
    assert not best or most_frequent_pair(numbers) == tuple(map(ord, first))
    # with the letters turned round the greater pair is the smaller, as tokenizers' rule for ties has it
    assert most_frequent_pair([-x for x in numbers]) == tuple(-ord(letter) for letter in first)


def test_among_equals_tokenizers_takes_the_smaller_pair_and_tiktokens_teaching_code_the_first():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(["cd ef ab"], trainers.BpeTrainer(vocab_size=7, show_progress=False))
    assert [token for token in tokenizer.get_vocab() if len(token) == 2] == ["ab"]
    teaching = SimpleBytePairEncoding.train("cd ef ab", vocab_size=257, pat_str=r"\S+")
    assert teaching.mergeable_ranks[b"cd"] == 256
    assert train_bpe({"cd": 1, "ef": 1, "ab": 1}, 257) == [(ord("e"), ord("f"))]


# Encoding


@pytest.mark.parametrize("pair", ["aa", "ab", "ba", "cc"])
def test_merge_pair_is_tokenizers_bpe_with_one_merge(pair):
    left, right = pair.encode()
    tokenizer = hugging_face([(left, right)])
    for length in range(7):
        for letters in product(b"abc", repeat=length):
            assert merge_pair(list(letters), (left, right), 256) == tokenizer.encode(bytes(letters).decode()).ids


def test_encode_is_that_of_tokenizers_and_of_tiktoken_on_the_same_table():
    compared = 0
    for i, merges in enumerate(tables()):
        theirs, others = hugging_face(merges), open_ai(merges)
        for text in [*texts(i), *corpus(i)]:
            ids = encode(text, merges)
            assert ids == theirs.encode(text).ids == others.encode(text)
            compared += len(ids) < len(text.encode())
    assert compared > 500


def test_strawberry_by_the_ranks_of_cl100k_base_is_str_aw_berry_in_tiktoken_too():
    # token: rank there; the letters keep their order below all others
    ranks = {bytes([b]): i for i, b in enumerate(sorted(b"abersytw"))}
    order = b"er st tr str err rr ber aw ry ra raw be tra erry stra berry wb".split()
    ranks |= {token: len(ranks) + i for i, token in enumerate(order)}
    tiktoken = Encoding("local", pat_str=r"\S+", mergeable_ranks=ranks, special_tokens={})
    pieces = [tiktoken.decode_single_token_bytes(i) for i in tiktoken.encode("strawberry")]
    assert pieces == [b"str", b"aw", b"berry"]


# Decoding


def test_decode_is_tiktokens_for_any_ids():
    rng = random.Random(0)
    for merges in tables():
        tiktoken = open_ai(merges)
        for _ in range(60):
            ids = rng.choices([97, 195, 169, 226, 130, 172, 240, 159, 255, *range(256, 256 + len(merges))], k=6)
            assert decode(ids, merges) == tiktoken.decode(ids)


def test_decode_is_that_of_tokenizers_for_any_ids():
    rng = random.Random(1)
    for merges in tables()[:6]:
        tokenizer = hugging_face(merges)
        for _ in range(60):
            ids = rng.choices([97, 195, 169, 226, 130, 172, 240, 159, 255, *range(256, 256 + len(merges))], k=6)
            assert decode(ids, merges) == tokenizer.decode(ids)


def test_decode_has_the_ids_that_tiktoken_has():
    merges = train_bpe({"low": 2, "lot": 1}, 258)
    tiktoken = open_ai(merges)
    for i in (258, 259, 1000):
        with pytest.raises(LookupError):
            decode([i], merges)
        with pytest.raises(KeyError):
            tiktoken.decode([i])


# Letters, drift


def test_letters_in_tokens_are_those_whose_place_one_token_of_tokenizers_has_to_itself():
    for i, merges in enumerate(tables()):
        tokenizer, tokens = hugging_face(merges), vocabulary(merges)
        for text in texts(i, 20):
            found = tokenizer.encode(text)
            counts = {letter: [0, 0] for letter in text}
            for place, letter in enumerate(text):
                over = [span for span in found.offsets if span[0] <= place < span[1]]
                counts[letter][over != [(place, place + 1)]] += 1
            ours = letters_in_tokens([tokens[i] for i in found.ids])
            assert ours == {letter: tuple(both) for letter, both in counts.items()}


def test_token_drift_is_the_share_of_places_where_two_of_tokenizers_name_another_token():
    several = tables()[2:20:3]
    for a, b in pairwise(several):
        one, other = hugging_face(a), hugging_face(b)
        for text in texts(7, 20):
            text = text.replace("é", "d").replace("€", "e")  # then a place is a byte
            x, y = one.encode(text), other.encode(text)

            def at(encoding, place):
                i = encoding.char_to_token(place)
                return encoding.ids[i], encoding.offsets[i]

            differ = sum(at(x, place) != at(y, place) for place in range(len(text)))
            ours = [[(i, v[i]) for i in e.ids] for e, v in ((x, vocabulary(a)), (y, vocabulary(b)))]
            rows = 256 + len(a)
            assert token_drift(*ours, rows) == (differ / max(len(text), 1), max(y.ids, default=0) < rows)


def test_what_token_drift_calls_valid_is_what_torchs_embedding_takes():
    table = torch.zeros(257, 2)
    for i in (0, 256, 257, -1, 1000):
        _, valid = token_drift([(0, b"a")], [(i, b"a")], 257)
        if valid:
            F.embedding(torch.tensor([i]), table)
        else:
            with pytest.raises(IndexError):
                F.embedding(torch.tensor([i]), table)


# Costs


def layer_flops(s: int, d: int) -> dict[str, int]:
    """What torch's counter sees in a layer of width d with a feed-forward part of 4·d that runs on s tokens."""
    weights = [torch.zeros(d, d) for _ in range(4)]
    up, down = torch.zeros(4 * d, d), torch.zeros(d, 4 * d)
    with FlopCounterMode(display=False) as counter:
        x = torch.zeros(s, d)
        q, k, v = (F.linear(x, w).reshape(s, 2, d // 2).transpose(0, 1) for w in weights[:3])
        mixed = torch.softmax(q @ k.mT, -1) @ v
        x = x + F.linear(mixed.transpose(0, 1).reshape(s, d), weights[3])
        x + F.linear(F.gelu(F.linear(x, up)), down)
    counted = {str(op): flops for op, flops in counter.get_flop_counts()["Global"].items()}
    return {"attention": counted["aten.bmm"], "model": counter.get_total_flops()}


@pytest.mark.parametrize("d", [2, 8, 64])
def test_fertility_counts_tiktokens_tokens_and_torchs_flops(d):
    merges = train_bpe(corpus(3), 280)
    tiktoken = open_ai(merges)
    samples = {f"language {i}": " ".join(texts(i, 12)) + " ab" for i in range(4)}
    tokens = {name: sum(len(tiktoken.encode(word)) for word in text.split()) for name, text in samples.items()}
    base = layer_flops(tokens["language 1"], d)
    for name, costs in fertility(samples, merges, d, "language 1").items():
        flops = layer_flops(tokens[name], d)
        assert costs["fertility"] == tokens[name] / len(samples[name].split())
        assert costs["attention"] == flops["attention"] / base["attention"]
        assert costs["model"] == flops["model"] / base["model"]
