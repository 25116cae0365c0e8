"""The speeds that kernels must reach: ratios to the speed of torch in the same race, never to a stored time.

The ratios were set from published figures and rooflines, not from runs of these kernels, because no GPU was available.
They are lower than the goal of the model kernels (75 % of the best SDPA backend forward, 60 % backward at 16K, width
128), so that a learner's plain kernel passes. Once benchmarks/results has a gpu-*.json (`gpu_results`), set them from
it, with room for noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from grader.gpu.timing import Times

YOURS = "yours"
NOISE = 0.85  # a threshold is this share of a measured ratio
STEP = 0.05  # thresholds are multiples of it
# Forward attention in bf16, by length: the ratio to naive attention. From 4K on, the unfused table of scores crosses
# memory four times. At 512 it fits into L2, so there is little to gain.
NAIVE = {512: 1.0, 4096: 2.0, 16384: 2.5}
# By head width: the ratio to the best SDPA backend that runs here (`family`). Triton's published 395 TFLOP/s at width
# 128 is about 60 % of what FlashAttention-3 reaches. Narrower heads do fewer products for each exponential.
SDPA = {64: 0.35, 128: 0.4}
CAUSAL = 0.9  # factor with a causal mask: half of the work on blocks on the diagonal is wasted


def ratios(n: int, d: int, *, causal: bool = False) -> dict[str, float]:
    """The ratios that forward attention must reach, by baseline. `n` is the length, `d` the head width."""
    naive = NAIVE[max(length for length in NAIVE if length <= n)]
    share = SDPA[max(width for width in SDPA if width <= d)]
    return {"naive": naive * (1.5 if causal else 1.0), "sdpa": share * (CAUSAL if causal else 1.0)}


def gpu_results(root: Path) -> list[Path]:
    """The files with results from a GPU, from which thresholds can be set. None until somebody adds one."""
    return sorted((root / "benchmarks" / "results").glob("gpu-*.json"))


class Judgement(msgspec.Struct, frozen=True):
    """Whether a kernel is fast enough, in a sentence and a line for each contestant."""

    passed: bool
    message: str
    lines: tuple[str, ...] = ()


def judge(yours: Times, others: Sequence[Times], at_least: Mapping[str, float], floor: float) -> Judgement:
    """Is the learner's kernel fast enough? A baseline's median over the learner's must reach its ratio in `at_least`.

    A name stands for the fastest of its family that runs here: "sdpa" for sdpa, sdpa-flash and sdpa-cudnn. Times below
    `floor` (milliseconds) are rejected, because no device of this kind can do the work so fast.
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
        least = f"this device needs at least {floor:.3g} ms for the work"
        return Judgement(False, f"{rejected} of {len(yours.ms)} timings rejected, impossibly fast: {least}")
    lines = [_line(honest, "yours", rejected)]
    believable = {other.name: other.above(floor) for other in others}
    rivals = {name: fastest(family(name, list(believable.values()))) for name in at_least}
    wanted = {rival.name: at_least[name] for name, rival in rivals.items() if rival}
    for other in others:
        times = believable[other.name]
        if not times.ms:
            lines.append(f"  {other.name:10} {_reason(other) or 'all timings rejected, impossibly fast'}")
            continue
        ratio = f", {wanted[other.name]:g} needed" if other.name in wanted else ""
        speed = f"   yours is {times.median / honest.median:.2f} times as fast{ratio}"
        lines.append(_line(times, other.name, len(other.ms) - len(times.ms)) + speed)
    failures = [_shortfall(name, least, honest, rivals[name], others) for name, least in at_least.items()]
    failures = [failure for failure in failures if failure]
    return Judgement(not failures, "; ".join(failures) or "fast enough", tuple(lines))


def _shortfall(name: str, least: float, yours: Times, rival: Times | None, others: Sequence[Times]) -> str:
    """Why the learner's kernel does not reach a ratio, or an empty string. `rival`: the fastest of the family."""
    if rival is not None:
        ratio = rival.median / yours.median
        return f"{ratio:.2f} times the speed of {rival.name}; {least:g} is needed" if ratio < least else ""
    members = family(name, others)
    if not members:
        return f"there is nothing to compare with: {name} was not timed"
    if any(member.lack for member in members):  # out of memory counts as beaten
        return ""
    return f"there is nothing to compare with: {name} {_reason(members[0]) or 'gave no time'}"


def family(name: str, others: Iterable[Times]) -> list[Times]:
    """The contestants that a name in `at_least` stands for: sdpa is itself and its backends, sdpa-flash and so on."""
    return [other for other in others if in_family(other.name, name)]


def in_family(contestant: str, name: str) -> bool:
    """Does a name in `at_least` stand for this contestant?"""
    return contestant == name or contestant.startswith(f"{name}-")


def fastest(contestants: Iterable[Times]) -> Times | None:
    """The contestant with the least median, of those that have times."""
    return min((times for times in contestants if times.ms), key=lambda times: times.median, default=None)


def suggested_threshold(ratio: float) -> float:
    """The threshold for a measured ratio: with room for noise and for a simpler kernel, rounded down to a STEP."""
    return round(math.floor(ratio * NOISE / STEP + 1e-9) * STEP, 2)


def _reason(times: Times) -> str:
    return times.lack or times.error or times.wrong


def _line(times: Times, name: str, rejected: int) -> str:
    out = f", {rejected} impossibly fast calls left out" if rejected else ""
    return (
        f"  {name:10} {times.median:8.4f} ms  ±{100 * times.spread:.0f} %  of {len(times.ms)} calls{out}, {times.how}"
    )
