"""The numbers of chapter 11's texts."""

import math

import torch

from exercises.ch11_model_cards.test_ngram_contamination import CORPUS, QUESTIONS
from reference.ch11_model_cards.bits_per_weight import bits_per_weight, mixed_bits
from reference.ch11_model_cards.block_quantize import block_dequantize, block_quantize
from reference.ch11_model_cards.effective_context import perplexity
from reference.ch11_model_cards.model_bytes import model_bytes
from reference.ch11_model_cards.ngram_contamination import ngram_contamination
from reference.ch11_model_cards.score_discount import score_discount

LLAMA_CPP = "llama.cpp, tools/quantize/README.md at commit 311c2c9f"
RULER = "README.md of github.com/hsiehjackson/RULER at commit 0193bdd0"
LICENSE = "Llama 2 Community License Agreement, section 2"
GSM1K = "Zhang et al. 2024, arXiv:2405.00332"
GIVEN = {
    "Q4_K | 256 codes": "layout of Q4_K",
    "Q6_K | 256 codes": "layout of Q6_K",
    "stores 256 weights": "layout of Q4_K",
    "super-block of 256": "layout of Q4_K",
    "super-blocks of 256": "layout of Q4_K",
    "0.5, −0.5, 0.25 and −0.12": "the weights of the worked example",
    "The code of 0.25": "a weight of the worked example",
    "The code of −0.12": "a weight of the worked example",
    "The codes of 0.25 and −0.12": "weights of the worked example",
    "come back as −0.5": "the minimum of the example's block",
    "The minimum is −0.5": "the smallest weight of the worked example",
    "between −0.5 and 0.5": "an input of the card's test",
    "8,192 tokens": "a length",
    "131,072 tokens": "a length",
    "tokens, 17.2 GB with 131,072": "a length",
    "128 numbers": "head_dim in Llama-3.1-8B's config.json",
    "8.03 billion": "weights of Llama-3.1-8B",
    "4.58 GiB": LLAMA_CPP,
    "4.8944 bits": LLAMA_CPP,
    "4.84 for Llama-2-7B": "an older README of llama.cpp's quantize",
    "4.8 to 4.9 bits": "4.84 and 4.89, rounded",
    "90 %": "an input of score_discount",
    "and 60 %": "an input of score_discount",
    "85.6 %": RULER,
    "| Llama-3.1-70B | 128K | 64K | 88.4 % | 66.6 % |": RULER,
    "| Llama-3.1-8B | 128K | 32K | 84.7 % | 77.0 % |": RULER,
    "| Qwen2-72B | 128K | 32K | 79.8 % | 53.7 % |": RULER,
    "88.4 % at 64K, 66.6 % at 128K": RULER,
    "700 million": LICENSE,
    "GSM1k has 1205 new problems": GSM1K,
    "128K": "a length",
    "Apache 2.0": "a name",
    "CC BY-NC 4.0": "a name",
    "1e-6": "an input of perplexity",
    "instead of 0.9": "an input of perplexity",
    "a result of 71.3 %": "an input of the question",
    "a format of 8.5 bits": "an input of the question",
    "Llama 2 has 4,096 tokens": "Llama 2's window, arXiv:2307.09288",
    "HumanEval has 164 problems": "Chen et al. 2021, arXiv:2107.03374",
}

SIX = 16 * (1024 + 14336) * 4096 + 128_256 * 4096  # Q6_K: value and down of 16 layers, and the head
ALL = 8_030_261_248
BF16 = [(ALL, "BF16")]
Q4_K_M = [(ALL - SIX - 65 * 4096, "Q4_K"), (SIX, "Q6_K"), (65 * 4096, "F32")]


def numbers():
    yield from _formats()
    yield from _example()
    yield from _file()
    yield from _serving()
    yield from _scores()
    yield from _contexts()
    yield from _figure()


def _formats():
    codes = {"codes": (32, 4), "scale": (1, 16)}
    q4_k = {"codes": (256, 4), "scales": (8, 6), "minima": (8, 6), "two": (2, 16)}
    yield f"an fp16 scale | {bits_per_weight(32, codes):g} |"
    yield f"| {bits_per_weight(32, codes | {'minimum': (1, 16)}):.1f} |"
    bits = 32 * 4 + 2 * 16
    yield f"That is {bits} bits, or {bits // 32} per weight"
    yield f"32 · 4 + 2 · 16 = {bits} bits, or {bits // 32} per weight"
    yield f"two fp16 numbers | {bits_per_weight(256, q4_k):g} |"
    yield f"an fp16 number | {bits_per_weight(256, {'codes': (256, 6), 'scales': (16, 8), 'scale': (1, 16)})} |"
    yield f"an fp16 scale | {bits_per_weight(32, {'codes': (32, 8), 'scale': (1, 16)}):g} |"
    block, parts = 256 * bits_per_weight(256, q4_k) / 8, [256 * 4, 2 * 8 * 6, 2 * 16]
    yield f"({parts[0]} + {parts[1]} + {parts[2]}) / 256 = {bits_per_weight(256, q4_k):g}"
    yield f"The super-block has {block:.0f} bytes"
    yield f"256 weights in {block:.0f} bytes: {parts[0] // 8} bytes of codes"
    yield f"That is {bits_per_weight(256, q4_k):g} bits per weight"
    yield f"{bits_per_weight(256, q4_k):g} bits"
    yield f"({bits_per_weight(256, {'codes': (256, 6), 'scales': (16, 8), 'scale': (1, 16)})} bits)"
    own = bits_per_weight(64, {"codes": (64, 4), "scales": (4, 8), "scale": (1, 16)})
    yield f"(64 · 4 + 4 · 8 + 16) / 64 = {64 * own:.0f} / 64 = {own:g}"
    yield f"0.9 · {own:g} + 0.1 · 8.5 = {mixed_bits([(9, own), (1, 8.5)]):.3f}"


def _example():
    for first in (0.5, 30.0):
        x = torch.tensor([first, -0.5, 0.25, -0.12])
        scale = (first + 0.5) / 15
        codes, *_ = packed = block_quantize(x, 4)
        back = block_dequantize(*packed).tolist()
        exact = [(value + 0.5) / scale for value in x.tolist()]
        if first == 0.5:
            yield f"(0.5 − (−0.5)) / 15 = {scale:.4f}"
            yield f"(0.25 + 0.5) / {scale:.4f} = {exact[2]:.2f}, rounded to {codes[0, 2]}"
            yield f"0.38 / {scale:.4f} = {exact[3]:.2f}, rounded to {codes[0, 3]}"
            yield f"{codes[0, 2]} · {scale:.4f} − 0.5 = {back[2]:.3f}"
            yield f"{codes[0, 3]} · {scale:.4f} − 0.5 = −{-back[3]:.3f}"
            yield f"The errors are {abs(back[2] - 0.25):.3f} and {abs(back[3] + 0.12):.3f}"
        else:
            assert codes.tolist() == [[15, 0, 0, 0]]
            yield f"30.5 / 15 = {scale:.2f}"
            yield f"are {exact[2]:.2f} and {exact[3]:.2f}, both rounded to 0"


def _file():
    bits = mixed_bits([(Q4_K_M[0][0], 4.5), (SIX, 6.5625), (65 * 4096, 32.0)])
    yield f"{bits:.2f} bits"
    yield f"gives {bits:.2f}"
    yield f"{bits:.2f} bits for Llama-3.1-8B: {32 / bits:.1f} times smaller than fp32"
    yield f"{bits:.2f} bits: {32 / bits:.1f} and {16 / bits:.1f} times smaller"
    yield f"{bits:.2f} bits a weight, {32 / bits:.1f} times smaller than fp32, {16 / bits:.1f} than bf16"
    yield f"{32 / bits:.1f} times smaller than fp32 and {16 / bits:.1f} times smaller than bf16"
    weights = model_bytes(Q4_K_M, 0, 0, 0, 0, 0)["weights"]
    yield f"{bits:.2f} bits and {weights / 2**30:.1f} GiB: {32 / bits:.1f} times smaller than fp32, not 8"
    yield f"and {16 / bits:.1f} times smaller than bf16, not 4"
    yield f"{16 / bits:.1f} times less"
    yield f"weights shrink {16 / bits:.1f} times"
    yield f"not {16 / bits:.1f} times"
    yield f"Each weight takes {bits:.2f} bits and not 4"


def _serving():
    wide, small = (model_bytes(tensors, 32, 8, 128, 8192, 1) for tensors in (BF16, Q4_K_M))
    yield f"16 or 4.89 bits | {wide['weights'] / 1e9:.2f} GB | {small['weights'] / 1e9:.2f} GB |"
    yield f"| {wide['cache'] / 1e9:.2f} GB | {small['cache'] / 1e9:.2f} GB |"
    yield f"| together | {wide['total'] / 1e9:.2f} GB | {small['total'] / 1e9:.2f} GB |"
    gain = wide["total"] / small["total"]
    yield f"{gain:.1f} times smaller"
    yield f"{wide['total'] / 1e9:.1f} to {small['total'] / 1e9:.1f} GB, so it is {gain:.1f} times smaller"
    yield f"from {wide['weights'] / 1e9:.1f} to {small['weights'] / 1e9:.1f} GB"
    yield f"The KV cache of {wide['cache'] / 1e9:.2f} GB"
    yield f"needs {wide['total'] / 1e9:.1f} GB"
    yield f"{wide['total'] / 1e9:.1f} GB in bf16 and {small['total'] / 1e9:.1f} GB in Q4_K_M"
    yield f"only {gain:.1f} times"
    yield f"falls from {wide['total'] / 1e9:.1f} GB to {small['total'] / 1e9:.1f} GB"
    yield f"so {wide['weights'] / 1e9:.1f} GB become {small['weights'] / 1e9:.1f}"
    wide_long, long = (model_bytes(tensors, 32, 8, 128, 131_072, 1) for tensors in (BF16, Q4_K_M))
    yield f"{long['cache'] / 1e9:.1f} GB of {long['total'] / 1e9:.1f} GB"
    yield f"{long['weights'] / 1e9:.1f} of {long['total'] / 1e9:.1f} GB"
    yield f"{long['cache'] / 1e9:.1f} of {long['total'] / 1e9:.1f} GB"
    yield f"takes {long['cache'] / 1e9:.1f} GB in fp16"
    yield f"bf16 needs {wide_long['total'] / 1e9:.1f} GB"
    yield f"{small['total'] / 1e9:.1f} GB and {long['total'] / 1e9:.1f} GB, not a quarter"
    yield f"fp16: {small['cache'] / 1e9:.2f} GB with 8,192 tokens, {long['cache'] / 1e9:.1f} GB with 131,072"
    yield f"the cache is {long['cache'] / 1e9:.1f} GB"
    yield f"another {long['cache'] / 1e9:.1f} GB"
    yield f"which is {100 * long['cache'] / long['total']:.0f} % of the total"


def _scores():
    correct = [True] * 18 + [False] * 2 + [True] * 48 + [False] * 32
    scores = score_discount(correct, [True] * 20 + [False] * 80)
    reported, clean = (round(100 * scores[name]) for name in ("reported", "clean"))
    yield f"0.2 · 90 + 0.8 · 60 = {reported} %, which is {reported - clean} points"
    assert reported - clean == 6
    yield f"{reported} %, six points above the clean {clean} %"
    error = 100 * math.sqrt(0.6 * 0.4 / 80)
    yield f"{clean} % on 80 clean questions has a standard error of {error:.1f} points"
    yield f"With {clean} % of 80 questions that is {clean} ± {error:.1f} points"
    found = {n: 4 * ngram_contamination(QUESTIONS, CORPUS, n) for n in (2, 8)}
    yield f"one problem is {100 / 164:.1f} points"
    assert found == {2: 3.0, 8: 0.0}  # "three of four questions", "with 8 words none"


def _contexts():
    text = [0.5, 0.25] * 2000
    found, missed = perplexity([*text, 0.9]), perplexity([*text, 1e-6])
    tokens = f"{len(text) + 1:,}"
    yield f"a text of {tokens} tokens"
    yield f"from {found:.3f} to {missed:.3f}"
    yield f"From {found:.3f} to {missed:.3f}. It is one token of {tokens}"
    yield f"{tokens} tokens have a perplexity of {found:.4f} with the needle found and {missed:.4f}"
    yield f"only one token of {tokens}"
    yield f"one missed token in {tokens} moves it by {missed - found:.2f}"
    yield f"times 32 is {32 * 4096:,}"


def _figure():
    plain = torch.randn(8192, generator=torch.Generator().manual_seed(0))
    outliers = plain.clone()
    outliers[::512] = 20.0

    def lost(x, block):
        small = x != 20
        back = block_dequantize(*block_quantize(x, block))
        return 100 * ((back - x)[small].norm() / x[small].norm()).item()

    eight, thirty_two, all_ = (lost(plain, block) for block in (8, 32, 512))
    yield f"lose {eight:.0f} % in blocks of 8 at 8 bits, {thirty_two:.1f} % in blocks of 32 at 5 bits"
    yield f"{all_:.0f} % in blocks of 512"
    yield f"lose {lost(outliers, 32):.0f} % in blocks of 32 and {lost(outliers, 512):.0f} % in blocks of 512"
    yield f"blocks of 8 to {512} weights"
    yield f"one weight in {512} is 20"
