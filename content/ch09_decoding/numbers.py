"""The numbers of this chapter's texts, computed."""

import math

import torch

from reference.ch09_decoding.arithmetic_intensity import arithmetic_intensity
from reference.ch09_decoding.beam_search import beam_search
from reference.ch09_decoding.repetition_rate import repetition_rate
from reference.ch09_decoding.sample import sample
from reference.ch09_decoding.temperature import temperature
from reference.ch09_decoding.top_k import top_k
from reference.ch09_decoding.top_p import top_p

PEAK, BANDWIDTH = 989.4e12, 3.35e12  # of an H100 (SXM): bf16 FLOPs and bytes of HBM3 per second
LLAMA_8B = {
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "vocab_size": 128_256,
}

GIVEN = {
    "128,256": "Llama-3.1-8B, config.json: vocab_size",
    "8.03 billion": "Llama-3.1-8B, sum of its tensors",
    "1,000 times": "He et al. 2025: completions of one prompt",
    "1,000 completions": "He et al. 2025",
    "all 1,000 were the same": "He et al. 2025",
    "80 different completions": "He et al. 2025",
    "3.35 TB/s": "NVIDIA H100 SXM data sheet",
    "989 TFLOP/s": "NVIDIA H100 SXM data sheet, dense bf16",
    "2,048 tokens": "an input of the example",
    "prefill of 2,048": "an input of the example",
    "2,000 tokens": "an input of the question",
    "m = 2,000": "an input of the example",
    "for all 2,000": "an input of the question",
    "1,000 tokens": "an input of the question",
    "batch 300, empty caches": "an input of the example",
    "batch 128, 4,000 in each": "an input of the example",
    "at 64 and at 512": "inputs of the question",
    "Batch 512": "an input of the question",
    "a batch of 256": "an input of the example",
    "of 300 tokens": "the tokens of figure.py",
    "over 300 tokens": "the tokens of figure.py",
    "at t = 0.5": "an input of the example",
    "With t = 0.5": "an input of the example",
    "At temperature 0.7 they": "a temperature of figure.py",
    "at 1.5 they": "a temperature of figure.py",
    "mass of 0.9": "an input of figure.py and of the example",
    "nucleus of 0.9": "an input of figure.py",
    "the mass 0.9": "an input of the example",
    "to reach 0.9": "an input of the example",
    "less than 0.9": "an input of the example",
    "temperature is 0.5": "an input of the example",
    "at 0.5, and at 2": "an input of the card",
    "logit / 0.5": "an input of the example",
    "by 0.5, subtract": "an input of the example",
    "number u is 0.9": "an input of the example",
    "u = 0.9": "an input of the example",
    "| floor | 0.5": "an input of the example",
    "a = 0.8": "an input of the example",
    "token of 0.4 followed by 0.95": "an input of the example",
    "0.4 followed by 0.95": "an input of the example",
    "0.5 followed by 0.3": "an input of the example",
    "probability 0.25 each": "an input of the card",
    "[0.9, 0.06, 0.04]": "an input of the card",
    "[0.35, 0.33, 0.32]": "an input of the card",
    "token has 0.93": "an input of the card",
    "peak of 0.93": "an input of the question",
    "[0.5, 0.25, 0.125, 0.125]": "an input of the card",
    "at 0.6, and at 0.5": "an input of the card",
    "two at 0.6": "an input of the card",
    "At 0.5 only": "an input of the card",
    "has 0.7, and top-p is 0.3": "an input of the card",
    "reaches 0.3": "an input of the card",
    "0.996": "the sum of a row in bf16, one rounding step below 1",
    "90 % of the probability": "the mass of the example",
    "and each gets 0.5": "half each, an input of the card",
    "give about 2,000": "one FLOP a byte for each of 2,000 tokens",
    "2048, 0, 0": "float16 terms of greedy_tie's example",
    "2048, 1, 1": "float16 terms of greedy_tie's example",
    "log 0.4": "an input of beam_search's example",
    "a top-k of 50 may keep 60": "an example",
    "peak of 0.96": "an input of the example",
    "At 0.9 a row": "an input of the question",
    "p = 0.9": "an input of the question",
    "first token of a row has 0.95": "an input of the example",
    "sampling at 0.95": "the mass in repetition_rate's test",
    "p = [0.1, 0.4, 0.15, 0.3, 0.05]": "an input of the question",
    "top-p with 0.75 keep": "an input of the question",
    "u = 0.5 draw": "an input of the question",
    "token with 0.15": "an input of the question",
    "((5 + length) / 6)": "Wu et al. 2016",
    "21, 341, 610": "llama.cpp, pull request 6664",
    "131,072 bytes of": "an input of the question, from config.json",
}


def numbers():
    yield from _temperature()
    yield from _nuclei()
    yield from _by_hand()
    yield from _orders()
    yield from _reads()
    yield from _texts()


def _temperature():
    odds = torch.tensor([0.0, math.log(2)], dtype=torch.float64)
    cold, hot = (float(p[1] / p[0]) for p in (temperature(odds, t) for t in (0.5, 2.0)))
    yield f"become {cold:.0f} at t = 0.5 and {hot:.2f} at t = 2"
    yield f"odds of 2 become {cold:.0f}. With t = 2, they become {hot:.2f}"
    yield f"{cold:.0f} to 1, and {hot:.2f} to 1"


def _nuclei():
    ranks = torch.arange(1, 301, dtype=torch.float64)

    def kept(power, t):
        return int((top_p(temperature(-power * ranks.log(), t), 0.9) > 0).sum())

    (sure, unsure), *others = [(kept(3.0, t), kept(1.5, t)) for t in (1.0, 0.7, 1.5)]
    yield f"the sure model keeps {sure} of 300 tokens, and the unsure model keeps {unsure}"
    yield "At temperature 0.7 they keep {} and {} tokens, at 1.5 they keep {} and {}".format(*others[0], *others[1])
    p = torch.tensor([0.1, 0.4, 0.15, 0.3, 0.05], dtype=torch.float64)
    few, nucleus = top_k(p, 2), top_p(p, 0.75)
    yield "[0, {:.3f}, 0, {:.3f}, 0]".format(*few[[1, 3]])
    yield f"0.4 + 0.3 = {0.4 + 0.3:.1f}"
    yield "with {:.3f}, {:.3f}, {:.3f}".format(*nucleus[[1, 2, 3]])
    u = torch.tensor(0.5, dtype=torch.float64)
    yield f"u = 0.5 draws id {sample(few, u)} from the first result (its interval ends at {few[1]:.3f})"
    ends = nucleus.cumsum(0)
    yield f"id {sample(nucleus, u)} from the second result (its interval is {ends[1]:.3f} to {ends[2]:.3f})"


def _by_hand():
    """The worked example."""
    logits = torch.tensor([2.0, 1.0, 0.5, -1.0], dtype=torch.float64)
    e = torch.exp((logits - 2) / 0.5)
    p = temperature(logits, 0.5)
    kept = top_p(p, 0.9)
    names, columns = ("mat", "sofa", "floor", "moon"), (logits, logits / 0.5, e, p, p.cumsum(0), kept)
    for token, logit, *row in zip(names, *columns, strict=True):
        x, *rest, share = row
        cells = [f"{logit:g}".replace("-", "−"), f"{x:g}".replace("-", "−"), *(f"{y:.3f}" for y in rest)]
        cells.append(f"{share:.3f}" if share else "0")
        yield f"| {token} | {' | '.join(cells)} |"
    yield f"add up to {e.sum():.3f}"
    yield f"Divide by {e.sum():.3f}"
    yield f"alone has {p[0]:.3f}"
    yield f"the sum is {p[:2].sum():.3f}"
    yield f"probabilities by {p[:2].sum():.3f}"
    yield f"from 0 to {kept[0]:.3f}"
    assert sample(kept, torch.tensor(0.9, dtype=torch.float64)) == 1  # "sofa"
    warm = temperature(logits, 1.0)
    yield "give {:.3f}, {:.3f}, {:.3f} and {:.3f}".format(*warm)
    assert int((top_p(warm, 0.9) > 0).sum()) == 3


def _orders():
    half = torch.tensor([2048.0, 1.0, 1.0, 1.0], dtype=torch.float16)
    alone = half[0] + half[1] + half[2] + half[3]
    beside = (half[0] + half[1]) + (half[2] + half[3])
    yield f"adds up to {alone:.0f} alone, and to {beside:.0f} together with one other row"
    yield f"2048 + 1 + 1 + 1 in float16 is {alone:.0f} in four pieces and {beside:.0f} in two"
    yield f"2048 + 1 + 1 stays {half[0] + half[1] + half[2]:.0f}"
    yield f"1 + 1 + 2048 is {half[1] + half[2] + half[0]:.0f}"
    yield f"row {half[0]:.0f}, 1, 1, 1"
    yield f"both sums are {half[0] + half[1] + half[2]:.0f}"
    yield f"the second sum is {half[1] + half[2] + half[0]:.0f}"


def _step(new, cached, batch):
    return arithmetic_intensity(LLAMA_8B, new, cached, batch, PEAK, BANDWIDTH)


def _reads():
    prefill, decode = _step(2048, 0, 1), _step(1, 2047, 1)
    weights, token = decode["weights"], _step(1, 0, 1)["cache"]
    equal, of_32 = weights // token, -(-weights // (32 * token))
    embedding = LLAMA_8B["vocab_size"] * LLAMA_8B["hidden_size"]
    with_embedding = (weights + 2 * embedding) // token
    ridge = PEAK / BANDWIDTH
    for before in ("needs ", "(", "Below "):
        yield f"{before}{ridge:.0f}"
    yield f"about {round(ridge, -2):.0f} tokens"
    yield f"| prefill, 2,048 tokens | {prefill['intensity']:,.0f} |"
    gigabytes = f"weights: {weights / 1e9:.1f} GB, and {decode['cache'] / 1e9:.2f} GB of cache"
    yield f"cache | {decode['intensity']:.2f} | {gigabytes}"
    level = _step(1, equal - 1, 1)
    both = f"weights and cache, {level['cache'] / 1e9:.1f} GB each"
    yield f"| decode, batch 1, {equal:,} | {level['intensity']:.1f} | {both}"
    yield f"| {_step(1, 0, 300)['intensity']:.0f} | its multipliers"
    many = _step(1, 3999, 128)
    yield f"| {many['intensity']:.0f} | cache: {many['cache'] / 1e9:.0f} GB"
    yield f"{weights / 1e9:.0f} GB of weights"
    yield f"{weights / 1e9:.0f} GB for Llama"
    yield f"weights are {weights / 1e9:.0f} GB for"
    yield f"{weights / 1e9:.1f} GB of weights"
    yield f"({weights / 1e9:.1f} GB)"
    yield f"Weights: {weights / 1e9:.1f} GB"
    yield f"mostly weights: {weights / 1e9:.1f} GB"
    yield f"weights are {weights / 1e9:.1f} GB"
    yield f"{decode['cache'] / 1e9:.2f} GB of cache"
    yield f"each step reads {weights / 2e9:.1f} billion weights"
    yield f"{equal:,} tokens"
    yield f"{of_32:,} tokens"
    yield f"32 sequences of {of_32:,}"
    yield f"{prefill['intensity']:,.0f} and {decode['intensity']:.2f} FLOPs per byte"
    yield f"does {prefill['intensity']:,.0f} a byte, decode {decode['intensity']:.2f}"
    yield f"has {prefill['intensity']:,.0f} FLOPs per byte, and its next token has {decode['intensity']:.2f}"
    yield f"{token:,} bytes"
    yield f"at {with_embedding:,}"
    yield f"{embedding / 1e6:.0f} million of"
    yield f"has {embedding / 1e9:.2f} billion parameters"
    yield f"{100 * decode['cache'] / (decode['cache'] + weights):.1f} %: {decode['cache'] / 1e9:.2f} GB"
    thousand = _step(1, 999, 1)["cache"]
    yield f"has {thousand / 1e9:.2f} GB of cache"
    yield f"equal at {weights / thousand:.0f} sequences"
    yield f"and {64 * thousand / 1e9:.1f} GB of cache"
    yield f"{512 * thousand / 1e9:.0f} GB of cache"
    yield f"The cache is {_step(1, 1999, 1)['cache'] / 1e9:.2f} GB"
    accepted, drafts = 0.8, 4
    tokens = sum(accepted**i for i in range(drafts + 1))
    yield f"{tokens:.2f} tokens per pass"
    yield f"per pass: {tokens:.2f} for a = 0.8 and m = 4"


def _texts():
    yield f"gives {0.4 * 0.95:.2f}, more than"
    yield f"two tokens with log {0.6 * 0.6:.2f}"
    assert math.log(0.36) / 2 > math.log(0.4)
    for dtype, power in ((torch.float32, 95), (torch.float64, 680)):
        third = torch.tensor(1 / 3, dtype=dtype)
        assert third.expand(power).prod() == 0
    yield f"a third to the power {power} is 0 in float64"
    yield f"{100 * _repeated(_by_beam()):.0f} %"
    yield f"{100 * _repeated(_by_nucleus()):.0f} %"


def _table():
    """The table of repetition_rate's test: logits of a model that looks at the last of 30 tokens."""
    table = 2 * torch.randn(30, 30, generator=torch.Generator().manual_seed(0))
    table[:, -1] = -50
    return table


def _by_beam():
    return beam_search(_table(), 0, 29, 4, 60, 1.0)[0]


def _by_nucleus():
    p, text = torch.softmax(_table(), -1), [0]
    for u in torch.rand(60, generator=torch.Generator().manual_seed(0)):
        text.append(int(sample(top_p(p[text[-1]], 0.95), u)))
    return text[1:]


def _repeated(text):
    return repetition_rate(text, 4)
