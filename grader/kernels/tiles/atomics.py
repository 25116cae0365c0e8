"""Atomic operations on memory: programs take turns, in the order of their numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from grader.kernels.tiles import costs
from grader.kernels.tiles.arithmetic import block_shape
from grader.kernels.tiles.casts import cast, to_tile
from grader.kernels.tiles.dtypes import BF16, FP16, FP32, FP64, DType
from grader.kernels.tiles.findings import Refused
from grader.kernels.tiles.load_store import (
    check_defined,
    check_store_shapes,
    check_value_defined,
    checked_mask,
    checked_pointer,
    flattened,
    note_access,
    note_origin,
    owners,
    pay_for_access,
    spread,
)
from grader.kernels.tiles.rounding import rounded
from grader.kernels.tiles.run_state import RunState
from grader.kernels.tiles.tile import Array, Tile, as_rank

TURN_COST = 50_000  # of a group of lanes that take their turn together
Update = Callable[[Array, Array], Array]
UPDATES: dict[str, Update] = {
    "add": np.add,
    "max": np.maximum,
    "min": np.minimum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "xchg": lambda old, new: new,
}


def _check_type(element: DType, name: str) -> None:
    short = element in (FP16, BF16) and name != "add"
    if short or element.bits < 16 or (element.is_int and element.bits == 16):
        raise Refused(f"tl.atomic_{name} does not take {element}")
    if name in ("max", "min") and element.is_float and element not in (FP32, FP64):
        raise Refused(f"tl.atomic_{name} does not take {element}")
    if name in ("and", "or", "xor") and not element.is_int:
        raise Refused(f"tl.atomic_{name} takes whole numbers, not {element}")


def read_modify_write(
    run: RunState, name: str, pointer: Any, value: Any, mask: Any = None, sem: Any = None, scope: Any = None
) -> Tile:
    """Combine elements in memory with values; gives the elements before. Raises as tl.store does."""
    dtype = checked_pointer(pointer, f"tl.atomic_{name}")
    assert dtype.element is not None
    tile, chosen = to_tile(value), checked_mask(mask, pointer, f"tl.atomic_{name}")
    check_store_shapes(pointer, tile, chosen, f"tl.atomic_{name}")
    _check_type(dtype.element, name)
    update, element = UPDATES[name], dtype.element

    def rounding(old: Array, new: Array) -> Array:
        data = update(old, new)
        return rounded(data, element) if element in (FP16, BF16) else data

    return _in_turn(run, pointer, cast(tile, element), chosen, lambda old, new, _: rounding(old, new), sem)


def compare_and_swap(run: RunState, pointer: Any, cmp: Any, val: Any, sem: Any = None, scope: Any = None) -> Tile:
    """Write `val` where memory holds `cmp`; gives the elements before."""
    dtype = checked_pointer(pointer, "tl.atomic_cas")
    assert dtype.element is not None
    if dtype.element.bits not in (16, 32, 64):
        raise Refused(f"tl.atomic_cas does not take {dtype.element}")
    expected, tile = to_tile(cmp), to_tile(val)
    if expected.dtype != dtype.element or tile.dtype != dtype.element:
        raise Refused(f"tl.atomic_cas takes values of type {dtype.element}, not {expected.dtype} and {tile.dtype}")
    if not expected.shape == tile.shape == pointer.shape:
        raise Refused("tl.atomic_cas takes values of the pointer's shape")
    check_value_defined(run, expected, None, len(pointer.shape), "compares")
    pay_for_access(run, pointer.shape, costs.ATOMIC, pointer, expected)
    want = spread(run, expected, pointer.shape)

    def swap(old: Array, new: Array, at: Array) -> Array:
        return np.where(old == want.ravel()[at], new, old)

    return _in_turn(run, pointer, tile, None, swap, sem)


def _in_turn(
    run: RunState,
    pointer: Tile,
    value: Tile,
    mask: Tile | None,
    update: Callable[[Array, Array, Array], Array],
    sem: Any,
) -> Tile:
    """Apply an update to the elements at addresses, one lane after the other where they meet."""
    assert pointer.shape == block_shape(pointer, value)
    rank = len(pointer.shape)
    pay_for_access(run, pointer.shape, costs.ATOMIC, pointer, mask, value)
    run.charge(math.prod((*run.programs, *pointer.shape)), costs.ATOMIC)
    lanes = None if mask is None else as_rank(mask.data, rank)
    check_defined(run, pointer, mask, lanes, rank, "writes")
    check_value_defined(run, value, lanes, rank, "stores")
    before = np.zeros(run.programs + pointer.shape, value.data.dtype)
    values = spread(run, value, pointer.shape).ravel()
    run.step += 1
    for argument, positions, active in owners(run, pointer.data, lanes, "writes"):
        run.has_atomics |= sem != "relaxed"
        flat, _ = flattened(run, positions, active)
        where = np.arange(before.size) if active is None else np.flatnonzero(np.broadcast_to(active, before.shape))
        data = argument.buffer.data
        at = flat + argument.first
        for turn in _turns(run, flat):
            old = data[at[turn]]
            before.reshape(-1)[where[turn]] = old
            data[at[turn]] = update(old, values[where[turn]], where[turn])
        argument.buffer.is_stored = True
        run.loaded[argument.name] += flat.size * argument.itemsize
        run.note_store(argument, flat)
        note_access(run, argument, "atomic", positions, active)
    tile = Tile(before, value.dtype)
    if lanes is not None:
        tile.defined, tile.origin = np.broadcast_to(lanes, before.shape), note_origin(run, pointer.data)
    return tile


def _turns(run: RunState, positions: Array) -> list[Array]:
    """Groups of lanes, all at different positions. Lanes at one position are in later groups, in their order."""
    order = np.argsort(positions, kind="stable")
    ordered = positions[order]
    starts = np.r_[True, ordered[1:] != ordered[:-1]] if ordered.size else np.zeros(0, bool)
    first = np.maximum.accumulate(np.where(starts, np.arange(ordered.size), 0))
    rank = np.arange(ordered.size) - first
    run.pay(TURN_COST * (int(rank.max()) + 1 if rank.size else 0))
    by_turn = np.argsort(rank, kind="stable")
    bounds = np.flatnonzero(np.diff(rank[by_turn])) + 1
    return [order[group] for group in np.split(by_turn, bounds)] if ordered.size else []
