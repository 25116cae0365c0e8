"""The numbers of the chapter's texts, computed."""

import math

import torch

from reference.ch12_memory.attention_traffic import attention_traffic
from reference.ch12_memory.matmul_traffic import matmul_traffic

H100 = "NVIDIA's H100 SXM data sheet"
INPUT = "an input of the example"
TRACE = "the example that the figure is traced on"
GIVEN = {
    "x = [3, −1, 0.5, 8, −6, 2, 1, −2, 5, −9]": INPUT,
    "times 0.5": INPUT,
    "40 queries, 70 keys and head dimension 16": INPUT,
    "two heads of 320 queries and 224 keys": TRACE,
    "queries 0–127, 128–255 and 256–319": TRACE,
    "keys 64–127": TRACE,
    "160 by 80 and 80 by 224": TRACE,
    "128 queries, the last of 64, on 512 keys": TRACE,
    "from 512 to 16K tokens": INPUT,
    "4,096 × 4,096 matrix": INPUT,
    "4,096 tokens of width 4,096": INPUT,
    "4,096-square": INPUT,
    "16,384 tokens": INPUT,
    "131,072 tokens": "the context length of Llama-3.1-8B, max_position_embeddings in its config.json",
    "131,072 keys": "the context length of Llama-3.1-8B, max_position_embeddings in its config.json",
    "8,192 tokens": INPUT,
    "8,192 scores": INPUT,
    "head dimension 128": INPUT,
    "128 queries": INPUT,
    "128 × 64 the kernel": INPUT,
    "128 × 128 need half": INPUT,
    "128 × 128 with 8 warps": INPUT,
    "64 to 128": INPUT,
    "256 × 256": INPUT,
    "128 lanes": INPUT,
    "200 elements": INPUT,
    "100 scores": INPUT,
    "another handles 128": INPUT,
    "128 times, by the ratio of bytes": "a wrong answer of the question",
    "score of 300": INPUT,
    "13 % 8": INPUT,
    "a thread has 255": "the most that ptxas gives a thread for sm_90",
    "a thread has at most 255": "the most that ptxas gives a thread for sm_90",
    "shows 255 registers": "the most that ptxas gives a thread for sm_90",
    "RTX 4090": "the name of a GPU",
    "H100's 3.35 TB/s": H100,
    "989 TFLOP/s": H100,
    "instead of 989": H100,
    "tensor cores do 989": H100,
    "495 TFLOP/s": H100,
    "132 multiprocessors": H100,
    "of the 132": H100,
    "35 % of an H100's peak": "FlashAttention-3, arXiv:2407.08608, abstract",
    "75 %": "FlashAttention-3, arXiv:2407.08608, abstract",
    "7 to 64 %": "RMSNorm, arXiv:1910.07467, abstract",
    "about 40 % faster": "the source's claim, D5-2",
    "40 % lies": "the source's claim, D5-2",
    "the source's about 3.5": "the source's claim, Q11",
    "from 4,096 tokens": "the at_least of the koans' tests with a GPU: a threshold that was chosen",
}

PEAK, BANDWIDTH, FP32 = 989e12, 3.35e12, 67e12
KIBI, MEBI, GIBI = 2**10, 2**20, 2**30
TOKENS, HEAD, BLOCK = 16384, 128, 128


def numbers():
    yield from _scale_and_clip()
    yield from _standardize()
    yield from _running_maximum()
    yield from _tiles_of_the_example()
    yield from _elementwise()
    yield from _precision()
    yield from _matmul()
    yield from _attention()
    yield from _decoding()


def _scale_and_clip():
    x = [3, -1, 0.5, 8, -6, 2, 1, -2, 5, -9]
    for program in range(3):
        own = x[4 * program : 4 * program + 4]
        offsets = range(4 * program, 4 * program + 4)
        columns = [offsets, own, [0.5 * v for v in own], [min(max(0.5 * v, -1), 2) for v in own]]
        yield f"| {program} | " + " | ".join(_cells(column) for column in columns) + " |"
    yield f"loads {4 * len(x)} bytes and stores {4 * len(x)} bytes in float32"


def _cells(values):
    cells = [f"{v:g}".replace("-", "−") for v in values]
    return ", ".join(cells + ["–"] * (4 - len(cells)))


def _standardize():
    row = [1, 2, 6]
    mean = sum(row) / 3
    squares = [(v - mean) ** 2 for v in row]
    variance, wrong = sum(squares) / 3, (sum(squares) + mean**2) / 3
    factor = variance**-0.5
    stored = " | ".join(f"{(v - mean) * factor:.3f}".replace("-", "−") for v in row)
    yield f"mean = {sum(row)} / 3 = {mean:.0f}"
    yield f"squared, sum {sum(squares):.0f} | " + " | ".join(f"{s:.0f}" for s in squares)
    yield f"1/√{variance:.3f} = {factor:.3f} | {stored} | –"
    yield f"the sum is {sum(squares) + mean**2:.0f} instead of {sum(squares):.0f}"
    yield f"the variance {wrong:.3f} instead of {variance:.3f}"


def _running_maximum():
    scores, values = torch.tensor([1.0, 2, 5]).double(), torch.tensor([10.0, 20, 40]).double()
    first, factor = math.exp(-1) + 1, math.exp(2 - 5)
    total = first * factor + 1
    weighted = 10 * math.exp(-1) + 20
    out = weighted * factor + 40
    yield f"e⁻¹ + e⁰ = {first:.4f}"
    yield f"e⁻³ = {factor:.4f} | {first:.4f} · {factor:.4f} + e⁰ + 0 = {total:.4f}"
    yield f"5 + ln {total:.4f} = {torch.logsumexp(scores, 0):.4f}"
    yield f"20 · e⁰ = {weighted:.3f}"
    yield f"{weighted:.3f} · {factor:.4f} + 40 · e⁰ = {out:.3f}"
    yield f"{out:.3f} / {total:.4f} = {torch.softmax(scores, 0) @ values:.2f}"


def _tiles_of_the_example():
    n, m, d, rows, keys = 40, 70, 16, 16, 32
    programs, steps = -(-n // rows), -(-m // keys)
    yield f"keys {keys * (steps - 1)}–{m - 1}, {keys * steps - m} rows masked"
    yield f"queries {rows * (programs - 1)}–{n - 1}, {rows * programs - n} rows masked"
    yield f"Q moves {4 * n * d:,} bytes, K moves {programs} · {4 * m * d:,} = {4 * programs * m * d:,} bytes"
    yield f"the result {4 * n} bytes"
    yield f"{n} · {m} numbers, {4 * n * m:,} bytes"
    yield f"16 × 32 are {programs * steps * rows * keys:,} scores, and only {n * m:,} are used"


def _elementwise():
    matrix = 4096 * 4096 * 2
    apart, fused = 6 * matrix, 2 * matrix
    yield f"{fused // MEBI} MiB instead of {apart // MEBI} MiB"
    yield f"6 · {matrix // MEBI} MiB = {apart // MEBI} MiB"
    yield f"loads {matrix // MEBI} MiB and stores {matrix // MEBI} MiB: {apart // MEBI} MiB in all"
    yield f"on {matrix // MEBI} MiB moves {apart // MEBI} MiB in three operations, {fused // MEBI} fused"
    yield f"{1e6 * apart / BANDWIDTH:.0f} µs against {1e6 * fused / BANDWIDTH:.0f} µs"
    yield f"{fused // MEBI} MiB, at least {1e6 * fused / BANDWIDTH:.0f} µs"
    yield f"{3 * 4096**2 / 1e6:.0f} million FLOPs"
    yield f"A row of 16,384 floats takes {16384 // 512} registers in each of 512 threads"
    yield f"{256 - 200} of the program's"
    yield f"{128 - 100} spare lanes"


def _precision():
    yield f"above {math.log(torch.finfo(torch.float32).max):.1f}"
    half, largest = torch.float16, torch.finfo(torch.float16).max
    ones = next(n for n in range(4096) if torch.tensor(n + 1.0).to(half) == torch.tensor(float(n)).to(half))
    after = torch.nextafter(torch.tensor(float(ones), dtype=half), torch.tensor(math.inf, dtype=half))
    yield f"stops at {ones:,}, because the next fp16 number is {after:,.0f}"
    yield f"stops growing at {ones:,}, and the largest fp16 number is {largest:,.0f}"
    first_inf = next(n for n in range(int(largest), 70000) if torch.tensor(float(n)).to(half).isinf())
    yield f"From {first_inf:,} on"
    digits = {bits: f"{math.log10(2**bits):.1f}" for bits in (8, 11)}
    yield f"{digits[8]} decimal digits"
    yield f"about {digits[11]} digits"
    yield f"8 bits are {digits[8]} digits. (FP16's 11 bits are {digits[11]}"
    weights = (2**16 + torch.arange(2**16)).double() / 2**17  # from 1/2 to 1, finer than bf16
    error = ((weights.bfloat16().double() - weights).abs() / weights).max().item()
    yield f"at most {100 * error:.2f} %"
    yield f"about {'a quarter' if 0.22 < _rounded_twice() < 0.28 else 'another part'} of the elements"


def _rounded_twice():
    """The share of elements that differ if RMSNorm rounds to bf16 before the gain too."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(64, 4096, generator=random).bfloat16().float()
    gain = (1 + 0.3 * torch.randn(4096, generator=random)).bfloat16().float()
    y = x * torch.rsqrt((x * x).mean(1, keepdim=True))
    return ((y * gain).bfloat16() != (y.bfloat16().float() * gain).bfloat16()).double().mean().item()


def _matmul():
    def asked(tile):
        moved = matmul_traffic(4096, 4096, 4096, tile, tile, 2)
        return (moved["a"] + moved["b"]) / GIBI

    yield f"2 · 64 · 32 MiB = {asked(64):.0f} GiB"
    yield f"it would be {asked(1):.0f} GiB"
    sums, threads = 256 * 256, 4 * 32
    yield f"256 × 256 has {sums:,} floats"
    yield f"{sums // threads} registers for each of {threads} threads"
    yield f"256 × 256 floats on {threads} threads need {sums // threads} registers"
    yield f"256 · 256 = {sums:,} floats on {threads} threads: {sums // threads} registers"
    yield f"need {128 * 128 // (8 * 32)} registers per thread"
    yield f"N / {2 * 64} times"
    yield f"M / {2 * 64} times instead"


def _attention():
    fused = attention_traffic(1, TOKENS, TOKENS, HEAD, BLOCK, 2)["fused"]
    matrix, keys = 2 * TOKENS**2, 2 * 2 * TOKENS * HEAD
    seconds = 4 * TOKENS**2 * HEAD / PEAK
    four, six = 4 * matrix / BANDWIDTH, 6 * matrix / BANDWIDTH
    yield f"asks for {fused / GIBI:.1f} GiB per head"
    yield f"128 · {keys // MEBI} MiB + {keys // MEBI} MiB = {fused / GIBI:.1f} GiB"
    yield f"ask for {fused / GIBI:.1f} GiB"
    yield f"alone is {matrix // MEBI} MiB and moves four times, {4 * matrix / GIBI:.1f} GiB"
    yield f"{4 * matrix / GIBI:.1f} GiB per head"
    yield f"at least {4 * matrix / GIBI:.1f} GiB"
    yield f"{4 * matrix / GIBI:.0f} GiB per head"
    yield f"little more than {2 * keys // MEBI} MiB"
    yield f"ask for {keys * TOKENS / GIBI:.0f} GiB per head"
    yield f"One head is {4 * TOKENS**2 * HEAD / 1e9:.0f} GFLOP: {1e3 * seconds:.2f} ms"
    yield f"{1e3 * seconds:.2f} ms per head"
    yield f"{1e3 * four:.2f} ms for 4 moves"
    yield f"{1e3 * six:.2f} ms for 6 moves"
    yield f"({1e3 * four:.2f} ms)"
    yield f"atio is {four / seconds:.1f} if the unfused version moves the score matrix 4 times"
    yield f"{six / seconds:.1f} if it moves it 6 times"
    yield f"estimate {four / seconds:.1f}"
    yield f"to {2 * four / seconds:.1f} and {2 * six / seconds:.1f}"
    yield f"gives {2 * four / seconds:.1f}"
    yield f"(16,384 / {BLOCK})"
    yield f"{TOKENS // BLOCK} times (16,384"
    yield f"n / {BLOCK} times"
    yield f"it keeps {4 * TOKENS // KIBI} KiB per head, and unfused attention keeps {matrix // MEBI} MiB"
    yield f"that is {4 * TOKENS // KIBI} KiB per head instead of {matrix // MEBI} MiB"
    yield f"{matrix // MEBI} MiB per head"
    yield f"This kernel keeps {4 * TOKENS // KIBI} KiB"
    blocks, all_keys = TOKENS // BLOCK, TOKENS // 64
    visited = sum(min(all_keys, (p + 1) * BLOCK // 64) for p in range(blocks))
    yield f"{visited:,} of {blocks * all_keys:,} blocks"
    yield f"there are {blocks * all_keys:,} blocks"
    yield f"all {blocks * all_keys:,}, the second {visited:,}"
    yield f"keys up to {BLOCK} · (p + 1), which is {BLOCK // 64} · (p + 1)"
    yield f"Summed over {blocks} blocks"
    yield f"{blocks} · {blocks + 1} = {visited:,}"


def _decoding():
    layer = 2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336
    weights, token = 2 * (32 * layer + 128_256 * 4096), 2 * 2 * 32 * 8 * 128
    flops = weights + 4 * 32 * 32 * 128 * 8192  # two FLOPs for each weight, which has two bytes
    yield f"could do {PEAK / BANDWIDTH:.0f}"
    yield f"can do {PEAK / BANDWIDTH:.0f}"
    yield f"of the {PEAK / BANDWIDTH:.0f} an H100"
    yield f"about a {'fifteenth' if round(PEAK / FP32) == 15 else 'part'} of the 16-bit rate"
    yield f"{weights / 1e9:.1f} GB"
    yield f"{weights / GIBI:.2f} GiB"
    yield f"{1e3 * weights / BANDWIDTH:.2f} ms on an H100, against {1e3 * 8192 * token / BANDWIDTH:.2f} ms"
    yield f"under {1e3 * flops / PEAK:.2f} ms"
    yield f"{math.ceil(weights / token):,} tokens"
    yield f"{4 * 131_072 * token // GIBI} GiB instead of {131_072 * token // GIBI}"
    yield f"split into {132 // 8 + 1} or more parts"
