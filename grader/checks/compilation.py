"""The claim `compiles`: what a kernel koan's kernels become on a GPU that is not here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grader.book.verdict import looks_like
from reference import Variant

if TYPE_CHECKING:
    from grader.checks.message import Message
    from grader.kernels.compile import Compiled


GPUS = {"sm_90": "an H100", "sm_89": "an RTX 4090", "sm_86": "an RTX 3090", "sm_80": "an A100"}


@dataclass(frozen=True)
class Wanted:
    """What compiled kernels are held to.

    `arch`: for which GPU. `wgmma`: Hopper's tensor-core instruction, there or not. `spills`: bytes a thread may keep
    outside registers, and with it that the kernel fits into shared memory (None: neither is looked at). `operands`:
    what the tensor cores multiply, by PTX's name. `refused`: words of the compiler's refusal, where there is to be one.
    """

    arch: str = "sm_90"
    wgmma: bool | None = None
    spills: int | None = 0
    operands: str | None = None
    refused: str | None = None


@dataclass(frozen=True)
class Unfit:
    """What is wrong with the compiled kernels: kinds to compare, a sentence, and the whole report."""

    kinds: frozenset[str]
    says: str
    lines: Sequence[str]


def unfit_for(wanted: Wanted, fn: Any, inputs: Sequence[Any]) -> Unfit | None:
    """Why the kernels are not what is wanted, or None."""
    found: dict[str, str] = {}
    lines: list[str] = []
    for compiled in fn.compiled(wanted.arch, *inputs):
        found = {**_faults(compiled, wanted), **found}
        lines += [f"  {line}" for line in compiled.meaning()]
    return Unfit(frozenset(found), next(iter(found.values())), lines) if found else None


def _faults(compiled: Compiled, wanted: Wanted) -> Mapping[str, str]:
    name, gpu = compiled.kernel, GPUS.get(wanted.arch, wanted.arch)
    found: dict[str, str] = {}
    if wanted.refused is not None:
        if wanted.refused in compiled.error:
            return {}
        return {f"{name} accepted": f"{name}: for {gpu} the compiler should say '{wanted.refused}'"}
    if compiled.error:
        return {f"{name} error": f"{name} does not compile for {gpu}"}
    if wanted.spills is not None and not compiled.fits:
        found[f"{name} shared"] = f"{name} wants {compiled.shared:,} bytes of shared memory, more than {gpu} has"
    if wanted.spills is not None and compiled.spills > wanted.spills:
        found[f"{name} spills"] = (
            f"{name} spills {compiled.spills:,} bytes a thread: its tiles are too large for the registers"
        )
    if wanted.operands is not None and compiled.operands != (wanted.operands,):
        they = ", ".join(compiled.operands) or "nothing"
        found[f"{name} operands"] = f"{name} has the tensor cores of {gpu} multiply {they}, not {wanted.operands}"
    if wanted.wgmma and compiled.tf32:
        found[f"{name} tf32"] = f"{name} multiplies in tf32, at half the rate: were the tiles made fp32 before tl.dot?"
    if wanted.wgmma is not None and compiled.wgmma != wanted.wgmma:
        found[f"{name} wgmma"] = f"{name} does not use the H100's tensor cores (no wgmma)"
    return found


def alike(unfit: Unfit, variant: Any, inputs: Sequence[Any], wanted: Wanted) -> bool:
    """Is a wrong answer unfit in the same way?"""
    other = unfit_for(wanted, variant, inputs)
    return other is not None and other.kinds == unfit.kinds


def told(unfit: Unfit, names: Sequence[Variant], function: str) -> Message:
    from grader.checks.message import Message

    looks = {v.name: v.says for v in names}
    sentence = looks_like(list(looks.values())) if looks else f"{function}: {unfit.says}"
    lines = [sentence, "", *([f"  {function}: {unfit.says}"] if looks else []), *unfit.lines]
    return Message("\n".join(lines), sentence, looks)
