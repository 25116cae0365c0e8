"""Gradients of encoders, pre-norm and post-norm, as measured; how much slower stretched RoPE turns each pair."""

import json
import math
from pathlib import Path

import torch
from matplotlib.figure import Figure

from reference.ch08_block.rope_angles import rope_angles
from reference.ch08_block.rope_ntk import rope_ntk

MEASURED = Path(__file__).parents[2] / "benchmarks/results/gradients.json"
STYLES = {"post-norm": ("s--", "0.45"), "pre-norm": ("o-", "black")}
LAYERS = 24  # of the first picture
HEAD, BASE, TRAINED, FACTOR = 128, 10_000.0, 4096, 4.0


def draw():
    figure = Figure(figsize=(4.2, 6.6), layout="constrained")
    by_layer, by_depth, pairs = figure.subplots(3, 1)
    rows = [row for row in json.loads(MEASURED.read_text())["gradients"] if row["start"] == "xavier"]
    _by_layer(by_layer, rows)
    _by_depth(by_depth, rows)
    _pairs(pairs)
    return figure


def _by_layer(axes, rows):
    for row in rows:
        if row["layers"] == LAYERS:
            style, color = STYLES[row["kind"]]
            axes.plot(range(1, LAYERS + 1), row["ffn"], style, color=color, ms=3, label=row["kind"])
    axes.set_ylim(0, 0.6)
    axes.set_xticks([1, 6, 12, 18, 24])
    axes.set_xlabel("layer (1 is next to the input)")
    axes.set_ylabel("norm of gradient")
    axes.set_title(f"Feed-forward weights of each layer, {LAYERS} layers", loc="left")
    axes.legend(loc="lower left", frameon=False, handlelength=3)


def _by_depth(axes, rows):
    for kind, (style, color) in STYLES.items():
        mine = [row for row in rows if row["kind"] == kind]
        depths = [row["layers"] for row in mine]
        axes.plot(depths, [row["ffn"][-1] for row in mine], style, color=color, ms=4, label=kind)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(depths, [str(n) for n in depths])
    axes.set_yticks([0.0625, 0.125, 0.25, 0.5], ["0.063", "0.125", "0.25", "0.5"])
    axes.minorticks_off()
    axes.set_ylim(0.05, 0.6)
    axes.set_xlabel("layers in the model")
    axes.set_ylabel("norm of gradient")
    axes.set_title("Feed-forward weights of the last layer", loc="left")
    axes.legend(loc="lower left", frameon=False, handlelength=3)


def yarn():
    """How much slower YaRN turns each pair. Pairs with 32 turns in the trained context stay, those below one do not."""

    def pair_with(turns):
        return HEAD / 2 * math.log(TRAINED / (2 * math.pi * turns)) / math.log(BASE)

    first, last = math.floor(pair_with(32)), math.ceil(pair_with(1))
    blend = ((torch.arange(HEAD // 2) - first) / (last - first)).clamp(0, 1)
    return 1 / (blend / FACTOR + (1 - blend))


def _pairs(axes):
    plain = rope_angles(1, HEAD, BASE, start=1)[0].double()
    slower = (plain / rope_ntk(HEAD, BASE, FACTOR).double()).tolist()
    axes.plot(range(HEAD // 2), [FACTOR] * (HEAD // 2), "--", color="0.45", label="interpolation")
    axes.plot(range(HEAD // 2), slower, "-", color="black", label="base changed")
    axes.plot(range(HEAD // 2), yarn().tolist(), ":", color="black", label="YaRN")
    axes.set_ylim(0.8, 5.4)
    axes.set_yticks([1, 2, 3, 4])
    axes.set_xticks([0, 16, 32, 48, 63])
    axes.set_xlabel("pair of a head of width 128 (0 turns fastest)")
    axes.set_ylabel("times slower")
    axes.set_title("RoPE stretched to four times the context", loc="left")
    axes.legend(loc="upper left", frameon=False, handlelength=3, ncols=3, columnspacing=1)
