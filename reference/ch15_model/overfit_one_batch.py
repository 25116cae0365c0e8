"""The five rules as a table, of which the first that holds is taken."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from reference import oracle

BELOW = 0.01  # nats below the floor that rounding may explain


@oracle
def overfit_one_batch(losses: Sequence[float], floor: float = 0.0, share: float = 0.05) -> str:
    if len(losses) == 0:
        raise ValueError("no losses")
    tenth = len(losses) // 10 or 1
    end = math.fsum(losses[len(losses) - tenth :]) / tenth
    rules = {
        "not finite": any(math.isnan(loss) or math.isinf(loss) for loss in losses),
        "below the floor": any(loss < floor - BELOW for loss in losses),
        "diverges": end > losses[0],
        "learns": end - floor <= share * (losses[0] - floor),
        "stalls": True,
    }
    return next(word for word, holds in rules.items() if holds)


class Curve(NamedTuple):
    """The inputs."""

    losses: Sequence[float]
    floor: float
    share: float

    def finite(self) -> bool:
        return all(math.isfinite(loss) for loss in self.losses)

    def end(self) -> float:
        last = self.losses[-max(1, len(self.losses) // 10) :]
        return sum(last) / len(last)

    def read(self, end: float | None = None) -> str:
        """By the rules, with another end if one is given."""
        if not self.finite():
            return "not finite"
        if min(self.losses) < self.floor - BELOW:
            return "below the floor"
        return self.rest(self.end() if end is None else end)

    def rest(self, end: float) -> str:
        if end > self.losses[0]:
            return "diverges"
        return "learns" if end - self.floor <= self.share * (self.losses[0] - self.floor) else "stalls"


def _of_curve(reading: Callable[[Curve], Any]) -> Callable[..., Any]:
    def answer(losses: Sequence[float], floor: float = 0.0, share: float = 0.05) -> Any:
        if not losses:
            raise ValueError("no losses")
        return reading(Curve(losses, floor, share))

    answer.__name__, answer.__qualname__ = reading.__name__, reading.__qualname__
    return answer


@overfit_one_batch.right("one question after the other")
@_of_curve
def by_questions(c: Curve) -> str:
    return c.read()


@overfit_one_batch.right("with torch, in float64")
@_of_curve
def by_torch(c: Curve) -> str:
    losses = torch.tensor(list(c.losses), dtype=torch.float64)
    if not losses.isfinite().all():
        return "not finite"
    if bool((losses < c.floor - BELOW).any()):
        return "below the floor"
    return c.rest(losses[-max(1, len(losses) // 10) :].mean().item())


@overfit_one_batch.right("a sum that is not finite has a loss that is not")
@_of_curve
def by_the_sum(c: Curve) -> str:
    if not math.isfinite(sum(c.losses)):
        return "not finite"
    return c.read()


# Not finite


@overfit_one_batch.wrong("only NaN was looked for: an infinite loss is not finite either")
@_of_curve
def only_nan(c: Curve) -> str:
    if any(map(math.isnan, c.losses)):
        return "not finite"
    return "below the floor" if min(c.losses) < c.floor - BELOW else c.rest(c.end())


@overfit_one_batch.wrong("only infinities were looked for: `loss == nan` is never true, so ask math.isnan")
@_of_curve
def only_inf(c: Curve) -> str:
    if any(map(math.isinf, c.losses)):
        return "not finite"
    return "below the floor" if min(c.losses) < c.floor - BELOW else c.rest(c.end())


@overfit_one_batch.wrong("only the last loss was checked for NaN: one NaN anywhere is a mistake")
@_of_curve
def only_the_last(c: Curve) -> str:
    if not math.isfinite(c.losses[-1]):
        return "not finite"
    losses = [loss for loss in c.losses if math.isfinite(loss)]
    return c._replace(losses=losses).read(c.end())


@overfit_one_batch.wrong('losses that are not finite were left out: the answer is "not finite"')
@_of_curve
def left_out(c: Curve) -> str:
    losses = [loss for loss in c.losses if math.isfinite(loss)]
    return c._replace(losses=losses).read() if losses else "not finite"


@overfit_one_batch.wrong('NaN was called "diverges": a loss that is not finite has a name of its own')
@_of_curve
def nan_diverges(c: Curve) -> str:
    return c.read() if c.finite() else "diverges"


# The floor


@overfit_one_batch.wrong('a loss below the floor counted as "learns": no model can do that, so the loss is wrong')
@_of_curve
def below_is_good(c: Curve) -> str:
    return c.rest(c.end()) if c.finite() else "not finite"


@overfit_one_batch.wrong("only the end was compared with the floor: no loss may be below it")
@_of_curve
def only_the_end_below(c: Curve) -> str:
    if not c.finite():
        return "not finite"
    return "below the floor" if c.end() < c.floor - BELOW else c.rest(c.end())


@overfit_one_batch.wrong('a loss a little below the floor is "below the floor": 0.01 is left for rounding')
@_of_curve
def no_room(c: Curve) -> str:
    if c.finite() and min(c.losses) < c.floor:
        return "below the floor"
    return c.read()


@overfit_one_batch.wrong("the floor was taken as 0: use the given one")
@_of_curve
def no_floor(c: Curve) -> str:
    return c._replace(floor=0.0).read()


@overfit_one_batch.wrong("the end was compared with a share of the first loss: compare distances from the floor")
@_of_curve
def share_of_the_loss(c: Curve) -> str:
    word = c.read()
    if word not in ("learns", "stalls"):
        return word
    return "learns" if c.end() <= c.share * c.losses[0] else "stalls"


@overfit_one_batch.wrong(
    "the end may lie a share above the floor: the share is of the gap from the first loss to the floor"
)
@_of_curve
def share_of_the_floor(c: Curve) -> str:
    word = c.read()
    if word not in ("learns", "stalls"):
        return word
    return "learns" if c.end() - c.floor <= c.share else "stalls"


@overfit_one_batch.wrong("a share of 0.05 was always used: use the given one")
@_of_curve
def fixed_share(c: Curve) -> str:
    return c._replace(share=0.05).read()


# The end


@overfit_one_batch.wrong("the lowest loss was taken as the end: a curve may fall and rise again")
@_of_curve
def lowest(c: Curve) -> str:
    return c.read(min(c.losses)) if c.finite() else "not finite"


@overfit_one_batch.wrong("the last loss alone was taken as the end: take the mean of the last tenth")
@_of_curve
def last_alone(c: Curve) -> str:
    return c.read(c.losses[-1])


@overfit_one_batch.wrong("the mean of all losses was taken as the end: take the last tenth")
@_of_curve
def mean_of_all(c: Curve) -> str:
    return c.read(sum(c.losses) / len(c.losses))


@overfit_one_batch.wrong("the tenth was rounded up: it is len(losses) // 10, but at least one")
@_of_curve
def rounded_up(c: Curve) -> str:
    last = c.losses[-math.ceil(len(c.losses) / 10) :]
    return c.read(sum(last) / len(last))


@overfit_one_batch.wrong("a tenth of less than ten losses is no loss: take at least one")
def empty_tenth(losses: Sequence[float], floor: float = 0.0, share: float = 0.05) -> str:
    if not losses:
        raise ValueError("no losses")
    c = Curve(losses, floor, share)
    last = losses[len(losses) - len(losses) // 10 :]
    return c.read(sum(last) / len(last)) if c.finite() else "not finite"


@overfit_one_batch.wrong("losses[-0:] was taken for a tenth of less than ten losses: that is the whole list")
@_of_curve
def all_of_a_short_list(c: Curve) -> str:
    last = c.losses[-(len(c.losses) // 10) :]
    return c.read(sum(last) / len(last))


@overfit_one_batch.wrong("the last ten losses were taken as the end: take the last tenth")
@_of_curve
def last_ten(c: Curve) -> str:
    last = c.losses[-10:]
    return c.read(sum(last) / len(last))


# The words


@overfit_one_batch.wrong('a curve that ends where it began was called "diverges": it stalls')
@_of_curve
def equal_diverges(c: Curve) -> str:
    word = c.read()
    return "diverges" if word in ("learns", "stalls") and c.end() == c.losses[0] else word


@overfit_one_batch.wrong('one loss above the first was called "diverges": compare the end with the first loss')
@_of_curve
def one_peak(c: Curve) -> str:
    word = c.read()
    return "diverges" if word in ("learns", "stalls") and max(c.losses) > c.losses[0] else word


@overfit_one_batch.wrong('a curve that rises was called "stalls": it diverges')
@_of_curve
def rising_stalls(c: Curve) -> str:
    return {"diverges": "stalls"}.get(c.read(), c.read())


@overfit_one_batch.wrong('every curve that falls was called "learns": it must fall almost to the floor')
@_of_curve
def any_fall(c: Curve) -> str:
    word = c.read()
    return "learns" if word == "stalls" and c.end() < c.losses[0] else word


@overfit_one_batch.wrong("True or False was returned: the contract asks for one of five words")
@_of_curve
def yes_or_no(c: Curve) -> bool:
    return c.read() == "learns"


@overfit_one_batch.wrong('no losses gave "stalls": raise ValueError')
def stalls_on_nothing(losses: Sequence[float], floor: float = 0.0, share: float = 0.05) -> str:
    return Curve(losses, floor, share).read() if losses else "stalls"
