"""In exact fractions of a second."""

from dataclasses import dataclass
from fractions import Fraction

from reference import oracle

Ops = list[tuple[str, float, float]]
Line = tuple[str, float, str]
Sheet = tuple[list[Line], float]


@oracle
def latency_sheet(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
    sheet, total, start = [], Fraction(0), Fraction(launch)
    for name, flops, moved in ops:
        arithmetic = Fraction(flops) * 1_000_000 / Fraction(peak)
        traffic = Fraction(moved) * 1_000_000 / Fraction(bandwidth)
        longest = max(arithmetic, traffic, start)
        why = "compute" if arithmetic == longest else "memory" if traffic == longest else "launch"
        sheet.append((name, float(start + max(arithmetic, traffic)), why))
        total += start + max(arithmetic, traffic)
    return sheet, float(total)


@dataclass(frozen=True)
class _How:
    """What a wrong answer does differently."""

    unit: float = 1e6
    added: bool = False
    lower: bool = False
    launches: bool = True
    launch_in_max: bool = False
    launch_unit: float = 1.0
    compute_only: bool = False
    memory_only: bool = False
    two_names: bool = False
    memory_first: bool = False


def _sheet(ops: Ops, peak: float, bandwidth: float, launch: float, how: _How) -> Sheet:
    lines: list[Line] = []
    for name, flops, moved in ops:
        a, b = flops / peak * how.unit, moved / bandwidth * how.unit
        work = a if how.compute_only else b if how.memory_only else min(a, b) if how.lower else max(a, b)
        work = a + b if how.added else work
        start = launch * how.launch_unit if how.launches else 0.0
        parts = {"compute": a, "memory": b, "launch": launch}
        if how.memory_first:
            parts = {"memory": b, "compute": a, "launch": launch}
        if how.two_names:
            del parts["launch"]
        time = max(work, start) if how.launch_in_max else work + start
        lines.append((name, time, max(parts, key=lambda part: parts[part])))
    return lines, sum(line[1] for line in lines)


@latency_sheet.right("with lists")
def with_lists(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
    times = [launch + max(flops / (peak / 1e6), moved / (bandwidth / 1e6)) for _, flops, moved in ops]
    whys = []
    for _, flops, moved in ops:
        costs = [flops / peak, moved / bandwidth, launch / 1e6]
        whys.append(["compute", "memory", "launch"][costs.index(max(costs))])
    return [(op[0], time, why) for op, time, why in zip(ops, times, whys, strict=True)], sum(times)


@latency_sheet.right("in plain numbers")
def in_plain_numbers(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
    return _sheet(ops, peak, bandwidth, launch, _How())


_SAYS = {
    "added": ("arithmetic and traffic were added: they overlap, so the slower one counts", _How(added=True)),
    "the_faster": ("the faster of the two was taken: an op ends when the slower one ends", _How(lower=True)),
    "compute_only": ("memory traffic was left out: softmax and norms are almost only traffic", _How(compute_only=True)),
    "memory_only": ("arithmetic was left out: it limits large matrix products", _How(memory_only=True)),
    "no_launch": ("the launches were left out: they dominate small ops", _How(launches=False)),
    "launch_hidden": (
        "the launch overlaps with the work: it comes before the work, so add it",
        _How(launch_in_max=True),
    ),
    "milliseconds": (
        "the work is in milliseconds and the launch in microseconds: use microseconds for both",
        _How(unit=1e3),
    ),
    "seconds": ("the work is in seconds and the launch in microseconds: use microseconds for both", _How(unit=1.0)),
    "launch_in_seconds": (
        "the launch was multiplied by a million: it is already in microseconds",
        _How(launch_unit=1e6),
    ),
    "two_names": ('"launch" is never returned: it can be the longest of the three', _How(two_names=True)),
    "memory_first": ('a tie went to "memory": "compute" comes first', _How(memory_first=True)),
}


def _variant(name: str, says: str, how: _How) -> None:
    def sheet(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
        return _sheet(ops, peak, bandwidth, launch, how)

    sheet.__name__ = name
    latency_sheet.wrong(says)(sheet)


for _name, (_text, _how) in _SAYS.items():
    _variant(_name, _text, _how)


@latency_sheet.wrong(
    "one roofline was used for all ops together: each op has its own. While an op waits for memory, "
    "no other op uses the arithmetic"
)
def one_roofline(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
    lines, _ = latency_sheet.fn(ops, peak, bandwidth, launch)
    flops, moved = sum(op[1] for op in ops), sum(op[2] for op in ops)
    return lines, len(ops) * launch + 1e6 * max(flops / peak, moved / bandwidth)


@latency_sheet.wrong("only one launch was counted: each op is launched separately")
def one_launch(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
    lines, total = latency_sheet.fn(ops, peak, bandwidth, launch)
    return lines, total - max(len(ops) - 1, 0) * launch


@latency_sheet.wrong("the total is the longest op: the ops run one after the other")
def longest(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
    lines, _ = latency_sheet.fn(ops, peak, bandwidth, launch)
    return lines, max((line[1] for line in lines), default=0.0)


@latency_sheet.wrong("ops with the same name were counted once: names may repeat, and each op takes its time")
def by_name(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
    return latency_sheet.fn(list({op[0]: op for op in ops}.values()), peak, bandwidth, launch)


@latency_sheet.wrong("the lines are sorted by time: keep the order of the ops")
def by_time(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
    lines, total = latency_sheet.fn(ops, peak, bandwidth, launch)
    return sorted(lines, key=lambda line: -line[1]), total


@latency_sheet.wrong('a tie went to "launch": "memory" comes before it')
def launch_before_memory(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
    lines, total = latency_sheet.fn(ops, peak, bandwidth, launch)
    tied = [1e6 * op[2] / bandwidth == launch for op in ops]
    return [
        (name, time, "launch" if tie and why == "memory" else why)
        for (name, time, why), tie in zip(lines, tied, strict=True)
    ], total


@latency_sheet.wrong("the launch was added once, to the total: add it to each op")
def launch_in_the_total(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
    lines, total = _sheet(ops, peak, bandwidth, launch, _How(launches=False))
    return lines, total + launch


@latency_sheet.wrong("the launches were added twice: the times of the ops already include them")
def launches_twice(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
    lines, total = latency_sheet.fn(ops, peak, bandwidth, launch)
    return lines, total + len(ops) * launch


@latency_sheet.wrong("ops with the same name were merged: each op has its own line")
def merged(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
    lines, total = latency_sheet.fn(ops, peak, bandwidth, launch)
    times: dict[str, float] = {}
    for name, time, _ in lines:
        times[name] = times.get(name, 0.0) + time
    whys = {name: why for name, _, why in lines}
    return [(name, time, whys[name]) for name, time in times.items()], total


@latency_sheet.wrong("the total leaves out the launches: each launch is part of its op's time")
def total_without_launches(ops: Ops, peak: float, bandwidth: float, launch: float) -> Sheet:
    lines, total = latency_sheet.fn(ops, peak, bandwidth, launch)
    return lines, total - len(ops) * launch
