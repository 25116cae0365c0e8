"""From the saved time, in exact fractions."""

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


@amdahl.wrong("the factor of the part was returned: the other parts did not become faster")
def factor_of_the_part(times: Times, factors: Times) -> float:
    _check(times, factors)
    return math.prod(factors.values())


@amdahl.wrong("the factors were averaged, weighted by share: add up times, not factors")
def averaged(times: Times, factors: Times) -> float:
    _check(times, factors)
    return sum(time * factors.get(name, 1.0) for name, time in times.items()) / sum(times.values())


@amdahl.wrong("the result is upside down: the gain is time before / time after")
def upside_down(times: Times, factors: Times) -> float:
    gain = amdahl.fn(times, factors)
    return 1 / gain


@amdahl.wrong("the saved share of the time was returned: return how many times faster the whole is")
def share_saved(times: Times, factors: Times) -> float:
    return 1 - 1 / amdahl.fn(times, factors)


@amdahl.wrong("1 plus the saved share was returned: 20 % less time is 1 / 0.8 = 1.25 times faster")
def one_plus_saved(times: Times, factors: Times) -> float:
    return 2 - 1 / amdahl.fn(times, factors)


@amdahl.wrong("the new time was returned: return the gain")
def new_time(times: Times, factors: Times) -> float:
    return sum(times.values()) / amdahl.fn(times, factors)


@amdahl.wrong(
    "the times were multiplied by their factors: a part that is four times faster takes a quarter of its time"
)
def slower(times: Times, factors: Times) -> float:
    _check(times, factors)
    after = sum(time * factors.get(name, 1.0) for name, time in times.items())
    return sum(times.values()) / after


@amdahl.wrong("parts without a factor were left out: they still take their old time")
def named_parts_only(times: Times, factors: Times) -> float:
    _check(times, factors)
    after = sum(times[name] / factor for name, factor in factors.items())
    return sum(times.values()) / after if after else math.inf


@amdahl.wrong("only the longest part was counted: the parts run one after the other")
def longest_only(times: Times, factors: Times) -> float:
    _check(times, factors)
    after = max(time / factors.get(name, 1.0) for name, time in times.items())
    return max(times.values()) / after if after else math.inf


@amdahl.wrong("only the first factor was applied: apply all of them")
def first_factor_only(times: Times, factors: Times) -> float:
    _check(times, factors)
    return amdahl.fn(times, dict(list(factors.items())[:1]))


@amdahl.wrong("the code divided by zero when no time is left: the gain is inf then")
def divides_by_zero(times: Times, factors: Times) -> float:
    _check(times, factors)
    return sum(times.values()) / sum(time / factors.get(name, 1.0) for name, time in times.items())


@amdahl.wrong("a factor for an unknown part was ignored: raise ValueError")
def ignores_unknown(times: Times, factors: Times) -> float:
    return amdahl.fn(times, {name: factor for name, factor in factors.items() if name in times})


@amdahl.wrong("a factor of 0 or less was accepted: raise ValueError")
def any_factor(times: Times, factors: Times) -> float:
    if set(factors) - set(times):
        raise ValueError("no such part")
    after = sum(time / factors.get(name, 1.0) if factors.get(name, 1.0) else 0.0 for name, time in times.items())
    return sum(times.values()) / after if after else math.inf


@amdahl.wrong("the result is new time / old time: the gain is old time / new time")
def after_by_before(times: Times, factors: Times) -> float:
    gain = amdahl.fn(times, factors)
    return gain if math.isinf(gain) else 1 / gain


@amdahl.wrong("an unknown part raised the dict's KeyError: raise ValueError")
def left_to_the_dict(times: Times, factors: Times) -> float:
    for name in factors:
        times[name]
    return amdahl.fn(times, factors)


@amdahl.wrong("the gain was inf as soon as one factor was inf: the other parts still take their time")
def one_inf_is_enough(times: Times, factors: Times) -> float:
    _check(times, factors)
    return math.inf if math.inf in factors.values() else amdahl.fn(times, factors)


@amdahl.wrong("the code divided by a factor of 0: raise ValueError, as for negative factors")
def divides_by_a_factor_of_zero(times: Times, factors: Times) -> float:
    if set(factors) - set(times) or min(factors.values(), default=1) < 0:
        raise ValueError("no such factors")
    after = sum(time / factors.get(name, 1.0) for name, time in times.items())
    return sum(times.values()) / after if after else math.inf


@amdahl.wrong("an infinite factor was refused: it is valid, and gives the largest possible gain")
def refuses_infinity(times: Times, factors: Times) -> float:
    if math.inf in factors.values():
        raise ValueError("infinite factor")
    return amdahl.fn(times, factors)


@amdahl.wrong("a factor below 1 was refused: it is valid, since a part may become slower")
def refuses_slower_parts(times: Times, factors: Times) -> float:
    if min(factors.values(), default=1) < 1:
        raise ValueError("no gain")
    return amdahl.fn(times, factors)
