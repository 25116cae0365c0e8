"""Turns the list of accesses into a trace: elements become rectangles, and programs with the same tile become one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from grader.kernels.tiles.accesses import Access
from grader.learn.trace.model import Launch, Rectangle, Step, Tensor, Tile, Trace

MOST_RECTANGLES = 48  # of one tile; a tile of more is drawn as the rectangle around them
Array = np.ndarray[Any, np.dtype[Any]]


def trace_of(accesses: Iterable[Access]) -> Trace:
    """The trace of all launches of a call."""
    kept = list(accesses)
    launches = {a.launch: Launch(a.kernel, a.grid) for a in kept}
    numbers = {launch: number for number, launch in enumerate(sorted(launches))}
    tensors = {
        (numbers[a.launch], a.argument): Tensor(numbers[a.launch], a.argument, a.shape, a.itemsize) for a in kept
    }
    return Trace(
        tuple(launches[launch] for launch in sorted(launches)),
        tuple(sorted(tensors.values(), key=lambda tensor: tensor.launch)),
        tuple(_steps(kept, numbers)),
    )


def _steps(accesses: Sequence[Access], launches: dict[int, int]) -> Iterator[Step]:
    """One step for each operation. Accesses of one operation to the chunks of a large grid are put together."""
    parts: dict[tuple[int, int, str, int], list[Access]] = {}
    for access in accesses:
        parts.setdefault((access.launch, access.step, access.argument, access.line), []).append(access)
    order = sorted(parts, key=lambda key: key[:2])  # a chunk starts again at step 0
    numbers: dict[int, int] = {}
    for key in order:
        launch, same = key[0], parts[key]
        number = numbers[launch] = numbers.get(launch, -1) + 1
        first = same[0]
        tiles = _merged(tile for access in same for tile in _tiles(access))
        yield Step(launches[launch], number, first.line, first.kind, first.argument, first.itemsize, tiles)


def _merged(tiles: Iterable[tuple[bytes, Tile]]) -> tuple[Tile, ...]:
    """The distinct tiles, each with all of its programs, in the order of their first programs."""
    found: dict[tuple[bytes, int], list[Tile]] = {}
    for key, tile in tiles:
        found.setdefault((key, tile.lanes), []).append(tile)
    merged = []
    for same in found.values():
        programs = tuple(sorted({program for tile in same for program in tile.programs}))
        merged.append(Tile(same[0].rectangles, programs, same[0].lanes, same[0].is_exact))
    return tuple(sorted(merged, key=lambda tile: (tile.programs, tile.rectangles)))


def _tiles(access: Access) -> Iterator[tuple[bytes, Tile]]:
    """The tile of each program, or of the programs that differ in nothing, with a key that tells tiles apart."""
    positions, active = access.positions, access.active
    if active is not None:
        shape = np.broadcast_shapes(positions.shape, active.shape)
        positions, active = np.broadcast_to(positions, shape), np.broadcast_to(active, shape)
    for place in np.ndindex(positions.shape[:3]):
        own = positions[place] if active is None else positions[place][active[place]]
        if not own.size:
            continue
        elements = np.unique(own)
        rectangles, is_exact = rectangles_of(elements, access.shape, access.strides)
        programs = tuple(_programs(access, positions.shape[:3], place))
        yield elements.tobytes(), Tile(rectangles, programs, own.size, is_exact)


def _programs(access: Access, sizes: Sequence[int], place: Sequence[int]) -> Iterator[int]:
    """The numbers of the programs at a place of an axis, or of all programs along an axis of size 1."""
    width, height, _ = access.grid
    along = [
        [first + at] if size > 1 else range(first, first + count)
        for first, count, size, at in zip(access.first, access.programs, sizes, place, strict=True)
    ]
    for z, y, x in itertools.product(*reversed(along)):
        yield x + width * (y + height * z)


def rectangles_of(elements: Array, shape: Sequence[int], strides: Sequence[int]) -> tuple[tuple[Rectangle, ...], bool]:
    """The rectangles that hold exactly these elements, offsets from element 0, of a tensor that is drawn as a matrix.

    The second value is False if that takes too many of them: then there is the one around all elements.
    """
    rows, columns = _in_the_matrix(elements, shape, strides)
    if not rows.size:
        return (), True
    around = Rectangle(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
    if around.elements == rows.size:
        return (around,), True
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    starts = np.flatnonzero(np.concatenate(([True], (np.diff(rows) != 0) | (np.diff(columns) != 1))))
    ends = np.append(starts[1:], rows.size) - 1
    runs = zip(rows[starts].tolist(), columns[starts].tolist(), columns[ends].tolist(), strict=True)
    open_runs: dict[tuple[int, int], Rectangle] = {}
    closed = []
    for row, left, last in runs:
        above = open_runs.get((left, last))
        if above is not None and above.bottom != row:
            closed.append(above)
            above = None
        open_runs[left, last] = Rectangle(above.top if above else row, left, row + 1, last + 1)
        if len(closed) + len(open_runs) > MOST_RECTANGLES:
            return (around,), False
    return tuple(sorted([*closed, *open_runs.values()])), True


def _in_the_matrix(elements: Array, shape: Sequence[int], strides: Sequence[int]) -> tuple[Array, Array]:
    """The row and the column of each element. Offsets between the rows of a strided tensor are none of its elements."""
    rest, inside = elements, np.ones(elements.shape, dtype=bool)
    index = [np.zeros(elements.shape, dtype=np.int64) for _ in shape]
    for axis in sorted(range(len(shape)), key=lambda axis: -strides[axis]):
        if shape[axis] > 1 and strides[axis] > 0:
            index[axis], rest = np.divmod(rest, strides[axis])
            inside &= index[axis] < shape[axis]
    inside &= rest == 0
    row = np.zeros(elements.shape, dtype=np.int64)
    for axis in range(len(shape) - 1):
        row = row * shape[axis] + index[axis]
    column = index[-1] if shape else np.zeros(elements.shape, dtype=np.int64)
    return row[inside], column[inside]
