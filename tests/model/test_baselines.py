"""What the model is compared with: single tokens, three tokens in a row, and the grammar itself."""

import math
import random
from collections import Counter, defaultdict

import numpy as np
import pytest

from grader.author.story_baselines import compare
from grader.author.tokenizer_files import FOLDER
from grader.book.errors import KoansError
from grader.book.workbook import Workbook
from grader.model import functions, stories, tokenizer
from grader.model.baselines import baselines, fit_trigram, load, measure, unigram_losses
from grader.model.tokenizer import Tokenizer
from tests.conftest import ROOT


def kneser_ney(train, vocab_size):
    """p(w | u, v) by the recursion of Chen and Goodman, with dictionaries: the same formula by another route."""
    threes = Counter(zip(train, train[1:], train[2:], strict=False))
    levels = [threes]
    for _ in range(2):
        before = defaultdict(set)
        for gram in levels[-1]:
            before[gram[1:]].add(gram[0])
        levels.append({gram: len(firsts) for gram, firsts in before.items()})

    def discounts(counts):
        n = Counter(counts.values())
        if not all(n[k] for k in (1, 2, 3, 4)):
            return [0, 0.5, 0.5, 0.5]
        y = n[1] / (n[1] + 2 * n[2])
        return [0, *(max(k - (k + 1) * y * n[k + 1] / n[k], 0) for k in (1, 2, 3))]

    taken = [discounts(counts) for counts in levels]

    def p(gram, level):
        if not gram:
            return 1 / vocab_size
        counts, take = levels[level], taken[level]
        followers = [n for other, n in counts.items() if other[:-1] == gram[:-1]]
        lower = p(gram[1:], level + 1)
        if not followers:
            return lower
        n = counts.get(gram, 0)
        rest = sum(take[min(m, 3)] for m in followers)
        return (n - take[min(n, 3)] + rest * lower) / sum(followers)

    return lambda u, v, w: p((u, v, w), 0)


def sample(seed, n, vocab_size):
    """Tokens of which the next depends on the last, so that all orders differ."""
    rng, tokens = random.Random(seed), [0]
    while len(tokens) < n:
        tokens.append(int(tokens[-1] + vocab_size * rng.random() ** 3) % vocab_size)
    return tokens


def test_a_token_costs_what_its_share_of_the_training_tokens_costs():
    losses = unigram_losses([0, 0, 0, 1], [0, 1, 2], 4)  # counts 3, 1, 0, 0 and one more for each: of 8
    assert losses == pytest.approx([math.log(8 / 4), math.log(8 / 2), math.log(8 / 1)])


@pytest.mark.parametrize("n", [12, 400, 3000])
def test_the_3_gram_model_is_kneser_ney_with_three_discounts(n):
    train, text = sample(1, n, 12), sample(2, 200, 12)
    p = kneser_ney(train, 12)
    expected = [-math.log(p(u, v, w)) for u, v, w in zip([5, 7, *text], [7, *text], text, strict=False)]
    assert fit_trigram(train, 12).losses(text, (5, 7)) == pytest.approx(expected)


def test_the_probabilities_after_two_tokens_sum_to_one_seen_or_not():
    trigram = fit_trigram(sample(3, 500, 9), 10)  # token 9 does not occur
    for before in [(0, 1), (4, 4), (9, 2), (2, 9), (9, 9)]:
        assert sum(math.exp(-trigram.losses([w], before)[0]) for w in range(10)) == pytest.approx(1)


def test_a_text_that_repeats_costs_a_3_gram_model_almost_nothing():
    losses = fit_trigram([0, 1, 2, 1] * 500, 3).losses([0, 1, 2, 1, 0], (2, 1))
    assert max(losses) < 0.01


def test_too_few_tokens_are_an_error():
    with pytest.raises(ValueError, match="at least 3 tokens, not 2"):
        fit_trigram([1, 2], 10)


def test_nats_become_nats_a_token_and_bits_a_byte():
    found = measure(nats=100 * math.log(2), tokens=50, size=200)
    assert (found.nats_per_token, found.bits_per_byte) == pytest.approx((2 * math.log(2), 0.5))


def test_the_comparison_has_one_text_and_three_measures():
    train, held_out = sample(4, 3000, 12), sample(5, 500, 12)
    found = baselines(train, held_out, vocab_size=12, stop=11, size=1500, nats=350.0)
    assert found.unigram == measure(unigram_losses(train, held_out, 12).sum(), 500, 1500)
    assert found.trigram == measure(fit_trigram(train, 12).losses(held_out, (11, 11)).sum(), 500, 1500)
    assert found.grammar == measure(350.0, 500, 1500)
    assert found.grammar.nats_per_token == 0.7
    assert found.trigram.nats_per_token < found.unigram.nats_per_token


def test_arrays_and_lists_give_the_same():
    train, text = sample(6, 300, 8), sample(7, 50, 8)
    listed, array = fit_trigram(train, 8), fit_trigram(np.array(train, dtype=np.int32), 8)
    assert (listed.losses(text, (1, 2)) == array.losses(np.array(text), (1, 2))).all()


def test_the_stored_comparison_is_of_these_stories_and_leaves_room_for_a_model():
    book = Workbook(ROOT)
    stored, grammar = load(ROOT / FOLDER), stories.grammar(ROOT)
    model = Tokenizer(functions.load(book), tokenizer.load(ROOT / FOLDER))
    told = [grammar.story(seed) for seed in grammar.HELD_OUT]
    tokens = len(model.encode("".join(story.text + "<|end|>" for story in told)))
    size = sum(len(story.text.encode()) for story in told)
    assert stored.grammar == measure(sum(story.nats for story in told), tokens, size)
    assert 3 * stored.grammar.nats_per_token < stored.trigram.nats_per_token
    assert 4 * stored.trigram.nats_per_token < stored.unigram.nats_per_token


def test_more_training_stories_make_a_better_3_gram_model():
    model = Tokenizer(functions.load(Workbook(ROOT)), tokenizer.load(ROOT / FOLDER))
    few, many = (compare(ROOT, model, n, held_out=50, vocab_size=1024) for n in (50, 500))
    assert many.grammar == few.grammar
    assert many.grammar.nats_per_token < many.trigram.nats_per_token < few.trigram.nats_per_token


@pytest.mark.parametrize("data", [None, b"{}", b"\xff"], ids=["missing", "incomplete", "damaged"])
def test_a_comparison_that_cannot_be_read_is_an_error_in_one_line(data, tmp_path):
    if data is not None:
        (tmp_path / "baselines.json").write_bytes(data)
    with pytest.raises(KoansError, match=r"baselines\.json"):
        load(tmp_path)
