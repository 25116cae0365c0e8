"""Transpose without moving anything

A transposed tensor is the same memory, read with other strides. Swap two axes and compute the new shape and the new
strides. Then check if the elements, read row by row, still follow each other in memory.
"""


def transpose_view(
    shape: tuple[int, ...], strides: tuple[int, ...], a: int, b: int
) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
    """Shape, strides (in elements) and contiguity of `x.transpose(a, b)`, for x of this shape with these strides.

    An axis may be negative, as in Python: -1 is the last axis. Read the elements in the order of their indices, so that
    the last index changes fastest. The tensor is contiguous if these elements follow each other in memory without gaps.
    x may be any view. All lengths are at least 1.

        transpose_view((4, 6), (6, 1), 0, 1)   ->  ((6, 4), (1, 6), False)
        transpose_view((6, 4), (1, 6), 0, 1)   ->  ((4, 6), (6, 1), True)
        transpose_view((1, 3), (3, 1), 0, 1)   ->  ((3, 1), (1, 3), True)     no step goes along an axis of length 1

    Raises IndexError if axis `a` or axis `b` does not exist.
    """
    ### BEGIN SOLUTION
    axes = list(range(len(shape)))
    axes[a], axes[b] = axes[b], axes[a]
    shape, strides = tuple(shape[i] for i in axes), tuple(strides[i] for i in axes)
    contiguous, step = True, 1
    for length, stride in zip(reversed(shape), reversed(strides), strict=True):
        contiguous = contiguous and (length == 1 or stride == step)
        step *= length
    return shape, strides, contiguous
    ### END SOLUTION
