"""The share of a control step that a delay takes

A controller that runs 50 times per second has 20 ms per step for everything: camera, network, policy and motors. Say
what share of the step each part takes, and what is left.
"""


def budget_share(parts: dict[str, float], rate: float) -> dict[str, float]:
    """The share of a control step that each part takes, in percent. The key "left" gives the share that no part takes.

    `parts` gives the time of each part in microseconds. `rate` is the number of steps per second, in hertz. If the
    parts together take longer than a step, "left" is negative.

        budget_share({"attention": 100.0}, 50.0)  ->  {"attention": 0.5, "left": 99.5}      100 µs of 20,000 µs

    Raises ValueError if `rate` is not positive or if a part is negative.
    """
    ### BEGIN SOLUTION
    if rate <= 0 or any(time < 0 for time in parts.values()):
        raise ValueError(f"no such budget: {parts} at {rate} Hz")
    step = 1e6 / rate
    shares = {name: 100 * time / step for name, time in parts.items()}
    return shares | {"left": 100 - sum(shares.values())}
    ### END SOLUTION
