"""Who takes part: a learner's kernels behind the given launcher, and what torch does instead.

Of a launcher only its kernels count: it is run for each call, with kernels that note their launches; then the arguments
are copied to where they were the first time and the launches alone are timed. Outputs come in as NaN each time, so a
result that was there before is no result.
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

Launch = tuple[str, Any, tuple[Any, ...], dict[str, Any]]  # kernel, grid, arguments


def draw(inputs: Sequence[Input], seed: int, device: str) -> list[Tensor]:
    """Fresh arguments. Queries and keys are normal numbers, so scores are too, and no row is one weight alone."""
    generator = torch.Generator(device).manual_seed(seed)
    return [torch.randn(i.shape, generator=generator, device=device).to(dtype(i.dtype)) for i in inputs]


def leaves(value: Any) -> list[Tensor]:
    """The tensors of a result, in order."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [leaf for part in parts for leaf in leaves(part)]


Part = tuple[int | None, list[Tensor], list[Tensor]]  # which head, the result in fp32 and in the inputs' dtype


def expected(oracle: Oracle[..., Any], inputs: Sequence[Tensor]) -> Iterator[Part]:
    """What the oracle gives, a head at a time where the work says that heads are apart: it writes out the table that a
    kernel exists to avoid."""
    split = oracle.work is not None and oracle.work(*inputs).apart
    for part in range(inputs[0].shape[0]) if split else [None]:
        some = [x if part is None else x[part : part + 1] for x in inputs]
        yield part, leaves(oracle(*(x.float() for x in some))), leaves(oracle(*some))


class Truth:
    """What the oracle gives for a race's inputs. All contestants get the same ones, so each is worked out once."""

    def __init__(self, oracle: Oracle[..., Any], inputs: Sequence[Input], device: str) -> None:
        self.oracle, self.inputs, self.device = oracle, inputs, device
        self._seed: int | None = None
        self._parts: list[Part] = []

    def of(self, seed: int) -> list[Part]:
        if seed != self._seed:
            self._parts = []
            self._parts = list(expected(self.oracle, draw(self.inputs, seed, self.device)))
            self._seed = seed
        return self._parts


def off(got: Sequence[Tensor], parts: Iterable[Part], which: Sequence[int] | None = None) -> str:
    """What is wrong with a result, or an empty string. It may be off twice as far as the oracle in the inputs' dtype.

    That is the rule of FlashAttention's own tests. `which` of the result's tensors are looked at: all, if it is not
    given.
    """
    for part, exact, rough in parts:
        for i, (mine, true, near) in enumerate(zip(got, exact, rough, strict=True)):
            if which is not None and i not in which:
                continue
            mine = (mine if part is None else mine[part : part + 1]).float()
            if mine.isnan().any():
                return f"{int(mine.isnan().sum())} of {mine.numel()} elements are NaN or were never written"
            allowed = 2 * (near.float() - true).abs().max() + torch.finfo(near.dtype).eps * true.abs().max()
            worst = (mine - true).abs().max()
            if worst > allowed:
                return f"off by {worst:.3g}, where {allowed:.3g} is allowed"
    return ""


def _looked(got: Sequence[Tensor], truth: Truth, seed: int, which: Sequence[int] | None = None) -> str:
    """`off`. What other contestants keep may leave too little room for the oracle's tables: then caches go first."""
    try:
        return off(got, truth.of(seed), which)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return off(got, truth.of(seed), which)


class KernelContestant:
    """A learner's kernels. `functions` by name, to be launched as `function[grid](*args)`."""

    def __init__(
        self,
        name: str,
        functions: dict[str, Any],
        config: dict[str, Any],
        oracle: Oracle[..., Any],
        inputs: Sequence[Input],
        machine: Machine,
        only: Sequence[str] = (),
        truth: Truth | None = None,
    ) -> None:
        self.name, self.functions, self.config, self.oracle = name, functions, config, oracle
        self.specs, self.machine, self.only = inputs, machine, only
        self.truth, self.seed = truth or Truth(oracle, inputs, machine.device), 0
        self.how = ""
        self.static: list[Tensor] = []
        self.run: Callable[[], None] | None = None
        self.inputs: list[Tensor] = []
        self.value: Any = None
        self.noted: list[Tensor] = []

    def prepare(self, seed: int) -> None:
        try:
            self.seed, self.inputs = seed, draw(self.specs, seed, self.machine.device)
            launches = self._note()
            self.noted = _tensors(launches)
            if self.run is None:
                self.static = [t.clone() for t in self.noted]
                self.run, self.how = self.machine.capture(self._timed_part(launches))
            for static, fresh in zip(self.static, self.noted, strict=True):
                static.copy_(fresh)
            self.machine.flush()
        except torch.OutOfMemoryError:
            raise OutOfMemory("out of memory") from None

    def call(self) -> float:
        assert self.run is not None
        return self.machine.timed(self.run)

    def wrong(self) -> str:
        for static, fresh in zip(self.static, self.noted, strict=True):
            fresh.copy_(static)
        got = leaves(self.value)
        timed = {t.data_ptr() for t in self.noted}
        which = [i for i, x in enumerate(got) if not self.only or x.data_ptr() in timed]
        return _looked(got, self.truth, self.seed, which) if which else "no kernel that is timed writes a result"

    def _note(self) -> list[Launch]:
        seen: list[Launch] = []
        assert self.oracle.launch is not None
        kernels = SimpleNamespace(**{name: _Noting(name, seen) for name in self.functions})
        self.value = self.oracle.launch(kernels, self.config, *self.inputs)
        return [launch for launch in seen if not self.only or launch[0] in self.only]

    def _timed_part(self, launches: Sequence[Launch]) -> Callable[[], None]:
        place = {t.data_ptr(): s for t, s in zip(self.noted, self.static, strict=True)}

        def still(argument: Any) -> Any:
            return place[argument.data_ptr()] if isinstance(argument, Tensor) else argument

        fixed = [
            (self.functions[name][grid], tuple(map(still, args)), {k: still(v) for k, v in named.items()})
            for name, grid, args, named in launches
        ]

        def run() -> None:
            for start, args, named in fixed:
                start(*args, **named)

        return run


class _Noting:
    def __init__(self, name: str, seen: list[Launch]) -> None:
        self.name, self.seen = name, seen

    def __getitem__(self, grid: Any) -> Callable[..., None]:
        return lambda *args, **named: self.seen.append((self.name, grid, args, named))


def _tensors(launches: Sequence[Launch]) -> list[Tensor]:
    """The tensors that launches touch, each once."""
    found: dict[int, Tensor] = {}
    for _, _, args, named in launches:
        for argument in (*args, *named.values()):
            if isinstance(argument, Tensor):
                found.setdefault(argument.data_ptr(), argument)
    return list(found.values())


class BaselineContestant:
    """What torch does. A baseline that gives a function back has prepared something (a forward pass): only that
    function is timed, by events, since a graph would see the first preparation for ever.
    """

    def __init__(
        self,
        name: str,
        fn: Callable[..., Any],
        oracle: Oracle[..., Any],
        inputs: Sequence[Input],
        machine: Machine,
        truth: Truth | None = None,
    ) -> None:
        self.name, self.fn, self.specs, self.machine = name, fn, inputs, machine
        self.truth, self.seed = truth or Truth(oracle, inputs, machine.device), 0
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
            self.run, self.how = lambda: self._keep(ready()), self.machine.plain
            return
        ready = None
        self.run, self.how = self.machine.capture(lambda: self._keep(self.fn(*self.static)))

    def _keep(self, out: Any) -> None:
        self.out = out

    def call(self) -> float:
        assert self.run is not None
        return self.machine.timed(self.run)

    def wrong(self) -> str:
        """Looked at once: torch is what is trusted, and it is the setting-up that could be wrong."""
        if self.checked:
            return ""
        self.checked = True
        return _looked(leaves(self.out), self.truth, self.seed)
