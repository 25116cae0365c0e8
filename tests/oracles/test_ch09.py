"""The oracles of chapter 9 against what a user would trust: transformers' logits processors and its Llama, torch's attention
and FLOP counter, numpy's arithmetic in half precision, all texts of a length for beam search, and the exact distribution of
the output for sampling and speculative decoding.

No weights are downloaded: the Llama is made from its configuration, without storage.
"""

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.generation.logits_process import (
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from reference.ch09_decoding.arithmetic_intensity import arithmetic_intensity
from reference.ch09_decoding.batch_invariance import batch_invariance
from reference.ch09_decoding.beam_search import beam_search
from reference.ch09_decoding.greedy_tie import greedy_tie
from reference.ch09_decoding.hunt_same_few_tokens import hunt_same_few_tokens
from reference.ch09_decoding.hunt_worse_with_beams import hunt_worse_with_beams, random_model, score
from reference.ch09_decoding.kv_cache_step import kv_cache_step
from reference.ch09_decoding.repetition_rate import repetition_rate
from reference.ch09_decoding.sample import sample
from reference.ch09_decoding.speculative_accept import speculative_accept
from reference.ch09_decoding.temperature import temperature
from reference.ch09_decoding.top_k import top_k
from reference.ch09_decoding.top_p import top_p

EPS = torch.finfo(torch.float64).eps
LLAMA_8B = {
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "vocab_size": 128_256,
}
SMALL = {
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 32,
    "intermediate_size": 48,
    "vocab_size": 40,
}


def logits(seed, rows=8, n=50):
    return 3 * torch.randn(rows, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def same(got, want, terms=64):
    torch.testing.assert_close(got, want, rtol=terms * EPS, atol=terms * EPS)


# Filters


@pytest.mark.parametrize("t", [0.1, 0.7, 1.0, 2.5])
@pytest.mark.parametrize("seed", range(3))
def test_temperature_is_transformers(seed, t):
    x = logits(seed)
    same(temperature(x, t), torch.softmax(TemperatureLogitsWarper(t)(None, x), -1))


@pytest.mark.parametrize("seed", range(3))
def test_temperature_zero_is_argmax_and_what_small_temperatures_tend_to(seed):
    x = logits(seed)
    assert torch.equal(temperature(x, 0), F.one_hot(x.argmax(-1), x.shape[-1]).double())
    assert torch.equal(temperature(x, 0), temperature(x, 1e-9))
    with pytest.raises(ValueError, match="do_sample=False"):
        TemperatureLogitsWarper(0.0)


@pytest.mark.parametrize("k", [1, 7, 49, 50, 99])
@pytest.mark.parametrize("seed", range(3))
def test_top_k_is_transformers_where_nothing_ties(seed, k):
    x = logits(seed)
    same(top_k(torch.softmax(x, -1), k), torch.softmax(TopKLogitsWarper(k)(None, x), -1))


def test_transformers_keeps_more_than_k_where_tokens_tie():
    tied = torch.zeros(1, 8)
    assert (torch.softmax(TopKLogitsWarper(3)(None, tied), -1) > 0).sum() == 8
    assert (top_k(torch.softmax(tied, -1), 3) > 0).sum() == 3


@pytest.mark.parametrize("mass", [0.05, 0.5, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_top_p_is_transformers(seed, mass):
    x = logits(seed)
    same(top_p(torch.softmax(x, -1), mass), torch.softmax(TopPLogitsWarper(mass)(None, x), -1))


@pytest.mark.parametrize("seed", range(5))
def test_the_three_in_a_row_are_transformers_in_its_order(seed):
    x = logits(seed)
    theirs = LogitsProcessorList([TemperatureLogitsWarper(0.8), TopKLogitsWarper(20), TopPLogitsWarper(0.9)])
    same(top_p(top_k(temperature(x, 0.8), 20), 0.9), torch.softmax(theirs(None, x), -1))


# Sums and batches


@pytest.mark.parametrize("seed", range(5))
def test_greedy_tie_and_batch_invariance_add_as_numpy_does_in_half_precision(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((6, 23)).astype(np.float16)

    def total(row):
        return np.add.accumulate(row, dtype=np.float16)[-1]

    orders = [rng.permutation(23).tolist() for _ in range(4)]
    assert greedy_tie(torch.from_numpy(x), orders) == [
        int(np.argmax([total(row[order]) for row in x])) for order in orders
    ]

    def kernel(rows, cores):
        size = math.ceil(23 / max(1, cores // len(rows)))
        return np.array(
            [total(np.array([total(row[i : i + size]) for i in range(0, 23, size)], np.float16)) for row in rows]
        )

    sums, alike = batch_invariance(torch.from_numpy(x), 16)
    assert (sums.numpy() == kernel(x, 16)).all()
    assert alike.tolist() == [bool(kernel(x[i : i + 1], 16)[0] == sums[i].item()) for i in range(6)]
    assert batch_invariance(torch.from_numpy(x), 16, 3)[1].all()


# Steps


@pytest.mark.parametrize("pieces", [[9], [1] * 9, [5, 1, 1, 2], [2, 4, 3]])
def test_steps_of_any_size_add_up_to_torchs_causal_attention(pieces):
    g = torch.Generator().manual_seed(len(pieces))
    x, positions = (
        torch.randn(2, 9, 6, dtype=torch.float64, generator=g),
        torch.randn(12, 6, dtype=torch.float64, generator=g),
    )
    weights = [torch.randn(8, 6, dtype=torch.float64, generator=g) for _ in range(3)]
    q, k, v = (F.linear(x + positions[:9], w) for w in weights)
    out, keys, values = [], k[:, :0], v[:, :0]
    for piece in x.split(pieces, 1):
        y, keys, values = kv_cache_step(piece, keys, values, *weights, positions)
        out.append(y)
    same(torch.cat(out, 1), F.scaled_dot_product_attention(q, k, v, is_causal=True), 4096)
    same(keys, k, 4096)
    same(values, v, 4096)


def test_torchs_causal_flag_hides_the_cache_from_a_single_query():
    q, k, v = torch.randn(1, 1, 4), torch.randn(1, 5, 4), torch.randn(1, 5, 4)
    assert torch.equal(F.scaled_dot_product_attention(q, k, v, is_causal=True), v[:, :1])


def llama(config, device="meta"):
    with torch.device(device):
        return LlamaForCausalLM(
            LlamaConfig(**config, tie_word_embeddings=False, attn_implementation="eager")
        ).bfloat16()


@pytest.mark.parametrize("config", [SMALL, LLAMA_8B], ids=["small", "8b"])
def test_the_weights_of_a_step_are_all_matrices_of_transformers_llama_but_the_embedding(config):
    model = llama(config)
    sizes = {name: p.numel() * p.element_size() for name, p in model.named_parameters()}
    read = sum(n for name, n in sizes.items() if "norm" not in name and "embed" not in name)
    assert arithmetic_intensity(config, 1, 0, 1, 1.0, 1.0)["weights"] == read
    if config is LLAMA_8B:
        assert sum(sizes.values()) == 2 * 8_030_261_248
        token = arithmetic_intensity(config, 1, 0, 1, 1.0, 1.0)["cache"]
        everything = sum(n for name, n in sizes.items() if "norm" not in name)
        assert (read / token, everything / token) == (114_512, 122_528)


@pytest.mark.parametrize("new, batch", [(1, 1), (1, 5), (7, 1), (6, 3)])
def test_the_flops_of_a_step_are_those_that_torch_counts_in_transformers_llama(new, batch):
    counter = FlopCounterMode(display=False)
    with counter:
        llama(SMALL, "cpu")(torch.zeros(batch, new, dtype=torch.int64), logits_to_keep=1, use_cache=False)
    assert counter.get_total_flops() == arithmetic_intensity(SMALL, new, 0, batch, 1.0, 1.0)["flops"]


# Sampling


@pytest.mark.parametrize("seed", range(5))
def test_sample_is_numpys_search_in_the_running_sum(seed):
    p = torch.softmax(logits(seed), -1)
    u = torch.rand(8, generator=torch.Generator().manual_seed(seed))
    ends = p.numpy().cumsum(-1)
    want = [int(np.searchsorted(row, x * row[-1], side="right")) for row, x in zip(ends, u.tolist(), strict=True)]
    assert sample(p, u).tolist() == want


def test_sample_draws_each_token_as_often_as_its_probability():
    p = torch.tensor([0, 5, 1, 0, 7, 3]) / 16
    drawn = Counter(sample(p.expand(64, 6), torch.arange(64) / 64).tolist())
    assert {token: n / 64 for token, n in drawn.items()} == {1: 5 / 16, 2: 1 / 16, 4: 7 / 16, 5: 3 / 16}


def dyadic(seed, n=4, parts=16, least=0):
    """A distribution in sixteenths."""
    cuts = np.sort(np.random.default_rng(seed).integers(0, parts - least * n + 1, n - 1))
    return np.diff([0, *cuts, parts - least * n]) + least


@pytest.mark.parametrize("seed", range(8))
def test_speculative_decoding_gives_exactly_the_target(seed):
    """Over every draft with its weight, and the exact length of the u and v for which each token comes out."""
    p, q = dyadic(seed), dyadic(seed + 100, least=1)
    large, small = torch.tensor(np.stack([p, p])) / 16, torch.tensor(q)[None] / 16
    output: Counter[int] = Counter()
    for x in range(4):
        borders = sorted({0.0, 1.0, min(1.0, p[x] / q[x])})
        owed = np.maximum(p - q, 0)
        spots = sorted({0.0, 1.0, *(owed.cumsum() / owed.sum() if owed.sum() else [])})
        for low, high in itertools.pairwise(borders):
            for first, last in itertools.pairwise(spots):
                got = speculative_accept(large, small, [x], [(low + high) / 2], (first + last) / 2)
                output[got[0]] += (
                    Fraction(int(q[x]), 16) * (Fraction(high) - Fraction(low)) * (Fraction(last) - Fraction(first))
                )
    assert [float(output[token]) for token in range(4)] == pytest.approx((p / 16).tolist(), abs=1e-15)


def test_speculative_decoding_gives_as_many_tokens_as_the_formula_says():
    g = torch.Generator().manual_seed(0)
    p, q = torch.tensor([[0.5, 0.5]] * 5), torch.tensor([[0.7, 0.3]] * 4)  # accepted with 0.5 + 0.3 = 0.8
    lengths = []
    for _ in range(3000):
        drafts = torch.multinomial(q, 1, generator=g).flatten().tolist()
        lengths.append(len(speculative_accept(p, q, drafts, torch.rand(4, generator=g).tolist(), 0.5)))
    expected = (1 - 0.8**5) / (1 - 0.8)
    assert abs(np.mean(lengths) - expected) < 4 * np.std(lengths) / math.sqrt(3000)


# Beam search and what comes of it


def texts(n, end, most):
    """Every text that has ended, or has `most` tokens."""
    for length in range(1, most + 1):
        for text in itertools.product(range(n), repeat=length):
            if end not in text[:-1] and (text[-1] == end or length == most):
                yield list(text)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 1.7])
@pytest.mark.parametrize("n, most", [(2, 6), (3, 4), (4, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_a_beam_wide_enough_finds_the_best_of_all_texts(seed, n, most, alpha):
    table = 2 * torch.randn(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    log_p = torch.log_softmax(table, -1).tolist()

    def score(text):
        return sum(log_p[i][j] for i, j in itertools.pairwise([0, *text])) / len(text) ** alpha

    best = max(texts(n, n - 1, most), key=score)
    found, value = beam_search(table, 0, n - 1, n**most, most, alpha)
    assert found == best
    assert value == pytest.approx(score(best), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_one_is_greedy(seed):
    table = torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    text = [int(table[0].argmax())]
    while text[-1] != 5 and len(text) < 9:
        text.append(int(table[text[-1]].argmax()))
    assert beam_search(table, 0, 5, 1, 9, 1.0)[0] == text


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_repetition_rate_counts_what_torch_finds_to_be_unique(seed, n):
    text = torch.randint(0, 4, (30,), generator=torch.Generator().manual_seed(seed))
    grams = text.unfold(0, n, 1)
    assert repetition_rate(text.tolist(), n) == pytest.approx(1 - len(grams.unique(dim=0)) / len(grams))


@pytest.mark.parametrize("t", [0.4, 2.0])
def test_a_mended_sampler_draws_from_as_many_tokens_as_transformers_leaves(t):
    table = 2 * torch.randn(30, 30, generator=torch.Generator().manual_seed(0))
    u = torch.rand(40, generator=torch.Generator().manual_seed(1))
    text, counts = hunt_same_few_tokens(table, 0, 99, u, t, 0.8, 0.0)
    left = LogitsProcessorList([TemperatureLogitsWarper(t), TopPLogitsWarper(0.8)])(None, table[[0, *text[:-1]]])
    assert counts == (left > -torch.inf).sum(1).tolist()
    assert all(left[torch.arange(len(text)), torch.tensor(text)] > -torch.inf)


@pytest.mark.parametrize("seed", range(3))
def test_a_mended_search_with_room_for_all_texts_ranks_all_texts(seed):
    model = random_model(seed, 4, 6, 2, 9)
    texts, totals = hunt_worse_with_beams([1, 3], model, 64, 3)
    scores = {text: float(score([1, 3], list(text), model)) for text in itertools.product(range(4), repeat=3)}
    assert [tuple(text) for text in texts] == sorted(scores, key=lambda text: -scores[text])
    torch.testing.assert_close(totals, torch.tensor([scores[tuple(text)] for text in texts]))
