"""Where an element lies

A view is a buffer, a shape, strides and an offset. With these four one formula finds every element of a slice, a
transpose, a reversed row or a row that is repeated without being stored twice.
"""


def element_at(
    buffer: list[float], shape: tuple[int, ...], strides: tuple[int, ...], offset: int, index: tuple[int, ...]
) -> float:
    """The element with this index of the view, read from the flat `buffer`.

    Element (0, 0, ...) lies at buffer[offset]. One step along an axis goes as many places on as its stride says; a
    negative stride goes back, a stride of 0 stays. `index` has a number for each axis; -1 is the last, as in Python.

        buffer = [10, 11, 12, 13, 14, 15], shape = (2, 3)

        strides (3, 1), offset 0, index (1, 2)     ->  15      the table, row by row
        strides (1, 2), offset 0, index (0, 1)     ->  12      the table, if it lies there column by column
        strides (3, -1), offset 2, index (0, 2)    ->  10      each row from right to left

    Every element of the view lies in the buffer. Raises IndexError for an index outside its axis, also where the
    buffer has something at that place.
    """
    raise NotImplementedError("your turn")
