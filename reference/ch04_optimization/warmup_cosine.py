"""Half a cosine from 1 to 0 is the square of a quarter: cos²(x/2) = (1 + cos x)/2."""

import math
from collections.abc import Callable

from reference import oracle


def _checked(step: int, warmup: int, total: int) -> None:
    if step < 0 or warmup < 0 or warmup > total:
        raise ValueError("no such schedule")


@oracle
def warmup_cosine(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    _checked(step, warmup, total)
    if step + 1 <= warmup:
        return (step + 1) * (peak / warmup)
    left = max(total - step, 0)
    share = math.sin(math.pi / 2 * left / (total - warmup)) ** 2 if left else 0.0
    return share * peak + (1 - share) * floor


def _down(progress: float, peak: float, floor: float) -> float:
    return floor + (peak - floor) * (1 + math.cos(math.pi * progress)) / 2


def _schedule(
    step: int,
    peak: float,
    warmup: int,
    total: int,
    floor: float,
    *,
    ramp: Callable[[], float] | None = None,
    progress: Callable[[], float] | None = None,
    descent: Callable[[float], float] | None = None,
    clamped: bool = True,
) -> float:
    """The schedule with one of its parts replaced."""
    _checked(step, warmup, total)
    if step < warmup:
        return ramp() if ramp else peak * (step + 1) / warmup
    if clamped and step >= total:
        return floor
    share = progress() if progress else (step - warmup) / max(1, total - warmup)
    return descent(share) if descent else _down(share, peak, floor)


@warmup_cosine.right("by the cosine's value, clamped progress")
def clamped_progress(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    _checked(step, warmup, total)
    if step < warmup:
        return peak / warmup * (step + 1)
    progress = min(1.0, (step - warmup) / (total - warmup)) if total > warmup else 1.0
    return floor + 0.5 * (peak - floor) * (1 + math.cos(math.pi * progress))


@warmup_cosine.right("the ramp counted down from the peak")
def from_the_peak(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    def ramp() -> float:
        return peak - (warmup - 1 - step) * (peak / warmup)

    return _schedule(step, peak, warmup, total, floor, ramp=ramp)


@warmup_cosine.wrong("the ramp starts at 0: the first step then moves nothing; stage 1 of `warmup` belongs to step 0")
def zero_first(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: peak * step / warmup)


@warmup_cosine.wrong("the ramp runs downwards, to 0 at the last warmup step: it climbs to `peak`")
def ramp_down(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: peak * (1 - (step + 1) / warmup))


@warmup_cosine.wrong("held at 0 until warmup is over: a ramp is asked for, which is at half its height halfway")
def held(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: 0.0)


@warmup_cosine.wrong("the ramp starts from `floor`: it climbs in equal stages of peak / warmup")
def ramp_from_floor(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: floor + (peak - floor) * (step + 1) / warmup)


@warmup_cosine.wrong("`floor` as a lower bound of the ramp: that climbs from peak / warmup, even below the floor")
def ramp_above_the_floor(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: max(floor, peak * (step + 1) / warmup))


@warmup_cosine.wrong("no ramp at all: the first steps have a peak learning rate")
def no_ramp(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: peak)


@warmup_cosine.wrong("the ramp one stage short of `peak`: it ends at step warmup − 1, with warmup / warmup")
def ramp_too_long(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: peak * (step + 1) / (warmup + 1))


@warmup_cosine.wrong("the cosine started at step 0: when the ramp ends it is on its way down already")
def cosine_from_zero(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, progress=lambda: step / total)


@warmup_cosine.wrong("ramp and cosine multiplied, both from step 0: the peak is never reached")
def multiplied(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    def ramp() -> float:
        return _down(step / total, peak, floor) * (step + 1) / warmup

    return _schedule(step, peak, warmup, total, floor, ramp=ramp, progress=lambda: step / total)


@warmup_cosine.wrong(
    "the cosine spread over `total` steps after the ramp: `total` counts from step 0, the ramp included"
)
def total_after_warmup(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, progress=lambda: (step - warmup) / total)


@warmup_cosine.wrong("the floor reached one step early: that is for step `total`")
def one_step_early(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, progress=lambda: (step - warmup) / max(1, total - warmup - 1))


@warmup_cosine.wrong("at the floor from step total − 1 on: the cosine ends at step `total`")
def ends_one_step_early(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor) if step < max(warmup, total - 1) else floor


@warmup_cosine.wrong("one step ahead on the cosine: its first step, `warmup`, is still at the peak")
def one_step_ahead(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, progress=lambda: (step - warmup + 1) / (total - warmup))


@warmup_cosine.wrong("a whole period of the cosine: half of one leads from the peak to the floor")
def whole_period(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, descent=lambda x: _down(2 * x, peak, floor))


@warmup_cosine.wrong(
    "a quarter of the cosine: from 1 to 0 without the 1 + and the half, so it falls steeply at the end"
)
def quarter_period(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(
        step, peak, warmup, total, floor, descent=lambda x: floor + (peak - floor) * math.cos(math.pi * x / 2)
    )


@warmup_cosine.wrong("π missing: the cosine takes radians, and half a period is π of them")
def without_pi(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, descent=lambda x: floor + (peak - floor) * (1 + math.cos(x)) / 2)


@warmup_cosine.wrong("the half forgotten: 1 + cos goes from 2 to 0")
def twice(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(
        step, peak, warmup, total, floor, descent=lambda x: floor + (peak - floor) * (1 + math.cos(math.pi * x))
    )


@warmup_cosine.wrong("a straight line down: half a cosine is asked for")
def straight(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, descent=lambda x: peak - (peak - floor) * x)


@warmup_cosine.wrong("`floor` ignored on the way down: the cosine ends at 0")
def no_floor(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, 0.0)


@warmup_cosine.wrong("`floor` as a lower bound: the cosine leads to it, and does not go to 0 and get cut off")
def floor_as_a_bound(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, descent=lambda x: max(floor, _down(x, peak, 0.0)))


@warmup_cosine.wrong("`floor` added to a cosine of full height: the peak comes out as peak + floor")
def floor_added(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, descent=lambda x: floor + _down(x, peak, 0.0))


@warmup_cosine.wrong("climbing again after `total`: a cosine is periodic, so stop it there")
def climbs_again(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, clamped=total == warmup)


@warmup_cosine.wrong("a run that ends with its ramp goes on at the peak: from step `total` on it is at `floor`")
def peak_after_a_bare_ramp(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    share = min(1.0, (step - warmup) / max(1, total - warmup))
    return _schedule(step, peak, warmup, total, floor, progress=lambda: share, clamped=False)


@warmup_cosine.wrong("0 after `total`: the learning rate stays at `floor`")
def zero_after_total(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor) if step < total or step < warmup else 0.0


@warmup_cosine.wrong("divided by `warmup` although it is 0: then there is no ramp")
def needs_a_ramp(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    _checked(step, warmup, total)
    rise = min(1.0, (step + 1) / warmup)
    return peak * rise if step < warmup else _schedule(step, peak, warmup, total, floor)


@warmup_cosine.wrong("divided by total − warmup although it is 0: a run may end with its ramp")
def needs_a_descent(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    _checked(step, warmup, total)
    if step >= warmup:
        (step - warmup) / (total - warmup)
    return _schedule(step, peak, warmup, total, floor)


@warmup_cosine.wrong("a ramp longer than the run let through: a ValueError is promised")
def any_warmup(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, max(total, warmup), floor)


@warmup_cosine.wrong("a negative warmup let through: a ValueError is promised")
def any_negative_warmup(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    if warmup >= 0:
        return _schedule(step, peak, warmup, total, floor)
    _checked(step, 0, total)
    return floor if step >= total else _down((step - warmup) / (total - warmup), peak, floor)


@warmup_cosine.wrong("a negative step let through: a ValueError is promised")
def any_step(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    if warmup < 0 or warmup > total:
        raise ValueError("no such schedule")
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total else _down((step - warmup) / (total - warmup), peak, floor)
