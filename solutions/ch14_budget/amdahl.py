"""How much one faster part helps

Attention becomes three times faster, but the robot does not. How many times faster does the whole computation become?
"""


def amdahl(times: dict[str, float], factors: dict[str, float]) -> float:
    """How many times faster a computation becomes when some of its parts become faster.

    `times` gives the time of each part in any unit. The parts run one after the other. `factors` says how many times
    faster some parts become. The other parts keep their time. A factor can be `inf`: then the part takes no time. If no
    time is left at all, the gain is `inf`.

        amdahl({"attention": 2.0, "rest": 8.0}, {"attention": 4.0})  ->  10 / 8.5 = 1.1765

    Raises ValueError if a factor is not positive or if its part is not in `times`.
    """
    ### BEGIN SOLUTION
    if any(name not in times or factor <= 0 for name, factor in factors.items()):
        raise ValueError(f"factors {factors} for the parts {list(times)}")
    after = sum(time / factors.get(name, 1.0) for name, time in times.items())
    return sum(times.values()) / after if after else float("inf")
    ### END SOLUTION
