"""In fractions of seconds."""

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


@budget_share.right("steps a second times the seconds of a part")
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


@budget_share.wrong("microseconds taken for milliseconds: a step of 50 Hz is 20,000 µs")
def milliseconds(parts: Parts, rate: float) -> Parts:
    return _scaled(parts, rate, 1e3)


@budget_share.wrong("microseconds taken for seconds")
def seconds(parts: Parts, rate: float) -> Parts:
    return _scaled(parts, rate, 1.0)


@budget_share.wrong("microseconds taken for nanoseconds: there are a million of them in a second")
def nanoseconds(parts: Parts, rate: float) -> Parts:
    return _scaled(parts, rate, 1e9)


@budget_share.wrong("fractions returned: percent are asked for")
def fractions(parts: Parts, rate: float) -> Parts:
    return _scaled(parts, rate, whole=1.0)


@budget_share.wrong("the rate taken for the milliseconds of a step: at 50 Hz these are 20, not 50")
def rate_as_period(parts: Parts, rate: float) -> Parts:
    _check(parts, rate)
    shares = {name: 100 * time / (rate * 1e3) for name, time in parts.items()}
    return shares | {"left": 100 - sum(shares.values())}


@budget_share.wrong("shares of the sum of the parts: the step is the whole, used up or not")
def of_the_sum(parts: Parts, rate: float) -> Parts:
    _check(parts, rate)
    total = sum(parts.values()) or 1.0
    return {name: 100 * time / total for name, time in parts.items()} | {"left": 0.0}


@budget_share.wrong("shares of what the other parts leave: each is a share of the whole step")
def of_the_rest(parts: Parts, rate: float) -> Parts:
    _check(parts, rate)
    free, shares = 1e6 / rate, {}
    for name, time in parts.items():
        shares[name] = 100 * time / free
        free -= time
    return shares | {"left": 100 * free * rate / 1e6}


def _then(change: Callable[[Parts], Parts]) -> Callable[[Parts, float], Parts]:
    return lambda parts, rate: change(_scaled(parts, rate))


@budget_share.wrong('"left" cut off at 0: by how much the step is missed is worth knowing')
def clamped(parts: Parts, rate: float) -> Parts:
    return _then(lambda shares: shares | {"left": max(0.0, shares["left"])})(parts, rate)


@budget_share.wrong('"left" missing')
def no_left(parts: Parts, rate: float) -> Parts:
    return _then(lambda shares: {k: v for k, v in shares.items() if k != "left"})(parts, rate)


@budget_share.wrong('"left" in microseconds: it is a share like the others')
def left_in_microseconds(parts: Parts, rate: float) -> Parts:
    return _then(lambda shares: shares | {"left": shares["left"] / 100 * 1e6 / rate})(parts, rate)


@budget_share.wrong('the longest part alone subtracted for "left": they run one after the other')
def longest_only(parts: Parts, rate: float) -> Parts:
    def change(shares: Parts) -> Parts:
        return shares | {"left": 100 - max((v for k, v in shares.items() if k != "left"), default=0.0)}

    return _then(change)(parts, rate)


@budget_share.wrong("only the sum of the parts checked for its sign: a positive part hides a negative one there")
def checks_the_sum(parts: Parts, rate: float) -> Parts:
    if rate <= 0 or sum(parts.values()) < 0:
        raise ValueError("no such budget")
    shares = {name: time * rate / 1e4 for name, time in parts.items()}
    return shares | {"left": 100.0 - sum(shares.values())}


@budget_share.wrong("a negative part or rate let through: the contract asks for a ValueError")
def unchecked(parts: Parts, rate: float) -> Parts:
    shares = {name: time * rate / 1e4 for name, time in parts.items()}
    return shares | {"left": 100.0 - sum(shares.values())}


@budget_share.wrong("a rate of 0 divided by: ValueError is asked for, as for negative ones")
def divides_by_a_rate_of_zero(parts: Parts, rate: float) -> Parts:
    if rate < 0:
        raise ValueError("no such rate")
    step = 1e6 / rate
    return _scaled(parts, 1e6 / step)


@budget_share.wrong("a negative part let through: the contract asks for a ValueError")
def parts_unchecked(parts: Parts, rate: float) -> Parts:
    if rate <= 0:
        raise ValueError("no such rate")
    shares = {name: time * rate / 1e4 for name, time in parts.items()}
    return shares | {"left": 100.0 - sum(shares.values())}


@budget_share.wrong("parts that take longer than a step made to fill it: by how much it is missed is worth knowing")
def stretched_step(parts: Parts, rate: float) -> Parts:
    _check(parts, rate)
    step = max(1e6 / rate, sum(parts.values()))
    return _scaled(parts, 1e6 / step)


@budget_share.wrong("the step cut to whole microseconds: at 30 Hz it is 33,333.3")
def whole_microseconds(parts: Parts, rate: float) -> Parts:
    _check(parts, rate)
    return _scaled(parts, 1e6 / (1e6 // rate))


@budget_share.wrong("the shares rounded to one digit: they are asked for as they are")
def one_digit(parts: Parts, rate: float) -> Parts:
    shares = {name: round(share, 1) for name, share in _scaled(parts, rate).items() if name != "left"}
    return shares | {"left": 100.0 - sum(shares.values())}


@budget_share.wrong("a part that takes no time refused: only a negative one is an error")
def refuses_zero(parts: Parts, rate: float) -> Parts:
    if 0 in parts.values():
        raise ValueError("no time")
    return budget_share.fn(parts, rate)
