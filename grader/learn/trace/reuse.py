"""What a trace shows about reuse: which program reads which tile, what L2 could deliver, and what is overwritten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from grader.learn.trace.gather import rectangles_of
from grader.learn.trace.model import Launch, Rectangle, Step, Tensor, Trace

MOST = 64  # rows and columns of a table of reads
Needed = Literal["all", "some", "none"]  # how much of a tile the queries of a program see
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Reads:
    """How often each program (rows) reads each tile (columns) of some arguments that are read alike.

    The rows are the programs along the first axis of the grid that has several. A column holds the rectangles of a
    tile; `unread` counts the last columns, which no program reads. `needed`, if it is known, says how much of each tile
    a program's queries see.
    """

    launch: int
    arguments: tuple[str, ...]
    programs: tuple[int, ...]
    columns: tuple[Rectangle, ...]
    times: tuple[tuple[int, ...], ...]
    unread: int = 0
    needed: tuple[tuple[Needed, ...], ...] | None = None


@dataclass(frozen=True)
class Wave:
    """What `programs` programs that run at once ask for in a launch, and what is left if each tile comes only once.

    A tile counts once among the programs of a wave that load it in one step. `tiles` are the distinct tiles that are
    most in one step, and `in_flight` their bytes.
    """

    launch: int
    programs: int
    asked: int
    distinct: int
    tiles: int
    in_flight: int


@dataclass(frozen=True)
class Clash:
    """Elements that several programs of a launch store to, or that one stores to and another one loads."""

    launch: int
    argument: str
    rectangles: tuple[Rectangle, ...]
    elements: int
    programs: tuple[int, ...]


def tables_of_reads(trace: Trace) -> tuple[Reads, ...]:
    """A table for each argument whose tiles several programs read, or none. Equal tables of a launch are one."""
    tables: list[Reads] = []
    for tensor in trace.tensors:
        table = _reads(trace, tensor)
        if table is None:
            continue
        for i, other in enumerate(tables):
            if replace(other, arguments=()) == replace(table, arguments=()):
                tables[i] = replace(other, arguments=(*other.arguments, *table.arguments))
                break
        else:
            tables.append(table)
    return tuple(tables)


def _reads(trace: Trace, tensor: Tensor) -> Reads | None:
    launch = trace.launches[tensor.launch]
    programs = _along_the_first_axis(launch)
    counts: dict[Rectangle, dict[int, int]] = {}
    for _, step in trace.of_launch(tensor.launch):
        if step.argument != tensor.argument or step.kind != "load":
            continue
        for tile in step.tiles:
            own = set(tile.programs) & set(programs)
            if own and tile.rectangles:
                of_tile = counts.setdefault(_around(tile.rectangles), {})
                for program in own:
                    of_tile[program] = of_tile.get(program, 0) + 1
    read = sorted(counts)
    if not 1 < len(programs) <= MOST or not 1 < len(read) <= MOST:
        return None
    unread = _gaps(read)
    if not unread and all(sum(counts[tile].values()) == 1 for tile in read):
        return None
    times = tuple(tuple(counts[c].get(p, 0) for c in read) + (0,) * len(unread) for p in programs)
    return Reads(tensor.launch, (tensor.argument,), programs, (*read, *unread), times, len(unread))


def _along_the_first_axis(launch: Launch) -> tuple[int, ...]:
    """The programs of a grid along its first axis that has several; the other axes are at 0."""
    width, height, depth = launch.grid
    if width > 1:
        return tuple(range(width))
    return tuple(range(0, width * height, width)) if height > 1 else tuple(range(depth))


def _around(rectangles: Iterable[Rectangle]) -> Rectangle:
    every = list(rectangles)
    return Rectangle(
        min(r.top for r in every),
        min(r.left for r in every),
        max(r.bottom for r in every),
        max(r.right for r in every),
    )


def _gaps(read: list[Rectangle]) -> list[Rectangle]:
    """The rows between tiles, or columns where all tiles lie in the same rows, that no tile covers."""
    around = _around(read)
    by_rows = len({(r.left, r.right) for r in read}) == 1
    ends = sorted((r.top, r.bottom) if by_rows else (r.left, r.right) for r in read)
    if not by_rows and len({(r.top, r.bottom) for r in read}) != 1:
        return []
    gaps, end = [], ends[0][1]
    for start, stop in ends[1:]:
        if start > end:
            gaps.append((end, start))
        end = max(end, stop)
    if by_rows:
        return [Rectangle(start, around.left, stop, around.right) for start, stop in gaps]
    return [Rectangle(around.top, start, around.bottom, stop) for start, stop in gaps]


def with_needs(table: Reads, trace: Trace, queries: str, seen: Array) -> Reads:
    """The table with what is needed. `seen`, (queries, keys), is True where a query sees a key.

    A program's queries are the rows of the argument `queries` that it loads. The last keys that nobody reads get a
    column of their own. Without queries the table stays as it is.
    """
    rows: dict[int, tuple[int, int]] = {}
    for _, step in trace.of_launch(table.launch):
        if step.argument == queries and step.kind == "load":
            for tile in step.tiles:
                around = _around(tile.rectangles)
                rows |= dict.fromkeys(tile.programs, (around.top, around.bottom))
    if not all(program in rows for program in table.programs):
        return table
    width, end = seen.shape[1], max(c.bottom for c in table.columns)
    if end < width:
        rest = Rectangle(end, table.columns[0].left, width, table.columns[0].right)
        times = tuple((*row, 0) for row in table.times)
        table = replace(table, columns=(*table.columns, rest), times=times, unread=table.unread + 1)

    def need(program: int, keys: Rectangle) -> Needed:
        part = seen[slice(*rows[program]), keys.top : keys.bottom]
        return "all" if part.size and part.all() else "some" if part.any() else "none"

    return replace(table, needed=tuple(tuple(need(p, c) for c in table.columns) for p in table.programs))


def waves(trace: Trace, launch: int) -> tuple[Wave, ...]:
    """What L2 could do for 1, 2, 4 … and all programs of a launch at once."""
    most = trace.launches[launch].programs
    sizes = [2**n for n in range(most.bit_length()) if 2**n < most] + [most]
    loads = [step for _, step in trace.of_launch(launch) if step.kind == "load"]
    return tuple(_wave(launch, size, loads) for size in sizes)


def _wave(launch: int, size: int, loads: Iterable[Step]) -> Wave:
    asked = distinct = tiles = in_flight = 0
    for step in loads:
        by_wave: dict[int, tuple[int, int]] = {}
        for tile in step.tiles:
            asked += tile.lanes * step.itemsize * len(tile.programs)
            for wave in {program // size for program in tile.programs}:
                count, bytes_ = by_wave.get(wave, (0, 0))
                by_wave[wave] = count + 1, bytes_ + tile.lanes * step.itemsize
        distinct += sum(bytes_ for _, bytes_ in by_wave.values())
        tiles = max([tiles, *(count for count, _ in by_wave.values())])
        in_flight = max([in_flight, *(bytes_ for _, bytes_ in by_wave.values())])
    return Wave(launch, size, asked, distinct, tiles, in_flight)


NOBODY, SEVERAL = -1, -2  # instead of the number of a program


def clashes(trace: Trace) -> tuple[Clash, ...]:
    """What programs overwrite of each other's elements. Atomic operations do no harm, and are left out."""
    found = (_clash(trace, tensor) for tensor in trace.tensors)
    return tuple(clash for clash in found if clash is not None)


def _clash(trace: Trace, tensor: Tensor) -> Clash | None:
    steps = [step for _, step in trace.of_launch(tensor.launch) if step.argument == tensor.argument]
    if not any(step.kind == "store" for step in steps):
        return None
    stored, loaded = _users(tensor, steps, "store"), _users(tensor, steps, "load")
    bad = (stored == SEVERAL) | ((stored != NOBODY) & (loaded != NOBODY) & (loaded != stored))
    if not bad.any():
        return None
    offsets = np.flatnonzero(bad)
    rectangles, _ = rectangles_of(offsets, bad.shape, (bad.shape[1], 1))

    def touches(r: Rectangle) -> bool:
        return bool(bad[r.top : r.bottom, r.left : r.right].any())

    tiles = [tile for step in steps if step.kind != "atomic" for tile in step.tiles]
    involved = {p for tile in tiles if any(map(touches, tile.rectangles)) for p in tile.programs}
    return Clash(tensor.launch, tensor.argument, rectangles, offsets.size, tuple(sorted(involved)))


def _users(tensor: Tensor, steps: Iterable[Step], kind: str) -> Array:
    """The program that accesses each element in this way, or NOBODY, or SEVERAL."""
    users: Array = np.full((tensor.rows, tensor.columns), NOBODY)
    for step in steps:
        for tile in step.tiles if step.kind == kind else ():
            user = tile.programs[0] if len(tile.programs) == 1 else SEVERAL
            for r in tile.rectangles if tile.is_exact else ():
                part = users[r.top : r.bottom, r.left : r.right]
                part[...] = np.where((part == NOBODY) | (part == user), user, SEVERAL)
    return users
