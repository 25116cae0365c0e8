"""A slow planner and a fast policy

A humanoid's model often has two halves: one that looks and reads and takes its time, and one that turns its
conclusions into motion, many times a second. How long until something that happens in front of the robot changes what
it does?
"""


def dual_rate(planner: int, policy: int, event: int) -> tuple[int, int]:
    """Microseconds from an event to the first action that knows of it, (through the policy alone, through the planner).

    Both halves run over and over without a pause, from time 0: a run of the planner takes `planner` µs, one of the
    policy `policy` µs. A run uses what there is when it starts and gives its result when it ends. The policy looks at
    the joints and cameras itself, and at the newest finished plan; only the planner understands what it sees. The event
    happens at time `event`; a run that starts at that very moment still sees it, as it does a plan finished at that
    very moment. An action is done when its run ends.

        planner 100, policy 20, event at 30
            the policy starts next at 40, acts at 60                                       ->   30
            the planner starts next at 100, is done at 200; the policy starts then, acts at 220  ->  190

    Raises ValueError if a time of a run is not positive or `event` is negative.
    """
    raise NotImplementedError("your turn")
