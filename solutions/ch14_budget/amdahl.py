"""What a faster part does for the whole

Three times faster attention is not a three times faster robot. How much faster is it?
"""


def amdahl(times: dict[str, float], factors: dict[str, float]) -> float:
    """How many times faster the whole becomes if some of its parts do.

    `times` gives the time of each part, one after the other, in any unit; `factors` how many times faster some of them
    become. The others stay as they are. A factor may be `inf`: the part takes no time any more, and if that leaves
    nothing, the gain is `inf`.

        amdahl({"attention": 2.0, "rest": 8.0}, {"attention": 4.0})  ->  10 / 8.5 = 1.1765

    Raises ValueError if a factor is not positive or belongs to no part.
    """
    ### BEGIN SOLUTION
    if any(name not in times or factor <= 0 for name, factor in factors.items()):
        raise ValueError(f"factors {factors} for the parts {list(times)}")
    after = sum(time / factors.get(name, 1.0) for name, time in times.items())
    return sum(times.values()) / after if after else float("inf")
    ### END SOLUTION
