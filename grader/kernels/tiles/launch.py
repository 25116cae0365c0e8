"""Launches the kernels of a checked text: `load(text).name[grid](*args, **config)` runs one in the tile machine."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from grader.book.own_lines import at_line
from grader.kernels.kernel_text import KernelText, YourTurn, is_stub
from grader.kernels.reached import kernels_of, numbers_of
from grader.kernels.tiles.accesses import Access
from grader.kernels.tiles.casts import number
from grader.kernels.tiles.control_flow import Frame, bound_parameters
from grader.kernels.tiles.counts import Traffic
from grader.kernels.tiles.dtypes import pointer_to, type_of_argument
from grader.kernels.tiles.expressions import Program
from grader.kernels.tiles.findings import KernelError, OutOfBudget, Refused, UndefinedValue, Unexpected
from grader.kernels.tiles.memory import Memory, is_tensor
from grader.kernels.tiles.run_state import BUDGET, Grid, RunState, TooManyPrograms
from grader.kernels.tiles.tile import Tile, scalar

OPTIONS = ("num_warps", "num_stages")
MOST_PROGRAMS = 1 << 16  # that run together


@dataclass(frozen=True)
class Watch:
    """What a launch tells beside its results: see `load`."""

    traffic: Traffic
    reached: set[int] | None = None
    accesses: list[Access] | None = None
    assigned: Callable[[str, Any], None] | None = None
    budget: int = BUDGET


def load(
    text: KernelText,
    traffic: Traffic | None = None,
    reached: set[int] | None = None,
    accesses: list[Access] | None = None,
    assigned: Callable[[str, Any], None] | None = None,
    budget: int = BUDGET,
) -> SimpleNamespace:
    """The kernels of a text, by name.

    `traffic` counts what launches move. `reached` gets the numbers of the parts that they reach (`grader.kernels.
    reached`), `accesses` each access to memory, `assigned` is called with each variable and its new value. `budget` is
    what a launch may cost, about in nanoseconds.
    """
    watch = Watch(Traffic() if traffic is None else traffic, reached, accesses, assigned, budget)
    return SimpleNamespace(**{name: Kernel(name, text, watch, is_stub(node)) for name, node in text.functions.items()})


@lru_cache(maxsize=256)
def _program(text: KernelText) -> Program:
    """The kernels of a text, ready to run. Their parts have the numbers that `reached` gives them."""
    module = kernels_of(text)
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    constants = {}
    for node in text.constants:
        target, value = node.targets[0], node.value
        assert isinstance(target, ast.Name)
        assert isinstance(value, ast.Call)
        constants[target.id] = ast.literal_eval(value.args[0])
    stubs = frozenset(name for name, node in text.functions.items() if is_stub(node))
    return Program(functions, constants, numbers_of(module), stubs=stubs)


@dataclass
class _Account:
    """What all attempts of a launch have spent: one that starts over does not get its budget again."""

    spent: int = 0


@dataclass(frozen=True)
class _Plan:
    """How a launch is run: the programs that run together, and the arguments whose readers are noted (see `races`).

    With `undefined_from`, only the loads in this line leave masked lanes undefined.
    """

    grid: Grid
    chunk: Grid
    tracked: frozenset[str] = frozenset()  # a second run only, where a kernel reads what it writes
    undefined_from: int | None = None
    account: _Account = field(default_factory=_Account)


@dataclass(frozen=True, eq=False)
class Kernel:
    """One kernel. `kernel[grid](*args, **config)` runs it for all programs of the grid."""

    name: str
    text: KernelText
    watch: Watch = field(repr=False)
    is_stub: bool = False

    def with_traffic(self, traffic: Traffic) -> Kernel:
        """The same kernel, counted elsewhere."""
        return replace(self, watch=replace(self.watch, traffic=traffic))

    def __getitem__(self, grid: tuple[int, ...] | Callable[[Any], tuple[int, ...]]) -> Callable[..., None]:
        def run(*args: Any, **kwargs: Any) -> None:
            if self.is_stub:
                raise YourTurn("your turn")
            options = {k: v for k, v in kwargs.items() if k not in OPTIONS or k in _parameters(self.text, self.name)}
            axes = grid(kwargs) if callable(grid) else grid
            self._launch(_grid(axes), args, options)

        return run

    def _launch(self, grid: Grid, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        program = replace(_program(self.text), reached=self.watch.reached, assigned=self.watch.assigned)
        node = program.functions[self.name]
        values = bound_parameters(node, args, kwargs)
        plan = _Plan(grid, _chunk(grid, MOST_PROGRAMS))
        while True:
            try:
                state = self._attempt(program, node, values, plan)
            except TooManyPrograms:
                if math.prod(plan.chunk) == 1:
                    raise OutOfBudget(f"{self.name}: its tiles are too large", (self.name, "memory")) from None
                plan = replace(plan, chunk=_chunk(plan.chunk, math.prod(plan.chunk) // 4 or 1))
                continue
            except UndefinedValue as error:
                raise self._of_one_load(error, lambda at: self._attempt(program, node, values, at), plan) from None
            arguments = state.memory.arguments
            in_place = frozenset(a.name for a in arguments if a.buffer.is_loaded and a.buffer.is_stored)
            if in_place and not plan.tracked and not state.has_atomics and math.prod(grid) > 1:
                plan = replace(plan, tracked=in_place)
                continue
            break
        self._commit(state)

    def _attempt(self, program: Program, node: ast.FunctionDef, values: Mapping[str, Any], plan: _Plan) -> RunState:
        """Run the whole grid on copies of the tensors. An error gets its line."""
        memory = Memory(self.name, {k: v for k, v in values.items() if is_tensor(v)})
        state = RunState(
            self.name,
            plan.grid,
            memory,
            frozenset(id(a.buffer) for a in memory.arguments if a.name in plan.tracked),
            self.watch.accesses is not None,
            self.watch.budget,
            undefined_from=plan.undefined_from,
        )
        state.spent = plan.account.spent
        try:
            for first, programs in _chunks(plan.grid, plan.chunk):
                self._run(program, node, values, state, first, programs)
        except KernelError as error:
            error.line = error.line or state.line
            line = self.text.lines[error.line - 1] if error.line else ""
            at_line(error, self.text.file, error.line, line)
            if isinstance(error, UndefinedValue):
                error.origins = tuple(state.origins)
            if plan.undefined_from is None:
                self._keep_accesses(state)
            raise
        finally:
            plan.account.spent = state.spent
        return state

    @staticmethod
    def _of_one_load(error: UndefinedValue, attempt: Callable[[_Plan], RunState], plan: _Plan) -> UndefinedValue:
        """The error with the load that is to blame. Where several leave lanes undefined, each is tried alone."""
        if len(error.origins) > 1:
            for line in error.origins:
                try:
                    attempt(replace(plan, undefined_from=line))
                except UndefinedValue as found:
                    return found
                except (KernelError, TooManyPrograms):
                    continue
        return error

    def _run(
        self,
        program: Program,
        node: ast.FunctionDef,
        values: Mapping[str, Any],
        state: RunState,
        first: Grid,
        programs: Grid,
    ) -> None:
        """Run a chunk of the grid."""
        state.first, state.programs, state.active, state.step = first, programs, None, 0
        constants = {p.arg for p in _all_parameters(node) if p.annotation is not None}
        variables = {k: v if k in constants else _argument(k, v, state.memory) for k, v in values.items()}
        if program.assigned is not None:
            for name, value in variables.items():
                program.assigned(name, value)
        try:
            with np.errstate(all="ignore"):
                Frame(program, state, variables).block(node.body)
        except RecursionError:
            raise Refused(f"{self.name}: an expression is nested too deeply: give its parts names") from None
        except (KernelError, YourTurn, TooManyPrograms):
            raise
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
            raise Unexpected(f"{self.name}: the tile machine cannot run this line ({error})") from error
        except MemoryError:
            raise OutOfBudget(f"{self.name}: its tiles do not fit into memory", (self.name, "memory")) from None

    def _commit(self, state: RunState) -> None:
        """Write the results into the caller's tensors, and count what was moved."""
        state.memory.copy_back()
        traffic = self.watch.traffic
        traffic.programs += math.prod(state.grid)
        for argument in state.memory.arguments:
            traffic.add_argument(argument)
            traffic.moved[argument.name].loaded += state.loaded[argument.name]
        for name, coverage in state.stored.items():
            traffic.store(state.memory.named(name), coverage)
        traffic.flops += state.flops
        traffic.fp32_flops += state.fp32_flops
        traffic.operations.update(state.operations)
        self._keep_accesses(state)

    def _keep_accesses(self, state: RunState) -> None:
        kept = self.watch.accesses
        if kept is not None:
            launch = kept[-1].launch + 1 if kept else 0
            kept += [replace(access, launch=launch) for access in state.accesses]


def _all_parameters(node: ast.FunctionDef) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _parameters(text: KernelText, name: str) -> set[str]:
    return {p.arg for p in _all_parameters(text.functions[name])}


def _argument(name: str, value: Any, memory: Memory) -> Any:
    """A launcher's argument as a kernel sees it: a pointer, a scalar, or a constant where it is 1 or None."""
    if is_tensor(value):
        argument = memory.named(name)
        return Tile(np.full((1, 1, 1), argument.address, np.int64), pointer_to(argument.dtype))
    if value is None or (type(value) is int and value == 1):  # Triton compiles a 1 into the kernel
        return value
    if not isinstance(value, (bool, int, float)):
        raise Refused(f"{name} is a {type(value).__name__}: a kernel takes tensors and numbers")
    dtype = type_of_argument(value)
    return scalar(number(value, dtype), dtype)


def _grid(axes: Any) -> Grid:
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    if not 1 <= len(axes) <= 3 or not all(isinstance(n, int) and n >= 0 for n in axes):
        raise ValueError(f"a grid is one to three numbers of programs, not {axes}")
    x, y, z = (*axes, 1, 1)[:3]
    return x, y, z


def _chunk(grid: Grid, most: int) -> Grid:
    """The largest part of a grid with at most so many programs: its longest axis is halved until it fits."""
    axes = list(grid)
    while math.prod(axes) > max(1, most):
        longest = axes.index(max(axes))
        axes[longest] = -(-axes[longest] // 2)
    x, y, z = axes
    return x, y, z


def _chunks(grid: Grid, chunk: Grid) -> Iterator[tuple[Grid, Grid]]:
    """The first program and the number of programs of each part of a grid."""
    if not math.prod(grid):
        return
    for x in range(0, grid[0], chunk[0]):
        for y in range(0, grid[1], chunk[1]):
            for z in range(0, grid[2], chunk[2]):
                first = x, y, z
                nx, ny, nz = (min(c, n - f) for c, n, f in zip(chunk, grid, first, strict=True))
                yield first, (nx, ny, nz)
