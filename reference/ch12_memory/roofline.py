"""By time, in fractions: the slowest of all that run at once decides."""

from collections.abc import Callable
from fractions import Fraction

from reference import oracle

Counts = dict[str, int]
Rates = dict[str, float]
Ceiling = tuple[float, str]


@oracle
def roofline(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    if flops < 1:
        raise ValueError("nothing to compute")
    seconds = {"compute": Fraction(flops) / Fraction(peak)}
    for level, count in moved.items():
        seconds[level] = Fraction(count) / Fraction(bandwidth[level])
    slowest = max(seconds, key=lambda name: seconds[name])
    return float(flops / seconds[slowest]), slowest


def _ceilings(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> list[Ceiling]:
    if flops <= 0:
        raise ValueError("nothing to compute")
    speeds = [bandwidth[level] for level in moved]
    levels = [
        (flops / count * speed if count else float("inf"), level)
        for (level, count), speed in zip(moved.items(), speeds, strict=True)
    ]
    return [(peak, "compute"), *levels]


def _lowest(ceilings: list[Ceiling]) -> Ceiling:
    return min(ceilings, key=lambda c: c[0])


@roofline.right("the lowest of a list of ceilings")
def lowest(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    return _lowest(_ceilings(flops, moved, peak, bandwidth))


@roofline.right("by seconds, sorted")
def by_seconds(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    if flops < 1:
        raise ValueError("nothing to compute")
    seconds = [(flops / peak, "compute"), *((moved[level] / bandwidth[level], level) for level in moved)]
    slowest = sorted(seconds, key=lambda s: -s[0])[0]
    return flops / slowest[0], slowest[1]


def _with(change: Callable[[list[Ceiling]], Ceiling]) -> Callable[[int, Counts, float, Rates], Ceiling]:
    def run(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
        return change(_ceilings(flops, moved, peak, bandwidth))

    return run


@roofline.wrong("the highest ceiling taken: all must be kept, so it is the lowest that counts")
def highest(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    return _with(lambda cs: max((c for c in cs if c[0] < float("inf")), key=lambda c: c[0]))(
        flops, moved, peak, bandwidth
    )


@roofline.wrong("of the levels the highest ceiling taken: all must be kept, so it is the lowest that counts")
def highest_level(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    compute, *levels = _ceilings(flops, moved, peak, bandwidth)
    finite = [c for c in levels if c[0] < float("inf")]
    return _lowest([compute, max(finite, key=lambda c: c[0])]) if finite else compute


@roofline.wrong("intensity cut to a whole number: FLOPs per byte are a quotient")
def whole_intensity(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    compute, *levels = _ceilings(flops, moved, peak, bandwidth)
    return _lowest([compute, *((float(flops // moved[c[1]]) * bandwidth[c[1]], c[1]) for c in levels if moved[c[1]])])


@roofline.wrong("the times of all levels added up: they work at the same time, so the slowest decides alone")
def levels_in_turn(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    compute, *levels = _ceilings(flops, moved, peak, bandwidth)
    seconds = sum(moved[level] / bandwidth[level] for _, level in levels)
    return (flops / seconds, _lowest(levels)[1]) if seconds and flops / seconds < peak else compute


@roofline.wrong(
    "where a level is as low as the peak, the level named, and the last of equal ones: the first goes first"
)
def last_of_all_wins(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    return _lowest(_ceilings(flops, moved, peak, bandwidth)[::-1])


@roofline.wrong("the peak left out: no memory, however fast, makes the arithmetic units faster")
def no_peak(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    return _lowest(ceilings[1:]) if any(moved.values()) else ceilings[0]


@roofline.wrong("memory left out: the peak is reached only if the bytes arrive in time")
def peak_only(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    return _ceilings(flops, moved, peak, bandwidth)[0]


@roofline.wrong("only the first level looked at: each has a ceiling of its own")
def first_level_only(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    return _lowest(_ceilings(flops, moved, peak, bandwidth)[:2])


@roofline.wrong("only the level with the lowest bandwidth looked at: a fast one that moves far more can be the ceiling")
def slowest_memory_only(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    slow = min(bandwidth, key=lambda level: bandwidth[level])
    return _lowest([ceilings[0], *(c for c in ceilings[1:] if c[1] == slow)])


@roofline.wrong("intensity upside down: it is FLOPs per byte, not bytes per FLOP")
def bytes_per_flop(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    levels = [(count / flops * bandwidth[level], level) for level, count in moved.items() if count]
    return _lowest([ceilings[0], *levels])


@roofline.wrong("the bytes of all levels added up as if one memory moved them: they work side by side")
def one_traffic(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    total = sum(moved.values())
    return _lowest(_ceilings(flops, dict.fromkeys(moved, total), peak, bandwidth))


@roofline.wrong("the times of arithmetic and memory added up: they overlap, so the slowest decides alone")
def no_overlap(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    return 1 / sum(1 / c[0] for c in ceilings), _lowest(ceilings)[1]


@roofline.wrong("the intensity compared with the bandwidth alone: the product of the two is the ceiling, in FLOP/s")
def intensity_alone(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    return _lowest([ceilings[0], *((flops / count, level) for level, count in moved.items() if count)])


@roofline.wrong('"memory" named: the level is asked for, since each is mended in its own way')
def says_memory(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    rate, name = roofline.fn(flops, moved, peak, bandwidth)
    return rate, name if name == "compute" else "memory"


@roofline.wrong("the time in seconds returned: asked for is the rate, FLOPs over that time")
def seconds(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    rate, name = roofline.fn(flops, moved, peak, bandwidth)
    return flops / rate, name


@roofline.wrong("the share of the peak returned: asked for is the rate itself")
def share_of_peak(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    rate, name = roofline.fn(flops, moved, peak, bandwidth)
    return rate / peak, name


@roofline.wrong("a level that moves nothing divided by: it sets no ceiling")
def divides_by_zero(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    if flops <= 0:
        raise ValueError("nothing to compute")
    speeds = [(bandwidth[level], level) for level in moved]
    return _lowest([(peak, "compute"), *((flops / moved[level] * speed, level) for speed, level in speeds)])


@roofline.wrong('a tie given to the memory: where a level is as low as the peak, "compute" goes first')
def memory_wins_ties(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    return _lowest([*ceilings[1:], ceilings[0]])


@roofline.wrong("a tie given to the last level: the first in the order of `moved` is asked for")
def last_wins_ties(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    return _lowest([ceilings[0], *reversed(ceilings[1:])])


@roofline.wrong("levels without a bandwidth skipped: the contract asks for a KeyError")
def skips_unknown(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    return roofline.fn(flops, {k: v for k, v in moved.items() if k in bandwidth}, peak, bandwidth)


@roofline.wrong("a bandwidth looked up only where bytes move: a level without one is a KeyError in any case")
def skips_unknown_and_still(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    return roofline.fn(flops, {k: v for k, v in moved.items() if k in bandwidth or v}, peak, bandwidth)


@roofline.wrong("no operations give a rate of 0: the contract asks for a ValueError")
def zero_is_a_rate(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    if flops:
        return roofline.fn(flops, moved, peak, bandwidth)
    levels = [level for level, count in moved.items() if count]
    return (0.0, levels[0]) if levels else (peak, "compute")
