"""First a list of the target at each tick. Then the joint, with the step written out as one linear map."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference import oracle

Pair = tuple[float, float]
Targets = list[float]


def _laid_out(wanted: list[float], hold: int, delay: int) -> Targets:
    targets = [wanted[0]] * len(wanted)
    for sent in range(0, len(wanted), hold):
        for tick in range(sent + delay, len(wanted)):
            targets[tick] = wanted[sent]
            if tick >= sent + delay + hold - 1:
                break
    for tick in range(1, len(wanted)):
        if tick < delay:
            targets[tick] = wanted[0]
    return targets


@oracle
def tracking_error(wanted: list[float], hold: int, delay: int, kp: float, kd: float, dt: float) -> Pair:
    targets = _laid_out(wanted, hold, delay)
    a, b, c = kp * dt * dt, kd * dt * dt, kp * dt
    state, before = (wanted[0], 0.0), 0.0
    errors, changes = [], []
    for aim, target in zip(wanted, targets, strict=True):
        angle, speed = state
        now = kp * (target - angle) - kd * speed
        state = ((1 - a) * angle + (dt - b) * speed + a * target, c * (target - angle) + (1 - kd * dt) * speed)
        errors.append((state[0] - aim) ** 2)
        changes.append((now - before) ** 2)
        before = now
    return math.sqrt(math.fsum(errors) / len(wanted)), math.sqrt(math.fsum(changes) / len(wanted))


@dataclass(frozen=True)
class _How:
    """What a wrong answer does differently."""

    old_speed: bool = False
    pushes_on: bool = False
    from_zero: bool = False
    of_target: bool = False
    before_step: bool = False
    mean: bool = False
    largest: bool = False
    square: bool = False
    rough_speed: bool = False
    rough_plain: bool = False
    skip_first: bool = False


_RIGHT = _How()


def _simulate(wanted: list[float], targets: Targets, kp: float, kd: float, dt: float, how: _How = _RIGHT) -> Pair:
    angle, speed, before = (0.0 if how.from_zero else wanted[0]), 0.0, 0.0
    errors: list[float] = []
    changes: list[float] = []
    for aim, target in zip(wanted, targets, strict=True):
        start, old = angle, speed
        now = kp * (target - angle) + kd * speed * (1 if how.pushes_on else -1)
        speed = speed + now * dt
        angle = angle + (old if how.old_speed else speed) * dt
        errors.append(abs((start if how.before_step else angle) - (target if how.of_target else aim)))
        change = speed - old if how.rough_speed else now if how.rough_plain else now - before
        if not (how.skip_first and not changes and before == 0.0 and len(errors) == 1):
            changes.append(change)
        before = now
    n, m = len(wanted), max(len(changes), 1)
    if how.mean:
        return sum(errors) / n, sum(map(abs, changes)) / m
    if how.largest:
        return max(errors), max(map(abs, changes))
    pair = sum(e * e for e in errors) / n, sum(c * c for c in changes) / m
    return pair if how.square else (pair[0] ** 0.5, pair[1] ** 0.5)


@tracking_error.right("with numpy, the targets by index")
def by_index(wanted: list[float], hold: int, delay: int, kp: float, kd: float, dt: float) -> Pair:
    ticks = np.arange(len(wanted))
    sent = np.maximum(0, (ticks - delay) // hold * hold)
    return _simulate(wanted, np.array(wanted)[sent].tolist(), kp, kd, dt)


@tracking_error.right("with a queue of sent targets")
def by_queue(wanted: list[float], hold: int, delay: int, kp: float, kd: float, dt: float) -> Pair:
    target, under_way, targets = wanted[0], [], []
    for tick, aim in enumerate(wanted):
        if tick % hold == 0:
            under_way.append((tick + delay, aim))
        while under_way and under_way[0][0] <= tick:
            target = under_way.pop(0)[1]
        targets.append(target)
    return _simulate(wanted, targets, kp, kd, dt)


def _wrong(
    name: str, says: str, how: _How = _RIGHT, source: Callable[[int, int, int], int] | None = None, clip: bool = True
) -> None:
    """A wrong answer: another simulation, or a target from another tick."""

    def variant(wanted: list[float], hold: int, delay: int, kp: float, kd: float, dt: float) -> Pair:
        if source is None:
            targets = _laid_out(wanted, hold, delay)
        else:
            last = len(wanted) - 1
            targets = [wanted[max(0, min(last, source(t, hold, delay)))] for t in range(len(wanted))]
        return _simulate(wanted, targets, kp, kd, dt, how)

    variant.__name__ = name
    tracking_error.wrong(says)(variant)


_wrong(
    "ignores_delay",
    "the delay was ignored: a target arrives `delay` ticks after it is sent",
    source=lambda t, hold, delay: t // hold * hold,
)
_wrong(
    "never_holds",
    "the target changes at every tick: the policy sends one only every `hold` ticks",
    source=lambda t, hold, delay: t - delay,
)
_wrong(
    "delay_in_steps",
    "the delay was counted in steps of the policy: `delay` is a number of ticks",
    source=lambda t, hold, delay: (t // hold - delay) * hold,
)
_wrong(
    "reads_late",
    "the policy reads when the target arrives: it reads first, and that value arrives `delay` ticks later",
    source=lambda t, hold, delay: (t - delay) // hold * hold + delay if t >= delay else 0,
)
_wrong(
    "reads_ahead",
    "the delay has the wrong sign: targets cannot arrive before they are sent",
    source=lambda t, hold, delay: (t + delay) // hold * hold,
)
_wrong(
    "delays_add_up",
    "the delays add up from step to step: each target is late by `delay` once",
    source=lambda t, hold, delay: t // (hold + delay) * hold,
)
_wrong(
    "one_tick_late",
    "a target is used one tick after it arrives: use it at once",
    source=lambda t, hold, delay: (t - delay - 1) // hold * hold,
)
_wrong("old_speed", "the angle moved with the old speed: use the new speed", _How(old_speed=True))
_wrong("pushes_on", "the brake term was added: it works against the speed, so subtract it", _How(pushes_on=True))
_wrong("starts_at_zero", "the joint started at 0: it starts at wanted[0]", _How(from_zero=True))
_wrong(
    "error_to_the_target",
    "the error is relative to the target, which is late itself: compare with `wanted`",
    _How(of_target=True),
)
_wrong(
    "before_the_step",
    "the angle was compared before the tick's step: compare it after the step",
    _How(before_step=True),
)
_wrong(
    "mean_of_sizes",
    "the means of the absolute values were returned: return the root of the mean of the squares",
    _How(mean=True),
)
_wrong("largest", "the largest values were returned: return the root of the mean of the squares", _How(largest=True))
_wrong("no_root", "the root is missing: return the root of the mean of the squares", _How(square=True))
_wrong("changes_of_speed", "the roughness uses changes of speed: use changes of acceleration", _How(rough_speed=True))
_wrong("size_of_acceleration", "the roughness uses the acceleration itself: use its changes", _How(rough_plain=True))


@tracking_error.wrong("error and roughness are swapped: the error comes first")
def swapped(wanted: list[float], hold: int, delay: int, kp: float, kd: float, dt: float) -> Pair:
    error, rough = tracking_error.fn(wanted, hold, delay, kp, kd, dt)
    return rough, error


@tracking_error.wrong("the first tick was left out: the acceleration before it is 0, so its change counts too")
def skips_the_first(wanted: list[float], hold: int, delay: int, kp: float, kd: float, dt: float) -> Pair:
    return _simulate(wanted, _laid_out(wanted, hold, delay), kp, kd, dt, _How(skip_first=True))


def _aimed(name: str, says: str, targets: Callable[[list[float], int, int], Targets]) -> None:
    """A wrong answer whose targets are computed in another way."""

    def variant(wanted: list[float], hold: int, delay: int, kp: float, kd: float, dt: float) -> Pair:
        return _simulate(wanted, targets(wanted, hold, delay), kp, kd, dt)

    variant.__name__ = name
    tracking_error.wrong(says)(variant)


def _latest_only(wanted: list[float], hold: int, delay: int) -> Targets:
    target, arrives, sent, targets = wanted[0], -1, wanted[0], []
    for tick, aim in enumerate(wanted):
        if tick % hold == 0:
            arrives, sent = tick + delay, aim
        if tick == arrives:
            target = sent
        targets.append(target)
    return targets


_aimed(
    "zero_at_first",
    "the target is 0 until the first one arrives: it is wanted[0]",
    lambda wanted, hold, delay: [0.0] * min(delay, len(wanted)) + _laid_out(wanted, hold, delay)[delay:],
)
_aimed(
    "forgets_what_is_under_way",
    "a sent target was lost when the next one was sent: several can be on their way at once",
    _latest_only,
)
_aimed(
    "delay_in_whole_steps",
    "the delay was rounded up to whole policy steps: a target can arrive at any tick",
    lambda wanted, hold, delay: _laid_out(wanted, hold, -(-delay // hold) * hold),
)


@tracking_error.wrong("the mean absolute error was returned: return the root of the mean square")
def mean_error(wanted: list[float], hold: int, delay: int, kp: float, kd: float, dt: float) -> Pair:
    targets = _laid_out(wanted, hold, delay)
    rough = tracking_error.fn(wanted, hold, delay, kp, kd, dt)[1]
    return _simulate(wanted, targets, kp, kd, dt, _How(mean=True))[0], rough


@tracking_error.wrong("the changes of acceleration were divided by dt: take them per tick")
def by_dt(wanted: list[float], hold: int, delay: int, kp: float, kd: float, dt: float) -> Pair:
    error, rough = tracking_error.fn(wanted, hold, delay, kp, kd, dt)
    return error, rough / dt
