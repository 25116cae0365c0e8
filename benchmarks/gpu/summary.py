"""Sums up a session from the lines of its journal: tables, the thresholds that it suggests, and one JSON file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from benchmarks.gpu.journal import Began, Ended, Line, Measured, Missing, ProgramOutput
from benchmarks.gpu.races import MODEL
from grader.gpu.devices import Facts
from grader.gpu.thresholds import family, fastest, in_family, suggested_threshold
from grader.gpu.timing import Times

ARITHMETIC = 60.0  # FLOPs per byte above which a speed is given in FLOP/s, and not in bytes/s


class Figure(msgspec.Struct, frozen=True):
    """One contestant. `speed` is in TFLOP/s or TB/s, as `unit` says. `why`: why there is no time."""

    name: str
    ours: bool
    ms: float = 0.0
    spread: float = 0.0
    calls: int = 0
    speed: float = 0.0
    unit: str = ""
    how: str = ""
    config: Mapping[str, object] = {}
    why: str = ""


class RaceSummary(msgspec.Struct, frozen=True):
    """A race, with the fastest contestant first. `whole`: it ran to its end."""

    step: str
    title: str
    koan: str
    inputs: list[str]
    figures: list[Figure]
    whole: bool
    error: str = ""


class Threshold(msgspec.Struct, frozen=True):
    """The ratio that a test requires now (`now`), and the one that this session suggests (`then`)."""

    title: str
    against: str
    rival: str
    ours: str
    measured: float
    now: float | None
    then: float


class Result(msgspec.Struct, frozen=True):
    """The result of a session. `pretended` is the first field, so that the JSON starts with it."""

    pretended: bool
    name: str
    at: str
    how: str
    facts: Facts
    picks: Mapping[str, str]
    races: list[RaceSummary]
    thresholds: list[Threshold]
    missing: list[Missing]
    said: list[ProgramOutput]
    quick: bool = False


def result(lines: Sequence[Line]) -> Result:
    began = next(line for line in lines if isinstance(line, Began))
    ended = next(
        (line.how for line in lines if isinstance(line, Ended)), "cut short: the session did not end by itself"
    )
    last = {(line.step, line.title): line for line in lines if isinstance(line, Measured)}
    device = last.pop(("device", "device"), None)
    facts = next((line.report.facts for line in (device, *last.values()) if line), Facts("none"))
    return Result(
        began.pretended,
        began.name,
        began.at,
        ended,
        facts,
        device.report.picks if device else {},
        [race_summary(line) for line in last.values()],
        [threshold for line in last.values() for threshold in thresholds(line)],
        [line for line in lines if isinstance(line, Missing)],
        [line for line in lines if isinstance(line, ProgramOutput)],
        began.quick,
    )


def race_summary(line: Measured) -> RaceSummary:
    report = line.report
    figures = [_figure(times, line) for times in report.times]
    figures.sort(key=lambda figure: (not figure.ms, figure.ms))
    inputs = [f"{' × '.join(map(str, i.shape))} {i.dtype}" for i in line.inputs]
    return RaceSummary(line.step, line.title, line.koan, inputs, figures, line.last, report.error or report.lack)


def _figure(times: Times, line: Measured) -> Figure:
    report, ours = line.report, times.name in line.ours
    config = report.chosen.get(times.name, {})
    believable = times.above(report.floor)
    if not believable.ms:
        why = times.lack or times.error or times.wrong or ("faster than the device can be" if times.ms else "no time")
        return Figure(times.name, ours, config=config, why=why)
    arithmetic = report.flops > ARITHMETIC * report.loads
    speed = (report.flops if arithmetic else report.loads) / believable.median / 1e9
    unit = "TFLOP/s" if arithmetic else "TB/s read"
    return Figure(
        times.name, ours, believable.median, believable.spread, len(believable.ms), speed, unit, times.how, config
    )


def thresholds(line: Measured) -> list[Threshold]:
    """The ratios of the model answer's fastest choice to the fastest contestant of each family that tests name."""
    believable = [times.above(line.report.floor) for times in line.report.times]
    ours = fastest(times for times in believable if in_family(times.name.partition(" ")[0], MODEL))
    if ours is None or line.step not in ("attention", "more", "simple"):
        return []
    families = list(line.now) or sorted({t.name.partition("-")[0] for t in believable if t.name not in line.ours})
    suggestions = []
    for name in families:
        rival = fastest(family(name, believable))
        if rival is not None:
            ratio = rival.median / ours.median
            then = suggested_threshold(ratio)
            suggestions.append(Threshold(line.title, name, rival.name, ours.name, ratio, line.now.get(name), then))
    return suggestions


PRETENDED = "PRETENDED: nothing ran on a GPU. Kernels were compiled for an H100; no time here means anything."


def race_text(race: RaceSummary) -> str:
    """A line for each contestant of a race, the fastest first."""
    parts = [f"  {race.error}"] if race.error else []
    width = max((len(figure.name) for figure in race.figures), default=0)
    for one in race.figures:
        name = f"  {one.name:{width}}"
        if one.why:
            parts.append(f"{name}  {one.why}")
        else:
            parts.append(f"{name} {one.ms:9.4f} ms ±{100 * one.spread:2.0f} % {one.speed:8.2f} {one.unit}, {one.how}")
    return "\n".join(parts)


def session_text(result: Result) -> str:
    """The text at the end of a session: what was not measured, and the suggested thresholds."""
    parts = [PRETENDED] if result.pretended else []
    versions = ", ".join(f"{name} {version}" for name, version in result.facts.versions.items())
    parts.append(f"{result.name}: {result.facts.name}; {versions}; {result.how}")
    if result.picks:
        parts.append("torch's attention picks: " + ", ".join(f"{what} {name}" for what, name in result.picks.items()))
    if result.missing:
        parts += ["", "Not measured:", *(f"  {line.step}  {line.title}: {line.why}" for line in result.missing)]
    if result.thresholds:
        meaning = "85 % of the measured ratio, in steps of 0.05, beside the current thresholds"
        if result.pretended:
            meaning = "none, since nothing was measured; this is what the table looks like"
        parts += ["", f"Thresholds that this would set: {meaning}"]
        width = max(len(one.title) for one in result.thresholds)
        for one in result.thresholds:
            now = "none" if one.now is None else f"{one.now:g}"
            line = f"  {one.title:{width}}  {one.against:6}  measured {one.measured:6.2f}  now {now:5} would be"
            parts.append(f"{line} {one.then:.2f}  ({one.ours} beside {one.rival})")
    return "\n".join(parts)
