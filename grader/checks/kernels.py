"""The claim `compiles`: what a kernel koan's kernels become on a GPU that is not here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grader.verdict import looks_like
from reference import Variant

if TYPE_CHECKING:
    from grader.checks.message import Told
    from grader.interpreter.compile import Compiled


@dataclass(frozen=True)
class Unfit:
    """What is wrong with the compiled kernels: kinds to compare, a sentence, and the whole report."""

    kinds: frozenset[str]
    says: str
    lines: Sequence[str]


def unfit_for(arch: str, fn: Any, inputs: Sequence[Any], *, wgmma: bool | None, spills: int | None) -> Unfit | None:
    """Why the kernels are not fit for `arch`, or None."""
    found: dict[str, str] = {}
    lines: list[str] = []
    for compiled in fn.compiled(arch, *inputs):
        found = {**_faults(compiled, wgmma, spills), **found}
        lines += [f"  {line}" for line in compiled.meaning()]
    return Unfit(frozenset(found), next(iter(found.values())), lines) if found else None


def _faults(compiled: Compiled, wgmma: bool | None, spills: int | None) -> Mapping[str, str]:
    name, found = compiled.kernel, {}
    if compiled.error:
        return {f"{name} error": f"{name} does not compile for an H100"}
    if not compiled.fits:
        found[f"{name} shared"] = f"{name} wants {compiled.shared:,} bytes of shared memory, more than an H100 has"
    if spills is not None and compiled.spills > spills:
        found[f"{name} spills"] = (
            f"{name} spills {compiled.spills:,} bytes a thread: its tiles are too large for the registers"
        )
    if wgmma and compiled.tf32:
        found[f"{name} tf32"] = f"{name} multiplies in tf32, at half the rate: were the tiles made fp32 before tl.dot?"
    if wgmma is not None and compiled.wgmma != wgmma:
        found[f"{name} wgmma"] = f"{name} does not use the H100's tensor cores (no wgmma)"
    return found


def alike(unfit: Unfit, variant: Any, inputs: Sequence[Any], wgmma: bool | None, spills: int | None) -> bool:
    """Is a wrong answer unfit in the same way?"""
    other = unfit_for("sm_90", variant, inputs, wgmma=wgmma, spills=spills)
    return other is not None and other.kinds == unfit.kinds


def told(unfit: Unfit, names: Sequence[Variant], function: str) -> Told:
    from grader.checks.message import Told

    looks = {v.name: v.says for v in names}
    sentence = looks_like(list(looks.values())) if looks else f"{function}: {unfit.says}"
    lines = [sentence, "", *([f"  {function}: {unfit.says}"] if looks else []), *unfit.lines]
    return Told("\n".join(lines), sentence, looks)
