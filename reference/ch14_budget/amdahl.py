"""From the time that is saved, in fractions."""

import math
from fractions import Fraction

from reference import oracle

Times = dict[str, float]


def _check(times: Times, factors: Times) -> None:
    if set(factors) - set(times) or min(factors.values(), default=1) <= 0:
        raise ValueError("no such factors")


@oracle
def amdahl(times: Times, factors: Times) -> float:
    _check(times, factors)
    total = sum(map(Fraction, times.values()), Fraction(0))
    saved = Fraction(0)
    for name, factor in factors.items():
        part = Fraction(times[name])
        saved += part if math.isinf(factor) else part - part / Fraction(factor)
    return float(total / (total - saved)) if total > saved else math.inf


@amdahl.right("by shares: 1 / Σ share / factor")
def by_shares(times: Times, factors: Times) -> float:
    _check(times, factors)
    total = math.fsum(times.values())
    left = math.fsum(time / total / factors.get(name, 1.0) for name, time in times.items())
    return 1 / left if left else math.inf


@amdahl.right("a loop with an if")
def loop(times: Times, factors: Times) -> float:
    _check(times, factors)
    before = after = 0.0
    for name in times:
        before += times[name]
        after += times[name] / factors[name] if name in factors else times[name]
    return math.inf if after == 0 else before / after


@amdahl.wrong("the factor of the part given for the whole: the other parts have not become faster")
def factor_of_the_part(times: Times, factors: Times) -> float:
    _check(times, factors)
    return math.prod(factors.values())


@amdahl.wrong("the factors averaged by share: times add up, rates do not")
def averaged(times: Times, factors: Times) -> float:
    _check(times, factors)
    return sum(time * factors.get(name, 1.0) for name, time in times.items()) / sum(times.values())


@amdahl.wrong("upside down: before / after, since a gain is larger than 1")
def upside_down(times: Times, factors: Times) -> float:
    gain = amdahl.fn(times, factors)
    return 1 / gain


@amdahl.wrong("the time saved as a share: asked for is how many times faster it is")
def share_saved(times: Times, factors: Times) -> float:
    return 1 - 1 / amdahl.fn(times, factors)


@amdahl.wrong("1 plus the share saved: 20 % less time is 1.25 times faster")
def one_plus_saved(times: Times, factors: Times) -> float:
    return 2 - 1 / amdahl.fn(times, factors)


@amdahl.wrong("the new time returned: asked for is the gain")
def new_time(times: Times, factors: Times) -> float:
    return sum(times.values()) / amdahl.fn(times, factors)


@amdahl.wrong("times multiplied by their factors: a part four times faster takes a quarter of its time")
def slower(times: Times, factors: Times) -> float:
    _check(times, factors)
    after = sum(time * factors.get(name, 1.0) for name, time in times.items())
    return sum(times.values()) / after


@amdahl.wrong("parts without a factor left out: they take the time they took")
def named_parts_only(times: Times, factors: Times) -> float:
    _check(times, factors)
    after = sum(times[name] / factor for name, factor in factors.items())
    return sum(times.values()) / after if after else math.inf


@amdahl.wrong("the longest part alone looked at: they run one after the other")
def longest_only(times: Times, factors: Times) -> float:
    _check(times, factors)
    after = max(time / factors.get(name, 1.0) for name, time in times.items())
    return max(times.values()) / after if after else math.inf


@amdahl.wrong("only the first factor applied")
def first_factor_only(times: Times, factors: Times) -> float:
    _check(times, factors)
    return amdahl.fn(times, dict(list(factors.items())[:1]))


@amdahl.wrong("a division by zero where nothing is left: the gain is inf")
def divides_by_zero(times: Times, factors: Times) -> float:
    _check(times, factors)
    return sum(times.values()) / sum(time / factors.get(name, 1.0) for name, time in times.items())


@amdahl.wrong("a factor for a part that is not there ignored: the contract asks for a ValueError")
def ignores_unknown(times: Times, factors: Times) -> float:
    return amdahl.fn(times, {name: factor for name, factor in factors.items() if name in times})


@amdahl.wrong("a factor of 0 or less let through: the contract asks for a ValueError")
def any_factor(times: Times, factors: Times) -> float:
    if set(factors) - set(times):
        raise ValueError("no such part")
    after = sum(time / factors.get(name, 1.0) if factors.get(name, 1.0) else 0.0 for name, time in times.items())
    return sum(times.values()) / after if after else math.inf


@amdahl.wrong("upside down, new time by old: a gain is larger than 1")
def after_by_before(times: Times, factors: Times) -> float:
    gain = amdahl.fn(times, factors)
    return gain if math.isinf(gain) else 1 / gain


@amdahl.wrong("a factor for a part that is not there left to the dict: it raises KeyError, and ValueError is asked for")
def left_to_the_dict(times: Times, factors: Times) -> float:
    for name in factors:
        times[name]
    return amdahl.fn(times, factors)


@amdahl.wrong("inf as soon as one factor is: the other parts still take their time")
def one_inf_is_enough(times: Times, factors: Times) -> float:
    _check(times, factors)
    return math.inf if math.inf in factors.values() else amdahl.fn(times, factors)


@amdahl.wrong("a factor of 0 divided by: ValueError is asked for, as for negative ones")
def divides_by_a_factor_of_zero(times: Times, factors: Times) -> float:
    if set(factors) - set(times) or min(factors.values(), default=1) < 0:
        raise ValueError("no such factors")
    after = sum(time / factors.get(name, 1.0) for name, time in times.items())
    return sum(times.values()) / after if after else math.inf


@amdahl.wrong("an infinite factor refused: it tells what is gained at most")
def refuses_infinity(times: Times, factors: Times) -> float:
    if math.inf in factors.values():
        raise ValueError("infinite factor")
    return amdahl.fn(times, factors)


@amdahl.wrong("a factor below 1 refused: a part may become slower")
def refuses_slower_parts(times: Times, factors: Times) -> float:
    if min(factors.values(), default=1) < 1:
        raise ValueError("no gain")
    return amdahl.fn(times, factors)
