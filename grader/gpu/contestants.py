"""The contestants of a race: a learner's kernels behind the given launcher, and torch's implementations.

Only the kernels of a launcher are timed. The launcher runs for each call, with kernels that record their launches. Then
the arguments are copied into the tensors of the first call, and only the launches are timed. Outputs are filled with
NaN before each call, so an old result does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from grader.gpu.job import Input
from grader.gpu.machine import Machine, dtype
from grader.gpu.timing import OutOfMemory
from reference import Oracle

Launch = tuple[str, Any, tuple[Any, ...], dict[str, Any]]  # kernel, grid, positional and keyword arguments


def draw(inputs: Sequence[Input], seed: int, device: str) -> list[Tensor]:
    """Fresh arguments of normal numbers. Scores of such queries and keys are small, so no row has only one weight."""
    generator = torch.Generator(device).manual_seed(seed)
    return [torch.randn(i.shape, generator=generator, device=device).to(dtype(i.dtype)) for i in inputs]


def leaves(value: Any) -> list[Tensor]:
    """The tensors of a result, in order."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [leaf for part in parts for leaf in leaves(part)]


Part = tuple[
    int | None, list[Tensor], list[Tensor]
]  # the head (None: all), the result in fp32 and in the inputs' dtype


def expected(oracle: Oracle[..., Any], inputs: Sequence[Tensor]) -> Iterator[Part]:
    """The oracle's result, one head at a time if heads are independent.

    The oracle stores the whole table of scores, which would be too large for all heads together.
    """
    independent = oracle.work is not None and oracle.work(*inputs).apart
    for head in range(inputs[0].shape[0]) if independent else [None]:
        part = [x if head is None else x[head : head + 1] for x in inputs]
        yield head, leaves(oracle(*(x.float() for x in part))), leaves(oracle(*part))


class OracleResults:
    """The oracle's results for the inputs of a race. All contestants get the same inputs, so each is computed once."""

    def __init__(self, oracle: Oracle[..., Any], inputs: Sequence[Input], device: str) -> None:
        self.oracle, self.inputs, self.device = oracle, inputs, device
        self._seed: int | None = None
        self._parts: list[Part] = []

    def of(self, seed: int) -> list[Part]:
        """The result for the inputs of this seed."""
        if seed != self._seed:
            self._parts = []  # frees the memory first
            self._parts = list(expected(self.oracle, draw(self.inputs, seed, self.device)))
            self._seed = seed
        return self._parts


def mismatch(got: Sequence[Tensor], parts: Iterable[Part], indices: Sequence[int] | None = None) -> str:
    """What is wrong with a result, or an empty string.

    Its error may be twice the oracle's error in the inputs' dtype, which is the rule of FlashAttention's own tests.
    `indices`: the tensors of the result that are checked (None: all).
    """
    for head, exact, rounded in parts:
        for i, (actual, want, native) in enumerate(zip(got, exact, rounded, strict=True)):
            if indices is not None and i not in indices:
                continue
            actual = (actual if head is None else actual[head : head + 1]).float()
            if actual.isnan().any():
                return f"{int(actual.isnan().sum())} of {actual.numel()} elements are NaN or were never written"
            allowed = 2 * (native.float() - want).abs().max() + torch.finfo(native.dtype).eps * want.abs().max()
            worst = (actual - want).abs().max()
            if worst > allowed:
                return f"off by {worst:.3g}, more than the {allowed:.3g} that are allowed"
    return ""


def _checked(got: Sequence[Tensor], results: OracleResults, seed: int, indices: Sequence[int] | None = None) -> str:
    """`mismatch`, tried twice: if memory runs out, torch's caches are emptied to make room for the oracle's tables."""
    try:
        return mismatch(got, results.of(seed), indices)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return mismatch(got, results.of(seed), indices)


class KernelContestant:
    """A learner's kernels. `functions` are the kernels by name; `function[grid](*args)` launches one."""

    def __init__(
        self,
        name: str,
        functions: dict[str, Any],
        config: dict[str, Any],
        oracle: Oracle[..., Any],
        inputs: Sequence[Input],
        machine: Machine,
        only: Sequence[str] = (),
        results: OracleResults | None = None,
    ) -> None:
        self.name, self.functions, self.config, self.oracle = name, functions, config, oracle
        self.specs, self.machine, self.only = inputs, machine, only
        self.results, self.seed = results or OracleResults(oracle, inputs, machine.device), 0
        self.how = ""
        self.static: list[Tensor] = []  # the tensors that the timed launches read and write
        self.run: Callable[[], None] | None = None
        self.inputs: list[Tensor] = []
        self.value: Any = None
        self.fresh: list[Tensor] = []  # the tensors of this call, in the order of `static`

    def prepare(self, seed: int) -> None:
        try:
            self.seed, self.inputs = seed, draw(self.specs, seed, self.machine.device)
            launches = self._recorded_launches()
            self.fresh = _tensors(launches)
            if self.run is None:
                self.static = [t.clone() for t in self.fresh]
                self.run, self.how = self.machine.capture(self._timed_part(launches))
            for static, fresh in zip(self.static, self.fresh, strict=True):
                static.copy_(fresh)
            self.machine.flush()
        except torch.OutOfMemoryError:
            raise OutOfMemory("out of memory") from None

    def call(self) -> float:
        assert self.run is not None
        return self.machine.timed(self.run)

    def wrong(self) -> str:
        for static, fresh in zip(self.static, self.fresh, strict=True):
            fresh.copy_(static)
        got = leaves(self.value)
        timed = {t.data_ptr() for t in self.fresh}
        indices = [i for i, x in enumerate(got) if not self.only or x.data_ptr() in timed]
        if not indices:
            return "none of the timed kernels writes a result"
        return _checked(got, self.results, self.seed, indices)

    def _recorded_launches(self) -> list[Launch]:
        """The launches of a call with the current inputs, of the kernels that are timed. Nothing is launched."""
        recorded: list[Launch] = []
        assert self.oracle.launch is not None
        kernels = SimpleNamespace(**{name: _LaunchRecorder(name, recorded) for name in self.functions})
        self.value = self.oracle.launch(kernels, self.config, *self.inputs)
        return [launch for launch in recorded if not self.only or launch[0] in self.only]

    def _timed_part(self, launches: Sequence[Launch]) -> Callable[[], None]:
        """A function that makes the launches, on the static tensors."""
        static_of = {t.data_ptr(): s for t, s in zip(self.fresh, self.static, strict=True)}

        def static(argument: Any) -> Any:
            return static_of[argument.data_ptr()] if isinstance(argument, Tensor) else argument

        fixed = [
            (self.functions[name][grid], tuple(map(static, args)), {k: static(v) for k, v in named.items()})
            for name, grid, args, named in launches
        ]

        def run() -> None:
            for start, args, named in fixed:
                start(*args, **named)

        return run


class _LaunchRecorder:
    """Stands in for a kernel: it records each launch and runs nothing."""

    def __init__(self, name: str, launches: list[Launch]) -> None:
        self.name, self.launches = name, launches

    def __getitem__(self, grid: Any) -> Callable[..., None]:
        return lambda *args, **named: self.launches.append((self.name, grid, args, named))


def _tensors(launches: Sequence[Launch]) -> list[Tensor]:
    """The tensor arguments of launches, each once."""
    tensors: dict[int, Tensor] = {}
    for _, _, args, named in launches:
        for argument in (*args, *named.values()):
            if isinstance(argument, Tensor):
                tensors.setdefault(argument.data_ptr(), argument)
    return list(tensors.values())


class BaselineContestant:
    """A baseline: an implementation in torch.

    A baseline that returns a function has prepared something, such as a forward pass. Then only that function is timed,
    and not as a CUDA graph, since a graph would always replay the first preparation.
    """

    def __init__(
        self,
        name: str,
        fn: Callable[..., Any],
        oracle: Oracle[..., Any],
        inputs: Sequence[Input],
        machine: Machine,
        results: OracleResults | None = None,
    ) -> None:
        self.name, self.fn, self.specs, self.machine = name, fn, inputs, machine
        self.results, self.seed = results or OracleResults(oracle, inputs, machine.device), 0
        self.how = ""
        self.static: list[Tensor] = []
        self.run: Callable[[], None] | None = None
        self.out: Any = None
        self.checked = self.prepared = False

    def prepare(self, seed: int) -> None:
        try:
            self.seed, fresh = seed, draw(self.specs, seed, self.machine.device)
            if not self.static:
                self.static = [x.clone() for x in fresh]
            for static, new in zip(self.static, fresh, strict=True):
                static.copy_(new)
            del fresh
            if self.run is None or self.prepared:
                self._start()
            self.machine.flush()
        except torch.OutOfMemoryError:
            raise OutOfMemory("out of memory") from None

    def _start(self) -> None:
        self.out = None
        ready = self.fn(*self.static)
        self.prepared = callable(ready)
        if callable(ready):
            self.run, self.how = lambda: self._store(ready()), self.machine.timer
            return
        ready = None  # frees its memory
        self.run, self.how = self.machine.capture(lambda: self._store(self.fn(*self.static)))

    def _store(self, out: Any) -> None:
        self.out = out

    def call(self) -> float:
        assert self.run is not None
        return self.machine.timed(self.run)

    def wrong(self) -> str:
        """What is wrong with the first output. Later ones are not checked: torch is trusted, only our set-up is not."""
        if self.checked:
            return ""
        self.checked = True
        return _checked(leaves(self.out), self.results, self.seed)
