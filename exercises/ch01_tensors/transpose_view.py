"""Transpose without moving anything

A transposed tensor is the same memory, read with other strides. Work out shape and strides after two axes have
been swapped, and whether the elements, read row by row, still lie one after the other.
"""


def transpose_view(
    shape: tuple[int, ...], strides: tuple[int, ...], a: int, b: int
) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
    """Shape, strides (in elements) and contiguity of `x.transpose(a, b)`, for x of this shape with these strides.

    An axis may be negative, as in Python: -1 is the last. Contiguous means: read in the order of the indices, the last
    one running fastest, each element lies directly behind the one before. x itself may be anything, a view as well.
    All lengths are at least 1.

        transpose_view((4, 6), (6, 1), 0, 1)   ->  ((6, 4), (1, 6), False)
        transpose_view((6, 4), (1, 6), 0, 1)   ->  ((4, 6), (6, 1), True)
        transpose_view((1, 3), (3, 1), 0, 1)   ->  ((3, 1), (1, 3), True)     no step is ever made along a length of 1

    Raises IndexError if there is no axis `a` or no axis `b`.
    """
    raise NotImplementedError("your turn")
