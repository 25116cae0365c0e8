"""Half a cosine from 1 to 0 is the square of a quarter of a cosine: cos²(x/2) = (1 + cos x)/2."""

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


@warmup_cosine.right("by the value of the cosine, with clamped progress")
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


@warmup_cosine.wrong("the ramp starts at 0, so the first step moves nothing: step 0 has peak / warmup")
def zero_first(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: peak * step / warmup)


@warmup_cosine.wrong("the ramp falls, to 0 at the last warmup step: it rises to `peak`")
def ramp_down(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: peak * (1 - (step + 1) / warmup))


@warmup_cosine.wrong("the rate is held at 0 until warmup is over: halfway, a ramp has reached half its height")
def held(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: 0.0)


@warmup_cosine.wrong("the ramp starts from `floor`: it rises in equal stages of peak / warmup")
def ramp_from_floor(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: floor + (peak - floor) * (step + 1) / warmup)


@warmup_cosine.wrong("`floor` is a lower bound of the ramp: the ramp rises from peak / warmup, even below the floor")
def ramp_above_the_floor(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: max(floor, peak * (step + 1) / warmup))


@warmup_cosine.wrong("there is no ramp: the first steps already have the peak learning rate")
def no_ramp(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: peak)


@warmup_cosine.wrong("the ramp ends one stage below `peak`: at step warmup − 1 the rate is the peak")
def ramp_too_long(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, ramp=lambda: peak * (step + 1) / (warmup + 1))


@warmup_cosine.wrong("the cosine started at step 0: when the ramp ends, it has already fallen")
def cosine_from_zero(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, progress=lambda: step / total)


@warmup_cosine.wrong("ramp and cosine were multiplied, both from step 0: the peak is never reached")
def multiplied(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    def ramp() -> float:
        return _down(step / total, peak, floor) * (step + 1) / warmup

    return _schedule(step, peak, warmup, total, floor, ramp=ramp, progress=lambda: step / total)


@warmup_cosine.wrong("the cosine took `total` steps after the ramp: `total` counts from step 0 and includes the ramp")
def total_after_warmup(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, progress=lambda: (step - warmup) / total)


@warmup_cosine.wrong("the cosine reaches the floor one step early: it must reach the floor at step `total`")
def one_step_early(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, progress=lambda: (step - warmup) / max(1, total - warmup - 1))


@warmup_cosine.wrong("the rate is at the floor from step total − 1 on: the cosine ends at step `total`")
def ends_one_step_early(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor) if step < max(warmup, total - 1) else floor


@warmup_cosine.wrong("the cosine is one step ahead: at its first step, `warmup`, the rate is still the peak")
def one_step_ahead(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, progress=lambda: (step - warmup + 1) / (total - warmup))


@warmup_cosine.wrong("a whole period of the cosine was used: half a period goes from the peak to the floor")
def whole_period(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, descent=lambda x: _down(2 * x, peak, floor))


@warmup_cosine.wrong("a quarter of the cosine was used: use (1 + cos) / 2, which also falls slowly at the end")
def quarter_period(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(
        step, peak, warmup, total, floor, descent=lambda x: floor + (peak - floor) * math.cos(math.pi * x / 2)
    )


@warmup_cosine.wrong("π is missing: the cosine takes radians, and half a period is π")
def without_pi(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, descent=lambda x: floor + (peak - floor) * (1 + math.cos(x)) / 2)


@warmup_cosine.wrong("the factor ½ is missing: 1 + cos goes from 2 to 0")
def twice(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(
        step, peak, warmup, total, floor, descent=lambda x: floor + (peak - floor) * (1 + math.cos(math.pi * x))
    )


@warmup_cosine.wrong("the rate falls in a straight line: it follows half a cosine")
def straight(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, descent=lambda x: peak - (peak - floor) * x)


@warmup_cosine.wrong("`floor` was ignored on the way down: the cosine then ends at 0")
def no_floor(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, 0.0)


@warmup_cosine.wrong("`floor` is a lower bound that cuts the cosine off: the cosine itself goes from peak to floor")
def floor_as_a_bound(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, descent=lambda x: max(floor, _down(x, peak, 0.0)))


@warmup_cosine.wrong("`floor` was added to a cosine of full height: the peak becomes peak + floor")
def floor_added(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, descent=lambda x: floor + _down(x, peak, 0.0))


@warmup_cosine.wrong("the rate rises again after `total`: a cosine is periodic, so stop it there")
def climbs_again(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor, clamped=total == warmup)


@warmup_cosine.wrong("with warmup = total the rate stayed at the peak: from step `total` on it is `floor`")
def peak_after_a_bare_ramp(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    share = min(1.0, (step - warmup) / max(1, total - warmup))
    return _schedule(step, peak, warmup, total, floor, progress=lambda: share, clamped=False)


@warmup_cosine.wrong("the rate is 0 after `total`: it stays at `floor`")
def zero_after_total(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, total, floor) if step < total or step < warmup else 0.0


@warmup_cosine.wrong("the code divided by `warmup` = 0: then there is no ramp")
def needs_a_ramp(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    _checked(step, warmup, total)
    rise = min(1.0, (step + 1) / warmup)
    return peak * rise if step < warmup else _schedule(step, peak, warmup, total, floor)


@warmup_cosine.wrong("the code divided by total − warmup = 0: a run may end with its ramp")
def needs_a_descent(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    _checked(step, warmup, total)
    if step >= warmup:
        (step - warmup) / (total - warmup)
    return _schedule(step, peak, warmup, total, floor)


@warmup_cosine.wrong("a ramp longer than the run was accepted: the contract asks for a ValueError")
def any_warmup(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    return _schedule(step, peak, warmup, max(total, warmup), floor)


@warmup_cosine.wrong("a negative warmup was accepted: the contract asks for a ValueError")
def any_negative_warmup(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    if warmup >= 0:
        return _schedule(step, peak, warmup, total, floor)
    _checked(step, 0, total)
    return floor if step >= total else _down((step - warmup) / (total - warmup), peak, floor)


@warmup_cosine.wrong("a negative step was accepted: the contract asks for a ValueError")
def any_step(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    if warmup < 0 or warmup > total:
        raise ValueError("no such schedule")
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total else _down((step - warmup) / (total - warmup), peak, floor)
