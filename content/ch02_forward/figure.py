"""GELU beside ReLU; the size of a signal by depth; the gradient by depth, with and without the residual."""

from functools import cache

import torch
from matplotlib.figure import Figure

from reference.ch02_forward.gelu import gelu
from reference.ch02_forward.residual_stack import residual_stack
from reference.ch02_forward.xavier_std import signal_by_depth, xavier_std

WIDTH = 64
DEPTHS = [1, 5, 10, 20, 30, 40, 50]


def draw():
    figure = Figure(figsize=(4.2, 7.4), layout="constrained")
    activation, signal, gradient = figure.subplots(3, 1, height_ratios=(1, 1, 1.15))
    _activation(activation)
    _signal(signal)
    _gradient(gradient)
    return figure


def _activation(axes):
    x = torch.linspace(-4, 2, 241, dtype=torch.float64)
    y = gelu(x)
    axes.plot(x, x.clamp(min=0), "--", color="0.45", lw=1.8, label="ReLU")
    axes.plot(x, y, color="black", lw=1.8, label="GELU")
    low = y.argmin()
    axes.plot(x[low], y[low], "o", color="black", ms=4)
    axes.annotate(
        f"slope 0 at −{-x[low]:.2f}", (x[low], y[low]), (-2.9, 0.55), arrowprops={"arrowstyle": "-", "lw": 0.7}
    )
    axes.set(xlim=(-4, 2), ylim=(-0.35, 2))
    axes.set_title("ReLU is flat left of 0, GELU is not", loc="left")
    axes.set_xlabel("input (no unit)")
    axes.set_ylabel("output (no unit)")
    axes.legend(loc="upper left", frameon=False, handlelength=3)


def _signal(axes):
    lines = {
        "1.1 × Glorot's": (1.1, False, "black", "-"),
        "Glorot's": (1.0, False, "0.45", "-"),
        "0.9 × Glorot's": (0.9, False, "black", "--"),
        "Glorot's, and ReLU": (1.0, True, "0.45", "--"),
    }
    depth = list(range(1, DEPTHS[-1] + 1))
    for label, (gain, relu, color, style) in lines.items():
        sizes = signal_by_depth([WIDTH] * 51, [xavier_std(WIDTH, WIDTH, gain)] * 50, relu)
        axes.plot(depth, sizes, style, color=color, lw=1.8, label=label)
    _by_depth(axes)
    axes.set_ylim(1e-17, 1e17)
    axes.set_yticks([1e-15, 1e-10, 1e-5, 1, 1e5])
    axes.set_title("Signal of a stack of equal widths", loc="left")
    axes.set_ylabel("mean square (input: 1)")
    axes.legend(loc="upper left", frameon=False, handlelength=3, ncols=2, columnspacing=1)


def _gradient(axes):
    styles = {2.0: "o", 1.0: "s", 0.5: "^"}
    for gain, marker in styles.items():
        for residual, color, style in ((True, "black", "-"), (False, "0.45", "--")):
            norms = [_norm(depth, gain, residual) for depth in DEPTHS]
            label = f"{gain:g} ×, {'with' if residual else 'without'}"
            axes.plot(DEPTHS, norms, marker + style, color=color, ms=3.5, lw=1, label=label)
    _by_depth(axes)
    axes.set_ylim(1e-17, 1e5)
    axes.set_yticks([1e-15, 1e-10, 1e-5, 1])
    axes.set_title(
        "Gradient at the first of so many tanh layers,\nby weights (× Glorot's), with residual and without", loc="left"
    )
    axes.set_ylabel("root mean square (last: 1)")
    axes.legend(loc="lower left", frameon=False, handlelength=2.5, fontsize="small", labelspacing=0.3)


def _by_depth(axes):
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.set_xlabel("depth (layers)")


def _norm(depth, gain, residual):
    """The median over three draws of input and weights."""
    return torch.stack([_size(*_draw(seed), depth, gain, residual) for seed in range(3)]).median().item()


@cache
def _draw(seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(4, WIDTH, generator=generator, dtype=torch.float64)
    return x, torch.randn(DEPTHS[-1], WIDTH, WIDTH, generator=generator, dtype=torch.float64)


def _size(x, weights, depth, gain, residual):
    _, gradient = residual_stack(x, weights[:depth] * xavier_std(WIDTH, WIDTH, gain), residual)
    return gradient.square().mean().sqrt()
