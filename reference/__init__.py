"""Oracles: functions that are obviously right, each with its variants.

An oracle is written from the definition, in elementary torch operations. It computes in the dtype of its input, and the
checks run it in float64. A *wrong* variant is a misconception that the koan's tests must catch and name. A *right*
variant is another honest answer that they must accept.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from reference.symptom import Symptom

Function = Callable[..., Any]
P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Function)

StandardWrong = Literal["returns_fp32", "low_precision_inside"]
RETURNS_FP32 = "the result was returned in float32: it must have the dtype of {of}"
# What the planted text of a hunt does, in words that do not give it away.
PLANTED = "the planted mistake is still there: what you changed is not its cause"
LOW_PRECISION = "the result was computed in the low precision of the input: upcast inside and round once at the end"


@dataclass(frozen=True)
class Variant:
    """Another answer to a koan, wrong or right.

    `says` describes it in one clause that a learner can act on. For a kernel koan `fn` is the text of a kernel, which
    may call the other kernels of the file. `replaces` names the kernel that it replaces (default: the first), and
    `config` holds its changes to the literal CONFIG.
    """

    name: str
    says: str
    fn: Function
    replaces: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Moves:
    """What kernels need to move, derived on paper: bytes loaded and stored for each argument, and FLOPs of `tl.dot`."""

    loads: Mapping[str, int]
    stores: Mapping[str, int]
    flops: int | None = None


@dataclass(frozen=True)
class Work:
    """What every way to compute a result must do: FLOPs of products, and bytes loaded if each input is read once.

    `apart` tells whether each index along the first axis of the inputs gives a result that does not depend on the other
    indices. Then the results can be checked one by one.
    """

    flops: int
    loads: int
    apart: bool = False


@dataclass(frozen=True)
class Example:
    """A small call that shows what a kernel does: several programs along each axis of the grid, and a tail.

    `layout` has rows of names of arguments, "" for an empty place: how a picture places the tensors. Where each query
    sees some keys only, `seen`, (queries, keys), says which; `queries` and `keys` name their arguments.
    """

    inputs: tuple[Any, ...]
    layout: tuple[tuple[str, ...], ...] = ()
    seen: Tensor | None = None
    queries: str = "q_ptr"
    keys: tuple[str, ...] = ("k_ptr", "v_ptr")


class Oracle(Generic[P, R]):
    """A function known to be right, with its named variants. Call it like the function."""

    def __init__(self, fn: Callable[P, R]) -> None:
        self.fn = fn
        self.__name__ = fn.__name__
        self.__doc__ = fn.__doc__
        self.wrongs: dict[str, Variant] = {}
        self.rights: dict[str, Variant] = {}
        self.prescriptions: list[Function] = []
        self.launch: Function | None = None
        self.moves: Callable[..., Moves] | None = None
        self.work: Callable[..., Work] | None = None
        self.shown: Callable[..., Example] | None = None
        self.baselines: dict[str, Function] = {}
        self.measure = ""
        self.seen: Callable[[Function, int], Symptom] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<oracle {self.__name__}>"

    def wrong(self, says: str, *, replaces: str | None = None, **config: Any) -> Callable[[F], F]:
        """Register a wrong answer. Raises ValueError if the name is taken."""
        return self._register(self.wrongs, says, replaces, config)

    def standard_wrongs(
        self, *names: StandardWrong, of: str = "the input", says: str | None = None, formula: Function | None = None
    ) -> None:
        """Register wrong answers that need no code of their own: the oracle's formula in the wrong precision.

        "returns_fp32" runs it on the inputs in float32 and does not cast back. `of` names the input whose dtype the
        result should have. "low_precision_inside" runs it on the inputs as they are. `says` replaces the standard
        clause of one name. `formula` replaces the oracle's own if learners compute in another order, because a mistake
        is named with most certainty if the wrong answer is equal to the bit. Raises ValueError if a name is taken, or
        if `says` is given with several names.
        """
        if says is not None and len(names) != 1:
            raise ValueError("`says` is the clause of one wrong answer")
        for name in names:
            clause, derived = _STANDARD[name]
            self.wrong(says or clause.format(of=of))(derived(formula or self.fn))

    def right(self, says: str, *, replaces: str | None = None, **config: Any) -> Callable[[F], F]:
        """Register another honest answer. Raises ValueError if the name is taken."""
        return self._register(self.rights, says, replaces, config)

    def prescribed(self, fn: F) -> F:
        """Register the formula that the contract prescribes: a torch function of the oracle's inputs.

        An oracle may use a formula that rounds less than the prescribed one. An honest answer then differs by more than
        the oracle moves, so the bound must cover the prescribed formula too. In other koans than kernel koans a right
        answer does the same.
        """
        self.prescriptions.append(fn)
        return fn

    @property
    def formulas(self) -> list[Function]:
        """The honest formulas beside the oracle's own that the bound must cover. A right kernel is a text, so none."""
        rights = [] if self.launch is not None else [v.fn for v in self.rights.values()]
        return [*self.prescriptions, *rights]

    def launcher(self, fn: F) -> F:
        """Register the launcher of a kernel koan, which learners are given: `launch(kernels, config, *inputs)`."""
        self.launch = fn
        return fn

    def traffic(self, fn: F) -> F:
        """Register the most that the kernels of a koan may move: `traffic(config, *inputs) -> Moves`."""
        self.moves = fn
        return fn

    def least(self, fn: F) -> F:
        """Register the least that a call must do: `least(*inputs) -> Work`. It uses only the shapes of the inputs."""
        self.work = fn
        return fn

    def example(self, fn: F) -> F:
        """Register the call that `koans trace` shows: `example(config) -> Example`, sized by the blocks of CONFIG."""
        self.shown = fn
        return fn

    def symptom(self, measure: str) -> Callable[[F], F]:
        """Register what a hunt shows: `symptom(run, seed) -> Symptom`. `measure` names its number, with the unit."""

        def add(fn: F) -> F:
            self.measure, self.seen = measure, fn
            return fn

        return add

    def baseline(self, name: str) -> Callable[[F], F]:
        """Register torch's own way to compute the result, as a rival in races.

        If the function returns a function, it has only prepared the race, and the returned function is timed.
        """

        def add(fn: F) -> F:
            self.baselines[name] = fn
            return fn

        return add

    def _register(
        self, kind: dict[str, Variant], says: str, replaces: str | None, config: Mapping[str, Any]
    ) -> Callable[[F], F]:
        def add(fn: F) -> F:
            if fn.__name__ in self.wrongs or fn.__name__ in self.rights:
                raise ValueError(f"{self.__name__} has two variants called {fn.__name__}")
            kind[fn.__name__] = Variant(fn.__name__, says, fn, replaces, config)
            return fn

        return add


def _returns_fp32(formula: Function) -> Function:
    def returns_fp32(*args: Any, **kwargs: Any) -> Any:
        return formula(*_in_float32(args), **_in_float32(kwargs))

    return returns_fp32


def _low_precision_inside(formula: Function) -> Function:
    def low_precision_inside(*args: Any, **kwargs: Any) -> Any:
        return formula(*args, **kwargs)

    return low_precision_inside


def _in_float32(value: Any) -> Any:
    """The same value with every floating-point tensor in float32, also in lists, tuples and dicts."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, dict):
        return {key: _in_float32(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_in_float32(part) for part in value])
    return value


_STANDARD: Mapping[StandardWrong, tuple[str, Callable[[Function], Function]]] = {
    "returns_fp32": (RETURNS_FP32, _returns_fp32),
    "low_precision_inside": (LOW_PRECISION, _low_precision_inside),
}


def oracle(fn: Callable[P, R]) -> Oracle[P, R]:
    """Make `fn` an oracle. For use as a decorator."""
    return Oracle(fn)


def promoted(*tensors: Tensor) -> list[Tensor]:
    """The tensors in the dtype that holds all of theirs. For oracles whose inputs may have different dtypes.

    The result then has to be cast to the dtype that the contract promises, as in `.to(x.dtype)`.
    """
    import torch

    dtype = functools.reduce(torch.promote_types, (t.dtype for t in tensors))
    return [t.to(dtype) for t in tensors]


def unwritten(*shape: int, dtype: torch.dtype) -> Tensor:
    """An output for kernels to fill, of NaN or the lowest integer, so that elements that no program writes show."""
    import torch

    return torch.full(shape, torch.nan if dtype.is_floating_point else torch.iinfo(dtype).min, dtype=dtype)


_shake: Callable[[Tensor], Tensor] | None = None


def lowp(t: Tensor) -> Tensor:
    """Mark an intermediate that may be rounded to the dtype of the input. Returns `t`, except within `shaken`."""
    return t if _shake is None else _shake(t)


@contextmanager
def shaken(shake: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Within the block `lowp` applies `shake`. The checks use it to measure how such a rounding changes the result."""
    global _shake
    before, _shake = _shake, shake
    try:
        yield
    finally:
        _shake = before
