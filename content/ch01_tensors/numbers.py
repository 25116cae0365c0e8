"""The numbers of this chapter's texts: small examples, ranges of dtypes, and two experiments."""

import math
from itertools import product

import torch

from content.number_formats import power_of_ten
from reference.ch01_tensors.broadcast_shape import broadcast_shape
from reference.ch01_tensors.dot import dot
from reference.ch01_tensors.element_at import element_at
from reference.ch01_tensors.l2_norm import l2_norm
from reference.ch01_tensors.rank_and_size import rank_and_size
from reference.ch01_tensors.row_major_strides import row_major_strides
from reference.ch01_tensors.tensor_bytes import cast_changes, tensor_bytes
from reference.ch01_tensors.transpose_view import transpose_view

LLAMA = "Llama-3-8B's config.json, repeated in litgpt/config.py of Lightning-AI/litgpt"
GIVEN = {
    "L2 norm of [300, 400]": "an input",
    "norm of [300, 400]": "an input",
    "400]": "an input",
    "[100, 200]": "an input",
    "2,500 ones": "an input",
    "whether 70,000 fits": "an example of a value above fp16's end",
    "bias of 4,096 numbers": "an input",
    "width 4,096 with": "an input",
    "[3e20, 4e20]": "an input",
    "√(3² + 4²)": "the formula",
    "8 × 2,048 rows": "an input: a batch of 8 texts of 2,048 tokens",
    "In 4,096 dimensions": "an input",
    "4096 × 4096 weight": "an input",
    "(4096, 4096) in bf16": "an input",
    "512 tokens": "an input",
    "32 heads at 8,192 tokens": "an input",
    "4,000 products": "an input",
    "4,000 times": "an input",
    "256 points": "an input",
    "(256, 1)": "an input",
    "(256,)": "an input",
    "shape (8, 4096, 128)": "an input",
    "standard deviation 0.1": "an input",
    "128,256 by 4,096": LLAMA,
    "(128256, 4096)": LLAMA,
    "have 4,096 terms": LLAMA,
    "have 14,336 terms": LLAMA,
}
F64, F32, BF16, F16 = torch.float64, torch.float32, torch.bfloat16, torch.float16
E5M2, E4M3 = torch.float8_e5m2, torch.float8_e4m3fn
LLAMA_LAYERS, LLAMA_WIDTH, LLAMA_KV, LLAMA_HIDDEN, LLAMA_VOCABULARY = 32, 4096, 1024, 14336, 128256


def numbers():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small tensors: threads would only wait for each other
    try:
        yield from _products()
        yield from _sizes()
        yield from _dtypes()
        yield from _worked_example()
        yield from _regression()
    finally:
        torch.set_num_threads(threads)


def _products():
    u = torch.tensor([300.0, 400.0])
    fp16_max = torch.finfo(F16).max
    yield f"squares are {300**2:,} and {400**2:,}"
    yield f"300² = {300**2:,} is above {fp16_max:,.0f}"
    yield f"number of fp16 is {fp16_max:,.0f}"
    yield f"The L2 norm of [300, 400] is {l2_norm(u):.0f}, and fp16 can hold {l2_norm(u):.0f}"
    yield f"norm is only {l2_norm(u):.0f}"
    yield f"norm of [300, 400] is {l2_norm(u):.0f} only"
    ones = torch.ones(2500, dtype=F16)
    stop = _total(ones)
    after = torch.nextafter(torch.tensor(stop).half(), torch.tensor(math.inf).half()).item()
    yield f"ones is {dot(ones, ones):,.0f}"
    yield f"stops at {stop:,.0f}: the next fp16 number is {after:,.0f}"
    yield f"{stop:,.0f} + 1 rounds back to {stop:,.0f}"
    yield f"{stop:,.0f} and {dot(ones, ones):,.0f}."
    yield f"Above {stop:,.0f} fp16"
    yield f"sum of ones stops at {stop:,.0f}"
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(4000, generator=generator).bfloat16() for _ in range(2))
    total = dot(a.float(), b.float()).item()
    yield f"the sum is about {round(total, -2):,.0f}"
    yield f"But a bf16 total stops at {_total(a * b):.0f}"
    large = torch.tensor(256.0).bfloat16()
    yield f"256 + 0.9 is {(large + torch.tensor(0.9).bfloat16()).item():.0f} in bf16"
    yield f"about 1/{math.sqrt(4096):.0f}"
    wide = torch.full((4096,), 10.0)
    yield f"sum of squares is {dot(wide, wide):,.0f} and its norm is {l2_norm(wide):.0f}"
    yield f"Above {power_of_ten(math.sqrt(torch.finfo(F32).max), 1)} the squares overflow"
    yield f"below {power_of_ten(math.sqrt(torch.finfo(F32).smallest_normal * 2.0**-24), 1)} they become 0"
    x, y = torch.tensor([1.0, 2, 3]), torch.tensor([4.0, 5, 6])
    yield f"{dot(x, y) / (l2_norm(x) * l2_norm(y)):.2f}"
    flops, count = 2 * 512 * 4096 * 4096, 2 * 512 * 4096 + 4096 * 4096
    yield f"{flops / 1e9:.0f} GFLOP and {count / 1e6:.0f} million numbers: {flops / (2 * count):.0f} FLOPs per byte"
    layer = 2 * LLAMA_WIDTH + 2 * LLAMA_KV + 2 * LLAMA_HIDDEN + LLAMA_WIDTH
    yield f"about {(LLAMA_LAYERS * layer + LLAMA_VOCABULARY) / 1e6:.1f} million dot products"


def _sizes():
    yield f"{rank_and_size((32, 8192, 8192))[1]:,} elements"
    rows = 8 * 2048
    yield f"Repeating it {rows:,} times would take {tensor_bytes((rows, 4096), BF16) >> 20} MiB"
    weight = tensor_bytes((4096, 4096), BF16) >> 20
    yield f"reads {weight} MiB and writes {weight} MiB"
    yield f"are {tensor_bytes((4096,), BF16) >> 10} KiB apart"
    keys, strides = (8, 4096, 128), row_major_strides((8, 4096, 128))
    yield f"Shape (8, 4, {keys[1]}, {keys[2]}), strides ({strides[0]}, 0, {strides[1]}, {strides[2]})"
    yield f"{strides[0]:,} to the next group"
    yield f"only the {tensor_bytes(keys, BF16) >> 20} MiB"
    copy = tensor_bytes((32, 4096, 128), BF16)
    yield f"32 · {keys[1]:,} · {keys[2]} · 2 bytes = {copy >> 20} MiB"
    yield f"reshape the view to (32, {keys[1]}, {keys[2]})"
    yield f"{broadcast_shape((256, 1), (256,))}"


def _dtypes():
    ends = {dtype: torch.finfo(dtype).max for dtype in (F64, F32, BF16, F16, E5M2, E4M3)}
    double, half = ends[F64], f"{ends[F16]:,.0f}"
    embedding = tensor_bytes((LLAMA_VOCABULARY, LLAMA_WIDTH), BF16)
    yield f"takes {embedding / 1e9:.2f} GB in bf16"
    yield f"{LLAMA_VOCABULARY:,} · {LLAMA_WIDTH:,} · 2 bytes = {embedding / 1e9:.2f} GB"
    yield f"{cast_changes(F32, F64)[1]} more powers of two, up to {power_of_ten(double, 1)}"
    yield f"{cast_changes(F32, F64)[1]} more powers of two, up to {_plain(double)}"
    yield f"{cast_changes(F16, BF16)[1]} more powers of two"
    yield f"{cast_changes(F16, F32)[1]} more"
    yield f"{-cast_changes(F16, E4M3)[1]} fewer: from {half} to {ends[E4M3]:.0f}"
    yield f"{(1 - (ends[BF16] + 2.0**119) / ends[F32]) * 100:.1f} % of the range"
    yield f"falls from {half} to {ends[E5M2]:,.0f}"
    yield f"falls from {half} to {ends[E4M3]:.0f}"
    yield f"from {half} to {_plain(ends[BF16])}"
    yield f"from {_plain(ends[F32])} to {_plain(double)}"
    yield f"only to {_plain(ends[F32])}"
    yield f"largest value is {power_of_ten(ends[BF16], 2)}"
    yield f"is {power_of_ten(ends[F32], 2)}"


def _worked_example():
    buffer = [float(n) for n in range(10, 16)]
    shape, strides = (2, 3), row_major_strides((2, 3))
    yield f"Strides of x: the last stride is {strides[1]}, the first is {strides[0]}"
    yield f"1 · {strides[0]} + 2 · {strides[1]} = {buffer.index(element_at(buffer, shape, strides, 0, (1, 2)))}"
    turned, steps, contiguous = transpose_view(shape, strides, 0, 1)
    yield f"Shape {turned}, strides {steps}"
    place = buffer.index(element_at(buffer, turned, steps, 0, (2, 1)))
    yield f"2 · {steps[0]} + 1 · {steps[1]} = {place}: again {buffer[place]:.0f}"
    read = [element_at(buffer, turned, steps, 0, index) for index in product(*map(range, turned))]
    places = ", ".join(str(buffer.index(value)) for value in read)
    yield f"places {places}. They jump, so y is {'' if contiguous else 'not '}contiguous"
    yield f"The sum has shape {broadcast_shape(turned, (2,))}"
    total = (torch.tensor(read).reshape(turned) + torch.tensor([100.0, 200.0])).long()
    bytes_ = tensor_bytes(turned, F32)
    yield f"{total.tolist()}, with strides {row_major_strides(turned)}, and 6 · {F32.itemsize} = {bytes_} bytes"


def _regression():
    """A line fitted by gradient descent, with predictions of (256, 1) and targets of two shapes."""
    slope, loss, variance = _fit((256,))
    right_slope, right_loss, _ = _fit((256, 1))
    yield f"the slope is {slope:.2f} and the loss stops at {loss:.1f}"
    yield f"the slope is {right_slope:.2f} and the loss {right_loss:.3f}"
    yield f"slope {slope:.2f} and a loss of {variance:.1f}, the variance of y"
    yield f"the slope was {slope:.2f} and the loss {loss:.1f}. With equal shapes they were {right_slope:.2f}"
    yield f"and {right_loss:.3f}"


def _fit(shape):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 1, generator=generator)
    y = (3 * x + 0.1 * torch.randn(256, 1, generator=generator)).reshape(shape)
    weights = torch.zeros(2, requires_grad=True)
    for _ in range(40):
        loss = (weights[0] * x + weights[1] - y).square().mean()
        (gradient,) = torch.autograd.grad(loss, weights)
        weights = (weights - 0.3 * gradient).detach().requires_grad_()
    return weights[0].abs().item(), loss.item(), y.var(unbiased=False).item()


def _total(values):
    """The running total in the dtype of the values."""
    total = torch.zeros((), dtype=values.dtype)
    for value in values:
        total += value
    return total.item()


def _plain(value):
    return f"{value:.1e}".replace("e+", "e")
