"""The numbers of chapter 6: formats, exp, sums, scales, and the operations of one block."""

import math

import torch

from content.number_formats import power_of_ten, raised, short
from content.prices import READING, ours, price
from reference.ch06_numerics.bf16_by_hand import bf16_by_hand
from reference.ch06_numerics.exp_overflow import exp_overflow
from reference.ch06_numerics.float_anatomy import limits
from reference.ch06_numerics.fp8_round import fp8_round
from reference.ch06_numerics.hunt_stalled_loss import hunt_stalled_loss
from reference.ch06_numerics.int8_matmul import int8_matmul
from reference.ch06_numerics.scale_per_tensor_channel_group import scale_per_tensor_channel_group
from reference.ch06_numerics.softmax_by_hand import softmax_by_hand
from reference.ch07_attention.flop_census import flop_census

FP16, BF16, FP32, E4M3 = torch.float16, torch.bfloat16, torch.float32, torch.float8_e4m3fn
LLAMA = {"d_model": 4096, "heads": 32, "kv_heads": 8, "ffn": 14_336}
TOKENS, RATE, BANDWIDTH = 512, 989e12, 3.35e12
SCALE = 65_536

LLAMA_CONFIG = "config.json of Llama-3-8B"
DEEPSEEK = "DeepSeek-V3, arXiv:2412.19437, section 3.3"
FP8_PAPER = "Micikevicius et al., arXiv:2209.05433, abstract and section 4.1"
SOURCE = "the source"
EXAMPLE = "the input of an example"
GIVEN = {
    "hidden size is 4096": LLAMA_CONFIG,
    "heads of size 128": "4096 / 32",
    "feed-forward size is 14,336": LLAMA_CONFIG,
    "has 14,336 terms": LLAMA_CONFIG,
    "on 512 tokens": "the source's length",
    "989 TFLOP/s and 3.35 TB/s": "NVIDIA's data sheet of the H100 SXM",
    "60 to 70 %": SOURCE,
    "3.5 and 3:": SOURCE,
    "3.5 decimal digits": SOURCE,
    "[2.1, 1.3, 5.6]": SOURCE,
    "[0.1, 0.05, 0.85]": SOURCE,
    "[0.10, 0.05, 0.85]": SOURCE,
    "But 0.85 is": SOURCE,
    "85 %": SOURCE,
    "15 %": SOURCE,
    "15–20 %": SOURCE,
    "100 µs": SOURCE,
    "exp(1000)": SOURCE,
    "exp(100)": SOURCE,
    "671B": SOURCE,
    "70,000": EXAMPLE,
    "65,536": "the loss scale with which torch.amp.GradScaler starts",
    "256 + 0.9 is 256": "tested in bf16_by_hand",
    "adding 0.9": EXAMPLE,
    "Add 1.0": EXAMPLE,
    "1.0 − 0.001 is 1.0": "tested in bf16_by_hand: numbers just below 1 are 2⁻⁸ apart",
    "step 9,000": EXAMPLE,
    "[1000, 999]": EXAMPLE,
    "[−1000, −1001]": EXAMPLE,
    "[0, 200]": EXAMPLE,
    "1e-9": EXAMPLE,
    "500": EXAMPLE,
    "turns 1,000": EXAMPLE,
    "1e-8": EXAMPLE,
    "10⁻⁸": EXAMPLE,
    "10⁻⁷": EXAMPLE,
    "of 1e-7": EXAMPLE,
    "outlier is 1,000 times": EXAMPLE,
    "of 0.1": EXAMPLE,
    "0.1 becomes bf16": EXAMPLE,
    "bf16(0.1)": EXAMPLE,
    "128 components": EXAMPLE,
    "16,384": "the longest length of the source, 16K",
    "exponent field 10000, fraction 1000000000": "bits, tested in float_anatomy",
    "256 tokens": "the size of the experiment",
    "128 channels of standard": "the size of the experiment",
    "other 127 channels": "the size of the experiment",
    "200 runs": "the size of the experiment",
    "4,096 products": "the size of the experiment",
    "1,024 positive terms": "the size of the experiment",
    "1×128": DEEPSEEK,
    "128×128": DEEPSEEK,
    "every 128": DEEPSEEK,
    "128 channels of one": DEEPSEEK,
    "section 3.3": DEEPSEEK,
    "section 3.3.2": DEEPSEEK,
    "175B": FP8_PAPER,
    "100 times as large": "Xiao et al., arXiv:2211.10438",
    "100,000 times as large": "Sun et al., arXiv:2402.17762, abstract",
    "66,246": "Hugging Face transformers, issue 5651: 66246.3906",
    "50,000": "Dehghani et al., arXiv:2302.05442, appendix B",
    "torch 2.12": "PyTorch pull request 178817",
    "interpreter (3.9)": "a version of Triton",
    "4090": "the name of a GPU",
    "151.29": "github.com/pytorch/executorch/pull/18407",
    "request 18407": "github.com/pytorch/executorch/pull/18407",
    "request 1124": "github.com/pytorch/ao/pull/1124",
    "request 765": "github.com/vllm-project/speculators/pull/765",
    "since 100 steps ago": EXAMPLE,
    "of 0.001": EXAMPLE,
    "exactly 1.0": "the first value of a gain",
}


def numbers():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the tensors are small: more threads take thirty times as long
    try:
        for part in (_limits, _digits, _tenth, _exp, _softmax, _gradients, _sums, _fp8, _scales, _int8, _block, _hunts):
            yield from part()
        yield from _prices()
    finally:
        torch.set_num_threads(threads)


def _prices():
    """What mistakes cost the small model, as the afterwords quote it."""
    yield f"rises from {ours(READING):.4f} to {ours(READING, 'reading int8'):.4f} nats a token"
    yield f"the loss is {price('ch06_numerics/int8_matmul', 'per_tensor', READING):.4f}"


def percent(value, digits=0):
    return f"{value:.{digits}%}".replace("%", " %")


def power(exponent):
    return f"2{raised(exponent)}"


def first_inf(exponent, fraction):
    """Halfway between the largest value and the next power of two: this tie rounds up, to inf."""
    top = limits(exponent, fraction)["max"]
    return top + (2.0**2 ** (exponent - 1) - top) / 2


def _limits():
    half, brain, single, double = limits(5, 10), limits(8, 7), limits(8, 23), limits(11, 52)
    e5m2, e4m3 = limits(5, 2), limits(4, 3, inf=False)
    end = first_inf(5, 10)
    yield f"{half['max']:,.0f}"
    yield f"{end:,.0f}"
    yield f"{end - 1:,.0f}"
    yield f"| {half['max']:,.0f} | {power_of_ten(brain['max'], 2)} | {power_of_ten(single['max'], 2)} |"
    yield f"| {end:,.0f} | {power_of_ten(first_inf(8, 7), 3)} | {power_of_ten(first_inf(8, 23), 3)} |"
    yield "| " + " | ".join(power_of_ten(of["smallest_normal"], 1) for of in (half, brain, single)) + " |"
    yield short(half["smallest_normal"], 1)
    yield short(brain["max"], 2)
    yield short(single["max"], 1)
    yield short(double["max"], 1)
    yield f"about {short(first_inf(8, 7), 3)}"
    yield f"the square of {math.isqrt(int(end)) + 1} is"
    yield f"{torch.tensor(70_000.0).to(BF16).item():,.0f} in bf16"
    yield f"{power(int(math.log2(brain['epsilon'])))} against {power(int(math.log2(single['epsilon'])))}"
    formats = {"float64": (11, 52, double), "fp32": (8, 23, single), "bf16": (8, 7, brain), "fp16": (5, 10, half)}
    formats |= {"E5M2": (5, 2, e5m2), "E4M3": (4, 3, e4m3)}
    for name, (wide, fine, of) in formats.items():
        largest = short(of["max"], 3 if wide == 8 else 1) if wide >= 8 else f"{of['max']:,.0f}"
        smallest = f"{of['smallest_normal']:.4f}" if name == "E4M3" else short(of["smallest_normal"], 1)
        step = of["epsilon"]
        step = short(step, 1) if step < 1e-6 else f"{step:.3g}" if step > 0.1 else f"{step:.2g}"
        yield f"{name} ({wide}, {fine}) | {largest} | {smallest} | {step} |"
    yield f"{e4m3['max']:.0f}"
    yield f"{e5m2['max']:,.0f}"
    yield f"{limits(4, 3)['max']:.0f}"
    yield f"1.75 · {power(8)} = {1.75 * 2**8:.0f}"
    yield f"fraction make {1 + 512 / 1024}"


def _digits():
    for bits in (11, 8, 24):
        yield f"{bits * math.log10(2):.1f}"
    yield f"log10(2) = {math.log10(2):.3f}"
    yield f"| 1/{2**11:,} | 1/{2**8} | 1/{2**24:,} |"
    yield f"at most 1/{2**11:,} between"
    yield f"1/{2**8}"
    yield f"{power(-8)} of each"
    yield f"{2**8}"  # where bf16 sums of ones stop
    yield f"fp16 at {2**11:,}"


def _tenth():
    tenth = bf16_by_hand(torch.tensor(0.1)).item()
    assert tenth == 2**-4 * (1 + 77 / 128) and 0b1001101 == 77
    yield f"exponent {0b01111011} − 127 = {0b01111011 - 127}".replace("-", "−")
    yield f"fraction 77/128 → {power(-4)} · (1 + 77/128) = {tenth:.8f}"
    yield f"error is {tenth / 0.1 - 1:.5f}"
    yield f"bf16(0.1) is {tenth:.8f}"
    total = 0.0
    for _ in range(10):
        total = torch.tensor(total + tenth).item()
    yield f"{total:.5f}"
    yield f"is {total:.3f}"


def _exp():
    half, brain, single, double = (exp_overflow(dtype) for dtype in (FP16, BF16, FP32, torch.float64))
    for limit, digits in ((half, (1, 2, 7)), (brain, (1,)), (single, (1, 2, 7)), (double, (2,))):
        for shown in digits:
            yield f"{limit:.{shown}f}"
    yield f"{double / single:.0f} times as large"
    log = math.log(limits(5, 10)["max"])
    rounded = torch.tensor(log).half().item()
    yield f"{log:.4f}"
    yield f"{rounded:.5f}"
    yield f"is {math.exp(rounded):,.0f}"
    yield short(math.exp(100), 1)
    yield f"{128 * 3 * 3:,} / √128 = {128 * 3 * 3 / math.sqrt(128):.0f}"
    yield f"−{150 * math.log(2):.0f}"  # fp32 turns numbers up to 2⁻¹⁵⁰ into 0
    yield f"below about {short(2.0**-150)}"
    yield f"is about {150 * math.log(2):.0f}"
    one = math.log1p(math.exp(-1))
    yield f"{1000 + one:.4f} and −{1000 - one:.4f}"
    yield f"value is −{200 + math.log1p(math.exp(-200)):.0f}"


def _softmax():
    first = softmax_by_hand(torch.tensor([1.0, 2.0, 3.0]), 0).tolist()
    yield "[" + ", ".join(f"{share:.3f}" for share in first) + "]"
    yield ", ".join(f"{share:.3f}" for share in reversed(first))
    scores = [2.1, 1.3, 5.6]
    shares = softmax_by_hand(torch.tensor(scores), 0).tolist()
    yield "[" + ", ".join(f"{share:.3f}" for share in shares) + "]"
    yield "[" + ", ".join(f"{share:.2f}" for share in shares) + "]"
    yield f"{shares[2]:.3f}. The last"
    yield percent(shares[2])
    yield f"{percent(1 - shares[2])} for the"
    yield "[" + ", ".join(f"{score / sum(scores):.2f}" for score in scores) + "]"
    yield f"their sum, {sum(scores):.1f}"
    lead, other = scores[2] - scores[0], scores[2] - scores[1]
    yield f"is {lead:.1f} higher"
    yield f"lead of {lead:.1f}"
    yield f"Here they differ by {lead:.1f}"
    yield f"e^{lead:.1f} = {math.exp(lead):.0f}"
    yield f"lead of {other:.1f} is a factor of {math.exp(other):.0f}"
    yield f"{0.85 / 0.10:.1f} times 0.10, so the two scores would differ by {math.log(0.85 / 0.10):.1f}"
    yield f"{math.e:.3f}"
    bare, shifted = (torch.exp(torch.tensor(x).half()) for x in ([12.0, 11.0, 10.0], [0.0, -1.0, -2.0]))
    yield f"`{bare[0].item()}`, {bare[1].item():,.0f}, {bare[2].item():,.0f}"
    yield f"1, {shifted[1].item():.4f}, {shifted[2].item():.4f}"
    yield f"sum | `{bare.sum().item()}` | {shifted.sum().item():.3f}"
    yield f"{math.exp(12):,.0f}"
    yield f"{bare[1].item():,.0f} / `inf` is {(bare[1] / bare.sum()).item():.0f}"


def _gradients():
    lost = 2.0**-25
    yield f"{power(-25)} = {short(lost, 2)}"
    yield f"smallest subnormal {power(-24)}"
    yield short(lost)
    yield power_of_ten(lost)
    shares = {deviation: math.erf(lost / deviation / math.sqrt(2)) for deviation in (1e-7, 1e-8)}
    yield f"turns {percent(shares[1e-7])}"
    yield percent(shares[1e-8], 1)
    yield short(1e-8 * SCALE, 2)
    yield f"about {short(2.0**-133)}"  # the smallest bf16
    yield f"below {short(lost / SCALE, 1)}"
    yield f"above {short(2.0**-134, 1)}"


def _sums():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(200, 4096, generator=generator).bfloat16().float().abs() for _ in "ab")
    products = (a * b).T.contiguous()
    exact = products.double().cumsum(0)
    low, high = torch.zeros(200), torch.zeros(200)
    for n, product in enumerate(products, start=1):
        low, high = (low + product).bfloat16().float(), high + product
        if n in (64, 256, 1024, 4096):
            lost, kept = (((total - exact[n - 1]) / exact[n - 1]).abs().median().item() for total in (low, high))
            yield f"| {n:,} | {percent(lost, 1 if lost < 0.01 else 0)} | {short(kept)} |"
        if n == 1024:
            yield f"{percent(lost)} off"
            yield f"{short(kept)} off"
    yield f"sum is {exact[-1, 0].item():,.1f}"
    yield f"accumulator gave {low[0].item():,.0f}"
    yield f"accumulator gave {high[0].item():,.1f}"
    yield f"{torch.tensor(200.0**2 + 150.0**2).half().item():,.0f} + {80**2:,}"


def _fp8():
    largest = {fmt: fp8_round(torch.tensor(1e9), fmt).item() for fmt in ("e4m3", "e5m2")}
    yield f"smallest is {power(-16)}. E4M3 reaches from {power(-9)} to {largest['e4m3']:.0f}"
    yield f"from {power(-16)} to {largest['e5m2']:,.0f}, E4M3 from {power(-9)} to {largest['e4m3']:.0f}"
    yield f"from {percent(2**-3)} to {percent(2**-4)}"
    yield f"is {percent(2**-4)} of a value"
    yield f"{percent(2**-4)} off, and an E5M2 number {percent(2**-3)}"
    yield f"{448 + 32 / 2:.0f} a cast"
    yield f"past {448 + 32 / 2:.0f}"
    yield f"{57_344 + 8_192 / 2:,.0f}"
    for exponent in (-6, -9, -10):
        yield power(exponent)
    yield f"1/{largest['e4m3'] * 2**6:,.0f}"


def _outlier(times, dtype, channels=128):
    """The loss of all channels but the first, `times` as large, and the share that becomes 0 with an int8 scale."""
    x = torch.randn(256, channels, generator=torch.Generator().manual_seed(0))
    x[:, 0] *= times
    sizes = x[:, 1:].norm(dim=0)
    losses = scale_per_tensor_channel_group(x, 32, dtype)
    zeros = (x[:, 1:] / (x.abs().max() / 127)).round() == 0
    shares = {name: ((loss[1:] * sizes).norm() / sizes.norm()).item() for name, loss in losses.items()}
    return shares, zeros.float().mean().item()


def _scales():
    float8 = {times: _outlier(times, E4M3)[0] for times in (1, 100, 1_000, 10_000, 30_000, 1_000_000)}
    for times in (1, 100, 1_000, 30_000, 1_000_000):
        ints = _outlier(times, torch.int8)[0]
        cells = [ints["tensor"], ints["group"], ints["channel"], float8[times]["tensor"], float8[times]["group"]]
        shown = [percent(cell, int(cell < 0.0095 or 0.02 < cell < 0.05)) for cell in cells]
        yield f"| {times:,}× | " + " | ".join(shown) + " |"
    yield f"usual {percent(float8[1_000]['tensor'], 1)}"
    for times in (10_000, 30_000):
        yield f"{percent(float8[times]['tensor'])} at {times:,} times"
    assert float8[1_000_000]["tensor"] > 0.999
    yield f"everything at {1_000_000:,} times"
    loss, zeros = _outlier(60, torch.int8, channels=64)
    yield f"{percent(zeros)} of the other values round to 0, and their error is {percent(loss['tensor'])}"
    yield f"per channel it is {percent(loss['channel'], 1)}"
    yield f"{500 / 127:.1f}, and everything below {500 / 127 / 2:.2f}"
    yield f"500/{2**7 - 1} ="
    yield f"{2 * 127} times another"


def _int8():
    yield f"{127}² is {127**2:,}"
    yield f"at most {127**2:,}"
    yield f"{(2**31 - 1) // 127**2:,}"
    yield f"/ {2**7 - 1}"
    x, w = (torch.randn(64, 1024, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    exact = x @ w.T
    yield f"about {percent(((int8_matmul(x, w) - exact).norm() / exact.norm()).item())} for"
    yield f"{2 * 15}–{2 * 20} %"


def _block():
    flops, share = flop_census(TOKENS, *LLAMA.values())
    total = sum(flops.values())
    rows = {"matmul": ("down", 1), "attention": ("V", 1), "softmax": ("softmax", 2), "norm": ("RMS norm, twice", 2)}
    for name, (row, digits) in rows.items():
        yield f"{row} | {flops[name] / 1e9:.{digits}f} | {percent(flops[name] / total, digits)} |"
    residual = percent(flops["residual"] / total, 3)
    yield f"residual add, twice | {flops['residual'] / 1e9:.3f} | {residual} |"
    yield f"is {residual} of a block's"
    yield f"activation adds {percent(flops['activation'] / total, 2)}"
    yield f"it is {percent(share, 2)}"
    yield f"other {percent(1 - share, 2)}"
    matmul, rest = _times()
    yield f"{matmul * 1e6:.0f} µs and the rest {rest * 1e6:.0f} µs"
    yield f"{percent(matmul / (matmul + rest))} of the time"
    yield percent(100e-6 / 20e-3, 1)


def _hunts():
    apart = limits(8, 7)["epsilon"]
    assert apart / 2 > 0.001
    yield f"are {apart:.4f} apart"
    yield f"from 1 gives {1 + 0.001}"
    assert hunt_stalled_loss.seen is not None
    healthy, planted = (
        hunt_stalled_loss.seen(run, 0).number for run in (hunt_stalled_loss, hunt_stalled_loss.wrongs["planted"].fn)
    )
    yield f"by {planted:.2f} nats in the second half of the run instead of {healthy:.2f}"


def _times():
    """Seconds for the products, each at the rate or at the bandwidth, and for what only reads and writes."""
    d, ffn, heads = LLAMA["d_model"], LLAMA["ffn"], LLAMA["heads"]
    kv = d * LLAMA["kv_heads"] // heads
    products = [(TOKENS, d, n) for n in (d, kv, kv, d, ffn, ffn)] + [(TOKENS, ffn, d)]
    matmul = sum(max(2 * m * k * n / RATE, 2 * (m * k + k * n + m * n) / BANDWIDTH) for m, k, n in products)
    scores, hidden, gate = heads * TOKENS**2, TOKENS * d, TOKENS * ffn
    matmul += 2 * max(2 * scores * d / heads / RATE, 2 * (scores + 2 * hidden) / BANDWIDTH)
    touched = 3 * 2 * scores  # scaling, masking and softmax read and write the scores
    touched += 2 * 2 * hidden + 2 * 3 * hidden  # two norms, two residual adds
    touched += 2 * (hidden + TOKENS * kv)  # RoPE
    touched += 2 * gate + 3 * gate  # the gate's activation and its product
    return matmul, 2 * touched / BANDWIDTH
