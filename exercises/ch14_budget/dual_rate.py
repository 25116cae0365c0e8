"""A slow planner and a fast policy

The model of a humanoid often has two halves. The planner looks and reads, which takes time. The policy turns the plan
into motion, many times per second. Something happens in front of the robot. How long does it take until the robot
reacts?
"""


def dual_rate(planner: int, policy: int, event: int) -> tuple[int, int]:
    """Microseconds from an event to the first action that reacts to it: (by the policy alone, through the planner).

    Both halves run again and again without a pause, starting at time 0. A run of the planner takes `planner` µs, and a
    run of the policy takes `policy` µs. A run uses the inputs that exist when it starts, and gives its result when it
    ends. The policy sees the joints and cameras itself, and it uses the newest finished plan. Only the planner
    understands what it sees. The event happens at time `event`. A run that starts exactly at this time still sees the
    event. In the same way, a run of the policy that starts exactly when a plan is finished still uses that plan. An
    action is done when its run ends.

        planner 100, policy 20, event at 30
            the policy starts next at 40 and acts at 60                                            ->   30
            the planner starts next at 100 and ends at 200; the policy starts then and acts at 220 ->  190

    Raises ValueError if a run takes less than 1 µs or if `event` is negative.
    """
    raise NotImplementedError("your turn")
