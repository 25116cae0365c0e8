"""By time, in fractions: arithmetic and levels run at once, so the slowest decides."""

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


@roofline.wrong("the highest ceiling was taken: the kernel must stay below all of them, so the lowest counts")
def highest(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    return _with(lambda cs: max((c for c in cs if c[0] < float("inf")), key=lambda c: c[0]))(
        flops, moved, peak, bandwidth
    )


@roofline.wrong(
    "the highest ceiling of the levels was taken: the kernel must stay below all of them, so the lowest counts"
)
def highest_level(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    compute, *levels = _ceilings(flops, moved, peak, bandwidth)
    finite = [c for c in levels if c[0] < float("inf")]
    return _lowest([compute, max(finite, key=lambda c: c[0])]) if finite else compute


@roofline.wrong("the intensity was cut to a whole number: FLOPs per byte may be a fraction")
def whole_intensity(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    compute, *levels = _ceilings(flops, moved, peak, bandwidth)
    return _lowest([compute, *((float(flops // moved[c[1]]) * bandwidth[c[1]], c[1]) for c in levels if moved[c[1]])])


@roofline.wrong("the times of all levels were added up: the levels work at the same time, so only the slowest counts")
def levels_in_turn(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    compute, *levels = _ceilings(flops, moved, peak, bandwidth)
    seconds = sum(moved[level] / bandwidth[level] for _, level in levels)
    return (flops / seconds, _lowest(levels)[1]) if seconds and flops / seconds < peak else compute


@roofline.wrong('a tie went to the level, and to the last of equal levels: "compute" wins a tie, then the first level')
def last_of_all_wins(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    return _lowest(_ceilings(flops, moved, peak, bandwidth)[::-1])


@roofline.wrong("the peak was left out: no memory, however fast, makes the arithmetic units faster")
def no_peak(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    return _lowest(ceilings[1:]) if any(moved.values()) else ceilings[0]


@roofline.wrong("the memory was left out: the kernel reaches the peak only if the bytes arrive in time")
def peak_only(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    return _ceilings(flops, moved, peak, bandwidth)[0]


@roofline.wrong("only the first level was used: each level has its own ceiling")
def first_level_only(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    return _lowest(_ceilings(flops, moved, peak, bandwidth)[:2])


@roofline.wrong(
    "only the level with the lowest bandwidth was used: a fast level that moves far more bytes can be the ceiling"
)
def slowest_memory_only(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    slow = min(bandwidth, key=lambda level: bandwidth[level])
    return _lowest([ceilings[0], *(c for c in ceilings[1:] if c[1] == slow)])


@roofline.wrong("the intensity was computed as bytes per FLOP: it is FLOPs per byte")
def bytes_per_flop(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    levels = [(count / flops * bandwidth[level], level) for level, count in moved.items() if count]
    return _lowest([ceilings[0], *levels])


@roofline.wrong("the bytes of all levels were added up, as if one memory moved them: the levels work at the same time")
def one_traffic(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    total = sum(moved.values())
    return _lowest(_ceilings(flops, dict.fromkeys(moved, total), peak, bandwidth))


@roofline.wrong("the times of arithmetic and memory were added up: they overlap, so only the slowest counts")
def no_overlap(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    return 1 / sum(1 / c[0] for c in ceilings), _lowest(ceilings)[1]


@roofline.wrong("the intensity was compared with the bandwidth: their product is the ceiling, in FLOP/s")
def intensity_alone(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    return _lowest([ceilings[0], *((flops / count, level) for level, count in moved.items() if count)])


@roofline.wrong('"memory" was returned as the name: return the name of the level')
def says_memory(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    rate, name = roofline.fn(flops, moved, peak, bandwidth)
    return rate, name if name == "compute" else "memory"


@roofline.wrong("the time in seconds was returned: return the rate, FLOPs divided by the time")
def seconds(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    rate, name = roofline.fn(flops, moved, peak, bandwidth)
    return flops / rate, name


@roofline.wrong("the share of the peak was returned: return the rate itself")
def share_of_peak(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    rate, name = roofline.fn(flops, moved, peak, bandwidth)
    return rate / peak, name


@roofline.wrong("the FLOPs were divided by 0 bytes: a level that moves nothing sets no ceiling")
def divides_by_zero(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    if flops <= 0:
        raise ValueError("nothing to compute")
    speeds = [(bandwidth[level], level) for level in moved]
    return _lowest([(peak, "compute"), *((flops / moved[level] * speed, level) for speed, level in speeds)])


@roofline.wrong('a tie with the peak went to the level: "compute" wins a tie')
def memory_wins_ties(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    return _lowest([*ceilings[1:], ceilings[0]])


@roofline.wrong("a tie went to the last level: the first level in the order of `moved` wins")
def last_wins_ties(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    ceilings = _ceilings(flops, moved, peak, bandwidth)
    return _lowest([ceilings[0], *reversed(ceilings[1:])])


@roofline.wrong("levels without a bandwidth were skipped: raise KeyError")
def skips_unknown(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    return roofline.fn(flops, {k: v for k, v in moved.items() if k in bandwidth}, peak, bandwidth)


@roofline.wrong("the bandwidth was looked up only where bytes move: raise KeyError for any level without a bandwidth")
def skips_unknown_and_still(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    return roofline.fn(flops, {k: v for k, v in moved.items() if k in bandwidth or v}, peak, bandwidth)


@roofline.wrong("0 operations gave a rate of 0: raise ValueError")
def zero_is_a_rate(flops: int, moved: Counts, peak: float, bandwidth: Rates) -> Ceiling:
    if flops:
        return roofline.fn(flops, moved, peak, bandwidth)
    levels = [level for level, count in moved.items() if count]
    return (0.0, levels[0]) if levels else (peak, "compute")
