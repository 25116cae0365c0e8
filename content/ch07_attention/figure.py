"""What the scale does to scores and to softmax, by the width of a head; and the causal mask with a cache."""

import math

import torch
from matplotlib.figure import Figure

from reference.ch06_numerics.softmax import softmax
from reference.ch07_attention.causal_mask import causal_mask
from reference.ch07_attention.scores import scores

WIDTHS = [16, 32, 64, 128, 256, 512]
KEYS = 512


def draw():
    figure = Figure(figsize=(4.2, 6.3), layout="constrained")
    spread, weight, mask = figure.subplots(3, 1, height_ratios=(1, 1, 0.8))
    _scale(spread, weight)
    _mask(mask)
    return figure


def _scale(spread, weight):
    scaled = [_scores(d) for d in WIDTHS]
    raw = [s * math.sqrt(d) for s, d in zip(scaled, WIDTHS, strict=True)]
    lines = {"q·k": (raw, "o-", "black"), "q·k / √d": (scaled, "s--", "0.45")}
    for label, (values, style, colour) in lines.items():
        spread.plot(WIDTHS, [s.std().item() for s in values], style, color=colour, ms=4, label=label)
        largest = [softmax(s, -1).amax(-1).mean().item() for s in values]
        weight.plot(WIDTHS, largest, style, color=colour, ms=4, label=label)
    for axes in (spread, weight):
        axes.set_xscale("log", base=2)
        axes.set_xticks(WIDTHS, [str(d) for d in WIDTHS])
        axes.set_xlabel("width d of a head (numbers per vector)")
    spread.set_yscale("log", base=2)
    spread.set_yticks([1, 4, 16], ["1", "4", "16"])
    spread.set_ylim(0.6, 40)
    spread.set_ylabel("standard deviation")
    spread.set_title("Scores of unit-variance queries and keys", loc="left")
    spread.legend(loc="upper left", frameon=False, handlelength=3)
    weight.set_ylim(0, 1)
    weight.set_ylabel("largest weight (of 1)")
    weight.set_title(f"Softmax over {KEYS} keys: mean largest weight", loc="left")
    weight.legend(loc="center right", frameon=False, handlelength=3)


def _scores(d):
    random = torch.Generator().manual_seed(d)
    q, k = (torch.randn(1, 1, n, d, generator=random, dtype=torch.float64) for n in (256, KEYS))
    return scores(q, k)


def _mask(axes):
    table = causal_mask(3, 8)
    hidden = (table == -torch.inf).double()
    axes.imshow(hidden.numpy(), cmap="Greys", vmin=0, vmax=2.2, aspect="auto")
    for i, row in enumerate(table.tolist()):
        for j, value in enumerate(row):
            axes.text(j, i, "0" if value == 0 else "−∞", ha="center", va="center")
    axes.set_xticks(range(8))
    axes.set_yticks(range(3))
    axes.set_xticks([j - 0.5 for j in range(1, 8)], minor=True)
    axes.set_yticks([0.5, 1.5], minor=True)
    axes.grid(which="minor", color="black", lw=0.5)
    axes.tick_params(which="minor", length=0)
    axes.spines[["top", "right"]].set_visible(True)
    axes.set_title("Causal mask: 3 new queries, 5 keys in the cache", loc="left")
    axes.set_xlabel("key (position in the sequence)")
    axes.set_ylabel("new query")
