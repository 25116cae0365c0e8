"""The numbers of this chapter's texts: counts of parameters, values of GELU, and signals and gradients by depth."""

import math

import torch

from content.number_formats import power_of_ten, raised, short, signed
from content.prices import hidden, rise
from reference.ch02_forward.collapse_linears import collapse_linears
from reference.ch02_forward.gelu import gelu
from reference.ch02_forward.linear import linear
from reference.ch02_forward.linear_params import linear_params
from reference.ch02_forward.residual_stack import residual_stack
from reference.ch02_forward.xavier_std import signal_by_depth, xavier_std

GIVEN = {
    "from 512 to 256": "an input",
    "512 inputs": "an input",
    "256 outputs": "an input",
    "512 to 256 numbers": "an input",
    "256 rows": "an input",
    "W is (256, 512)": "an input",
    "b has 256": "an input",
    "(256, 512)": "an input",
    "(256,)": "an input",
    "the batch is not 256": "an input",
    "512 → 256": "an input",
    "0.5x(1 + tanh": "the formula",
    "(…, 512)": "an input",
    "512 · 256 + 256": "the formula",
    "The bias adds 256": "an input",
    "so it has 256": "an input",
    "512 · 256 =": "the formula",
    "512 · 256 + 512": "a wrong formula",
    "256 biases": "an input",
    "512 → 8 → 512": "an input",
    "512 × 512": "an input",
    "512 to 8 to 256": "an input",
    "weights 10 % larger": "an input",
    "weights 10 % smaller": "an input",
    "weights 10 % too large": "an input",
    "weights 10 % too small": "an input",
    "Weights that are 10 % too large": "an input",
    "width 4,096": "an input",
    "At 4,096 inputs": "an input",
    "two norms with 4,096": "Llama-3-8B's config.json, repeated in litgpt/config.py of Lightning-AI/litgpt",
    "−0.5 and −1.05": "an input",
    "for weights of 1.1, 1.0 and 0.9": "an input",
    "Fifty slopes of 0.5": "an input",
    "by about 0.5": "half of Glorot's standard deviation, and tanh's slope of 1",
    "constant 0.044715": "the tanh form in src/model.py of openai/gpt-2",
    "0.044715x³": "the tanh form in src/model.py of openai/gpt-2",
    "x σ(1.702x)": "the sigmoid form of arXiv:1606.08415",
    "768 × 768": "n_embd of src/model.py of openai/gpt-2",
    "standard deviation of 0.02": "w_init_stdev of src/model.py of openai/gpt-2",
    "10,000 layers": "the title of Xiao et al. 2018, arXiv:1806.05393",
    "layers of width 1 with weight 0.5": "an input",
}
# Llama-3-8B's config.json, repeated in litgpt/config.py of Lightning-AI/litgpt
WIDTH, KV_WIDTH, HIDDEN = 4096, 1024, 14336


def numbers():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small tensors: threads would only wait for each other
    try:
        yield from _parameters()
        yield from _activations()
        yield from _signals()
        yield from _gradients()
        yield from _worked_example()
        yield from _prices()
    finally:
        torch.set_num_threads(threads)


def _prices():
    """What mistakes cost the small model, as the afterwords quote it."""
    yield f"rises {rise('ch02_forward/linear', 'reshaped')} nats a token"
    yield f"losses differ by {hidden('ch02_forward/linear', 'reshaped')} of their spread"


def _parameters():
    weights, parameters = linear_params([512, 256], False), linear_params([512, 256])
    yield from (f"= {weights:,}", f"= {parameters:,}", f"{parameters:,} parameters", f"has {parameters:,}")
    yield f"{weights:,} without"
    yield f"{512 * 256 + 512:,}"
    yield f"{100 / (4096 + 1):.2f} %"
    block = 2 * WIDTH * WIDTH + 2 * WIDTH * KV_WIDTH + 3 * WIDTH * HIDDEN
    yield f"{block / 1e6:.0f} million"
    yield f"are {100 - 2 * WIDTH / (block + 2 * WIDTH) * 100:.3f} %"
    yield f"{2 * WIDTH / (2 * block) * 100:.3f} % of the FLOPs"
    one = linear_params([4096, 4096], False)
    yield f"{100 * one / 1e9:.1f} billion weights"
    yield f"{one / 1e6:.1f} million"
    yield f"{linear_params([512, 8, 512], False):,} weights instead of {linear_params([512, 512], False):,}"
    yield f"{linear_params([512, 8, 256], False):,} weights instead of {weights:,}"
    bias = linear(torch.tensor([256.0, 1.0]), torch.ones(1, 2), torch.tensor([-256.0])).item()
    product = torch.tensor(256.0).bfloat16() + 1
    yield f"256 + 1 is {product.item():.0f}, so adding a bias of −256 gives {(product - 256).item():.0f}"
    yield f"the right result is {bias:.0f}"
    yield f"256 + 0.9 is {(torch.tensor(256.0).bfloat16() + torch.tensor(0.9).bfloat16()).item():.0f}"


def _activations():
    x = torch.linspace(-8, 8, 16001, dtype=torch.float64)
    y = gelu(x)
    low, lowest = x[y.argmin()], y.min()
    grid = torch.linspace(-0.76, -0.74, 200_001, dtype=torch.float64)
    lowest_at = signed(grid[gelu(grid).argmin()].item(), 4)
    yield f"{signed(lowest.item(), 4)} at x = {lowest_at}"
    yield f"lowest value, {signed(lowest.item(), 2)}, at x = {signed(low.item(), 2)}"
    yield f"down to {signed(lowest.item(), 2)}"
    yield f"only at {signed(low.item(), 2)}"
    yield f"only at x = {signed(low.item(), 2)}"
    yield f"0 at {signed(low.item(), 2)} and {signed(_slope(-2), 3)} at −2"
    yield f"Its slope is {_slope(0):.1f} at 0"
    values = gelu(torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)).tolist()
    yield f"{signed(values[0], 4)}, {values[1]:.0f} and {values[2]:.4f}"
    yield f"{signed(values[0], 4)}, {values[1]:.0f}, {values[2]:.4f}"
    yield f"from {signed(gelu(torch.tensor(-2.0)).item(), 4)} to {signed(values[0], 4)}"
    slopes = [_slope(-2), _slope(-4), _slope(-6)]
    assert round(gelu(torch.tensor(-0.5)).item(), 3) == round(gelu(torch.tensor(-1.05)).item(), 3)
    yield f"{signed(slopes[0], 3)} at −2, {power_of_ten(slopes[1], 0)} at −4, {power_of_ten(slopes[2], 1)} at −6"
    yield f"{signed(slopes[0], 3)} at −2, {short(slopes[1], 0)} at −4, {short(slopes[2], 1)} at −6"
    yield f"{signed(slopes[0], 3)} at −2, but only {short(slopes[2], 1)} at −6"
    yield f"is {short(slopes[2], 1)}, compared with {signed(slopes[0], 3)} at −2"
    yield f"{short(slopes[2], 1)} at −6"
    flushed = next(n for n in range(600, 700) if torch.tensor(_slope(-n / 100)).half() == 0)
    yield f"rom −{flushed / 100:.2f} on"
    yield f"by only {_change(-4, -5):.4f} in total"
    tanh_form = torch.nn.functional.gelu(x, approximate="tanh")
    off, at = (tanh_form - y).abs().max().item(), x[(tanh_form - y).abs().argmax()].abs().item()
    yield f"by up to {off:.5f}, near |x| = {at:.1f}"
    yield f"by up to {off:.5f}"
    yield f"{short(off, 1)} at most (near |x| = {at:.1f})"
    yield f"off by up to {(x * torch.sigmoid(1.702 * x) - y).abs().max():.3f}"
    draws = torch.randn(200_000, generator=torch.Generator().manual_seed(0)).bfloat16().double()
    exact, approximate = gelu(draws).bfloat16(), torch.nn.functional.gelu(draws, approximate="tanh").bfloat16()
    yield f"{(exact != approximate).double().mean() * 100:.0f} % of normally distributed inputs"
    yield f"Φ(−6) is {short(_phi(-6), 1)}"
    yield f"{round(_phi(-5) * 1e7)} samples in ten million"


def _signals():
    large, small = (_signal(gain) for gain in (1.1, 0.9))
    yield f"1.21⁵⁰ = {large:,.0f}"
    yield f"0.81⁵⁰ = {small:.6f}"
    yield f"{large:,.0f}, with"
    yield f"smaller it is {small:.6f}"
    yield f"leave {small:.6f}"
    yield f"factor of {large:,.0f}"
    yield f"make it {large:,.0f} times as large over 50 layers"
    relu = _signal(1.0, relu=True)
    yield from (f"2⁻⁵⁰ = {short(relu, 0)}", f"{power_of_ten(relu, 0)} is left", f"so {short(relu, 0)} is left")
    yield f"2{raised(round(math.log2(relu)))} of the mean square"
    grown = raised(round(math.log10(2**50)))
    yield f"Fifty slopes of 0.5 give {power_of_ten(0.5**50)}, fifty slopes of 2 give 10{grown}"
    yield f"0.5⁵⁰ = {short(0.5**50, 0)}"
    shallow = _signal(1.0, relu=True, layers=40)
    yield f"2⁻⁴⁰ = {short(shallow, 0)} of it is left, and the root mean square falls to {short(math.sqrt(shallow), 0)}"
    yield f"below {short(2.0**-25, 0)}"
    up, both = signal_by_depth([1, 4, 1], [xavier_std(1, 4), xavier_std(4, 1)])
    yield from (f"keeps {both:.2f}", f"By {both:.2f}.", f"2·d/(5d) = {up:.1f}", f"2·4d/(5d) = {both / up:.1f}")


def _gradients():
    generators = [torch.Generator().manual_seed(seed) for seed in range(30)]
    draws = [(_randn(4, 64, generator=g), _randn(50, 64, 64, generator=g)) for g in generators]
    sizes = {
        (gain, residual): torch.stack([_gradient(*draw, gain, residual) for draw in draws])
        for gain in (0.5, 1.0, 2.0, 50**-0.5)
        for residual in (False, True)
    }
    medians = {key: values.quantile(0.5).item() for key, values in sizes.items()}
    half, glorot, twice, small = ((medians[gain, False], medians[gain, True]) for gain in (0.5, 1.0, 2.0, 50**-0.5))
    yield f"| half of Glorot's | {power_of_ten(half[0], 0)} | {half[1]:.0f} |"
    yield f"| Glorot's | {glorot[0]:.2f} | {glorot[1]:.0f} |"
    yield f"| twice Glorot's | {_two_digits(twice[0])} | {_two_digits(twice[1])} |"
    yield f"| Glorot's / √50 | {power_of_ten(small[0], 0)} | {small[1]:.1f} |"
    plain = sizes[1.0, False]
    yield f"from {plain.min():.3f} to {plain.max():.2f}"
    yield f"about {short(half[0], 0)} with half"
    yield f"{glorot[0]:.2f} with Glorot's standard deviation, and {_two_digits(twice[0])} with twice"
    yield f"{half[1]:.0f}, {glorot[1]:.0f} and {_two_digits(twice[1])}"
    yield f"about {small[1]:.1f} for 50 layers"
    yield f"about {short(half[0], 0)}, with twice Glorot's about {round(twice[0], -3):,.0f}"
    yield f"Replacing: about {short(half[0], 0)}"
    yield f"Adding: about {half[1]:.0f}"
    yield f"the first stack gives about {round(twice[0], -3):,.0f}"
    yield f"multiply it by about {glorot[1]:.0f}"
    yield f"10 layers with f′ = 1 multiply it by {2**10:,}"
    orthogonal = torch.linalg.qr(draws[0][1]).Q
    kept = residual_stack(draws[0][0] / 1000, orthogonal, False)[1].square().mean().sqrt()
    yield f"Orthogonal weights and small inputs keep it at {kept:.0f}"


def _worked_example():
    x = torch.tensor([1.0, 2.0])
    w1, b1 = torch.tensor([[1.0, -1.0], [2.0, 0.0], [0.0, -1.0]]), torch.tensor([0.0, -1.0, 1.0])
    w2, b2 = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([1.0])
    first, last = linear_params([2, 3]), linear_params([3, 1])
    yield f"2 · 3 + 3 = {first} in the first layer and 3 · 1 + 1 = {last} in the second, so {linear_params([2, 3, 1])}"
    hidden = linear(x, w1, b1)
    yield f"0·1 − 1·2 + 1] = {_list(hidden)}"
    fires = hidden.clamp(min=0)
    yield f"ReLU: {_list(fires)}"
    yield f"1·0 + 2·1 + 3·0 + 1 = {linear(fires, w2, b2).item():.0f}"
    yield f"1·(−1) + 2·1 + 3·(−1) + 1 = {signed(linear(hidden, w2, b2).item(), 0)}"
    weight, bias = collapse_linears([(w1, b1), (w2, b2)])
    yield f"W₂W₁ = {_list(weight[0])} and the bias W₂b₁ + b₂ = {bias.item():.0f}"
    yield f"5·1 − 4·2 + 2 = {signed(linear(x, weight, bias).item(), 0)} as well"
    smooth = gelu(hidden)
    units = ", ".join(signed(value, 4) for value in smooth.tolist())
    yield f"[{units}], and the result is {linear(smooth, w2, b2).item():.4f}"
    start, weights = torch.ones(1, 1, dtype=torch.float64), torch.full((2, 1, 1), 0.5, dtype=torch.float64)
    h1, s1 = (t.item() for t in residual_stack(start, weights[:1], False))
    h2, gradient = (t.item() for t in residual_stack(start, weights, False))
    yield f"h₁ = tanh(0.5) = {h1:.4f}, then h₂ = tanh({h1 / 2:.4f}) = {h2:.4f}"
    yield f"0.5 · (1 − {h1:.4f}²) = {s1:.4f} and 0.5 · (1 − {h2:.4f}²) = {gradient / s1:.4f}"
    yield f"their product, {gradient:.4f}"
    r1, t1 = (t.item() for t in residual_stack(start, weights[:1]))
    r2, whole = (t.item() for t in residual_stack(start, weights))
    yield f"h₁ = 1 + {h1:.4f} = {r1:.4f}, then h₂ = {r1:.4f} + tanh({r1 / 2:.4f}) = {r2:.4f}"
    yield f"slopes are {t1:.4f} and {whole / t1:.4f}. The gradient is {whole:.4f}"


def _slope(x):
    point = torch.tensor(float(x), dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(gelu(point), point)[0].item()


def _phi(x):
    return math.erfc(-x / math.sqrt(2)) / 2


def _change(a, b):
    return abs(a * _phi(a) - b * _phi(b))


def _signal(gain, relu=False, layers=50):
    return signal_by_depth([64] * (layers + 1), [xavier_std(64, 64, gain)] * layers, relu)[-1]


def _randn(*shape, generator):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _gradient(x, weights, gain, residual):
    """The root mean square of the gradient at the input; each number of the gradient at the output is 1."""
    return residual_stack(x, weights * xavier_std(64, 64, gain), residual)[1].square().mean().sqrt()


def _two_digits(value):
    return f"{float(f'{value:.1e}'):.0f}"


def _list(values):
    return f"[{', '.join(signed(value, 0) for value in values.tolist())}]".replace("−0", "0")
