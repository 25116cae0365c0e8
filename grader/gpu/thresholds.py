"""How fast is fast: ratios to what torch does in the same session, by cell; never to a stored time.

The ratios were set from published figures and rooflines, not from runs of these kernels: no GPU was at hand. They are
lower than what the model kernels are made for (75 % of the best SDPA backend forward, 60 % backward at 16K, width 128),
because a learner's plain kernel is to pass. Once benchmarks/results holds a gpu-*.json, set them from it, with room for
noise; `measured` says whether it does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from grader.gpu.timing import Times

YOURS = "yours"
NOISE = 0.85  # of what was measured: what a threshold asks for
STEP = 0.05  # thresholds are multiples of it
# Forward attention in bf16, by length: how many times naive attention. From 4K on the unfused table of scores crosses
# memory four times; at 512 it fits into L2 and there is little to win.
NAIVE = {512: 1.0, 4096: 2.0, 16384: 2.5}
# By head width: share of the best SDPA backend that runs there (`family`). Triton's published 395 TFLOP/s at width 128
# is about 60 % of what FlashAttention-3 reaches there; narrower heads do fewer products for each exponential.
SDPA = {64: 0.35, 128: 0.4}
CAUSAL = 0.9  # of these with a mask: blocks on the diagonal are computed whole, and half of it wasted


def ratios(n: int, d: int, *, causal: bool = False) -> dict[str, float]:
    """The ratios that forward attention of length n and head width d is held to."""
    naive = NAIVE[max(length for length in NAIVE if length <= n)]
    share = SDPA[max(width for width in SDPA if width <= d)]
    return {"naive": naive * (1.5 if causal else 1.0), "sdpa": share * (CAUSAL if causal else 1.0)}


def measured(root: Path) -> list[Path]:
    """The results that thresholds could be set from: none, until somebody ran the bench on a GPU and kept them."""
    return sorted((root / "benchmarks" / "results").glob("gpu-*.json"))


class Judgement(msgspec.Struct, frozen=True):
    """Is it fast enough: a sentence, and a line for each contestant."""

    passed: bool
    says: str
    lines: tuple[str, ...] = ()


def judge(yours: Times, others: Sequence[Times], at_least: Mapping[str, float], floor: float) -> Judgement:
    """Hold a learner's times to ratios of others': their median over the learner's must reach `at_least`.

    A name stands for the fastest of its family: "sdpa" for sdpa, sdpa-flash and sdpa-cudnn, of those that run here.
    `floor`: milliseconds below which a time is rejected, because no device of this kind can do the work in it.
    """
    if yours.error:
        return Judgement(False, f"your kernel does not run on this GPU: {yours.error}")
    if yours.lack:
        return Judgement(False, f"your kernel did not run: {yours.lack}")
    if yours.wrong:
        return Judgement(False, f"on the GPU the result is wrong: {yours.wrong}")
    honest = yours.above(floor)
    rejected = len(yours.ms) - len(honest.ms)
    if 2 * rejected >= len(yours.ms):
        least = f"{floor:.3g} ms is the least this device needs for the work"
        return Judgement(False, f"{rejected} of {len(yours.ms)} times are not to be believed: {least}")
    lines = [_line(honest, "yours", rejected)]
    fair = {other.name: other.above(floor) for other in others}
    rivals = {wanted: fastest(family(wanted, list(fair.values()))) for wanted in at_least}
    wanted = {rival.name: at_least[name] for name, rival in rivals.items() if rival}
    for other in others:
        its = fair[other.name]
        if not its.ms:
            lines.append(f"  {other.name:10} {_why_none(other) or 'no time to be believed'}")
            continue
        asked = f", {wanted[other.name]:g} wanted" if other.name in wanted else ""
        speed = f"   yours does {its.median / honest.median:.2f} times that{asked}"
        lines.append(_line(its, other.name, len(other.ms) - len(its.ms)) + speed)
    short = []
    for name, ratio in at_least.items():
        rival, its_family = rivals[name], family(name, others)
        if rival is not None:
            speed_of = rival.median / honest.median
            if speed_of < ratio:
                short.append(f"{speed_of:.2f} times the speed of {rival.name}; {ratio:g} is wanted")
        elif not its_family:
            short.append(f"there is nothing to compare with: {name} was not timed")
        elif not any(other.lack for other in its_family):  # out of memory counts as beaten
            short.append(f"there is nothing to compare with: {name} {_why_none(its_family[0]) or 'gave no time'}")
    return Judgement(not short, "; ".join(short) or "fast enough", tuple(lines))


def family(name: str, others: Iterable[Times]) -> list[Times]:
    """Those that a name in `at_least` stands for: sdpa is itself and each of its backends, sdpa-flash and so on."""
    return [other for other in others if is_of(name, other.name)]


def is_of(name: str, one: str) -> bool:
    return one == name or one.startswith(f"{name}-")


def fastest(some: Iterable[Times]) -> Times | None:
    """The one with the least median, of those that have times."""
    return min((times for times in some if times.ms), key=lambda times: times.median, default=None)


def suggested(ratio: float) -> float:
    """The threshold that a measured ratio would set: with room for noise and for a plainer kernel, rounded down."""
    return round(math.floor(ratio * NOISE / STEP + 1e-9) * STEP, 2)


def _why_none(times: Times) -> str:
    return times.lack or times.error or times.wrong


def _line(times: Times, name: str, rejected: int) -> str:
    out = f", {rejected} below the roofline left out" if rejected else ""
    return (
        f"  {name:10} {times.median:8.4f} ms  ±{100 * times.spread:.0f} %  of {len(times.ms)} calls{out}, {times.how}"
    )
