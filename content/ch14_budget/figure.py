"""A simulated joint by the delay of its targets; and what a faster attention does for the whole."""

import math

from matplotlib.figure import Figure

from reference.ch14_budget.amdahl import amdahl
from reference.ch14_budget.tracking_error import tracking_error

SWING = [0.5 * math.sin(2 * math.pi * tick / 10_000) for tick in range(10_000)]
DELAYS = [0, 1, 10, 25, 50, 75, 100, 150, 200]  # ticks of 100 µs
FACTORS = [1, 1.5, 2, 3, 4, 5, 6, 8, 10]


def draw():
    figure = Figure(figsize=(4.2, 5.4), layout="constrained")
    motion, gain = figure.subplots(2, 1, height_ratios=(1.1, 1))
    _motion(motion)
    _gain(gain)
    return figure


def _motion(axes):
    points = [tracking_error(SWING, 200, delay, 40_000.0, 400.0, 1e-4) for delay in DELAYS]
    late = [delay / 10 for delay in DELAYS]
    axes.plot(late, [p[0] / points[0][0] for p in points], "o-", color="black", ms=4, label="error (43.5 mrad at 0)")
    axes.plot(late, [p[1] / points[0][1] for p in points], "s--", color="0.45", ms=4, label="roughness")
    axes.annotate("100 µs", (0.1, points[1][0] / points[0][0]), (0.8, 1.42), arrowprops={"arrowstyle": "-", "lw": 0.7})
    axes.set(xlim=(-0.5, 20.5), ylim=(0.8, 2.2))
    axes.set_yticks([1, 1.5, 2], ["1 ×", "1.5 ×", "2 ×"])
    axes.set_title("A swing with targets at 50 Hz that come late", loc="left")
    axes.set_xlabel("delay of every target (ms)")
    axes.set_ylabel("against no delay")
    axes.legend(loc="upper left", frameon=False, handlelength=3)


def _gain(axes):
    for share, style, colour in ((0.4, "-", "black"), (0.2, "--", "black"), (0.1, ":", "black")):
        times = {"attention": share, "rest": 1 - share}
        gains = [amdahl(times, {"attention": float(f)}) for f in FACTORS]
        axes.plot(FACTORS, gains, style, color=colour, lw=1.8, label=f"{share:.0%} of the time")
    axes.set(xlim=(1, 10), ylim=(1, 1.7))
    axes.set_xticks([1, 3, 5, 10], ["1 ×", "3 ×", "5 ×", "10 ×"])
    axes.set_yticks([1, 1.25, 1.5], ["1 ×", "1.25 ×", "1.5 ×"])
    axes.set_title("The whole, with a faster attention", loc="left")
    axes.set_xlabel("attention faster by")
    axes.set_ylabel("whole faster by")
    axes.legend(loc="upper left", frameon=False, handlelength=3)
