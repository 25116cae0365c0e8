"""Strides of a fresh tensor

Memory has one axis. A tensor lies in it row by row, and a stride says for each axis how many elements one has to
go on to find its next index. For a fresh tensor the strides follow from the shape.
"""


def row_major_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of a contiguous tensor of this shape, as torch's `.stride()` gives them.

    The last axis runs fastest: its elements are neighbours. All lengths are at least 1.

        row_major_strides((4, 6))      ->  (6, 1)         the next row begins 6 elements on
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
