"""Can you see a delay in the motion?

A policy sets a joint's target 50 times per second, and a PD controller follows the target 10,000 times per second. Let
each target arrive a little late. Simulate the joint, and compare its motion with the motion that was wanted.
"""


def tracking_error(wanted: list[float], hold: int, delay: int, kp: float, kd: float, dt: float) -> tuple[float, float]:
    """How far the joint is from the wanted angle, and how rough its motion is. Both are root mean squares.

    `wanted` is the wanted angle for each tick of `dt` seconds. At the ticks 0, hold, 2·hold, ... the policy reads the
    wanted angle of that tick and sends it as a target. The target arrives `delay` ticks later and holds until the next
    target arrives. Before the first target arrives, the target is wanted[0]. `delay` may be longer than `hold`.

    The joint starts at rest at wanted[0]. At each tick, `target` is the target that holds at this tick:

        acceleration = kp · (target − angle) − kd · speed
        speed += acceleration · dt,  then  angle += speed · dt

    Error: the root of the mean of (angle − wanted)² over all ticks, with the angle after the tick's step. Roughness:
    the root of the mean of (acceleration − acceleration of the tick before)² over all ticks. Before the first tick the
    acceleration is 0.

        tracking_error([0.0, 1.0, 2.0], 2, 0, 1.0, 0.0, 1.0): targets 0, 0, 2; accelerations 0, 0, 2; angles 0, 0, 2
            ->  error √(1/3) = 0.5774, roughness √(4/3) = 1.1547
    """
    ### BEGIN SOLUTION
    angle, speed, before = wanted[0], 0.0, 0.0
    error = rough = 0.0
    for tick, aim in enumerate(wanted):
        sent = max(0, (tick - delay) // hold * hold)
        acceleration = kp * (wanted[sent] - angle) - kd * speed
        speed += acceleration * dt
        angle += speed * dt
        error += (angle - aim) ** 2
        rough += (acceleration - before) ** 2
        before = acceleration
    return (error / len(wanted)) ** 0.5, (rough / len(wanted)) ** 0.5
    ### END SOLUTION
