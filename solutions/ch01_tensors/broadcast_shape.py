"""The shape that broadcasting gives

If you add a (5, 1) to a (1, 4), you get a (5, 4). Torch lines the shapes up at the last axis and stretches each length
of 1. Compute the shape of the result, or raise an error if the shapes do not fit.
"""


def broadcast_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of x + y, for x of shape `a` and y of shape `b`.

    Axes are paired, starting with the last axis. If one shape has fewer axes, its missing lengths count as 1. Two
    lengths fit if they are equal or if one of them is 1. If one is 1, the result has the other length.

        a = (5, 1), b = (1, 4)    ->  (5, 4)
        a = (2, 3), b = (3,)      ->  (2, 3)
        a = (2, 3), b = (2,)      ->  ValueError: the last lengths, 3 and 2, do not fit

    Raises ValueError if two lengths do not fit. A good message names the axis and both lengths.
    """
    ### BEGIN SOLUTION
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    result = []
    for axis, (m, n) in enumerate(zip(a, b, strict=True)):
        if m != n and 1 not in (m, n):
            raise ValueError(f"lengths {m} and {n} do not fit at axis {axis - rank}")
        result.append(n if m == 1 else m)
    return tuple(result)
    ### END SOLUTION
