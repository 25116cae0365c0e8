"""How fast is fast: ratios to what torch does in the same session, by cell; never to a stored time.

The ratios were set from published figures and rooflines, not from runs of these kernels: no GPU was at hand. They are
lower than what the model kernels are made for (75 % of the best SDPA backend forward, 60 % backward at 16K, width 128),
because a learner's plain kernel is to pass. Once benchmarks/results holds a gpu-*.json, set them from it, with room for
noise; `measured` says whether it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from grader.gpu.timing import Times

YOURS = "yours"
# Forward attention in bf16, by length: how many times naive attention. From 4K on the unfused table of scores crosses
# memory four times; at 512 it fits into L2 and there is little to win.
NAIVE = {512: 1.0, 4096: 2.0, 16384: 2.5}
# By head width: share of the best SDPA backend. Triton's published 395 TFLOP/s at width 128 is about 60 % of what
# FlashAttention-3 reaches there; narrower heads do fewer products for each exponential.
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

    `floor`: milliseconds below which a time is rejected, because no device of this kind can do the work in it.
    """
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
    short = []
    for other in others:
        name, ratio = other.name, at_least.get(other.name)
        fair = other.above(floor)
        if other.lack or other.wrong or not fair.ms:
            lines.append(f"  {name:10} {other.lack or other.wrong or 'no time to be believed'}")
            if ratio is not None and not other.lack:
                short.append(f"there is nothing to compare with: {name} {other.wrong or 'gave no time'}")
            continue
        speed = fair.median / honest.median
        wanted = f", {ratio:g} wanted" if ratio is not None else ""
        lines.append(_line(fair, name, len(other.ms) - len(fair.ms)) + f"   yours does {speed:.2f} times that{wanted}")
        if ratio is not None and speed < ratio:
            short.append(f"{speed:.2f} times the speed of {name}; {ratio:g} is wanted")
    missing = [name for name in at_least if name not in {other.name for other in others}]
    short += [f"there is nothing to compare with: {name} was not timed" for name in missing]
    return Judgement(not short, "; ".join(short) or "fast enough", tuple(lines))


def _line(times: Times, name: str, rejected: int) -> str:
    out = f", {rejected} below the roofline left out" if rejected else ""
    return (
        f"  {name:10} {times.median:8.4f} ms  ±{100 * times.spread:.0f} %  of {len(times.ms)} calls{out}, {times.how}"
    )
