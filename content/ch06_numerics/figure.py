"""What rounding to fp16 and to bf16 costs, by magnitude; and bf16's staircase near 2."""

import math

import torch
from matplotlib.figure import Figure

from reference.ch06_numerics.bf16_by_hand import bf16_by_hand
from reference.ch06_numerics.overflow_survey import overflow_survey

OCTAVES = range(-140, 128)
FINE = torch.linspace(1, 2, 2**11 + 1, dtype=torch.float64)[:-1]  # fine enough to hold the ties of both formats


def draw():
    figure = Figure(figsize=(4.2, 5.6), layout="constrained")
    errors, stairs = figure.subplots(2, 1, height_ratios=(1.25, 1))
    _errors(errors)
    _stairs(stairs)
    return figure


def _errors(axes):
    surveys = [overflow_survey(2.0**octave * FINE) for octave in OCTAVES]
    low = {name: _boundary(name, "flushed", 1.0, 2.0**-149) for name in surveys[0]}
    high = {name: _boundary(name, "overflowed", 1.0, 2.0**128) for name in surveys[0]}
    lines = {"float16": ("fp16", "black", "-", 0.7), "bfloat16": ("bf16", "0.45", "--", 7)}
    for name, (label, colour, style, top) in lines.items():
        worst = [_worst(survey[name]) for survey in surveys]
        axes.plot([2.0**octave for octave in OCTAVES], worst, style, color=colour, lw=1.8, label=label)
        for edge in (low[name], high[name]):
            axes.plot([edge, edge], [1e-4, top], ":", color=colour, lw=1)
    text = {"va": "center", "linespacing": 1.3}
    axes.text(low["float16"] / 30, 0.15, f"fp16: 0 below\n{_power(low['float16'])}", ha="right", **text)
    axes.text(high["float16"] * 30, 0.15, f"fp16: inf from\n{high['float16']:,.0f}", ha="left", **text)
    axes.text(low["bfloat16"] * 30, 4, f"bf16: 0 below {_power(low['bfloat16'])}", ha="left", **text)
    axes.text(high["bfloat16"] / 30, 4, f"inf from {_power(high['bfloat16'])}", ha="right", **text)
    axes.set(xscale="log", yscale="log", xlim=(1e-44, 1e42), ylim=(1e-4, 9))
    axes.set_yticks([1e-3, 1e-2, 1e-1, 1], ["0.1 %", "1 %", "10 %", "100 %"])
    axes.set_xticks([1e-40, 1e-20, 1, 1e20, 1e40])
    axes.minorticks_off()
    axes.set_title("Worst relative rounding error, by magnitude", loc="left")
    axes.set_xlabel("magnitude of the value (no unit)")
    axes.set_ylabel("error / value")
    axes.legend(loc="center right", bbox_to_anchor=(0.97, 0.42), frameon=False, handlelength=3)


def _worst(report):
    """The worst error of an octave; NaN where no value survives."""
    return math.nan if (report["flushed"] | report["overflowed"]).all() else report["error"]


def _boundary(name, lost, kept, gone):
    """The value nearest to `kept` that is lost, by bisection."""
    for _ in range(80):
        middle = math.sqrt(kept * gone)
        if overflow_survey(torch.tensor([middle], dtype=torch.float64))[name][lost].item():
            gone = middle
        else:
            kept = middle
    return gone


def _power(value):
    exponent = math.floor(math.log10(value))
    return rf"${value / 10.0**exponent:.1f}\cdot 10^{{{exponent}}}$"


def _stairs(axes):
    x = torch.linspace(1.955, 2.075, 1921, dtype=torch.float64).float()
    axes.plot(x, x, color="black", ls=":", lw=1, label="exact")
    axes.plot(x, bf16_by_hand(x).float(), color="0.45", lw=1.8, label="bf16")
    axes.set(xlim=(1.955, 2.075), ylim=(1.95, 2.08))
    axes.set_title("bf16 near 2: steps of 1/128, then of 1/64", loc="left")
    axes.set_xlabel("value in fp32 (no unit)")
    axes.set_ylabel("value in bf16 (no unit)")
    axes.legend(loc="upper left", frameon=False, handlelength=3)
