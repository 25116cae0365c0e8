"""Gradients of a stack with the norm inside and outside the branch; how much slower stretched RoPE turns each pair."""

import torch
from matplotlib.figure import Figure

from reference.ch08_block.gradient_by_depth import gradient_by_depth
from reference.ch08_block.rope_angles import rope_angles
from reference.ch08_block.rope_ntk import rope_ntk

WIDTH, TOKENS = 64, 8
DEPTHS = [6, 12, 24, 48, 96]
KINDS = {"post-norm": (False, "s--", "0.45"), "pre-norm": (True, "o-", "black")}
HEAD, BASE, FACTOR = 128, 10_000.0, 4.0


def draw():
    figure = Figure(figsize=(4.2, 6.6), layout="constrained")
    by_layer, by_depth, pairs = figure.subplots(3, 1)
    _by_layer(by_layer)
    _by_depth(by_depth)
    _pairs(pairs)
    return figure


def _gradients(layers, pre_norm):
    """The mean over four random stacks whose branches are as large as what they read."""
    runs = []
    for seed in range(4):
        x, probe = _randn(100 * seed, TOKENS, WIDTH), _randn(100 * seed + 2, TOKENS, WIDTH)
        weights = _randn(100 * seed + 1, layers, WIDTH, WIDTH) / WIDTH**0.5
        runs.append(gradient_by_depth(x, weights, probe, pre_norm))
    return torch.stack(runs).mean(0)


def _randn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _by_layer(axes):
    for name, (pre_norm, style, colour) in KINDS.items():
        gradients = _gradients(24, pre_norm).tolist()
        axes.plot(range(1, 25), gradients, style, color=colour, ms=3, label=name)
    axes.set_ylim(0, 200)
    axes.set_xticks([1, 6, 12, 18, 24])
    axes.set_xlabel("layer (1 is next to the input)")
    axes.set_ylabel("norm of gradient")
    axes.set_title("Gradient of each weight, 24 layers", loc="left")
    axes.legend(loc="lower left", frameon=False, handlelength=3)


def _by_depth(axes):
    for name, (pre_norm, style, colour) in KINDS.items():
        last = [_gradients(layers, pre_norm)[-1].item() for layers in DEPTHS]
        axes.plot(DEPTHS, last, style, color=colour, ms=4, label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(DEPTHS, [str(n) for n in DEPTHS])
    axes.set_yticks([16, 32, 64, 128], ["16", "32", "64", "128"])
    axes.minorticks_off()
    axes.set_ylim(12, 200)
    axes.set_xlabel("layers in the stack")
    axes.set_ylabel("norm of gradient")
    axes.set_title("Gradient of the last weight", loc="left")
    axes.legend(loc="lower left", frameon=False, handlelength=3)


def _pairs(axes):
    plain = rope_angles(1, HEAD, BASE, start=1)[0].double()
    slower = (plain / rope_ntk(HEAD, BASE, FACTOR).double()).tolist()
    axes.plot(range(HEAD // 2), [FACTOR] * (HEAD // 2), "--", color="0.45", label="positions divided by 4")
    axes.plot(range(HEAD // 2), slower, "-", color="black", label="base changed for 4")
    axes.set_ylim(0.8, 5.4)
    axes.set_yticks([1, 2, 3, 4])
    axes.set_xticks([0, 16, 32, 48, 63])
    axes.set_xlabel("pair of a head of width 128 (0 turns fastest)")
    axes.set_ylabel("times slower")
    axes.set_title("RoPE stretched to four times the context", loc="left")
    axes.legend(loc="upper left", frameon=False, handlelength=3, ncols=2, columnspacing=1)
