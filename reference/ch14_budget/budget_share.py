"""In exact fractions of seconds."""

from collections.abc import Callable
from fractions import Fraction

from reference import oracle

Parts = dict[str, float]


def _check(parts: Parts, rate: float) -> None:
    if rate <= 0 or min(parts.values(), default=0) < 0:
        raise ValueError("no such budget")


@oracle
def budget_share(parts: Parts, rate: float) -> Parts:
    _check(parts, rate)
    seconds = {name: Fraction(time) / 1_000_000 for name, time in parts.items()}
    seconds["left"] = 1 / Fraction(rate) - sum(seconds.values(), Fraction(0))
    return {name: float(time * Fraction(rate) * 100) for name, time in seconds.items()}


@budget_share.right("steps per second times the seconds of a part")
def by_rate(parts: Parts, rate: float) -> Parts:
    _check(parts, rate)
    shares = {name: time * rate / 1e4 for name, time in parts.items()}
    shares["left"] = 100.0 - sum(parts.values()) * rate / 1e4
    return shares


@budget_share.right("in milliseconds")
def in_milliseconds(parts: Parts, rate: float) -> Parts:
    _check(parts, rate)
    step = 1000 / rate
    free = step
    shares = {}
    for name, time in parts.items():
        shares[name] = time / 1000 / step * 100
        free -= time / 1000
    return {**shares, "left": free / step * 100}


def _scaled(parts: Parts, rate: float, unit: float = 1e6, whole: float = 100.0) -> Parts:
    _check(parts, rate)
    shares = {name: whole * time * rate / unit for name, time in parts.items()}
    return shares | {"left": whole - sum(shares.values())}


@budget_share.wrong("microseconds were taken for milliseconds: a step at 50 Hz is 20,000 µs")
def milliseconds(parts: Parts, rate: float) -> Parts:
    return _scaled(parts, rate, 1e3)


@budget_share.wrong("microseconds were taken for seconds: a second has a million of them")
def seconds(parts: Parts, rate: float) -> Parts:
    return _scaled(parts, rate, 1.0)


@budget_share.wrong("microseconds were taken for nanoseconds: a second has a million microseconds")
def nanoseconds(parts: Parts, rate: float) -> Parts:
    return _scaled(parts, rate, 1e9)


@budget_share.wrong("fractions were returned: return percent")
def fractions(parts: Parts, rate: float) -> Parts:
    return _scaled(parts, rate, whole=1.0)


@budget_share.wrong("the rate was taken for the length of a step in ms: at 50 Hz a step has 20 ms, not 50")
def rate_as_period(parts: Parts, rate: float) -> Parts:
    _check(parts, rate)
    shares = {name: 100 * time / (rate * 1e3) for name, time in parts.items()}
    return shares | {"left": 100 - sum(shares.values())}


@budget_share.wrong("the shares are relative to the sum of the parts: divide by the whole step")
def of_the_sum(parts: Parts, rate: float) -> Parts:
    _check(parts, rate)
    total = sum(parts.values()) or 1.0
    return {name: 100 * time / total for name, time in parts.items()} | {"left": 0.0}


@budget_share.wrong("each share is relative to the time that earlier parts left over: divide by the whole step")
def of_the_rest(parts: Parts, rate: float) -> Parts:
    _check(parts, rate)
    free, shares = 1e6 / rate, {}
    for name, time in parts.items():
        shares[name] = 100 * time / free
        free -= time
    return shares | {"left": 100 * free * rate / 1e6}


def _then(change: Callable[[Parts], Parts]) -> Callable[[Parts, float], Parts]:
    return lambda parts, rate: change(_scaled(parts, rate))


@budget_share.wrong('"left" was cut off at 0: if the step is missed, "left" is negative')
def clamped(parts: Parts, rate: float) -> Parts:
    return _then(lambda shares: shares | {"left": max(0.0, shares["left"])})(parts, rate)


@budget_share.wrong('"left" is missing')
def no_left(parts: Parts, rate: float) -> Parts:
    return _then(lambda shares: {k: v for k, v in shares.items() if k != "left"})(parts, rate)


@budget_share.wrong('"left" is in microseconds: it is a percentage, like the other shares')
def left_in_microseconds(parts: Parts, rate: float) -> Parts:
    return _then(lambda shares: shares | {"left": shares["left"] / 100 * 1e6 / rate})(parts, rate)


@budget_share.wrong('"left" subtracts only the longest part: the parts run one after the other')
def longest_only(parts: Parts, rate: float) -> Parts:
    def change(shares: Parts) -> Parts:
        return shares | {"left": 100 - max((v for k, v in shares.items() if k != "left"), default=0.0)}

    return _then(change)(parts, rate)


@budget_share.wrong("only the sum of the parts was checked: a positive part can hide a negative one")
def checks_the_sum(parts: Parts, rate: float) -> Parts:
    if rate <= 0 or sum(parts.values()) < 0:
        raise ValueError("no such budget")
    shares = {name: time * rate / 1e4 for name, time in parts.items()}
    return shares | {"left": 100.0 - sum(shares.values())}


@budget_share.wrong("a negative part or rate was accepted: raise ValueError")
def unchecked(parts: Parts, rate: float) -> Parts:
    shares = {name: time * rate / 1e4 for name, time in parts.items()}
    return shares | {"left": 100.0 - sum(shares.values())}


@budget_share.wrong("the code divided by a rate of 0: raise ValueError, as for negative rates")
def divides_by_a_rate_of_zero(parts: Parts, rate: float) -> Parts:
    if rate < 0:
        raise ValueError("no such rate")
    step = 1e6 / rate
    return _scaled(parts, 1e6 / step)


@budget_share.wrong("a negative part was accepted: raise ValueError")
def parts_unchecked(parts: Parts, rate: float) -> Parts:
    if rate <= 0:
        raise ValueError("no such rate")
    shares = {name: time * rate / 1e4 for name, time in parts.items()}
    return shares | {"left": 100.0 - sum(shares.values())}


@budget_share.wrong('the step was stretched to the sum of the parts: keep the step, and let "left" be negative')
def stretched_step(parts: Parts, rate: float) -> Parts:
    _check(parts, rate)
    step = max(1e6 / rate, sum(parts.values()))
    return _scaled(parts, 1e6 / step)


@budget_share.wrong("the step was cut to whole microseconds: at 30 Hz a step has 33,333.3 µs")
def whole_microseconds(parts: Parts, rate: float) -> Parts:
    _check(parts, rate)
    return _scaled(parts, 1e6 / (1e6 // rate))


@budget_share.wrong("the shares were rounded to one digit: return them unrounded")
def one_digit(parts: Parts, rate: float) -> Parts:
    shares = {name: round(share, 1) for name, share in _scaled(parts, rate).items() if name != "left"}
    return shares | {"left": 100.0 - sum(shares.values())}


@budget_share.wrong("a part that takes no time was refused: only a negative time is an error")
def refuses_zero(parts: Parts, rate: float) -> Parts:
    if 0 in parts.values():
        raise ValueError("no time")
    return budget_share.fn(parts, rate)
