"""The numbers of chapter 5: merges, splits, and what the tokens of a text cost."""

import importlib.util
from collections import Counter
from itertools import pairwise
from pathlib import Path

from content.prices import rise
from reference.ch05_tokens.encode import encode
from reference.ch05_tokens.fertility import fertility
from reference.ch05_tokens.letters_in_tokens import letters_in_tokens
from reference.ch05_tokens.token_drift import token_drift
from reference.ch05_tokens.train_bpe import train_bpe

GERMAN = (
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt und "
    "sollen einander im Geist der Brüderlichkeit begegnen."
)
FIRST_SENTENCES = {
    "English": "All human beings are born free and equal in dignity and rights.",
    "Turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar.",
    "Finnish": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan.",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
}
SMALL_CORPUS = (
    "no one shall be held in slavery and all are equal in the rights and the dignity of human beings born free and"
)
WORDS = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
OTHER_COUNTS = {"low": 5, "lower": 6, "newest": 2, "widest": 3}
TEXT = "the lower widow knew the newest lowest"
# Tokens of Article 1 with cl100k_base and with o200k_base.
COUNTED = {"English": (33, 33), "German": (44, 38), "Turkish": (60, 46), "Finnish": (68, 54), "Greek": (172, 71)}
D = 4096

RANKS = "counted with bpe-openai 0.1.4, which ships the ranks of cl100k_base and o200k_base"
EXAMPLE = "the input of an example"
GIVEN = {
    "496, 675, 15717": RANKS,
    "id 15717": RANKS,
    "73,700": RANKS,
    "id 436": RANKS,
    "id, 436": RANKS,
    "(id 81": RANKS,
    "1234567 is 123, 456": RANKS,
    "234567 is 234, 567": RANKS,
    "172 tokens": RANKS,
    "needs 33": RANKS,
    "68 and 33": RANKS,
    "71 with": RANKS,
    "1,000": EXAMPLE,
    "2,000": EXAMPLE,
    "40,000": EXAMPLE,
    "4096": "the hidden size of Llama-3-8B",
    "grows to 300 merges": "the range of the figure",
    "A vocabulary of 100,000": "about cl100k_base's",
    "about 100,000": "cl100k_base has 100,256 tokens that are no special ones",
    "152,064 rows for 151,665": "config.json and tokenizer of Qwen2.5-7B",
    "15 times": "Petrov et al., arXiv:2305.15425, abstract",
}


def numbers():
    for part in (_training, _ties, _drift, _languages, _costs, _sizes, _prices):
        yield from part()


def _prices():
    """What mistakes cost the small model, as the afterwords quote it."""
    yield f"rises {rise('ch05_tokens/encode', 'longest_match', 'reading.bits')} bits a byte"


def _training():
    merges = train_bpe(WORDS, 263)
    names = {i: chr(i) for i in range(256)}
    for i, (left, right) in enumerate(merges):
        names[256 + i] = names[left] + names[right]
        yield f"| {256 + i} | {names[left]} {names[right]} | {names[256 + i]} | {_pairs(merges[:i])[left, right]} |"
    first = _pairs([])
    assert first[ord("e"), ord("s")] == first[ord("s"), ord("t")] == max(first.values())
    assert first[ord("l"), ord("o")] == first[ord("o"), ord("w")] == sorted(first.values())[-5]
    yield f"together {first[ord('s'), ord('t')]} times each"
    yield f"w e {first[ord('w'), ord('e')]} times"
    yield f"l o and o w {first[ord('l'), ord('o')]} times"
    yield f"s is byte {ord('s')} and e is byte {ord('e')}"
    yield f"becomes id {256 + merges.index((ord('e'), 256))}"
    low, est = encode("lowest", merges)
    yield f"low, est: ids {low} and {est}"
    banana = train_bpe({"banana": 1}, 258)
    assert banana == [(ord("n"), ord("a")), (256, 256)]
    yield f"n a (ids {ord('n')}, {ord('a')})"
    yield f"{256} is 'na'"
    yield f"(256, 256), ({ord('b')}, {ord('a')}) and ({ord('a')}, 256)"
    yield f"is ({banana[1][0]}, {banana[1][1]}): {257} is 'nana'"
    yield f"a na: {', '.join(map(str, encode('bandana', banana)))}"
    yield f"(b {ord('b')}, a {ord('a')}, n {ord('n')}, d {ord('d')})"
    yield f"byte {ord('r')}"
    yield f"{2**8}"  # the bytes
    yield f"asks it {100_000 - 2**8:,} times"
    assert letters_in_tokens([b"str", b"aw", b"berry"])["r"] == (0, 3)


def _ties():
    by_bytes = train_bpe.wrongs["ties_by_bytes"].fn
    words = {"abc": 2, "abd": 1, "xy": 2}
    assert train_bpe(words, 258) == [(ord("a"), ord("b")), (256, ord("c"))]
    assert by_bytes(words, 258) == [(ord("a"), ord("b")), (ord("x"), ord("y"))]
    yield f"(256, {ord('c')}) and ({ord('x')}, {ord('y')}) occur"
    yield f"256 is greater than {ord('x')}"
    preamble = Counter(_figure().PREAMBLE.split())
    both = [set(_spelled(train(preamble, 556))) for train in (train_bpe, by_bytes)]
    both_make = f"{len(both[0] & both[1])} make the same token"
    yield f"of {len(both[1])} merges on the preamble of the Universal Declaration of Human Rights, {both_make}"


def _spelled(merges):
    """The tokens that these merges make, as bytes."""
    vocab = [bytes([i]) for i in range(256)]
    for left, right in merges:
        vocab.append(vocab[left] + vocab[right])
    return vocab[256:]


def _pairs(merges):
    """How often the pairs stand together after these merges."""
    pairs = Counter()
    for word, count in WORDS.items():
        ids = encode(word, merges)
        for pair in pairwise(ids):
            pairs[pair] += count
    return pairs


def _drift():
    tables = [train_bpe(words, 266) for words in (WORDS, OTHER_COUNTS)]
    assert all(len(table) == 10 for table in tables)
    size = sum(len(word) for word in TEXT.split())
    share, valid = token_drift(*(_tokens(table) for table in tables), rows=266)
    assert valid
    yield f"a text of {size} bytes, {share:.0%}".replace("%", " %")
    yield f"{share:.0%} of".replace("%", " %")
    yield f"have {256 + len(tables[0])} ids"
    yield f"accepts {152_064 - 151_665} ids"


def _tokens(merges):
    vocab = [bytes([i]) for i in range(256)]
    for left, right in merges:
        vocab.append(vocab[left] + vocab[right])
    return [(i, vocab[i]) for word in TEXT.split() for i in encode(word, merges)]


def _figure():
    spec = importlib.util.spec_from_file_location("figure_of_ch05", Path(__file__).with_name("figure.py"))
    figure = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figure)
    return figure


def _languages():
    figure = _figure()
    texts = figure.ARTICLE_1 | {"German": GERMAN}
    for name, (older, newer) in COUNTED.items():
        words, size = len(texts[name].split()), len(texts[name].encode())
        yield f"| {name} | {words} | {size} | {older} | {older / words:.1f} | {newer} |"
    tokens = {name: counted[0] for name, counted in COUNTED.items()}
    words = {name: len(text.split()) for name, text in texts.items()}
    per_word = tokens["Finnish"] / words["Finnish"] / (tokens["English"] / words["English"])
    yield f"Finnish has {per_word:.1f} times the tokens per word, but {tokens['Finnish'] / tokens['English']:.1f} times"
    yield f"{len(texts['Finnish'])} characters in Finnish and {len(texts['English'])} in English"
    table = train_bpe(Counter(figure.PREAMBLE.split()), 256 + figure.MERGES[-1])
    none, all_of_them = (
        {name: value["fertility"] for name, value in fertility(figure.ARTICLE_1, merges, D, "English").items()}
        for merges in ([], table)
    )
    yield f"falls from {none['English']:.1f} to {all_of_them['English']:.1f}"
    assert (
        round(none["Finnish"]) == round(none["Turkish"]) == 7 and max(map(all_of_them.get, ("Finnish", "Turkish"))) < 6
    )
    assert none["Greek"] == all_of_them["Greek"]
    yield f"stays at {none['Greek']:.1f}"
    small = train_bpe(Counter(SMALL_CORPUS.split()), 300)
    first = fertility(FIRST_SENTENCES, small, 64, "English")
    shown = [f"{first[name]['fertility']:.1f}" for name in ("English", "Turkish", "Finnish", "Greek")]
    yield f"{shown[0]}, {shown[1]}, {shown[2]} and {shown[3]}"


def _costs():
    greek, english = COUNTED["Greek"][0], COUNTED["English"][0]
    yield f"costs {(greek / english) ** 2:.0f} times"
    yield f"{_layer(greek) / _layer(english):.2f} times"
    yield f"{greek / english:.2f} times"
    yield f"{_layer(2000) / _layer(1000):.2f} times"
    attention = 4 * 1000**2 * D
    yield f"{attention / _layer(1000):.0%} of".replace("%", " %")
    yield f"{6 * D:,}"
    assert _layer(2 * 6 * D) == 3 * _layer(6 * D)
    yield f"{2 * 6 * D:,} tokens"
    yield f"it is {26 * D // 4:,}"
    older, newer = COUNTED["Greek"]
    documents = 40_000
    shorter = round(documents * newer / older)
    yield f"{documents:,} · {newer}/{older} = {shorter:,} tokens"
    yield f"factor of {documents / shorter:.1f}"
    yield f"Compute falls by {_layer(documents) / _layer(shorter):.1f}"


def _layer(s):
    return 24 * s * D**2 + 4 * s**2 * D


def _sizes():
    yield f"{D * 2 // 1024} KiB in the embedding"
