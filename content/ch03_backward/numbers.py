"""The numbers that the texts of this chapter state, computed."""

import math

import torch
import torch.nn.functional as F

from content.number_formats import minus, power_of_ten, raised, short
from reference.ch03_backward.activation_bytes import activation_bytes
from reference.ch03_backward.checkpointed_grads import checkpointed_grads
from reference.ch03_backward.cross_entropy_backward import cross_entropy_backward
from reference.ch03_backward.gelu_backward import gelu_backward
from reference.ch03_backward.jacobian_passes import jacobian_passes
from reference.ch03_backward.linear_backward import linear_backward
from reference.ch03_backward.stop_gradient import stop_gradient
from reference.ch03_backward.tape_backward import tape_backward

MIB, GIB = 2**20, 2**30
VOCABULARY, PARAMETERS = 128_256, 8.03e9  # Llama-3-8B
TOKENS = 4_096  # of a batch

GIVEN = {
    "4,096 → 16,384 → 4,096": "the layer of the example",
    "8,192 tokens in bf16": "the batch of the example",
    "4,096 tokens of width 4,096": "the layer of the example",
    "1,024 rows of 4,096": "the layer of the card",
    "a vocabulary of 128,256": "Llama 3, config.json: vocab_size",
    "a batch of 4,096 tokens": "an example",
    "p/4,096": "the batch of the example",
    "p = 1e-5": "an example",
    "n = 50,000": "an example",
    "each of 1,200 values": "an example",
    "sigmoid(1.702 x)": "the constant of this approximation of GELU (Hendrycks and Gimpel, arXiv:1606.08415)",
    "[0.98, 0.01, 0.01]": "an example",
    "−0.5, in forward order": "an example's slopes",
    "5 and −0.5": "an example's slopes",
    "from 1 to 1.001": "the change in the example",
    "which is 0.001 · dW₁": "the change in the example",
    "1.0, the slope of the output with respect to itself": "by definition",
    "−100 also picks a class": "PyTorch's default of ignore_index",
    "at least 100 classes": "the size of that index",
    "−100 count from the end": "PyTorch's default of ignore_index",
}


def numbers():
    yield from _gelu()
    yield from _example()
    yield from _passes()
    yield from _kept()
    yield from _sizes()


def _slope(x):
    at = torch.tensor([x], dtype=torch.float64)
    return gelu_backward(at, torch.ones_like(at)).item()


def _root(function, low, high):
    """Where a function that is positive at `low` and not at `high` changes its sign."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return low


def _gelu():
    x = torch.linspace(-6, 6, 24_001, dtype=torch.float64)
    slopes = gelu_backward(x, torch.ones_like(x))
    least, most = slopes.min().item(), slopes.max().item()
    assert abs(x[slopes.argmin()].item() + 2**0.5) < 1e-3 > abs(x[slopes.argmax()].item() - 2**0.5)
    yield f"largest value, {most:.3f}, at √2"
    yield f"smallest value, {minus(f'{least:.3f}')}, at −√2"
    yield f"between {minus(f'{least:.3f}')} (at −√2) and {most:.3f} (at √2)"
    yield f"between {minus(f'{least:.3f}')} and {most:.3f}"
    yield f"The slope is {_slope(0):.1f} at 0"
    yield f"it is {_slope(0):.1f} at 0"
    yield f"negative below {minus(f'{_root(_slope, 0.0, -1.0):.3f}')}"
    yield f"{minus(f'{_slope(-1):.3f}')} at −1"
    yield f"{minus(f'{_slope(-3):.3f}')} at −3"
    yield f"{power_of_ten(_slope(-5))} at −5 and {power_of_ten(_slope(-8))} at −8"
    yield f"{short(_slope(-5))} at −5 and {short(_slope(-8))} at −8"
    yield f"{short(_slope(-5))} at −5 and {minus(f'{_slope(-6):.1e}').replace('e−0', 'e-')} at −6"
    half_of_the_smallest = torch.finfo(torch.float16).smallest_normal / 2**11  # fp16 rounds what is less to 0
    zero = minus(f"{_root(lambda at: -_slope(at) - half_of_the_smallest, -5.0, -7.0):.2f}")
    yield f"0 from {zero} on"
    for form, digits, text in (
        (lambda at: F.gelu(at, approximate="tanh"), 4, "up to {}, near ±2"),
        (lambda at: at * torch.sigmoid(1.702 * at), 2, "off by up to {}"),
    ):
        leaf = x.clone().requires_grad_()
        (other,) = torch.autograd.grad(form(leaf).sum(), leaf)
        yield text.format(f"{(other - slopes).abs().max().item():.{digits}f}")


def _example():
    """The worked example of chapter.md."""

    def forward(w1):
        z = x @ w1.mT
        s = torch.relu(z) @ w2.mT
        return z, s, torch.softmax(s, -1), F.cross_entropy(s, target)

    x, target = torch.tensor([[1.0, 2.0]], dtype=torch.float64), torch.tensor([1])
    w1 = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    w2 = torch.tensor([[1.0, 2.0], [0.0, 1.0]], dtype=torch.float64)
    z, s, p, loss = forward(w1)
    assert z.tolist() == [[3, -1]] and s.tolist() == [[3, 0]]
    ds = cross_entropy_backward(s, target)
    dh, dw2, _ = linear_backward(torch.relu(z), w2, ds)
    dx, dw1, _ = linear_backward(x, w1, dh * (z > 0))
    yield f"p = {_row(p)}"
    yield f"p[1] | {loss:.3f}"
    yield f"[{p[0, 0]:.3f}, {p[0, 1]:.3f} − 1] = {_row(ds)}"
    yield f"[{_row(dw2[:1])}, {_row(dw2[1:])}]"
    yield f"[{dh[0, 0]:.3f}, 2 · {dh[0, 0]:.3f} − {-ds[0, 1]:.3f}] = {_row(dh)}"
    yield f"slope of ReLU | {_row(dh * (z > 0))}"
    yield f"[{_row(dw1[:1])}, {_row(dw1[1:])}]"
    yield f"dx = dz W₁ | {_row(dx)}"
    more = w1.clone()
    more[0, 0] += 0.001
    rise = (forward(more)[3] - loss).item()
    assert abs(rise - 0.001 * dw1[0, 0].item()) < 1e-6
    yield f"rises by {rise:.6f}"


def _row(tensor):
    return minus("[" + ", ".join("0" if v == 0 else f"{v:.3f}" for v in tensor.flatten().tolist()) + "]")


def _passes():
    steps = tape_backward([[], [(0, 2.0)], [(1, 5.0)], [(2, -0.5)]], 3)
    assert [round(g, 9) for g in steps] == [-5, -2.5, -0.5, 1]
    yield minus(f"gives {steps[2]}, {steps[1]} and {steps[0]:.0f}")
    assert tape_backward([[], [], [(0, 3.0), (1, 2.0)], [(2, 1.0), (0, 1.0)]], 3)[0] == 4  # z = x·y + x
    wide = [torch.ones(1, 40, dtype=torch.float64)]
    assert (
        len(jacobian_passes(wide, torch.zeros(40).double(), "jvp")),
        len(jacobian_passes(wide, torch.zeros(40).double(), "vjp")),
    ) == (40, 1)
    x = torch.tensor([3.0])
    assert stop_gradient(x, torch.ones(1))["no_grad later"][1].item() == 2 * 3 + 1
    paths = 1_200 * math.log10((1 + 5**0.5) / 2) - math.log10(5**0.5)  # Fibonacci's number
    yield f"about 10{raised(round(paths))} paths"
    years = 8e9 * 0.1 / (365.25 * 24 * 3600)
    yield f"{years:.0f} years"
    yield f"logits differ by {math.ceil(150 * math.log(2))}"  # half of the smallest fp32 is 2⁻¹⁵⁰
    yield f"{1e-5 / TOKENS:.1e}, and fp16".replace("e-0", "e-")
    p = torch.tensor([0.98, 0.01, 0.01])
    jacobian = torch.diag(p) - torch.outer(p, p)
    yield f"at most {jacobian.abs().max():.2f}"


def _kept():
    bf16 = torch.bfloat16
    for activation in ("relu", "gelu"):
        per_token = activation_bytes(1, [1, 4, 1], activation, torch.int8)
        yield f"{per_token} · d_model" if activation == "relu" else f"{per_token} · 4,096"
        assert activation_bytes(1, [4, 8, 8, 2], activation, torch.int8) == (20 if activation == "relu" else 36)
    layer = activation_bytes(8_192, [4_096, 16_384, 4_096], "gelu", bf16)
    yield f"· 8,192 = {layer / MIB:.0f} MiB"
    yield f"{layer / MIB:.0f} MiB, and {32 * layer / GIB:.0f} GiB over 32 layers"
    yield f"all layers keep {32 * layer / GIB:.0f} GiB"
    yield f"{PARAMETERS * 2 / GIB:.0f} GiB of weights"
    yield f"{activation_bytes(1_024, [4_096, 10], 'relu', bf16) / MIB:.0f} MiB per layer"
    yield f"{TOKENS * 4_096 * 2 / MIB:.0f} MiB, for one layer"
    yield f"{(4 / 3 - 1) * 100:.0f} % more"
    for layers, every, text in (
        (64, 8, "{} in place of {} for 64 layers"),
        (16, 4, "hold {} activations at the peak in place of {}"),
    ):
        one = torch.ones(1, dtype=torch.float64)
        peak = checkpointed_grads(torch.ones(layers, 1, dtype=torch.float64), one, one, every)["peak"]
        yield text.format(peak, layers + 1)


def _sizes():
    yield f"takes {50_000**2 * 4 / 1e9:.0f} GB in fp32"
    yield f"would take {50_000**2 * 4 / 1e9:.0f} GB in fp32"
    yield f"{TOKENS * VOCABULARY * 2 / 1e9:.2f} GB in bf16 and {TOKENS * VOCABULARY * 4 / 1e9:.2f} GB in fp32"
