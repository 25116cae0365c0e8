"""The slopes of GELU and ReLU. And what checkpointing holds, for each length of a segment."""

import torch
from matplotlib.figure import Figure

from reference.ch03_backward.checkpointed_grads import checkpointed_grads
from reference.ch03_backward.gelu_backward import gelu_backward

LAYERS = 64
SEGMENTS = [1, 2, 4, 8, 16, 32, 64]


def draw():
    figure = Figure(figsize=(4.2, 5.2), layout="constrained")
    slopes, held = figure.subplots(2, 1)
    _slopes(slopes)
    _held(held)
    return figure


def _slopes(axes):
    x = torch.linspace(-6, 4, 401, dtype=torch.float64)
    axes.plot(x, gelu_backward(x, torch.ones_like(x)), color="black", lw=1.8, label="GELU")
    axes.plot([-6, 0, 0, 4], [0, 0, 1, 1], "--", color="0.45", lw=1.8, label="ReLU")
    for value, where, align in ((-(2**0.5), "top", "right"), (2**0.5, "bottom", "left")):
        at = torch.tensor([value], dtype=torch.float64)
        slope = gelu_backward(at, torch.ones_like(at)).item()
        axes.plot(value, slope, "o", color="black", ms=4)
        text = f"{slope:.3f}".replace("-", "−")
        axes.annotate(
            text,
            (value, slope),
            (3 if value > 0 else -3, 3 if value > 0 else -3),
            textcoords="offset points",
            ha=align,
            va=where,
        )
    axes.axhline(0, color="0.8", lw=0.8, zorder=0)
    axes.set(xlim=(-6, 4), ylim=(-0.3, 1.35))
    axes.set_title("Share of the upstream gradient that is passed on", loc="left")
    axes.set_xlabel("input x of the activation (no unit)")
    axes.set_ylabel("slope (no unit)")
    axes.legend(loc="center left", frameon=False, handlelength=3)


def _held(axes):
    ones = torch.ones(1, dtype=torch.float64)
    answers = [checkpointed_grads(torch.ones(LAYERS, 1, dtype=torch.float64), ones, ones, k) for k in SEGMENTS]
    peaks = [answer["peak"] for answer in answers]
    axes.plot(SEGMENTS, peaks, "o-", color="black", ms=4, label="with checkpoints")
    axes.axhline(LAYERS + 1, ls="--", color="0.45", label=f"all {LAYERS + 1} kept")
    for k, peak in zip(SEGMENTS, peaks, strict=True):
        dy, side = (5, "bottom") if k in (SEGMENTS[0], SEGMENTS[-1]) else (-5, "top")  # off the line
        axes.annotate(str(peak), (k, peak), (0, dy), textcoords="offset points", ha="center", va=side)
    axes.set_xscale("log", base=2)
    axes.set_xticks(SEGMENTS, [str(k) for k in SEGMENTS])
    axes.minorticks_off()
    axes.set_ylim(0, 82)
    axes.set_title(f"Activations held at the peak, {LAYERS} layers", loc="left")
    axes.set_xlabel("layers k in a segment")
    axes.set_ylabel("activations")
    axes.legend(loc="upper center", frameon=False, handlelength=3, ncols=2)
