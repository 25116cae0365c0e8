"""Strides of a fresh tensor

Memory has only one axis, and a fresh tensor is stored in it row by row. A stride belongs to an axis: it is the number
of elements from one index to the next. For a fresh tensor the strides follow from the shape.
"""


def row_major_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of a contiguous tensor of this shape, as torch's `.stride()` returns them.

    Elements that follow each other along the last axis are neighbors in memory. All lengths are at least 1.

        row_major_strides((4, 6))      ->  (6, 1)         the next row begins 6 elements later
        row_major_strides((2, 3, 4))   ->  (12, 4, 1)
        row_major_strides(())          ->  ()
    """
    ### BEGIN SOLUTION
    strides = []
    step = 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))
    ### END SOLUTION
