"""What a session found, from the lines of its journal alone: tables, the thresholds it would set, and one JSON file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from benchmarks.gpu.journal import Began, Ended, Line, Measured, Missing, Said
from benchmarks.gpu.races import MODEL
from grader.gpu.devices import Facts
from grader.gpu.thresholds import family, fastest, is_of, suggested
from grader.gpu.timing import Times

ARITHMETIC = 60.0  # FLOPs a byte from which a speed is given in FLOP/s, and not in bytes


class Figure(msgspec.Struct, frozen=True):
    """One contestant. `speed` in TFLOP/s or TB/s, as `unit` says; `why` there is none."""

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


class Raced(msgspec.Struct, frozen=True):
    """A race, the fastest first. `whole`: it came to its end."""

    step: str
    title: str
    koan: str
    inputs: list[str]
    figures: list[Figure]
    whole: bool
    error: str = ""


class Threshold(msgspec.Struct, frozen=True):
    """What a test asks for now (`now`), and what this session would have it ask for (`then`)."""

    title: str
    against: str
    rival: str
    ours: str
    measured: float
    now: float | None
    then: float


class Result(msgspec.Struct, frozen=True):
    """All of it. A result of a pretended GPU says so first."""

    pretended: bool
    name: str
    at: str
    how: str
    facts: Facts
    picks: Mapping[str, str]
    races: list[Raced]
    thresholds: list[Threshold]
    missing: list[Missing]
    said: list[Said]
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
        [raced(line) for line in last.values()],
        [found for line in last.values() for found in thresholds(line)],
        [line for line in lines if isinstance(line, Missing)],
        [line for line in lines if isinstance(line, Said)],
        began.quick,
    )


def raced(line: Measured) -> Raced:
    report = line.report
    figures = [_figure(times, line) for times in report.times]
    figures.sort(key=lambda figure: (not figure.ms, figure.ms))
    inputs = [f"{' × '.join(map(str, i.shape))} {i.dtype}" for i in line.inputs]
    return Raced(line.step, line.title, line.koan, inputs, figures, line.last, report.error or report.lack)


def _figure(times: Times, line: Measured) -> Figure:
    report, ours = line.report, times.name in line.ours
    config = report.chosen.get(times.name, {})
    fair = times.above(report.floor)
    if not fair.ms:
        why = times.lack or times.error or times.wrong or ("faster than the device can be" if times.ms else "no time")
        return Figure(times.name, ours, config=config, why=why)
    arithmetic = report.flops > ARITHMETIC * report.loads
    speed = (report.flops if arithmetic else report.loads) / fair.median / 1e9
    unit = "TFLOP/s" if arithmetic else "TB/s read"
    return Figure(times.name, ours, fair.median, fair.spread, len(fair.ms), speed, unit, times.how, config)


def thresholds(line: Measured) -> list[Threshold]:
    """The model answer's fastest choice beside the fastest of each family that it is held to."""
    fair = [times.above(line.report.floor) for times in line.report.times]
    ours = fastest(times for times in fair if is_of(MODEL, times.name.partition(" ")[0]))
    if ours is None or line.step not in ("attention", "more", "simple"):
        return []
    kinds = list(line.now) or sorted({t.name.partition("-")[0] for t in fair if t.name not in line.ours})
    found = []
    for kind in kinds:
        rival = fastest(family(kind, fair))
        if rival is not None:
            ratio = rival.median / ours.median
            found.append(
                Threshold(line.title, kind, rival.name, ours.name, ratio, line.now.get(kind), suggested(ratio))
            )
    return found


PRETENDED = "PRETENDED: nothing ran on a GPU. Kernels were compiled for an H100; no time here means anything."


def told(found: Raced) -> str:
    """The contestants of a race in lines, the fastest first."""
    parts = [f"  {found.error}"] if found.error else []
    width = max((len(figure.name) for figure in found.figures), default=0)
    for one in found.figures:
        name = f"  {one.name:{width}}"
        if one.why:
            parts.append(f"{name}  {one.why}")
        else:
            parts.append(f"{name} {one.ms:9.4f} ms ±{100 * one.spread:2.0f} % {one.speed:8.2f} {one.unit}, {one.how}")
    return "\n".join(parts)


def told_all(found: Result) -> str:
    """The end of a session: what was not measured, and the thresholds."""
    parts = [PRETENDED] if found.pretended else []
    versions = ", ".join(f"{name} {version}" for name, version in found.facts.versions.items())
    parts.append(f"{found.name}: {found.facts.name}; {versions}; {found.how}")
    if found.picks:
        parts.append("torch's attention picks: " + ", ".join(f"{what} {name}" for what, name in found.picks.items()))
    if found.missing:
        parts += ["", "Not measured:", *(f"  {line.step}  {line.title}: {line.why}" for line in found.missing)]
    if found.thresholds:
        meaning = "85 % of the measured ratio, in steps of 0.05, beside the current thresholds"
        if found.pretended:
            meaning = "none, since nothing was measured; this is what the table looks like"
        parts += ["", f"Thresholds that this would set: {meaning}"]
        width = max(len(one.title) for one in found.thresholds)
        for one in found.thresholds:
            now = "none" if one.now is None else f"{one.now:g}"
            line = f"  {one.title:{width}}  {one.against:6}  measured {one.measured:6.2f}  now {now:5} would be"
            parts.append(f"{line} {one.then:.2f}  ({one.ours} beside {one.rival})")
    return "\n".join(parts)
