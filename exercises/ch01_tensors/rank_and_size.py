"""Rank and size, from the shape

A shape says how many axes a tensor has and how long each axis is. The rank and the number of elements follow from the
shape alone. Two shapes are easy to get wrong: the shape without axes, and a shape with an axis of length 0.
"""


def rank_and_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rank (number of axes) and size (number of elements) of a tensor of this shape, as Python ints.

        rank_and_size((3, 4, 5))  ->  (3, 60)
        rank_and_size(())         ->  (0, 1)      a tensor without axes holds one number

    The result is exact for every shape, even if the size does not fit into 64 bits. Raises ValueError if a length is
    negative.
    """
    raise NotImplementedError("your turn")
