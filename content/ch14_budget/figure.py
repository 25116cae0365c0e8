"""A tenth of a second of the simulated joint; its error and roughness by the delay; what faster attention brings."""

import math

from matplotlib.figure import Figure

from reference.ch14_budget.amdahl import amdahl
from reference.ch14_budget.pd_step import pd_step
from reference.ch14_budget.tracking_error import tracking_error

SECOND = 10_000  # ticks of 100 µs
SWING = [0.5 * math.sin(2 * math.pi * tick / SECOND) for tick in range(2 * SECOND)]
GAINS = (40_000.0, 400.0)
DELAYS = [0, 1, 10, 25, 50, 75, 100, 150, 200]
FACTORS = [1, 1.5, 2, 3, 4, 5, 6, 8, 10]
SHOWN = range(SECOND, SECOND + 1000)


def draw():
    figure = Figure(figsize=(4.2, 7.6), layout="constrained")
    joint, motion, gain = figure.subplots(3, 1, height_ratios=(1.2, 1, 0.9))
    _joint(joint)
    _motion(motion)
    _gain(gain)
    return figure


def _targets(delay):
    return [SWING[max(0, (tick - delay) // 200 * 200)] for tick in range(2 * SECOND)]


def _angles(targets):
    """The angle of the joint at the ticks shown, by one PD step a tick from rest."""
    angle, speed, angles = SWING[0], 0.0, []
    for target in targets[: SHOWN.stop]:
        angle, speed, _ = pd_step(angle, speed, target, *GAINS, math.inf, 1.0, 1e-4)
        angles.append(angle)
    return angles[SHOWN.start :]


def _joint(axes):
    ms = [(tick - SHOWN.start) / 10 for tick in SHOWN]
    on_time, late = _targets(0), _targets(200)
    axes.plot(ms, [SWING[tick] for tick in SHOWN], ":", color="black", lw=1.4, label="wanted")
    axes.plot(ms, [on_time[tick] for tick in SHOWN], color="0.6", lw=1, label="target, on time")
    axes.plot(ms, _angles(on_time), color="black", lw=1.6, label="joint, targets on time")
    axes.plot(ms, _angles(late), "--", color="black", lw=1.6, label="joint, targets 20 ms late")
    axes.set(xlim=(0, 100), ylim=(-0.15, 0.5))
    axes.set_title("From one target to the next: the joint follows", loc="left")
    axes.set_xlabel("time after the first second (ms)")
    axes.set_ylabel("angle (rad)")
    axes.legend(loc="upper left", frameon=False, handlelength=2.5)


def _second_second(delay):
    """Error and roughness of the second second, which does not start at rest: from both seconds and the first."""
    first = tracking_error(SWING[:SECOND], 200, delay, *GAINS, 1e-4)
    both = tracking_error(SWING, 200, delay, *GAINS, 1e-4)
    return [math.sqrt(2 * b**2 - a**2) for a, b in zip(first, both, strict=True)]


def _motion(axes):
    points = [_second_second(delay) for delay in DELAYS]
    late = [delay / 10 for delay in DELAYS]
    axes.plot(late, [p[0] / points[0][0] for p in points], "o-", color="black", ms=4, label="error (44.1 mrad at 0)")
    axes.plot(late, [p[1] / points[0][1] for p in points], "s--", color="0.45", ms=4, label="roughness")
    axes.annotate("100 µs", (0.1, points[1][0] / points[0][0]), (0.8, 1.42), arrowprops={"arrowstyle": "-", "lw": 0.7})
    axes.set(xlim=(-0.5, 20.5), ylim=(0.8, 2.2))
    axes.set_yticks([1, 1.5, 2], ["1 ×", "1.5 ×", "2 ×"])
    axes.set_title("The same swing, every target late", loc="left")
    axes.set_xlabel("delay of every target (ms)")
    axes.set_ylabel("against no delay")
    axes.legend(loc="upper left", frameon=False, handlelength=3)


def _gain(axes):
    for share, style in ((0.4, "-"), (0.2, "--"), (0.1, ":")):
        times = {"attention": share, "rest": 1 - share}
        gains = [amdahl(times, {"attention": float(f)}) for f in FACTORS]
        axes.plot(FACTORS, gains, style, color="black", lw=1.8, label=f"{share:.0%} of the time")
    axes.set(xlim=(1, 10), ylim=(1, 1.8))
    axes.set_xticks([1, 3, 5, 10], ["1 ×", "3 ×", "5 ×", "10 ×"])
    axes.set_yticks([1, 1.25, 1.5], ["1 ×", "1.25 ×", "1.5 ×"])
    axes.set_title("The whole model, with faster attention", loc="left")
    axes.set_xlabel("attention is faster by")
    axes.set_ylabel("whole is faster by")
    axes.legend(loc="upper left", frameon=False, handlelength=3)
