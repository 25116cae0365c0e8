"""Rank and size, from the shape

A shape says how many axes a tensor has and how long each is. Rank and number of elements follow from it alone,
and both have a case that surprises: the shape without axes, and the axis of length 0.
"""


def rank_and_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rank (number of axes) and size (number of elements) of a tensor of this shape, as Python ints.

        rank_and_size((3, 4, 5))  ->  (3, 60)
        rank_and_size(())         ->  (0, 1)      a tensor without axes holds one number

    Exact for any shape, also where the size is beyond 64 bits. Raises ValueError if a length is negative.
    """
    raise NotImplementedError("your turn")
