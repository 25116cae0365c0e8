"""How far Adam's first steps go: without correction, with it, and on a ramp. And how much of a weight decays."""

import torch
from matplotlib.figure import Figure

from reference.ch04_optimization.adam_step import adam_step
from reference.ch04_optimization.adamw_step import adamw_step
from reference.ch04_optimization.first_update import first_update
from reference.ch04_optimization.warmup_cosine import warmup_cosine

STEPS = 1000
RAMP = 100
LR, DECAY, WEIGHT = 3e-4, 0.1, 0.02


def draw():
    figure = Figure(figsize=(4.2, 5.6), layout="constrained")
    steps, decay = figure.subplots(2, 1)
    _first_steps(steps)
    _decay(decay)
    return figure


def _first_steps(axes):
    corrected, plain = _sizes()
    ramp = [warmup_cosine(t, 1.0, RAMP, 10**9) for t in range(STEPS)]
    numbers = range(1, STEPS + 1)
    axes.plot(numbers, plain, "-", color="black", lw=1.6, label="without correction")
    axes.plot(numbers, corrected, "--", color="0.45", lw=1.6, label="with correction")
    on_ramp = [c * r for c, r in zip(corrected, ramp, strict=True)]
    axes.plot(numbers, on_ramp, ":", color="black", lw=1.4, label=f"… and on a ramp of {RAMP} steps")
    top = max(range(STEPS), key=plain.__getitem__)
    note = {"textcoords": "offset points", "va": "center"}
    axes.plot([1, top + 1], [plain[0], plain[top]], "o", color="black", ms=3.5)
    axes.annotate(f"{plain[0]:.2f}", (1, plain[0]), xytext=(7, -3), **note)
    axes.annotate(f"{plain[top]:.1f} at step {top + 1}", (top + 1, plain[top]), xytext=(16, 4), **note)
    axes.set(xscale="log", xlim=(0.9, STEPS), ylim=(0, 10.5))
    axes.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    axes.set_title("Adam's steps under a steady gradient, β = (0.9, 0.999)", loc="left")
    axes.set_xlabel("step")
    axes.set_ylabel("length of the step / lr")
    axes.legend(loc="upper right", frameon=False, handlelength=3)


def _sizes():
    """Lengths of the steps divided by lr for a gradient of 1, with correction and without."""
    p, g, m, v = (torch.full((1,), x, dtype=torch.float64) for x in (0.0, 1.0, 0.0, 0.0))
    corrected, plain = [], []
    for t in range(1, STEPS + 1):
        moved, m, v = adam_step(p, g, m, v, t, lr=1.0)
        corrected.append((p - moved).item())
        plain.append((m / (v.sqrt() + 1e-8)).item())
        p = moved
    assert abs(plain[0] - first_update(g, lr=1.0)["uncorrected"].item()) < 1e-6
    return corrected, plain


def _decay(axes):
    past = torch.logspace(-5, 1, 121, dtype=torch.float64)  # sizes of past gradients
    p, zero = torch.full_like(past, WEIGHT), torch.zeros_like(past)
    pull = DECAY * p
    settings = {"t": 10**6, "lr": LR}
    decoupled, _, _ = adamw_step(p, zero, zero, past**2, decay=DECAY, **settings)
    # L2 has been in the gradient all along, so it is in both moments
    coupled, _, _ = adamw_step(p, pull, pull, past**2 + pull**2, decay=0.0, **settings)
    lines = {"Adam with L2": (coupled, "-", "black"), "AdamW: lr · λ": (decoupled, "--", "0.45")}
    for label, (after, style, color) in lines.items():
        axes.plot(past.tolist(), ((p - after) / p).tolist(), style, color=color, lw=1.6, label=label)
    axes.set(xscale="log", yscale="log", xlim=(1e-5, 10), ylim=(1e-6, 0.1))
    axes.set_title(f"Share of a weight of {WEIGHT} that decays in a step", loc="left")
    axes.set_xlabel("size of its past gradients (root mean square)")
    axes.set_ylabel(f"share (lr {LR}, λ {DECAY})")
    axes.legend(loc="upper right", frameon=False, handlelength=3)
