"""tl.load and tl.store, for all programs at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from grader.kernels.tiles import costs
from grader.kernels.tiles.accesses import Access, AccessKind
from grader.kernels.tiles.arithmetic import block_shape
from grader.kernels.tiles.casts import cast, to_tile
from grader.kernels.tiles.dtypes import I1, Pointer
from grader.kernels.tiles.findings import Mode, Refused, UndefinedValue
from grader.kernels.tiles.memory import Argument
from grader.kernels.tiles.races import note_reads, note_values, note_writes
from grader.kernels.tiles.run_state import RunState
from grader.kernels.tiles.tile import PROGRAM_AXES, Array, Tile, as_rank

CACHE_MODIFIERS = {"loads": ("", ".ca", ".cg", ".cs", ".cv"), "stores": ("", ".wb", ".cg", ".cs", ".wt")}
EVICTION_POLICIES = ("", "evict_first", "evict_last")


def checked_pointer(pointer: Any, name: str) -> Pointer:
    """The type of a pointer. Raises Refused for all else."""
    if not isinstance(pointer, Tile) or not isinstance(pointer.dtype, Pointer):
        what = pointer.type if isinstance(pointer, Tile) else f"{pointer!r}"
        raise Refused(f"{name} takes a pointer, such as x_ptr + offsets, not {what}")
    return pointer.dtype


def checked_mask(mask: Any, pointer: Tile, name: str) -> Tile | None:
    """A mask as a tile. Raises Refused if it holds no booleans, or is a block where the pointer is a scalar."""
    if mask is None:
        return None
    tile = to_tile(mask)
    if tile.dtype is not I1:
        raise Refused(
            f"the mask of {name} must hold booleans, not {tile.dtype}: write a comparison, such as offsets < n"
        )
    if tile.shape and not pointer.shape:
        raise Refused(f"the mask of {name} is {tile.type}, but the pointer is a scalar: add offsets to the pointer")
    return tile


def check_cache(kind: str, cache_modifier: Any, eviction_policy: Any) -> None:
    """Raises Refused for hints to the cache that Triton does not know."""
    if cache_modifier not in CACHE_MODIFIERS[kind]:
        raise Refused(f"cache_modifier={cache_modifier!r} is not for {kind}")
    if eviction_policy not in EVICTION_POLICIES:
        raise Refused(f"eviction_policy={eviction_policy!r} is not one of {', '.join(EVICTION_POLICIES[1:])}")


def load(
    run: RunState,
    pointer: Any,
    mask: Any = None,
    other: Any = None,
    cache_modifier: Any = "",
    eviction_policy: Any = "",
    volatile: Any = False,
) -> Tile:
    """The elements at addresses. Masked lanes give `other`, or are undefined. Raises StrayAddress and Race."""
    dtype = checked_pointer(pointer, "tl.load")
    assert dtype.element is not None
    check_cache("loads", cache_modifier, eviction_policy)
    chosen = checked_mask(mask, pointer, "tl.load")
    if other is not None and chosen is None:
        raise Refused("tl.load: `other` needs a mask")
    shape = block_shape(pointer, *([] if chosen is None else [chosen]))
    rest = None if other is None else to_tile(other)
    if rest is not None:
        run.charge(rest.data.size, costs.NARROW)
        rest = cast(rest, dtype.element)
    if rest is not None and rest.shape:
        if not pointer.shape:
            raise Refused(f"`other` of tl.load is {rest.type}, but the pointer is a scalar")
        if block_shape(Tile(np.empty((1, 1, 1, *shape)), I1), rest) != shape:
            raise Refused(f"`other` of tl.load is {rest.type}, larger than the pointer and the mask")
    rank = len(shape)
    pay_for_access(run, shape, costs.LOAD, pointer, chosen, rest)
    addresses, lanes = as_rank(pointer.data, rank), None if chosen is None else as_rank(chosen.data, rank)
    if lanes is not None and lanes.all() and (chosen is None or chosen.defined is None):
        lanes = None
    if addresses.shape[PROGRAM_AXES:] != shape:
        addresses = np.broadcast_to(addresses, addresses.shape[:PROGRAM_AXES] + shape)
    check_defined(run, pointer, chosen, lanes, rank, "reads")
    data = _loaded(run, addresses, lanes, dtype)
    tile = Tile(data, dtype.element)
    if lanes is not None:
        if rest is not None:
            filled = as_rank(rest.data, rank)
            tile.data = np.where(lanes, data, filled)
            if rest.defined is not None:
                tile.defined, tile.origin = lanes | as_rank(rest.defined, rank), rest.origin
        else:
            if tile.data.shape[:PROGRAM_AXES] != np.broadcast_shapes(tile.data.shape, lanes.shape)[:PROGRAM_AXES]:
                tile.data = np.broadcast_to(data, np.broadcast_shapes(data.shape, lanes.shape))
            if run.undefined_from in (None, run.line):
                tile.defined, tile.origin = lanes, note_origin(run, addresses)
    return tile


def note_origin(run: RunState, addresses: Array) -> int:
    """Note whose masked elements a line leaves undefined. Returns the line."""
    run.origins[run.line] = run.memory.nearest(int(addresses.flat[0])).name if addresses.size else ""
    return run.line


def pay_for_access(run: RunState, shape: tuple[int, ...], times: int, *tiles: Tile | None) -> None:
    """Pay for an access to memory with an address, a mask and values of these tiles, before it is made."""
    if run.combines:
        raise Refused("the function of a reduction or a scan may only compute: it may not access memory")
    programs = np.broadcast_shapes(*(t.data.shape[:PROGRAM_AXES] for t in tiles if t is not None))
    run.charge(math.prod(programs) * math.prod(shape), times)


def check_defined(run: RunState, pointer: Tile, mask: Tile | None, lanes: Array | None, rank: int, mode: Mode) -> None:
    """Raises UndefinedValue if an active lane has an undefined address or mask."""
    for tile, what in ((mask, "the mask"), (pointer, "the address")):
        if tile is None or tile.defined is None:
            continue
        used = ~as_rank(tile.defined, rank)
        if what == "the address" and lanes is not None:
            used = used & lanes
        found = run.lanes(used, rank)
        if found is not None and found.any():
            index = tuple(int(i) for i in np.argwhere(found)[0])
            program = run.program_at(index)
            raise UndefinedValue(
                f"{run.kernel}: program {program} {mode} memory, but {what} is undefined: {origin_of(run, tile)}",
                (run.kernel, what, run.origins.get(tile.origin, "")),
            )


def origin_of(run: RunState, tile: Tile) -> str:
    """Why a tile has undefined elements, and what to do."""
    where = "no line has set it"
    if tile.origin:
        where = f"line {tile.origin} loads {run.origins[tile.origin]} with a mask and without `other`"
    advice = "give other=… to tl.load, replace them with tl.where, or mask the store"
    return f"{where}, so masked lanes may hold anything: {advice}"


def _loaded(run: RunState, addresses: Array, lanes: Array | None, dtype: Pointer) -> Array:
    rank = addresses.ndim - PROGRAM_AXES
    assert dtype.element is not None
    run.step += 1
    parts = list(owners(run, addresses, lanes, "reads"))
    for argument, positions, active in parts:
        _note_load(run, argument, positions, active, rank)
    if not parts:
        return np.zeros(addresses.shape, dtype.element.storage)
    if len(parts) == 1:
        argument, positions, _ = parts[0]
        return _gathered(argument, positions)
    masks = [active for _, _, active in parts if active is not None]
    shape = np.broadcast_shapes(addresses.shape, *(mask.shape for mask in masks))
    data = np.zeros(shape, dtype.element.storage)
    for argument, positions, active in parts:
        data = np.where(active if active is not None else True, _gathered(argument, positions), data)
    return data


def _gathered(argument: Argument, positions: Array) -> Array:
    if argument.span == 0:
        return np.zeros(positions.shape, argument.buffer.data.dtype)
    if positions.size and (int(positions.min()) < 0 or int(positions.max()) >= argument.span):
        positions = np.clip(positions, 0, argument.span - 1)  # only lanes that access nothing
    return argument.buffer.data.take(positions + argument.first)


def owners(
    run: RunState, addresses: Array, mask: Array | None, mode: Mode
) -> Iterator[tuple[Argument, Array, Array | None]]:
    """The arguments that the active lanes access, with the positions of all lanes and the lanes that are active.

    Raises StrayAddress for an active lane outside every tensor.
    """
    if not addresses.size:
        return
    rank = addresses.ndim - PROGRAM_AXES
    lanes = run.lanes(mask, rank)
    if lanes is not None and not lanes.any():
        return
    low, high = int(addresses.min()), int(addresses.max())
    owner = run.memory.nearest(low)
    if owner.address <= low and high < owner.address + owner.span:
        yield owner, addresses - owner.address, lanes
        return
    shape = addresses.shape if lanes is None else np.broadcast_shapes(addresses.shape, lanes.shape)
    spread = np.broadcast_to(addresses, shape)
    active = spread.ravel() if lanes is None else spread[np.broadcast_to(lanes, shape)]
    low, high = int(active.min()), int(active.max())
    owner = run.memory.nearest(low)
    if owner.address <= low and high < owner.address + owner.span:
        yield owner, addresses - owner.address, lanes
        return
    inside = np.zeros(shape, bool)
    found = []
    for argument in run.memory.arguments:
        own = (spread >= argument.address) & (spread < argument.address + argument.span)
        if lanes is not None:
            own &= lanes
        if own.any():
            inside |= own
            found.append((argument, spread - argument.address, own))
    outside = ~inside if lanes is None else lanes & ~inside
    if outside.any():
        for argument, positions, own in found:  # so that a trace shows it
            note_access(run, argument, "load" if mode == "reads" else "store", positions, own)
        index = tuple(int(i) for i in np.argwhere(np.broadcast_to(outside, shape))[0])
        program = run.program_at(index)
        own_program = tuple(slice(i, i + 1) for i in index[:PROGRAM_AXES])
        raise run.memory.stray(spread[own_program][np.broadcast_to(outside, shape)[own_program]], program, mode)
    yield from found


def _active_count(run: RunState, lanes: Array | None, block: int) -> int:
    """How many lanes access memory in all programs together. `block` is the number of lanes of one program."""
    every = block * run.count
    return every if lanes is None else int(lanes.sum()) * (every // lanes.size)


def _note_load(run: RunState, argument: Argument, positions: Array, lanes: Array | None, rank: int) -> None:
    block = int(np.prod(positions.shape[PROGRAM_AXES:], dtype=np.int64))
    run.loaded[argument.name] += _active_count(run, lanes, block) * argument.itemsize
    argument.buffer.is_loaded = True
    note_access(run, argument, "load", positions, lanes)  # first, so that a trace shows a race
    if id(argument.buffer) in run.tracked and not run.has_atomics:
        flat, programs = flattened(run, positions, lanes)
        note_reads(argument, flat, programs, run.kernel, run.grid)


def flattened(run: RunState, positions: Array, lanes: Array | None) -> tuple[Array, Array]:
    """The positions of all active lanes of all programs in one row, and the numbers of their programs."""
    rank = positions.ndim - PROGRAM_AXES
    shape = run.programs + positions.shape[PROGRAM_AXES:]
    run.charge(math.prod(shape), costs.STORE)
    every = np.broadcast_to(positions, shape)
    numbers = run.numbers()
    programs = np.broadcast_to(numbers.reshape(numbers.shape + (1,) * rank), shape)
    if lanes is None:
        return every.ravel(), programs.ravel()
    chosen = np.broadcast_to(lanes, shape)
    return every[chosen], programs[chosen]


def note_access(run: RunState, argument: Argument, kind: AccessKind, positions: Array, lanes: Array | None) -> None:
    if run.keeps_accesses:
        run.access_bytes += positions.nbytes + (0 if lanes is None else lanes.nbytes)
        tensor = argument.shape, argument.strides, argument.itemsize
        where = run.kernel, run.grid, run.step - 1, run.line
        run.accesses.append(Access(0, *where, kind, argument.name, *tensor, run.first, run.programs, positions, lanes))


def store(
    run: RunState, pointer: Any, value: Any, mask: Any = None, cache_modifier: Any = "", eviction_policy: Any = ""
) -> None:
    """Write elements to addresses. Raises StrayAddress, UndefinedValue and Race."""
    dtype = checked_pointer(pointer, "tl.store")
    assert dtype.element is not None
    check_cache("stores", cache_modifier, eviction_policy)
    tile = to_tile(value)
    chosen = checked_mask(mask, pointer, "tl.store")
    check_store_shapes(pointer, tile, chosen, "tl.store")
    rank = len(pointer.shape)
    pay_for_access(run, pointer.shape, costs.STORE, pointer, chosen, tile)
    tile = cast(tile, dtype.element)
    mask_lanes = None if chosen is None else as_rank(chosen.data, rank)
    check_defined(run, pointer, chosen, mask_lanes, rank, "writes")
    parts = list(owners(run, pointer.data, mask_lanes, "writes"))  # a store without its mask is stray above all
    check_value_defined(run, tile, mask_lanes, rank, "stores")
    run.step += 1
    for argument, positions, lanes in parts:
        flat, programs = flattened(run, positions, lanes)
        note_access(run, argument, "store", positions, lanes)  # first, so that a trace shows a race
        if not run.has_atomics:
            note_writes(argument, flat, programs, run.kernel, run.grid)
        values = spread(run, tile, pointer.shape)
        written = values.ravel() if lanes is None else values[np.broadcast_to(lanes, values.shape)]
        argument.buffer.data[flat + argument.first] = written
        if not run.has_atomics:
            note_values(argument, flat, written, programs, run.kernel, run.grid)
        argument.buffer.is_stored = True
        run.note_store(argument, flat)


def check_store_shapes(pointer: Tile, value: Tile, mask: Tile | None, name: str) -> None:
    """Raises Refused unless value and mask fit into the shape of the pointer."""
    if value.shape and not pointer.shape:
        raise Refused(f"{name} writes {value.type} to one address: add offsets to the pointer, out_ptr + tl.arange(…)")
    shape = block_shape(pointer, value, *([] if mask is None else [mask]))
    if shape != pointer.shape:
        raise Refused(
            f"{name}: the pointer has the shape {list(pointer.shape)}, but the value has the shape {list(shape)}"
        )


def spread(run: RunState, tile: Tile, shape: tuple[int, ...]) -> Array:
    """The values of a tile for every program and every lane of a shape."""
    return np.broadcast_to(as_rank(tile.data, len(shape)), run.programs + shape)


def check_value_defined(run: RunState, tile: Tile, lanes: Array | None, rank: int, verb: str) -> None:
    """Raises UndefinedValue if an active lane of a value is undefined."""
    if tile.defined is None:
        return
    used = ~as_rank(tile.defined, rank)
    found = run.lanes(used if lanes is None else used & lanes, rank)
    if found is not None and found.any():
        index = tuple(int(i) for i in np.argwhere(found)[0])
        raise UndefinedValue(
            f"{run.kernel}: program {run.program_at(index)} {verb} an undefined value: {origin_of(run, tile)}",
            (run.kernel, "value", run.origins.get(tile.origin, "")),
        )
