"""The numbers of this chapter's texts."""

import math

import torch

from reference.ch07_attention.score_matrix_bytes import score_matrix_bytes
from reference.ch12_memory.attention_traffic import attention_traffic
from reference.ch12_memory.matmul_traffic import matmul_traffic
from reference.ch12_memory.merge_partials import merge_partials
from reference.ch12_memory.online_softmax import online_softmax
from reference.ch12_memory.roofline import roofline
from reference.ch12_memory.tiled_matmul import tiled_matmul

KIB, MIB, GIB = 2**10, 2**20, 2**30
PEAK, HBM, SRAM, FP32 = 312e12, 2e12, 19e12, 19.5e12  # A100
H100, H100_HBM, H100_SMS = 989.4e12, 3.35e12, 132
BF16 = torch.bfloat16

GIVEN = {
    "312 TFLOP/s": "A100 data sheet, bf16 on tensor cores, dense",
    "peak of 312": "A100 data sheet, bf16 on tensor cores, dense",
    "19.5": "A100 data sheet, fp32, TFLOP/s",
    "does 312 TFLOP/s in 16 bits": "A100 data sheet",
    "peak is 312 TFLOP/s": "A100 data sheet",
    "192 KB": "FlashAttention, arXiv:2205.14135: shared memory of a multiprocessor",
    "108 multiprocessors": "FlashAttention, arXiv:2205.14135",
    "1.5 to 2.0": "FlashAttention, arXiv:2205.14135: TB/s of the HBM of an A100",
    "1.5 to 2 TB/s": "FlashAttention, arXiv:2205.14135",
    "19 TB/s": "FlashAttention, arXiv:2205.14135: estimate of the SRAM of an A100",
    "3.35 TB/s": "H100 SXM data sheet",
    "132 multiprocessors": "H100 SXM data sheet",
    "7.8 µs": "JEDEC DDR4: between refresh commands",
    "0.35 µs": "JEDEC DDR4: a refresh command of an 8 Gb chip",
    "4,096-square": "input of an example",
    "n = 4,096": "input of an example",
    "(4,096 square)": "input of an example",
    "4,096³": "input of an example",
    "8,192 tokens": "input of an example",
    "8,192²": "input of an example",
    "16,384 tokens": "input of an example",
    "16,384²": "input of an example",
    "16,384 numbers": "input of an example",
    "131,072 scores": "input of an example",
    "32,768 keys": "input of an example: test_blocked_attention",
    "256 queries": "input of an example: test_blocked_attention",
    "blocks of 256": "input of an example: test_blocked_attention",
    "head size 128": "input of an example",
    "size 128": "input of an example",
    "width 128": "input of an example",
    "t = 128": "input of an example",
    "of 128": "input of an example",
    "128²": "input of an example",
    "128 × 128": "input of an example",
    "4 · 8,192² · 128": "inputs of an example",
    "100,000 keys": "input of an example",
    "1,000 tokens": "input of an example",
    "1,024 keys": "input of an example",
    "1,000 keys": "input of an example",
    "64, 128 and 256": "inputs of an example",
    "wrong at 100": "input of an example",
    "at 155": "input of an example: one below the ridge",
}


def numbers():
    yield from _roofline()
    yield from _matmul()
    yield from _softmax()
    yield from _attention()
    yield from _precision()


def _bound(flops, moved):
    return roofline(flops, {"HBM": moved}, PEAK, {"HBM": HBM})[0] / 1e12


def _roofline():
    ridge = PEAK / HBM
    yield f"fewer than {ridge:.0f} FLOPs"
    yield f"meet at {ridge:.0f} FLOPs"
    yield f"a bend at {ridge:.0f};"
    yield f"312 / 2 = {ridge:.0f}"
    yield f"so {ridge:.0f} FLOPs a byte"
    yield f"far above {ridge:.0f}, so"
    yield f"at 155 a kernel reaches {_bound(155, 1):.0f} TFLOP/s"
    product = 2 * 4096**3, 3 * 4096**2 * 2
    yield f"does {product[0] / product[1]:,.0f} FLOPs for each byte. The scores"
    assert _bound(*product) == PEAK / 1e12
    scores = 2 * 8192**2 * 128, (2 * 8192 * 128 + 8192**2) * 2
    yield f"get {scores[0] / scores[1]:.0f} FLOPs"
    yield f"at most {_bound(*scores):.0f} TFLOP/s"
    yield f"reaches {_bound(*scores):.0f} TFLOP/s"
    softmax, norm, add = _bound(5, 2 * 2), _bound(4, 2 * 2), _bound(1, 3 * 2)
    yield f"reaches {softmax:.1f} TFLOP/s, RMS norm {norm:.1f} and the residual add {add:.2f}"
    yield f"softmax {softmax:.1f}, RMS norm {norm:.1f} and the residual add {add:.2f}"
    refresh = 0.35 / 7.8
    yield f"on an 8 Gb chip: {100 * refresh:.1f} %"
    yield f"take about {100 * refresh:.1f} % of the time"


def _matmul():
    naive, tiled = (matmul_traffic(4096, 4096, 4096, t, t, 2) for t in (1, 128))
    naive, tiled = naive["a"] + naive["b"], tiled["a"] + tiled["b"]
    flops = 2 * 4096**3
    yield f"{naive / 1e9:.0f} GB without tiles and {tiled / 1e9:.1f} GB with"
    yield f"the loads are {naive / 1e9:.0f} GB. They take {1e3 * naive / HBM:.0f} ms"
    yield f"the loads are {tiled / 1e9:.1f} GB and take {1e3 * tiled / HBM:.1f} ms"
    yield f"arithmetic takes {1e3 * flops / PEAK:.2f} ms. With t"
    yield f"The arithmetic takes {1e3 * flops / PEAK:.2f} ms. `matmul_traffic`"
    yield f"in bf16 is {flops / 1e9:.0f} GFLOP"
    yield f"moves {naive / GIB:.0f} GiB. That takes {1e3 * naive / H100_HBM:.0f} ms"
    yield f"arithmetic takes {1e3 * flops / H100:.2f} ms on its tensor cores"
    yield f"move {tiled / GIB:.0f} GiB, which takes {1e3 * tiled / H100_HBM:.2f} ms"
    yield f"2 bytes = {naive / GIB:.0f} GiB"
    yield f"= {tiled / GIB:.0f} GiB, {naive // tiled} times less"
    tile = 2 * 128**2 * 2 + 128**2 * 4
    yield f"take {tile / KIB:.0f} KB, so fast memory"
    eye = torch.eye(8)
    loads = [tiled_matmul(eye, eye, t)[1] for t in (1, 2, 8)]
    yield f"{loads[0]:,} with t = 1, {loads[1]} with 2, {loads[2]} with 8"


def _softmax():
    score, value = [1.0, 3.0, 2.0, 5.0], torch.tensor([10.0, 20.0, 30.0, 40.0])
    row = torch.tensor([score])
    m, total = (t[0].tolist() for t in online_softmax([row[:, :2], row[:, 2:3], row[:, 3:]]))
    assert m == [3, 3, 5]
    sums, shrink = [], math.exp(m[1] - m[2])
    for end, top in zip((2, 3, 4), m, strict=True):
        sums.append(sum(math.exp(s - top) * v for s, v in zip(score[:end], value.tolist(), strict=False)))
    yield f"e⁻² + 1 = {total[0]:.4f}"
    yield f"10 · e⁻² + 20 = {sums[0]:.4f}"
    yield f"{total[0]:.4f} + e⁻¹ = {total[1]:.4f}"
    yield f"{sums[0]:.4f} + 30 · e⁻¹ = {sums[1]:.4f}"
    yield f"e⁻² = {shrink:.4f}"
    yield f"{total[1]:.4f} · {shrink:.4f} + 1 = {total[2]:.4f}"
    yield f"{sums[1]:.4f} · {shrink:.4f} + 40 = {sums[2]:.4f}"
    weights = torch.softmax(row, 1)[0]
    assert abs((weights @ value).item() - sums[2] / total[2]) < 1e-4
    yield f"a / l = {sums[2] / total[2]:.2f}"
    a, b, c, d = (f"{w:.4f}" for w in weights.tolist())
    yield f"weights {a}, {b}, {c} and {d}, and 10 · {a} + 20 · {b} + 30 · {c} + 40 · {d} gives the same"
    rounded = sum(float(w) * v for w, v in zip((a, b, c, d), value.tolist(), strict=True))
    yield f"the same {rounded:.2f}"
    yield f"m + log l = {m[2] + math.log(total[2]):.4f}"
    yield f"l is {total[0]:.4f}, {total[1]:.4f}, {total[2]:.4f}"
    yield f"takes {131_072 * 4 / KIB:.0f} KiB in float32"
    one, thousand = torch.tensor([10.0]), torch.tensor([math.log(1000.0)])
    share = merge_partials(torch.ones(1, 1), one, torch.zeros(1, 1), thousand)[0].item()
    yield f"has {100 * share:.0f} % of the weight"
    yield f"is {share / (1 - share):.0f} to 1"


def _attention():
    flops, matrix, inputs = 4 * 8192**2 * 128, 8192**2 * 2, 4 * 8192 * 128 * 2
    unfused, fused = flops / (inputs + 4 * matrix), flops / inputs
    bound = _bound(flops, inputs + 4 * matrix)
    yield f"at {unfused:.0f} with its matrices in HBM and at {fused:,.0f} without"
    yield f"then does {unfused:.0f} FLOPs for each byte, which allows at most {bound:.0f} TFLOP/s"
    yield f"fused kernel does {fused:,.0f} FLOPs for each byte, and its ceiling"
    yield f"128 does {fused:,.0f} FLOPs for each byte"
    yield f"leaves {unfused:.0f} FLOPs for each byte, and so at most {bound:.0f} TFLOP/s"
    yield f"{unfused:.0f} FLOPs per byte, so at most {bound:.0f} TFLOP/s"
    yield f"it does {fused:,.0f} FLOPs per byte"
    yield f"{fused:,.0f} a byte in place of {unfused:.0f}"
    yield f"About {100 * bound * 1e12 / PEAK:.0f} % of the peak, and the whole"
    yield f"{4 * matrix / 1e6:.0f} MB, besides {inputs / 1e6:.0f} MB"
    yield f"{unfused:.0f} FLOPs per byte, so {bound:.0f} TFLOP/s. The fused kernel does {fused:,.0f} FLOPs per byte"
    heads = {"num_attention_heads": 32}
    table = score_matrix_bytes(heads, 16_384, 16_384, BF16)
    yield f"score matrix is {table / GIB:.0f} GiB in bf16, but the result is only {32 * 16_384 * 128 * 2 / MIB:.0f} MiB"
    yield f"would have {table / GIB:.0f} GiB in bf16"
    yield f"have {4 * 32 * 16_384 * 128 * 2 / GIB:.1f} GiB"
    yield f"keeps the weights: {table / GIB:.0f} GiB per layer"
    yield f"keeps {32 * 16_384 * 4 / MIB:.0f} MiB of log-sum-exps"
    yield f"this is {32 * 16_384 * 4 / MIB:.0f} MiB in place of {table / GIB:.0f} GiB"
    head = table // 32
    moved = attention_traffic(1, 16_384, 16_384, 128, 128, 2)
    once = 4 * 16_384 * 128 * 2
    yield f"has {head / MIB:.0f} MiB, and unfused attention moves {moved['unfused'] / GIB:.1f} GiB"
    yield f"kernel with blocks of 128 queries moves {moved['fused'] / GIB:.1f} GiB"
    yield f"of a whole head ({2 * 16_384 * 128 * 2 / MIB:.0f} MiB)"
    yield f"more than {once / MIB:.0f} MiB per head, about {round(moved['unfused'] / once, -1):.0f} times less"
    yield f"2 bytes = {head / MIB:.0f} MiB. It moves four times"
    yield f"That is {4 * head / GIB:.0f} GiB per head"
    work, four, six = 4 * 16_384**2 * 128 / H100, 4 * head / H100_HBM, 6 * head / H100_HBM
    yield f"arithmetic is {4 * 16_384**2 * 128 / 1e9:.0f} GFLOP per head and takes {1e3 * work:.2f} ms"
    yield f"Its arithmetic takes {1e3 * work:.2f} ms"
    yield f"four times takes {1e3 * four:.2f} ms, which is {four / work:.1f} times as long"
    yield f"the ratio is {six / work:.1f}"
    yield f"times takes {1e3 * four:.2f} ms, so the ratio of the times is {four / work:.1f}"
    yield f"matrices takes {1e3 * 32 * four:.0f} ms on an H100"
    one = score_matrix_bytes({"num_attention_heads": 1}, 256, 32_768, torch.float32)
    yield f"score matrix of {one / MIB:.0f} MiB, and a second"


def _precision():
    step = torch.finfo(BF16).eps * 8  # between neighbors from 8 to 16
    yield f"off by up to 1/{2 / step:.0f}, which is {100 * math.expm1(step / 2):.0f} % of the weight"
    yield f"error of 1/{2 / step:.0f} changes the weight by {100 * math.expm1(step / 2):.0f} %"
    yield f"exp makes this {100 * math.expm1(step / 2):.0f} % of the weight"
    yield f"(off by 1/{2 / step:.0f} between 8 and 16, which is {100 * math.expm1(step / 2):.0f} % of a weight)"
    weight = 2 / torch.finfo(BF16).eps
    yield f"at most 1/{weight:.0f} of itself"
    ones = next(n for n in range(2000) if (torch.tensor(float(n), dtype=BF16) + 1).item() == n)
    yield f"bf16 stops at {ones}"
    yield f"bf16 sum of ones stops at {ones}"
    yield f"at {PEAK / FP32:.0f} times the rate"
