"""The oracles of chapter 11 against gguf's quantization code and block sizes, scikit-learn's n-grams and scores, and torch.

gguf packs what `block_quantize` leaves as codes; the tests unpack its bytes by its published layout.
"""

import math

import gguf
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from gguf.quants import dequantize, quantize
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import accuracy_score

from reference.ch11_model_cards.bits_per_weight import bits_per_weight, mixed_bits
from reference.ch11_model_cards.block_quantize import block_dequantize, block_quantize
from reference.ch11_model_cards.effective_context import effective_context, perplexity
from reference.ch11_model_cards.lineage_license import lineage_license
from reference.ch11_model_cards.model_bytes import model_bytes
from reference.ch11_model_cards.ngram_contamination import ngram_contamination
from reference.ch11_model_cards.score_discount import score_discount

SEEDS = pytest.mark.parametrize("seed", range(5))
Q = gguf.GGMLQuantizationType
LAYOUTS: dict[str, tuple[int, dict[str, tuple[int, int]]]] = {
    "Q4_0": (32, {"scale": (1, 16), "codes": (32, 4)}),
    "Q4_1": (32, {"scale": (1, 16), "minimum": (1, 16), "codes": (32, 4)}),
    "Q5_0": (32, {"scale": (1, 16), "high bits": (32, 1), "codes": (32, 4)}),
    "Q8_0": (32, {"scale": (1, 16), "codes": (32, 8)}),
    "Q4_K": (256, {"scale": (1, 16), "minimum": (1, 16), "scales": (8, 6), "minima": (8, 6), "codes": (256, 4)}),
    "Q5_K": (256, {"scale": (1, 16), "minimum": (1, 16), "both": (16, 6), "high": (256, 1), "codes": (256, 4)}),
    "Q6_K": (256, {"low": (256, 4), "high": (256, 2), "scales": (16, 8), "scale": (1, 16)}),
    "F16": (1, {"value": (1, 16)}),
}


def weights(seed: int, n: int = 512) -> torch.Tensor:
    x = 0.02 * torch.randn(n, generator=torch.Generator().manual_seed(seed))
    x[64:96] = 0.25  # a block of equal weights
    x[100] = 3.0
    return x


@SEEDS
def test_block_quantize_is_ggufs_q4_1_before_packing(seed):
    x = weights(seed)
    raw = quantize(x.numpy(), Q.Q4_1).reshape(-1, 20)
    scale, low = raw[:, :2].copy().view(np.float16)[:, 0], raw[:, 2:4].copy().view(np.float16)[:, 0]
    codes = np.concatenate([raw[:, 4:] & 15, raw[:, 4:] >> 4], axis=1)
    ours = block_quantize(x, 32)
    assert ours[0].tolist() == codes.tolist()
    assert ours[1].tolist() == scale.tolist() and ours[2].tolist() == low.tolist()


@SEEDS
def test_block_dequantize_gives_ggufs_weights_to_the_bit(seed):
    x = weights(seed)
    theirs = dequantize(quantize(x.numpy(), Q.Q4_1), Q.Q4_1)
    assert block_dequantize(*block_quantize(x, 32)).tolist() == theirs.reshape(-1).tolist()


@pytest.mark.parametrize("name", LAYOUTS)
def test_bits_per_weight_are_those_of_ggufs_blocks(name):
    block, size = gguf.GGML_QUANT_SIZES[Q[name]]
    assert LAYOUTS[name][0] == block
    assert bits_per_weight(*LAYOUTS[name]) == 8 * size / block


@pytest.mark.parametrize("name", ["Q4_0", "Q4_1", "Q8_0", "F16"])
def test_so_many_bytes_does_gguf_write(name):
    x = weights(0)
    assert 8 * quantize(x.numpy(), Q[name]).nbytes == bits_per_weight(*LAYOUTS[name]) * len(x)


def test_model_bytes_are_ggufs_bytes_and_those_of_a_cache_in_torch():
    shapes = {"F32": (65, 4096), "BF16": (7, 512), "F16": (3, 32), "Q8_0": (5, 64), "Q6_K": (2, 512), "Q4_K": (9, 256)}
    tensors = [(math.prod(shape), name) for name, shape in shapes.items()]
    theirs = sum(math.prod(gguf.quant_shape_to_byte_shape(shape, Q[name])) for name, shape in shapes.items())
    cache = torch.empty(2, 3, 5, 11, 2, 64, dtype=torch.float16)  # both, layers, sequences, tokens, heads, width
    costs = model_bytes(tensors, 3, 2, 64, 11, 5)
    assert costs == {"weights": theirs, "cache": cache.nbytes, "total": theirs + cache.nbytes}


def test_mixed_bits_of_llama_3_1_8b_are_those_that_llama_cpp_prints():
    """4.8944 bits per weight for Q4_K_M, from the shapes and llama.cpp's choice of tensors for six bits."""

    def more(i: int) -> bool:
        return i < 32 // 8 or i >= 7 * 32 // 8 or (i - 32 // 8) % 3 == 2

    shapes = {"q": 4096, "k": 1024, "v": 1024, "o": 4096, "gate": 14336, "up": 14336, "down": 14336}
    tensors = [(128_256 * 4096, 4.5), (128_256 * 4096, 6.5625), (4096, 32.0)]
    for i in range(32):
        tensors += [(4096 * n, 6.5625 if name in ("v", "down") and more(i) else 4.5) for name, n in shapes.items()]
        tensors += [(4096, 32.0)] * 2
    assert sum(count for count, _ in tensors) == 8_030_261_248
    assert round(mixed_bits(tensors), 4) == 4.8944


def texts(seed: int, n: int, words: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(["the", "cat", "sat", "on", "a", "mat"], rng.integers(1, words))) for _ in range(n)]


@SEEDS
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_ngram_contamination_is_a_product_of_scikit_learns_counts(seed, n):
    items, corpus = texts(seed, 12, 9), texts(seed + 100, 6, 12)
    vectorizer = CountVectorizer(ngram_range=(n, n), token_pattern=r"\w+", binary=True).fit(corpus + items)
    seen = vectorizer.transform(corpus).toarray().any(0)
    shared = (vectorizer.transform(items).toarray() * seen).any(1)
    assert ngram_contamination(items, corpus, n) == pytest.approx(shared.mean(), rel=1e-13)


@SEEDS
def test_score_discount_is_a_difference_of_scikit_learns_accuracies(seed):
    rng = np.random.default_rng(seed)
    truth, answers, seen = rng.integers(0, 4, 40), rng.integers(0, 4, 40), rng.random(40) < 0.4
    reported = accuracy_score(truth, answers)
    clean = accuracy_score(truth, answers, sample_weight=~seen)
    scores = score_discount((truth == answers).tolist(), seen.tolist())
    assert scores == pytest.approx({"reported": reported, "clean": clean, "discount": reported - clean}, rel=1e-13)


@SEEDS
def test_perplexity_is_e_to_torchs_cross_entropy(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(30, 7, generator=generator, dtype=torch.float64)
    targets = torch.randint(0, 7, (30,), generator=generator)
    given = logits.softmax(-1)[torch.arange(30), targets].tolist()
    assert perplexity(given) == pytest.approx(F.cross_entropy(logits, targets).exp().item(), rel=1e-12)


@pytest.mark.parametrize(
    "scores, effective",
    [
        ([96.5, 95.8, 95.4, 94.8, 88.4, 66.6], 64),  # Llama-3.1-70B
        ([95.5, 93.8, 91.6, 87.4, 84.7, 77.0], 32),  # Llama-3.1-8B
        ([96.9, 96.1, 94.9, 94.1, 79.8, 53.7], 32),  # Qwen2-72B
        ([96.6, 96.3, 95.2, 93.2, 87.0, 81.2], 64),  # GPT-4-1106-preview
    ],
)
def test_effective_context_is_the_effective_length_that_ruler_lists(scores, effective):
    """Rows of the table in RULER's repository (arXiv:2404.06654), whose bar is 85.6; a score as so many of 1000 trials."""
    trials = [
        (length, i < round(10 * score))
        for length, score in zip([4, 8, 16, 32, 64, 128], scores, strict=True)
        for i in range(1000)
    ]
    assert effective_context(trials, 0.856) == effective


@SEEDS
def test_a_lineage_is_what_the_powers_of_its_matrix_reach(seed):
    rng = np.random.default_rng(seed)
    matrix = np.tril(rng.random((7, 7)) < 0.35, -1)
    reach = np.linalg.matrix_power(np.eye(7, dtype=int) + matrix, 7) > 0
    names = "abcdefg"
    parents = {names[i]: [names[j] for j in np.flatnonzero(matrix[i])] for i in range(7)}
    for i in range(7):
        found = lineage_license(names[i], parents, {n: n for n in names}, {n: [n] for n in names})
        assert found == {"obligations": [names[j] for j in np.flatnonzero(reach[i])], "unknown": []}
