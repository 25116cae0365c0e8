"""The functions of triton.language by name, with the names of their parameters there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grader.kernels.tiles import (
    arithmetic,
    atomics,
    functions,
    load_store,
    products,
    random_numbers,
    reductions,
    scans,
    shapes,
)
from grader.kernels.tiles.casts import bitcast, cast, to_tile
from grader.kernels.tiles.dtypes import I1, I32, DType
from grader.kernels.tiles.findings import FailedAssertion, Refused
from grader.kernels.tiles.run_state import RunState
from grader.kernels.tiles.tile import Tile


@dataclass(frozen=True)
class Entry:
    """A function. `names` are its parameters in triton.language, by position; `run`: it gets the run's state first.

    `parameters` are its own names, the first `required` of which have no default; `takes_more`: any number of them. The
    first `tiles` of them take no plain number.
    """

    function: Callable[..., Any]
    parameters: tuple[str, ...]
    required: int
    takes_more: bool
    names: Mapping[str, str]  # Triton's name to our own
    run: bool = False
    tiles: int = 0

    def renamed(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The keyword arguments by the function's own names. Raises Refused if the arguments do not fit."""
        if len(args) > len(self.parameters) and not self.takes_more:
            raise Refused(f"tl.{name} takes {len(self.parameters)} arguments, but gets {len(args)}")
        own = {self.names.get(key, key): value for key, value in kwargs.items()} if kwargs else kwargs
        given = self.parameters[: len(args)]
        for key in own:
            if key not in self.parameters or key in given:
                raise Refused(f"tl.{name} has no parameter {key}, or gets it twice")
        for missing in self.parameters[len(args) : self.required]:
            if missing not in own:
                raise Refused(f"tl.{name} needs a value for {missing}")
        for i in range(self.tiles):
            if not isinstance(args[i] if i < len(args) else own[self.parameters[i]], Tile):
                raise Refused(f"tl.{name} takes a tile, not a number: tl.full makes a tile from a number")
        return own


def _entry(function: Callable[..., Any], names: str = "", *, run: bool = False, tiles: int = 0) -> Entry:
    parameters = list(inspect.signature(function).parameters.values())[int(run) :]
    own = [p for p in parameters if p.kind is not p.VAR_POSITIONAL]
    required = sum(p.default is p.empty for p in own)
    renamed = {theirs: p.name for theirs, p in zip(names.split(), own, strict=False) if theirs != p.name}
    return Entry(function, tuple(p.name for p in own), required, len(own) < len(parameters), renamed, run, tiles)


def _program_id(run: RunState, axis: Any) -> Tile:
    axis = _axis(axis, "tl.program_id")
    if run.combines:
        raise Refused("the function of a reduction or a scan may only compute: it may not call tl.program_id")
    shape = [1, 1, 1]
    shape[axis] = run.programs[axis]
    numbers = np.arange(run.first[axis], run.first[axis] + run.programs[axis], dtype=np.int32)
    return Tile(numbers.reshape(shape), I32)


def _num_programs(run: RunState, axis: Any) -> Tile:
    return Tile(np.full((1, 1, 1), run.grid[_axis(axis, "tl.num_programs")], np.int32), I32)


def _axis(axis: Any, name: str) -> int:
    if type(axis) is not int or axis not in (0, 1, 2):
        raise Refused(f"{name} takes the axis 0, 1 or 2 of the grid, not {axis!r}")
    return axis


def _cast(x: Any, dtype: Any, fp_downcast_rounding: Any = None, bitcast_: Any = False) -> Tile:
    if not isinstance(dtype, DType):
        raise Refused("a cast takes a type, such as tl.float32 or v.dtype")
    if fp_downcast_rounding not in (None, "rtne", "rtz"):
        raise Refused("fp_downcast_rounding is 'rtne' or 'rtz'")
    tile = to_tile(x)
    return bitcast(tile, dtype) if bitcast_ else cast(tile, dtype, fp_downcast_rounding)


def _static_assert(cond: Any, message: Any = "") -> None:
    if isinstance(cond, Tile):
        raise Refused("tl.static_assert checks what is known at compile time, not a tile")
    if not cond:
        raise FailedAssertion(f"tl.static_assert does not hold{f': {message}' if message else ''}", ("static_assert",))


def _holds(run: RunState, cond: Any, mask: Any = None) -> bool:
    """Does a condition hold in every lane of every active program?"""
    tile = cast(to_tile(cond), I1)
    if mask is not None:
        tile = arithmetic.bit_or(tile, arithmetic.inverted(cast(to_tile(mask), I1)))
    fails = run.lanes(~tile.data, tile.data.ndim - 3)
    return fails is None or not fails.any()


def _device_assert(run: RunState, cond: Any, message: Any = "", mask: Any = None) -> None:
    if not _holds(run, cond, mask):
        raise FailedAssertion(f"tl.device_assert does not hold{f': {message}' if message else ''}", ("device_assert",))


def _assume(run: RunState, cond: Any) -> None:
    if not _holds(run, cond):
        raise FailedAssertion(
            "Assume failed: tl.assume promises the compiler something that does not hold", ("assume",)
        )


def _hint(x: Any, values: Any) -> Any:
    """A promise about values, which changes no result."""
    return x


def _nothing() -> None:
    """A barrier: programs of the machine run each statement together anyway."""


def _swizzle2d(i: Any, j: Any, size_i: Any, size_j: Any, size_g: Any) -> tuple[Any, Any]:
    op = arithmetic.binary
    flat = op("+", op("*", i, size_j), j)
    in_group = op("*", size_g, size_j)
    first = op("*", op("//", flat, in_group), size_g)
    rows = arithmetic.minimum(op("-", size_i, first), size_g)
    flat = op("%", flat, in_group)
    return op("+", first, op("%", flat, rows)), op("//", flat, rows)


def _atomic(name: str) -> Entry:
    def operation(run: RunState, pointer: Any, val: Any, mask: Any = None, sem: Any = None, scope: Any = None) -> Tile:
        return atomics.read_modify_write(run, name, pointer, val, mask, sem, scope)

    return _entry(operation, run=True)


UNARY = {
    name: _entry(getattr(functions, name), "x")
    for name in "exp exp2 log log2 sqrt rsqrt sqrt_rn sin cos floor ceil erf sigmoid".split()  # noqa: SIM905
}
LIBRARY: Mapping[str, Entry] = {
    **UNARY,
    "abs": _entry(functions.absolute, "x"),
    "program_id": _entry(_program_id, "axis", run=True),
    "num_programs": _entry(_num_programs, "axis", run=True),
    "load": _entry(load_store.load, "pointer mask other cache_modifier eviction_policy volatile", run=True),
    "store": _entry(load_store.store, "pointer value mask cache_modifier eviction_policy", run=True),
    **{f"atomic_{name}": _atomic(name) for name in atomics.UPDATES},
    "atomic_cas": _entry(atomics.compare_and_swap, "pointer cmp val sem scope", run=True),
    "arange": _entry(shapes.arange, "start end"),
    "full": _entry(shapes.full, "shape value dtype"),
    "zeros": _entry(shapes.zeros, "shape dtype"),
    "zeros_like": _entry(shapes.zeros_like, "input", tiles=1),
    "reshape": _entry(shapes.reshape, "input shape can_reorder", tiles=1),
    "ravel": _entry(shapes.ravel, "x can_reorder", tiles=1),
    "expand_dims": _entry(shapes.expand_dims, "input axis"),
    "broadcast_to": _entry(shapes.broadcast_to, "input shape", tiles=1),
    "broadcast": _entry(shapes.broadcast, "input other", tiles=2),
    "permute": _entry(shapes.permute, "input dims", tiles=1),
    "trans": _entry(shapes.trans, "input dims", tiles=1),
    "join": _entry(shapes.join, "a b", tiles=2),
    "split": _entry(shapes.split, "a", tiles=1),
    "interleave": _entry(shapes.interleave, "a b", tiles=2),
    "cat": _entry(shapes.cat, "input other can_reorder dim", tiles=2),
    "flip": _entry(shapes.flip, "x dim", tiles=1),
    "dot": _entry(products.dot, "input other acc input_precision allow_tf32 max_num_imprecise_acc out_dtype", tiles=2),
    "where": _entry(arithmetic.where, "condition x y"),
    "add": _entry(lambda x, y, sanitize_overflow=True: arithmetic.add(x, y)),
    "sub": _entry(lambda x, y, sanitize_overflow=True: arithmetic.subtract(x, y)),
    "mul": _entry(lambda x, y, sanitize_overflow=True: arithmetic.multiply(x, y)),
    "minimum": _entry(arithmetic.minimum, "x y"),
    "maximum": _entry(arithmetic.maximum, "x y"),
    "clamp": _entry(functions.clamp, "x min max"),
    "fma": _entry(functions.fma, "x y z"),
    "fdiv": _entry(functions.fdiv, "x y ieee_rounding approx"),
    "div_rn": _entry(functions.div_rn, "x y"),
    "umulhi": _entry(functions.umulhi, "x y"),
    "cdiv": _entry(functions.cdiv, "x div"),
    "cast": _entry(_cast, "input dtype fp_downcast_rounding bitcast"),
    "sum": _entry(reductions.total, "input axis keep_dims dtype"),
    "max": _entry(reductions.largest, "input axis return_indices return_indices_tie_break_left keep_dims"),
    "min": _entry(reductions.smallest, "input axis return_indices return_indices_tie_break_left keep_dims"),
    "argmax": _entry(reductions.argmax, "input axis tie_break_left keep_dims"),
    "argmin": _entry(reductions.argmin, "input axis tie_break_left keep_dims"),
    "xor_sum": _entry(reductions.xor_sum, "input axis keep_dims"),
    "reduce_or": _entry(reductions.reduce_or, "input axis keep_dims"),
    "cumsum": _entry(scans.cumsum, "input axis reverse dtype", tiles=1),
    "cumprod": _entry(scans.cumprod, "input axis reverse dtype", tiles=1),
    "sort": _entry(scans.sort, "x dim descending", tiles=1),
    "topk": _entry(scans.topk, "x k dim descending", tiles=1),
    "histogram": _entry(scans.histogram, "input num_bins mask", tiles=1),
    "gather": _entry(scans.gather, "src index axis", tiles=2),
    "rand": _entry(random_numbers.rand, "seed offset n_rounds"),
    "rand4x": _entry(random_numbers.rand4x, "seed offsets n_rounds"),
    "randn": _entry(random_numbers.randn, "seed offset n_rounds"),
    "randn4x": _entry(random_numbers.randn4x, "seed offset n_rounds"),
    "randint": _entry(random_numbers.randint, "seed offset n_rounds"),
    "randint4x": _entry(random_numbers.randint4x, "seed offset n_rounds"),
    "swizzle2d": _entry(_swizzle2d, "i j size_i size_j size_g"),
    "multiple_of": _entry(_hint, "input values"),
    "max_contiguous": _entry(_hint, "input values"),
    "max_constancy": _entry(_hint, "input values"),
    "assume": _entry(_assume, "cond", run=True),
    "static_assert": _entry(_static_assert, "cond msg"),
    "device_assert": _entry(_device_assert, "cond msg mask", run=True),
    "debug_barrier": _entry(_nothing),
}
# What tiles have as methods: the same functions with the tile first.
METHODS: Mapping[str, Entry] = {
    "to": LIBRARY["cast"],
    **{name: LIBRARY[name] for name in ("cast", "trans", "permute", "reshape", "broadcast_to", "expand_dims", "split")},
    **{name: LIBRARY[name] for name in UNARY},
    **{
        name: LIBRARY[name]
        for name in "abs sum max min argmax argmin xor_sum cumsum cumprod sort flip ravel cdiv gather histogram".split()  # noqa: SIM905
    },
}
SUPPORTED = frozenset(LIBRARY) | {"reduce", "associative_scan", "range", "static_range"}
