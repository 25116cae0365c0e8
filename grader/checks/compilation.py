"""The check `compiles`: the machine code that a kernel koan's kernels get, without the GPU it is for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grader.book.verdict import Evidence
from grader.checks.copies import clone
from grader.checks.inputs import seeded
from grader.checks.message import Message
from grader.checks.run_context import current
from grader.kernels import triton_version
from grader.kernels.compiler import CannotCompile
from reference import Variant

if TYPE_CHECKING:
    from grader.kernels.compile import Compiled


WGMMA_ROWS, WGMMA_WARPS = 64, 4  # one wgmma multiplies 64 rows, by a group of 4 warps
GPUS = {"sm_90": "an H100", "sm_89": "an RTX 4090", "sm_86": "an RTX 3090", "sm_80": "an A100"}


@dataclass(frozen=True)
class Requirements:
    """What compiled kernels must satisfy.

    `arch`: the GPU's architecture. `wgmma`: whether Hopper's tensor-core instruction is used (None: either way).
    `spills`: how many bytes a thread may spill; the kernel must then also fit into shared memory (None: neither is
    checked). `operands`: the type that the tensor cores multiply, by its PTX name. `refused`: part of the compiler's
    error, where the kernels must not compile.
    """

    arch: str = "sm_90"
    wgmma: bool | None = None
    spills: int | None = 0
    operands: str | None = None
    refused: str | None = None


@dataclass(frozen=True)
class Shortfall:
    """What is wrong with compiled kernels: the kinds of faults, a sentence on one of them, and the whole report."""

    kinds: frozenset[str]
    message: str
    lines: Sequence[str]


@contextlib.contextmanager
def skipping() -> Iterator[None]:
    """Skip the test if the compiler cannot be run here: that is no mistake of the kernel, and no pass either."""
    try:
        yield
    except CannotCompile as error:
        import pytest

        current().by_machine = True
        pytest.skip(f"not run here: the kernel could not be compiled: {error}")


def need_compiler() -> None:
    """Skip the test if no compiler that fits is installed. The verdict says so, and rests on the other tests."""
    lack = triton_version.unfit()
    if lack:
        import pytest

        current().uncompiled = True
        pytest.skip(f"not run here: {lack}")


def take_uncompiled() -> bool:
    """Whether the last test was skipped by `need_compiler`. It is then forgotten: one test reports it."""
    run = current()
    uncompiled, run.uncompiled = run.uncompiled, False
    return uncompiled


def shortfall_of(fn: Any, inputs: Sequence[Any], required: Requirements) -> Shortfall | None:
    """How the kernels that `fn(*inputs)` launches miss the requirements, or None."""
    return _shortfall(fn, fn.compiled(required.arch, *inputs), required)


def shortfall_as_run(
    fn: Any, inputs: Sequence[Any], required: Requirements, reached: Mapping[str, Set[int]]
) -> Shortfall | None:
    """The same for the kernels without the parts that were not `reached`, or None."""
    found = _shortfall(fn, fn.compiled_as_run(required.arch, *inputs, reached=reached), required)
    return found and replace(found, message=f"{found.message}, after the parts that no program runs were removed")


def drawn(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Random numbers of the same shapes and layouts. torch multiplies no 8-bit floats on a CPU: they get 16 bits."""
    generator = seeded(0)

    def like(x: Any) -> Any:
        if not isinstance(x, Tensor) or not x.is_floating_point():
            return x
        wide = x.half() if x.element_size() == 1 else x
        return clone(wide).copy_(torch.randn(x.shape, generator=generator))

    return tuple(map(like, inputs))


def _shortfall(fn: Any, reports: Sequence[Compiled], required: Requirements) -> Shortfall | None:
    faults: dict[str, str] = {}
    lines: list[str] = []
    for compiled in reports:
        current().by_machine |= not compiled.final
        faults = {**_faults(compiled, required, fn.config), **faults}
        lines += [f"  {line}" for line in compiled.explained()]
    return Shortfall(frozenset(faults), next(iter(faults.values())), lines) if faults else None


def _faults(compiled: Compiled, required: Requirements, config: Mapping[str, Any]) -> Mapping[str, str]:
    """A sentence for each fault of one kernel, by a name for the kind of fault. `config` is the learner's CONFIG."""
    name, gpu = compiled.kernel, GPUS.get(required.arch, required.arch)
    faults: dict[str, str] = {}
    if required.refused is not None:
        if required.refused in compiled.error:
            return {}
        return {f"{name} accepted": f"{name}: for {gpu} the compiler should say '{required.refused}'"}
    if compiled.error:
        return {f"{name} error": f"{name} does not compile for {gpu}"}
    if required.spills is not None and not compiled.fits:
        faults[f"{name} shared"] = f"{name} needs {compiled.shared:,} bytes of shared memory, more than {gpu} has"
    if required.spills is not None and compiled.spills > required.spills:
        faults[f"{name} spills"] = (
            f"{name} spills {compiled.spills:,} bytes a thread: its tiles are too large for the registers"
        )
    if required.operands is not None and compiled.operands != (required.operands,):
        operands = ", ".join(compiled.operands) or "nothing"
        faults[f"{name} operands"] = (
            f"{name} makes the tensor cores of {gpu} multiply {operands}, not {required.operands}"
        )
    if required.wgmma and compiled.tf32:
        faults[f"{name} tf32"] = (
            f"{name} multiplies in tf32, at half the rate: were the tiles cast to fp32 before tl.dot?"
        )
    if required.wgmma and not compiled.wgmma and not compiled.mma:
        faults[f"{name} no tensor cores"] = (
            f"{name} does not use the H100's tensor cores (give tl.dot the tiles as they are loaded)"
        )
    elif required.wgmma is not None and compiled.wgmma != required.wgmma:
        small = _too_small_for_wgmma(config)
        why = f"{small}: wgmma needs {WGMMA_ROWS} rows and {WGMMA_WARPS} warps" if small else "no wgmma"
        faults[f"{name} wgmma"] = f"{name} does not use the H100's tensor cores at full rate ({why})"
    return faults


def _too_small_for_wgmma(config: Mapping[str, Any]) -> str:
    """The parts of a CONFIG that rule out Hopper's tensor-core instruction, such as "BLOCK_M 32"."""
    rows, warps = config.get("BLOCK_M", WGMMA_ROWS), config.get("num_warps", WGMMA_WARPS)
    small = [f"BLOCK_M {rows}"] if rows < WGMMA_ROWS else []
    return ", ".join(small + ([f"num_warps {warps}"] if warps < WGMMA_WARPS else []))


def same_faults(shortfall: Shortfall, variant: Any, inputs: Sequence[Any], required: Requirements) -> bool:
    """Does a wrong answer have the same kinds of faults? Not as far as is known, if the compiler cannot be run."""
    try:
        other = shortfall_of(variant, inputs, required)
    except CannotCompile:
        return False
    return other is not None and other.kinds == shortfall.kinds


def right_kernels_do_it(shortfall: Shortfall, fn: Any, inputs: Sequence[Any], required: Requirements) -> bool:
    """Do right kernels with the learner's CONFIG have the same kinds of faults?"""
    right = fn.with_right_kernels
    return right is not None and same_faults(shortfall, right, inputs, required)


def message(shortfall: Shortfall, variants: Sequence[Variant], function: str) -> Message:
    """What the learner reads. `variants` are the wrong answers with the same faults."""
    sentence = f"{function}: {shortfall.message}"
    looks = {v.name: v.says for v in variants}
    evidence = Evidence(what=sentence, function=function, table=tuple(shortfall.lines))
    return Message("\n".join([sentence, "", *shortfall.lines]), sentence, looks, function, evidence=evidence)
