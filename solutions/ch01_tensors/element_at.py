"""Where an element lies

A view is a buffer, a shape, strides and an offset. With these four, one formula finds every element of a slice, of a
transpose, of a reversed row, or of a row that is repeated but stored only once.
"""


def element_at(
    buffer: list[float], shape: tuple[int, ...], strides: tuple[int, ...], offset: int, index: tuple[int, ...]
) -> float:
    """The element of the view at this index, read from the flat `buffer`.

    Element (0, 0, ...) is buffer[offset]. One step along an axis moves by the stride of this axis: a negative stride
    moves back, and a stride of 0 stays at the same place. `index` has one number for each axis. -1 is the last element,
    as in Python.

        buffer = [10, 11, 12, 13, 14, 15], shape = (2, 3)

        strides (3, 1), offset 0, index (1, 2)     ->  15      the matrix is stored row by row
        strides (1, 2), offset 0, index (0, 1)     ->  12      the matrix is stored column by column
        strides (3, -1), offset 2, index (0, 2)    ->  10      each row is read from right to left

    Every element of the view is in the buffer. Raises IndexError for an index outside its axis, even if the buffer has
    an element at the computed place.
    """
    ### BEGIN SOLUTION
    place = offset
    for i, length, stride in zip(index, shape, strides, strict=True):
        if not -length <= i < length:
            raise IndexError(f"index {i} is outside an axis of length {length}")
        place += i % length * stride
    return buffer[place]
    ### END SOLUTION
