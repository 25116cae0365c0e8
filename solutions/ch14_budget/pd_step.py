"""One step of a PD controller

Between two targets of the policy, a much simpler controller moves the joint: a spring pulls it toward the target, and a
brake grows with its speed.
"""


def pd_step(
    angle: float, speed: float, target: float, kp: float, kd: float, limit: float, inertia: float, dt: float
) -> tuple[float, float, float]:
    """Angle (rad), speed (rad/s) and torque (Nm) of a joint after one step of `dt` seconds.

    The torque is kp times the distance to the target, minus kd times the speed. The torque of the motor is at most
    `limit` in either direction. The torque accelerates the joint by torque / inertia. The new speed is the old speed
    plus acceleration · dt. The joint then moves with the *new* speed for the whole step. This keeps the simulation
    stable.

        pd_step(0.0, 1.0, 0.5, kp=8.0, kd=1.0, limit=10.0, inertia=2.0, dt=0.1)
            torque 8 · 0.5 − 1 · 1 = 3, acceleration 1.5, speed 1 + 0.15, angle 0 + 0.115  ->  (0.115, 1.15, 3.0)
    """
    ### BEGIN SOLUTION
    torque = kp * (target - angle) - kd * speed
    torque = max(-limit, min(limit, torque))
    speed = speed + torque / inertia * dt
    return angle + speed * dt, speed, torque
    ### END SOLUTION
