"""The step as a matrix, with the torque limited first."""

import math
from dataclasses import dataclass

import numpy as np

from reference import oracle

State = tuple[float, float, float]


@oracle
def pd_step(
    angle: float, speed: float, target: float, kp: float, kd: float, limit: float, inertia: float, dt: float
) -> State:
    torque = float(np.clip(np.array([-kp, -kd]) @ np.array([angle - target, speed]), -limit, limit))
    step = np.array([[1.0, dt, dt * dt / inertia], [0.0, 1.0, dt / inertia]])
    new_angle, new_speed = step @ np.array([angle, speed, torque])
    return float(new_angle), float(new_speed), torque


@dataclass(frozen=True)
class _How:
    """What a wrong answer does differently."""

    spring: float = 1.0
    brake: float = 1.0
    low: float = -1.0  # times the limit
    high: float = 1.0
    mass: bool = True
    old_speed: bool = False
    mean_speed: bool = False
    replaces_speed: bool = False
    limit_spring: bool = False
    limit_speed: bool = False
    no_dt: bool = False
    gives_acceleration: bool = False
    distance_size: bool = False
    speed_size: bool = False
    half_turn: bool = False
    twice: bool = False
    by_inertia: bool = False
    moves_by_speed: bool = False
    speed_first: bool = False
    unlimited_reported: bool = False


_INF = float("inf")


def _step(
    how: _How,
    angle: float,
    speed: float,
    target: float,
    kp: float,
    kd: float,
    limit: float,
    inertia: float,
    dt: float,
) -> State:
    distance = math.remainder(target - angle, math.tau) if how.half_turn else target - angle
    spring = how.spring * kp * (abs(distance) if how.distance_size else distance)
    brake = how.brake * kd * (abs(speed) if how.speed_size else speed)
    if how.limit_spring:
        torque = max(-limit, min(limit, spring)) - brake
    else:
        wanted = spring - brake
        low = how.low * limit if how.low else -_INF
        high = how.high * limit if how.high else _INF
        torque = max(low, min(high, wanted))
    push = torque * inertia if how.by_inertia else torque / inertia if how.mass else torque
    gain = push * (1.0 if how.no_dt else dt)
    new = gain if how.replaces_speed else speed + gain
    if how.limit_speed:
        new = max(-limit, min(limit, new))
    moving = speed if how.old_speed else (speed + new) / 2 if how.mean_speed else new
    told = push if how.gives_acceleration else spring - brake if how.unlimited_reported else torque
    place = angle + moving * (1.0 if how.moves_by_speed else dt) + (push * dt * dt / 2 if how.twice else 0.0)
    return (new, place, told) if how.speed_first else (place, new, told)


def _variant(name: str, how: _How) -> None:
    def step(
        angle: float, speed: float, target: float, kp: float, kd: float, limit: float, inertia: float, dt: float
    ) -> State:
        return _step(how, angle, speed, target, kp, kd, limit, inertia, dt)

    step.__name__ = name
    (pd_step.wrong(_SAYS[name]) if name in _SAYS else pd_step.right("in plain numbers"))(step)


_SAYS = {
    "old_speed": "the joint moved with its old speed: that adds energy in every step",
    "mean_speed": "the joint moved with the mean of old and new speed: use the new speed",
    "pushes_on": "the brake term was added: it works against the speed, so subtract it",
    "pulls_away": "the distance has the wrong sign: the spring pulls toward the target, so use target − angle",
    "no_brake": "kd was left out: a spring without a brake never stops swinging",
    "no_limit": "the torque was not limited: a motor gives at most `limit`",
    "limit_above_only": "the torque was limited in one direction only: the other limit is −limit",
    "limit_spring_only": "only the spring term was limited: limit the whole torque",
    "limit_on_speed": "the speed was limited too: `limit` is a torque",
    "no_inertia": "the torque was used as the acceleration: divide it by the inertia",
    "no_dt": "the acceleration was added without dt: it acts for dt seconds",
    "replaces_speed": "the old speed was dropped: add the change to it",
    "acceleration_told": "the acceleration was returned: return the torque",
    "distance_without_sign": "the sign of the distance was dropped: beyond the target the spring pulls back",
    "speed_without_sign": "the sign of the speed was dropped: the brake works against motion in both directions",
    "half_turn": "the distance was wrapped to half a turn: use target − angle as it is",
    "acceleration_twice": "an extra acceleration · dt² / 2 was added: the new speed already contains the acceleration",
    "times_inertia": "the torque was multiplied by the inertia: divide, since a heavy joint accelerates less",
    "moves_by_speed": "the speed was added without dt: it acts for dt seconds",
    "speed_first": "the speed was returned first: the angle comes first",
    "unlimited_told": "the torque before the limit was returned: return the limited torque",
}
_variant("in_plain_numbers", _How())
_variant("old_speed", _How(old_speed=True))
_variant("mean_speed", _How(mean_speed=True))
_variant("pushes_on", _How(brake=-1.0))
_variant("pulls_away", _How(spring=-1.0))
_variant("no_brake", _How(brake=0.0))
_variant("no_limit", _How(low=0.0, high=0.0))
_variant("limit_above_only", _How(low=0.0))
_variant("limit_spring_only", _How(limit_spring=True))
_variant("limit_on_speed", _How(limit_speed=True))
_variant("no_inertia", _How(mass=False))
_variant("no_dt", _How(no_dt=True))
_variant("replaces_speed", _How(replaces_speed=True))
_variant("acceleration_told", _How(gives_acceleration=True))
_variant("distance_without_sign", _How(distance_size=True))
_variant("speed_without_sign", _How(speed_size=True))
_variant("half_turn", _How(half_turn=True))
_variant("acceleration_twice", _How(twice=True))
_variant("times_inertia", _How(by_inertia=True))
_variant("moves_by_speed", _How(moves_by_speed=True))
_variant("speed_first", _How(speed_first=True))
_variant("unlimited_told", _How(unlimited_reported=True))


@pd_step.right("the limit as a median")
def by_median(
    angle: float, speed: float, target: float, kp: float, kd: float, limit: float, inertia: float, dt: float
) -> State:
    torque = sorted([-limit, (target - angle) * kp - speed * kd, limit])[1]
    return angle + (speed + torque * dt / inertia) * dt, speed + torque * dt / inertia, torque
