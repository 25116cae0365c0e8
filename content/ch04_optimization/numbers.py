"""The numbers that the texts of this chapter state, computed."""

import math

import torch

from content.number_formats import power_of_ten, raised, short
from content.prices import hidden, ours, price
from reference.ch03_backward.cross_entropy_backward import cross_entropy_backward
from reference.ch04_optimization.adam_step import adam_step
from reference.ch04_optimization.adamw_step import adamw_step
from reference.ch04_optimization.clip_by_global_norm import clip_by_global_norm
from reference.ch04_optimization.cross_entropy import cross_entropy
from reference.ch04_optimization.first_update import first_update
from reference.ch04_optimization.optimizer_bytes import optimizer_bytes
from reference.ch04_optimization.sgd_momentum_step import sgd_momentum_step
from reference.ch04_optimization.warmup_cosine import warmup_cosine

VOCABULARY, PARAMETERS = 128_256, 8_030_261_248  # Llama-3.1-8B
BETAS, LLAMA_BETAS = (0.9, 0.999), (0.9, 0.95)
FP32, BF16 = torch.float32, torch.bfloat16

GIVEN = {
    "the 128,256 tokens": "Llama 3, config.json: vocab_size",
    "has 128,256 tokens": "Llama 3, config.json: vocab_size",
    "1/128,256": "a guess among these tokens",
    "4,096 × 128,256": "an example's logits",
    "For 4,096 tokens": "an example",
    "8.03 billion parameters": "Llama-3.1-8B",
    "80 GB": "the memory of an A100 or H100",
    "betas of (0.9, 0.999)": "Adam's default",
    "betas (0.9, 0.999)": "Adam's default",
    "With (0.9, 0.999)": "Adam's default",
    "for (0.9, 0.999)": "Adam's default",
    "(0.9, 0.95)": "Llama 2, arXiv:2307.09288, section 2.2",
    "norm of 1.0": "Llama 2, arXiv:2307.09288, section 2.2",
    "norm, often 1.0": "Llama 2, arXiv:2307.09288, section 2.2",
    "2,000 steps": "Llama 2, arXiv:2307.09288, section 2.2",
    "3 · 10⁻⁴": "an example's peak; Llama 2 7B has it too",
    "3e-4": "an example's peak; Llama 2 7B has it too",
    "3e-5? ": "an example",
    "lowered lr to 3e-5": "an example",
    "λ = 0.1": "an example",
    "lr = λ = 0.1": "an example",
    "a ramp of 100 steps": "RAMP of figure.py",
    "norm + 1e-6": "torch/nn/utils/clip_grad.py",
    "to step 2,000": "the end of an example's warmup",
    "lr = 0.1": "an example",
    "μ = 0.9": "an example",
    "With 0.9, a step": "an example",
    "With 0.9, a library": "an example",
    "with 0.99 a hundred": "an example",
    "two weights of 2.0": "an example",
    "the first were 0.01": "an example",
    "were 0.01, the share": "an example",
    "times as much at 0.01": "an example",
    "if it is 0.01": "an example",
    "weights of 0.02": "an example",
    "a weight of 0.02": "an example",
    "lr = 10⁻³": "an example",
    "gradient of 0.001": "an example",
    "gradient is 0.001": "an example",
    "of 1,000": "an example",
    "another of 1,000": "an example",
    "for a gradient of 1,000": "an example",
    "if it is 1,000": "an example",
    "gradients by 1,000": "an example",
    "1,000, the ratio": "an example",
    "1,000 steps": "an example",
    "5,000": "an example",
    "10,000 steps": "an example",
    "logits of ±10,000": "an example",
    "batch of 512": "an example",
    "512 times": "a sum of 512 in place of their mean",
    "10⁻⁸ acts": "Adam's default eps",
    "a gradient of 10⁻⁷": "an example",
    "gradients of 1e-8": "an example",
    "1e-10": "an example",
    "300²": "an example",
    "[300, 400]": "an example",
    "Logits [0, −200]": "an example",
    "50,000 classes": "an example",
    "after 200 steps": "an example",
    "0, 100 and 199": "steps to look at",
    "0, 999 and 1,999": "steps to look at",
    "step 1,000": "half of 2,000 steps",
    "t = 1000": "an example",
    "65,536 times": "the default scale of PyTorch's GradScaler, 2¹⁶",
    "at 10.81": "the symptom",
    "1 − 0.001": "an example",
    "0.001 · g²": "1 − 0.999",
    "1 − 0.999ᵗ": "Adam's default",
    "0.999ᵗ)": "Adam's default",
    "(1 − 0.999)": "Adam's default",
    "m = 0.1 · g": "1 − 0.9",
    "(1 − 0.9)": "Adam's default",
    "Adam's step: 0.1 ·": "lr",
    "0.1 · 0.1 · p": "lr · λ",
    "0.1 / √0.001": "1 − 0.9 and the root of 1 − 0.999",
    "0.9ᵗ)": "Adam's default",
}


def numbers():
    yield from _losses()
    yield from _steps()
    yield from _first_steps()
    yield from _schedule()
    yield from _decay()
    yield from _bytes()
    yield from _norms()
    yield from _example()
    yield from _prices()


def _prices():
    """What mistakes cost the small model, as the afterwords quote it."""
    yield f"still has a loss of {price('ch04_optimization/cross_entropy', 'softmax_twice', 'training.loss'):.2f}"
    yield f"ends at {ours('training.loss'):.2f}"
    yield f"losses differ by {hidden('ch04_optimization/warmup_cosine', 'straight')} of their spread"
    yield f"differ by {hidden('ch04_optimization/warmup_cosine', 'zero_first')}"
    yield f"losses differ by {hidden('ch04_optimization/clip_by_global_norm', 'per_tensor')} of their spread"
    yield f"differ by {hidden('ch04_optimization/clip_by_global_norm', 'always_scaled')}"


def _double(*values):
    return torch.tensor(values, dtype=torch.float64)


def _short(number, digits=1):
    """1.5e-07 as 1.5e-7."""
    return short(number, digits).replace(".0e", "e")


def _losses():
    log = cross_entropy(torch.zeros(1, VOCABULARY, dtype=torch.float64), torch.tensor([0])).item()
    yield f"{log:.2f} for the 128,256 tokens"
    yield f"log(128,256) = {log:.2f}"
    yield f"{log:.2f} for 128,256"
    yield f"Llama 3's tokens | {log:.2f}"
    yield f"1/2 | {cross_entropy(_double(0.0, 0.0)[None], torch.tensor([0])).item():.2f}"
    sure = cross_entropy(_double(0.0, -200.0)[None], torch.tensor([1])).item()
    exponent = raised(-round(sure))
    yield f"e{exponent} = {_short(math.exp(-sure))}"
    yield f"e{exponent} = {_tens(math.exp(-sure))} | {sure:.0f}"
    yield f"{sure:.0f}. `log(softmax)` gives"
    yield f"[0, −200] holds {torch.softmax(torch.tensor([0.0, -sure]), 0)[1].log().item()}".replace("-", "−")
    yield f"p = e{exponent}, −log p is {sure:.0f} and 1 − p is {1 - math.exp(-sure):.0f}"
    yield f"number of fp32 is {_tens(2.0**-149)}"
    many = torch.zeros(1, 50_000, dtype=torch.float64)
    yield f"log(50,000) = {cross_entropy(many, torch.tensor([0])).item():.2f}"
    yield f"starts with a loss of {cross_entropy(many, torch.tensor([0])).item():.2f}"
    many[0, 0] = 30
    assert round(cross_entropy(many, torch.tensor([0])).item(), 2) == 0
    yield f"about {cross_entropy(torch.softmax(many, -1), torch.tensor([0])).item():.2f}"
    yield f"{4_096 * VOCABULARY * 4 / 1e9:.2f} GB in fp32, {4_096 * VOCABULARY * 2 / 1e9:.2f} GB in bf16"


def _steps():
    """How far Adam's later steps go."""
    noise = math.sqrt((1 - BETAS[0]) / (1 + BETAS[0]))
    yield f"about {noise:.2f}·lr"
    yield f"0.1 / √0.001 = {(1 - BETAS[0]) / math.sqrt(1 - BETAS[1]):.1f}·lr"
    for t, text in ((1_000, "is {:.2f} after 1,000 steps"), (5_000, "{:.3f} after 5,000")):
        yield text.format(1 - BETAS[1] ** t)
    eps = 1e-8
    assert 1e-7 / math.sqrt(1e-7**2 + eps) < 1.01e-3  # eps inside the root
    yield f"10⁻⁸ acts like 10{raised(round(math.log10(math.sqrt(eps))))}"
    assert [round(g / (g + eps), 2) for g in (1e-8, 1e-10)] == [0.5, 0.01]
    zero, g, velocity = torch.zeros(1, dtype=torch.float64), _double(1.0), torch.zeros(1, dtype=torch.float64)
    for _ in range(300):
        _, velocity = sgd_momentum_step(zero, g, velocity, 0.1, 0.9)
    assert round(velocity.item(), 6) == 10


def _first_steps():
    for betas, name in ((BETAS, "(0.9, 0.999)"), (LLAMA_BETAS, "(0.9, 0.95)")):
        sizes = first_update(_double(0.5), lr=1.0, betas=betas)
        plain = f"{sizes['uncorrected'].item():.2f}"
        assert round(sizes["corrected"].item(), 6) == 1
        if betas == BETAS:
            yield f"{plain}·lr"
            yield f"{plain} for {name}"
            yield f"both move by {sizes['uncorrected'].item():.2f}e-3"
        else:
            yield f"{plain}·lr"
            yield f"and {plain} for the {name}"
            yield f"would be {plain}e-3"
    yield f"√v is {math.sqrt(1 - BETAS[1]):.3f} of it"
    yield f"m is {1 - BETAS[0]:.1f}·g and √v is {math.sqrt(1 - BETAS[1]):.4f}·g"
    ratios = [(1 - BETAS[0] ** t) / math.sqrt(1 - BETAS[1] ** t) for t in range(1, 1_001)]
    top = max(ratios)
    yield f"reaches {top:.1f} at step {ratios.index(top) + 1} and stays above 2"
    yield f"reach {top:.1f} lr in step {ratios.index(top) + 1}"
    yield f"start at {ratios[0]:.2f} lr"
    yield f"until step {max(t for t, ratio in enumerate(ratios, 1) if ratio > 2)}"
    share = first_update(_double(1.0), lr=1e-3)["corrected"].item() / 0.02
    yield f"{share * 100:.0f} %"
    yield f"step is {_short(first_update(_double(1.0), lr=1e-3, warmup=2_000)['corrected'].item())}"
    yield f"which is {2 / (1 - BETAS[1]):,.0f} with the default betas"
    yield f"With correction, both move by {_short(first_update(_double(1.0))['corrected'].item())}"
    yield f"weights of 0.02 at lr = {_short(1e-3)}"
    yield f"weights of 0.02 and lr = {_short(1e-3)}"
    yield f"lr = {_short(1e-3)}, betas"
    yield f"near eps ({_short(1e-8)})"


def _schedule():
    first, half, last = (warmup_cosine(t, 3e-4, 2_000, 100_000) for t in (0, 999, 1_999))
    yield f"{_short(first)}, {_short(half)} and {_short(last)}"
    yield f"the rate {_tens(first)} and the thousandth {_tens(half)}"


def _decay():
    share = 3e-4 * 0.1
    yield f"{_short(share)} at lr = 3e-4 and λ = 0.1"
    yield f"1 − {_short(share)}"
    yield f"lr · λ: {_short(share)} per step, then {_short(3e-5 * 0.1)}"
    yield f"share of {_tens(share)} per step"
    yield f"1 − {_tens(share)} rounds to 1"
    assert (torch.tensor(1 - share).bfloat16() == 1) and (torch.tensor(0.999).bfloat16() == 1)
    left = f"{(1 - share) ** 10_000 * 100:.0f} %"
    yield f"has {left} left"
    yield f"leave {left}"
    p, zero = _double(2.0, 2.0), torch.zeros(2, dtype=torch.float64)
    v = _double(0.01, 10.0) ** 2
    decoupled, _, _ = adamw_step(p, zero, zero, v, 1_000, lr=0.1, decay=0.1)
    coupled, _, _ = adam_step(p, 0.1 * p, zero, v, 1_000, lr=0.1)
    small, large = (p - coupled).tolist()
    each = f"{(p - decoupled)[0].item():.2f}"
    yield f"subtracts {each} from"
    yield f"subtracts {small:.3f} from the first and {large:.4f} from the second"
    yield f"subtracts {large:.4f} if √v is 10, and {small:.3f} if"


def _bytes():
    def recipe(optimizer, weights, moments, **master):
        return {"optimizer": optimizer, "weights": weights, "gradients": weights, "moments": moments} | master

    columns = [
        recipe("adamw", FP32, FP32),
        recipe("adamw", BF16, FP32, master=FP32),
        recipe("adamw", BF16, BF16),
        recipe("momentum", FP32, FP32),
    ]
    totals = [optimizer_bytes(1, column)["total"] for column in columns]
    yield "bytes per parameter | " + " | ".join(map(str, totals))
    whole = [optimizer_bytes(PARAMETERS, column) for column in columns]
    yield "8.03 billion parameters | " + " | ".join(f"{bytes_['total'] / 1e9:.0f} GB" for bytes_ in whole)
    yield f"that is {whole[1]['total'] / 1e9:.0f} GB"
    yield f"8 billion: {whole[1]['total'] / 1e9:.0f} GB"
    yield f"of which {whole[1]['state'] / 1e9:.0f} GB are"
    yield f"in bf16 takes {PARAMETERS * 2 / 1e9:.0f} GB"
    state, rest = optimizer_bytes(1, columns[1])["state"], 4
    yield f"become {rest + state / 8}, {2 + (2 + state) / 8} and {(rest + state) / 8:.0f}"


def _norms():
    (a, b), norm = clip_by_global_norm([_double(3.0), _double(4.0)], 1.0)
    yield f"become [{a.item():.1f}] and [{b.item():.1f}]"
    assert norm == 5
    _, norm = clip_by_global_norm([torch.tensor([300.0, 400.0])], 1.0)
    yield f"[300, 400] is {norm:.0f}"


def _example():
    """The worked example of chapter.md."""
    p, target, zero = _double(1.0, 0.0), torch.tensor([1]), torch.zeros(2, dtype=torch.float64)
    shares = torch.softmax(p, -1)
    yield f"[{shares[0]:.3f}, {shares[1]:.3f}]"
    yield f"−log {shares[1]:.3f} | {cross_entropy(p[None], target).item():.3f}"
    g = cross_entropy_backward(p[None], target)[0]
    yield f"[{g[0]:.3f}, {shares[1]:.3f} − 1] = {_row(g, 3)}"
    (clipped,), norm = clip_by_global_norm([g], 1.0)
    yield f"√({g[0]:.3f}² + {g[0]:.3f}²) | {norm:.3f}"
    yield f"g · 1 / {norm:.3f} | {_row(clipped, 3)}"
    moved, m, v = adamw_step(p, clipped, zero, zero, 1, lr=0.1, decay=0.1)
    yield f"0.1 · g | {_row(m, 4)}"
    yield f"0.001 · g² | {_row(v, 4)}"
    yield f"(1 − 0.9) | {_row(m / (1 - 0.9), 3)}"
    yield f"(1 − 0.999) | {_row(v / (1 - 0.999), 1)}"
    step = p - adam_step(p, clipped, zero, zero, 1, lr=0.1)[0]
    yield f"√v̂ | {_row(step, 1)}"
    yield f"the step is {_row(p - adam_step(p, g, zero, zero, 1, lr=0.1)[0], 1)} as well"
    yield f"p | [{0.1 * 0.1 * p[0].item():.2f}, 0]"
    yield f"− decay | [{moved[0].item():.2f}, {moved[1].item():.1f}]"
    yield f"new loss | {cross_entropy(moved[None], target).item():.3f}"
    yield f"only {0.1 * clipped[0].item():.4f} after clipping"


def _row(tensor, digits):
    return ("[" + ", ".join(f"{value:.{digits}f}" for value in tensor.tolist()) + "]").replace("-", "−")


def _tens(number):
    """1.5e-07 as 1.5 · 10⁻⁷."""
    return power_of_ten(number, 1).replace(".0 ·", " ·")
