"""Which shape two shapes make

Adding a (5, 1) to a (1, 4) gives a (5, 4). Torch lines shapes up at the last axis and lets a length of 1 stand for
any other. Work out the result, or say that there is none.
"""


def broadcast_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of x + y, for x of shape `a` and y of shape `b`.

    Axes are paired from the last one on; where one shape has run out, its length counts as 1. Two lengths agree if
    they are equal or if one of them is 1, and then the result has the other one.

        a = (5, 1), b = (1, 4)    ->  (5, 4)
        a = (2, 3), b = (3,)      ->  (2, 3)
        a = (2, 3), b = (2,)      ->  ValueError: 3 and 2 meet at the last axis

    Raises ValueError if two lengths do not agree; whoever reads it will be glad of the axis and both lengths.
    """
    ### BEGIN SOLUTION
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    result = []
    for axis, (m, n) in enumerate(zip(a, b, strict=True)):
        if m != n and 1 not in (m, n):
            raise ValueError(f"lengths {m} and {n} clash at axis {axis - rank}")
        result.append(n if m == 1 else m)
    return tuple(result)
    ### END SOLUTION
