"""The numbers of this chapter's texts, computed."""

import math
from statistics import NormalDist

import torch

from content.prices import ONE_AT_A_TIME, hidden, rise, same
from reference.ch06_numerics.softmax import softmax
from reference.ch07_attention.flop_census import flop_census
from reference.ch07_attention.kv_cache_bytes import kv_cache_bytes
from reference.ch07_attention.score_matrix_bytes import score_matrix_bytes
from reference.ch07_attention.scores import scores

BF16, GIB, KIB, MIB = torch.bfloat16, 2**30, 2**10, 2**20
FLOPS, BANDWIDTH = 989.4e12, 3.35e12  # of an H100 (SXM): bf16 FLOPs and bytes of HBM3 per second


def config(layers, heads, kv_heads, d_model):
    names = ("num_hidden_layers", "num_attention_heads", "num_key_value_heads", "hidden_size")
    return dict(zip(names, (layers, heads, kv_heads, d_model), strict=True))


LLAMA_8B, LLAMA_70B, LLAMA_405B = config(32, 32, 8, 4096), config(80, 64, 8, 8192), config(126, 128, 8, 16384)
MISTRAL_7B, QWEN25_7B = config(32, 32, 8, 4096), config(28, 28, 4, 3584)
PARAMETERS = {"8B": 8_030_261_248, "70B": 70_553_706_496}
BLOCK = (4096, 32, 8, 14336)  # Llama-3.1-8B: d_model, query heads, KV heads, ffn

GIVEN = {
    "over 512 keys": "an input of the example and of figure.py",
    "rows of 512 keys": "an input of the example",
    "There are 512 keys": "an input of the question",
    "widths from 16 to 512": "the widths of figure.py",
    "of width 128": "Llama-3.1-8B's head width: config.json, hidden_size 4096 / 32 heads",
    "width 128, and all components": "an input of the question",
    "At d = 128": "the head width of Llama-3.1-8B",
    "A score costs 4 · 128": "FLOPs of a score's two products, from its width",
    "Qwen 2.5": "a name",
    "405B": "a name",
    "back to 3,072": "Gemma-7B, transformers configuration_gemma.py",
    "heads of 128": "Qwen3-0.6B, config.json: num_attention_heads 16, head_dim 128, hidden_size 1024; and Llama-3.1-8B",
    "√128": "the root of the head width",
    "at d_model 1024": "Qwen3-0.6B, config.json",
    "d_model 1,024": "Qwen3-0.6B, config.json",
    "16 heads of 256": "Gemma-7B, transformers configuration_gemma.py: 16 heads, head_dim 256, hidden_size 3072",
    "16 heads of width 256": "Gemma-7B, transformers configuration_gemma.py",
    "√256": "Gemma-7B's head_dim",
    "d_model 3072": "Gemma-7B, transformers configuration_gemma.py",
    "d_model 3,072": "Gemma-7B, transformers configuration_gemma.py",
    "3,072)": "Gemma-7B, transformers configuration_gemma.py",
    "(3,072": "Gemma-7B, transformers configuration_gemma.py",
    "d_model = 4096": "an input of the question",
    "4096: every head": "d_model of the question",
    "32 heads of 4096": "d_model of the question",
    "32 heads of width 128": "Llama-3.1-8B, config.json",
    "64, 128 and 256": "head widths in use: GPT-2, Llama-3.1-8B, Gemma-7B",
    "512 / 8": "Vaswani et al. 2017, arXiv:1706.03762: d_model 512, 8 heads",
    "131,072 tokens": "Llama-3.1-8B, config.json: max_position_embeddings 131072",
    "131,072 keys": "Llama-3.1-8B, config.json",
    "of 131,072 scores": "Llama-3.1-8B, config.json",
    "one user at 131,072": "Llama-3.1-8B, config.json",
    "at 131,072 in bf16": "Llama-3.1-8B, config.json",
    "4,096 tokens": "an input of the example",
    "8,192 tokens": "an input of the example",
    "at 8,192 in bf16": "an input of the example",
    "16,384 tokens": "an input of the example: 16K",
    "At 16,384": "an input of the example: 16K",
    "2,048 tokens": "an input of the example",
    "at 512 tokens": "an input of the example, and the length in the source",
    "length 512": "the length in the source",
    "4,096 × 14,336": "Llama-3.1-8B, config.json: hidden_size 4096, intermediate_size 14336",
    "8.03 billion weights": "Llama-3.1-8B, sum of its tensors",
    "[2.1, 6.5, 3.4]": "the source's scores",
    "2.1, 6.5 and 3.4": "the source's scores",
    "[0.05, 0.80, 0.15]": "what the source gives as their weights",
    '2.1 for "The", 6.5 for "cat" and 3.4 for "sat"': "the source's scores",
    "60 to 70 %": "what the source says",
    "60 or 70 %": "what the source says",
    "3.35 TB/s": "NVIDIA H100 SXM data sheet",
    "−10,000": "a common stand-in for −inf",
    "since version 2.1": "FlashAttention's README: 2.1, Change behavior of causal flag",
    "100 µs": "what the source says",
    "1,000 such scores": "an input of the example",
}


def numbers():
    yield from _scale()
    yield from _cat()
    yield from _heads_and_cache()
    yield from _traffic()
    yield from _flops()
    yield from _control()
    yield from _prices()


def _prices():
    """What mistakes cost the small model, as the afterwords quote it."""
    yield f"rises {rise('ch07_attention/repeat_kv', 'tiled')} nats a token"
    yield f"stays the same at {same('ch07_attention/repeat_kv', 'tiled')} of the places"
    yield f"losses differ by {hidden('ch07_attention/repeat_kv', 'tiled')} of their spread"
    yield f"losses differ by {hidden('ch07_attention/split_heads', 'split_reshape_only')} of their spread"
    yield f"rises {rise('ch07_attention/split_heads', 'split_reshape_only')} nats a token"
    yield f"rises {rise('ch07_attention/causal_mask', 'top_left', ONE_AT_A_TIME)} nats"


def _scale():
    raw = _rows(128)
    weights, scaled = softmax(raw * math.sqrt(128), -1), softmax(raw, -1)
    yield f"standard deviation of {math.sqrt(128):.1f}"
    yield f"√128 ≈ {math.sqrt(128):.1f}"
    yield f"√128 = {math.sqrt(128):.1f}"
    yield f"from {math.sqrt(128):.1f} to 1"
    yield f"where the {math.sqrt(128):.1f} comes from"
    yield f"In {len(raw):,} random rows"
    yield f"the largest weight is {weights.amax(-1).mean():.2f} on average"
    yield f"About {round(100 * weights.amax(-1).mean().item(), -1):.0f} % without the scale"
    yield f"under {math.ceil(100 * scaled.amax(-1).mean()):.0f} % with it"
    yield f"spreads its weight over {_spread(weights).median():.1f} keys"
    yield f"spreads over {_spread(scaled).median():.0f} keys"
    yield f"the largest weight is {scaled.amax(-1).mean():.3f} on average"
    slopes = [(p * (1 - p)).sum(-1).mean() for p in (scaled, weights)]
    yield "over a row is {:.2f} with the scale and {:.2f} without it".format(*slopes)
    largest = NormalDist(0, math.sqrt(128)).inv_cdf((1000 - 0.375) / 1000.25)  # Blom's mean of the largest of 1,000
    yield f"about {largest:.0f} above the mean"
    yield f"these are {4096**2 * 128 / 1e9:.1f} billion multiplications"
    yield f"these are {32 * 8192**2 / 1e9:.1f} billion numbers each, {32 * 8192**2 * 4 / GIB:.0f} GiB in float32"


def _rows(d):
    """Scaled scores of 8 draws of 256 queries and 512 keys, a row each."""
    random = torch.Generator().manual_seed(0)
    draws = []
    for _ in range(8):
        q, k = (torch.randn(1, 1, n, d, generator=random, dtype=torch.float64) for n in (256, 512))
        draws.append(scores(q, k)[0, 0])
    return torch.cat(draws)


def _spread(p):
    return torch.special.entr(p).sum(-1).exp()


def _cat():
    """The worked example, and the source's."""
    query = torch.tensor([1.0, 3, 0, 2])
    keys, values = torch.tensor([[0.0, 1, 2, 0], [1, 1, 0, 1], [2, 0, 1, 1]]), torch.tensor([[1.0, 0], [0, 2], [4, 4]])
    s = keys @ query / 2
    e = torch.exp(s - s.max())
    p, causal = e / e.sum(), e[:2] / e[:2].sum()
    yield "{:g}, {:g} and {:g}".format(*s)
    for token, key, value, *row in zip(("The", "cat", "sat"), keys, values, keys @ query, s, e, p, strict=True):
        key, value = ([int(x) for x in t] for t in (key, value))
        yield "| {} | {} | {:.0f} | {:.1f} | {:.3f} | {:.3f} | {} |".format(token, key, *row, value)
    yield f"add up to {e.sum():.3f}"
    yield f"divided by {e.sum():.3f}"
    out = p @ values
    yield f"{p[0]:.3f} · [1, 0] + {p[1]:.3f} · [0, 2] + {p[2]:.3f} · [4, 4] = [{out[0]:.2f}, {out[1]:.2f}]"
    yield f"add up to {e[:2].sum():.3f}, the weights are {causal[0]:.3f}, {causal[1]:.3f} and 0"
    yield "the output is [{:.2f}, {:.2f}]".format(*(causal @ values[:2]))
    source = torch.tensor([2.1, 6.5, 3.4])
    yield "[{:.3f}, {:.3f}, {:.3f}]".format(*softmax(source, -1))
    yield "[{:.3f}, {:.3f}, 0]".format(*softmax(source[:2], -1))
    one, two, _ = softmax(torch.tensor([1.0, 2, 3]), -1)
    yield "[{:.2f}, {:.2f}, 0]".format(*softmax(torch.tensor([1.0, 2]), -1))
    yield f"[{one:.2f}, {two:.2f}, 0] adds up to {one + two:.2f}"
    zeroed = softmax(torch.tensor([1.0, 2, 0]), -1)
    yield f"gets {100 * zeroed[2]:.0f} %: [{zeroed[0]:.2f}, {zeroed[1]:.2f}, {zeroed[2]:.2f}]"


def _heads_and_cache():
    yield f"4096 / 32 = {4096 // 32}"
    yield f"{4096 // 32}, and it must be"
    yield f"{4096 // 32} = d_model / 32"
    yield f"together {16 * 256}, at d_model 3072"
    yield f"({16 * 256:,}"
    yield f"(3,072, {16 * 256:,})"
    yield f"they are {16 * 256:,} wide"
    yield f"inner is {16 * 256:,}"
    yield f"as one head of width {32 * 128:,}"
    yield f"d_model / heads would be {3072 // 16}"
    length = 131_072
    token = kv_cache_bytes(LLAMA_8B, 1, BF16)
    cache, full = (
        kv_cache_bytes(LLAMA_8B, length, BF16),
        kv_cache_bytes(LLAMA_8B | {"num_key_value_heads": 32}, length, BF16),
    )
    weights = 2 * PARAMETERS["8B"]
    yield f"a token would take {4 * token / KIB:.0f} KiB"
    yield f"a context of {length:,} tokens would take {full / GIB:.0f} GiB"
    yield f"a token takes {token / KIB:.0f} KiB and the context takes {cache / GIB:.0f} GiB"
    yield f"keeps {token / KIB:.0f} KiB per token in bf16"
    yield f"The weights take another {weights / GIB:.0f} GiB"
    yield f"they would take {(weights + full) / GIB:.0f} GiB"
    yield f"{weights / GIB:.0f} GiB of weights and {cache / GIB:.0f} GiB of cache"
    yield f"the cache would be {full / GIB:.0f} GiB and the total {(weights + full) / GIB:.0f}"
    large = kv_cache_bytes(LLAMA_70B, length, BF16)
    yield f"{large / GIB:.0f} GiB of cache and {2 * PARAMETERS['70B'] / GIB:.0f} GiB of weights"
    yield f"The weights take 8.03e9 · 2 bytes = {weights / GIB:.1f} GiB"
    yield f"2 · 32 · 8 · 128 · 131,072 · 2 bytes = {cache / GIB:.0f} GiB"
    yield f"(80 − 15) / 16 = {(80 - round(weights / GIB)) / 16:.2f}"
    for name, of in (
        ("Llama-3.1-8B and Mistral-7B", LLAMA_8B),
        ("Qwen2.5-7B", QWEN25_7B),
        ("Llama-3.1-70B", LLAMA_70B),
    ):
        yield f"{_factor(of)} for {name}"
    yield f"{_factor(LLAMA_405B)} for Llama-3.1-405B"
    yield f"{_factor(LLAMA_405B)} for 405B (128 / 8)"
    yield f"has {128} query heads on 8 KV heads, a factor of {_factor(LLAMA_405B)}"
    yield f"32 · 8,192² · 2 bytes = {32 * 8192**2 * 2 / GIB:.0f} GiB"


def _factor(of):
    return of["num_attention_heads"] // of["num_key_value_heads"]


def _traffic():
    def matrix(n, n_q=None):
        return score_matrix_bytes(LLAMA_8B, n_q or n, n, BF16)

    yield f"{matrix(2048) / GIB:.2f} GiB at 2,048 tokens, {matrix(16384) / GIB:.0f} GiB at 16,384"
    yield f"{matrix(131072) // 2**40} TiB at 131,072"
    yield f"{matrix(131072, 1) / MIB:.0f} MiB of scores at 131,072 keys"
    yield f"take only {4 * 32 * 128 * 16384 * 2 / GIB} GiB together"
    arithmetic = 4 * 32 * 128 * 16384**2 / FLOPS
    four, six = (n * matrix(16384) / BANDWIDTH for n in (4, 6))
    yield f"{4 * matrix(16384) / GIB:.0f} GiB, or {1e3 * four:.1f} ms"
    yield f"{4 * matrix(16384) / GIB:.0f} GiB, {1e3 * four:.1f} ms"
    yield f"{6 * matrix(16384) / GIB:.0f} GiB, {1e3 * six:.1f} ms"
    yield f"takes {1e3 * arithmetic:.1f} ms"
    yield f"to these {1e3 * arithmetic:.1f} ms"
    yield f"{four / arithmetic:.1f} times faster if the unfused version moves the score matrix 4 times"
    yield f"and {six / arithmetic:.1f} times faster if it moves the matrix 6 times"


def _flops():
    shares = {n: _shares(n) for n in (512, 4096, 131072)}
    at = shares[512]
    shorter, longer = (100 * shares[n]["attention"] for n in (512, 4096))
    yield f"have {shorter:.1f} % of the block's FLOPs at 512 tokens and {longer:.0f} % at 4,096"
    yield f"Dense matrix products {100 * at['matmul']:.1f} %, the einsums of attention {100 * at['attention']:.1f} %"
    yield f"together {100 * (at['softmax'] + at['norm'] + at['residual']):.2f} %"
    yield f"has {100 * at['activation']:.2f} %"
    products, long = (100 * (s["matmul"] + s["attention"]) for s in (at, shares[131072]))
    yield f"{products:.2f} %, and {long:.1f} % at 131,072 tokens"
    yield f"{products:.2f} % of a Llama block's FLOPs at 512 tokens, {long:.1f} % at 131,072"
    yield f"spends {products:.2f} % of a block's FLOPs"
    yield f"it has {products:.2f} %"
    yield f"it is still {long:.1f} %"
    yield f"stays above {math.floor(100 * 512 / 517):.0f} %"
    yield f"4 · 128 = {4 * 128} FLOPs"
    ffn = 2 * 512 * 3 * 4096 * 14336 / sum(flop_census(512, *BLOCK)[0].values())
    projections = at["matmul"] - ffn
    yield f"and {100 * ffn:.0f} % in the three products of the ffn"
    yield f"They have {100 * ffn:.0f} % of the block"
    yield f"attention have {100 * projections:.0f} %, and its two inner products {100 * at['attention']:.0f} %"
    meet = 26 * 1024
    census, _ = flop_census(meet, *BLOCK)
    assert census["attention"] == census["matmul"]
    yield f"{meet:,} tokens"
    yield f"which is {meet / 4096} · d_model"
    yield f"can do about {round(FLOPS / BANDWIDTH, -2):.0f} bf16 FLOPs per byte"


def _shares(length):
    flops, _ = flop_census(length, *BLOCK)
    return {name: n / sum(flops.values()) for name, n in flops.items()}


def _control():
    """The cost of 100 µs in a control loop of 50 Hz."""
    yield f"{100 * 100e-6 / 20e-3} % of the 20 ms step"
    yield f"at 3 rad/s that is {3 * 100e-6 * 1e3:.1f} mrad"
