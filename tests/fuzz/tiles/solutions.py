"""Every answer of every kernel koan, right and wrong, in the tile machine and in Triton's interpreter.

Both must give the same results, bytes and FLOPs, or both an error. Where only the machine finds a mistake, or where the
interpreter is wrong, `disagreements.py` has the reason. What the machine refuses, Triton's compiler must refuse.
"""

from __future__ import annotations

import importlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from grader.book.stubs import strip_markers
from grader.kernels.compile import launches
from grader.kernels.kernel_function import Launched, launched
from grader.kernels.kernel_text import kernel_lines
from grader.kernels.tiles.counts import Traffic
from grader.kernels.tiles.findings import Refused
from grader.kernels.tiles.launch import load
from reference import Variant
from tests.fuzz.tiles.disagreements import EXACT, Known, finding, of_answer
from tests.fuzz.tiles.front_end import Answer, Job, ask
from tests.kernels import triton_interpreter

ROOT = Path(__file__).resolve().parents[3]
CHAPTER = "ch13_triton"
BOUND = 8  # steps of the type, as a part of the largest element: sums and exponentials come in another order
EPS = {torch.float64: 2.0**-52, torch.float32: 2.0**-23, torch.float16: 2.0**-10, torch.bfloat16: 2.0**-7}


def randn(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def heads(n: int, m: int, d: int = 16, dtype: torch.dtype = torch.float32, heads: int = 2) -> tuple[Tensor, ...]:
    return tuple(randn(heads, length, d, dtype=dtype, seed=i) for i, length in enumerate((n, m, m)))


def rows(n: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return randn(3, n, dtype=dtype)


def grouped(n: int, m: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
    q = randn(2, 4, n, 16, dtype=dtype)
    return q, *(randn(2, 2, m, 16, dtype=dtype, seed=i) for i in (1, 2))


F16, BF16 = torch.float16, torch.bfloat16
INPUTS: Mapping[str, Sequence[tuple[Any, ...]]] = {
    "vector_add": [(randn(n), randn(n, seed=1)) for n in (300, 1)] + [(randn(300).half(), randn(300, seed=1).half())],
    "fused_scale_bias_relu": [tuple(x.to(t) for x in (randn(5, 70), randn(70, seed=1), randn(70, seed=2))) for t in (torch.float32, F16)],
    "row_softmax_kernel": [(rows(50),), (rows(1),), (rows(129, F16),)],
    "rms_norm_kernel": [(rows(n, t), randn(n, dtype=t, seed=1)) for n, t in ((50, torch.float32), (33, F16), (64, BF16))],
    "matmul_kernel": [(randn(50, 70, dtype=t), randn(70, 33, dtype=t, seed=1)) for t in (torch.float32, F16, BF16)],
    "flash_forward": [heads(70, 90), heads(1, 129), heads(40, 20, 32, F16)],
    "flash_bf16": [heads(70, 90, 32, BF16), heads(33, 5, 32, BF16)],
    "flash_causal": [heads(70, 90), heads(20, 40, 16, F16)],
    "flash_decode": [(randn(2, 16), *heads(1, m)[1:]) for m in (150, 1)] + [tuple(x.to(BF16) for x in (randn(2, 16), *heads(1, 150)[1:]))],
    "flash_gqa": [grouped(5, 70), grouped(20, 30, F16)],
    "flash_backward_kernel": [(*heads(n, m, dtype=t), randn(2, n, 16, dtype=t, seed=7)) for n, m, t in ((40, 70, torch.float32), (20, 33, BF16))],
    "three_ways": [heads(5, 40), heads(3, 20, 16, BF16)],
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a machine makes of an answer: tensors, bytes and FLOPs, or an error."""

    tensors: tuple[Tensor, ...] = ()
    bytes: Any = None
    flops: int = 0
    error: BaseException | None = None

    @property
    def kind(self) -> str:
        return type(self.error).__name__ if self.error else ""


@dataclass(frozen=True)
class Difference:
    koan: str
    answer: str
    inputs: str
    what: str

    def __str__(self) -> str:
        return f"{self.koan}, {self.answer}, {self.inputs}: {self.what}"


def answers(koan: str) -> Iterator[tuple[str, Launched]]:
    """The model answer and every right and wrong variant."""
    oracle = getattr(importlib.import_module(f"reference.{CHAPTER}.{koan}"), koan)
    file = ROOT / "solutions" / CHAPTER / f"{koan}.py"
    text = strip_markers(file.read_text(encoding="utf-8"))
    yield "solution", launched(oracle, text, str(file))
    variants: list[Variant] = [*oracle.rights.values(), *oracle.wrongs.values()]
    for variant in variants:
        yield variant.name, launched(oracle, text, str(file), variant)


def compare(koans: Sequence[str], outcomes: Counter[str], only: int = 99) -> Iterator[Difference]:
    """The differences that have no reason. `only`: so many inputs of each koan."""
    refused: list[tuple[Difference, Job]] = []
    for koan in koans or INPUTS:
        for answer, fn in answers(koan):
            for inputs in INPUTS[koan][:only]:
                shapes = ", ".join(f"{tuple(x.shape)} {str(x.dtype).removeprefix('torch.')}" for x in inputs)
                ours, theirs = in_machine(fn, inputs), in_interpreter(fn, inputs)
                outcomes["calls compared"] += 1
                what, known = difference(koan, answer, ours, theirs)
                if known:
                    outcomes[f"differ as known: {known.name}"] += 1
                elif what:
                    yield Difference(koan, answer, shapes, what)
                else:
                    both = f"both give an error: {ours.kind} and {theirs.kind}"
                    outcomes[both if ours.error else "equal"] += 1
                if isinstance(ours.error, Refused):
                    made = Difference(koan, answer, shapes, f"only the machine refuses: {ours.error}")
                    refused += [(made, job) for job in jobs(fn, inputs)]
    compiled: dict[Difference, list[Answer]] = {}
    for (made, _), reply in zip(refused, ask([job for _, job in refused]), strict=True):
        compiled.setdefault(made, []).append(reply)
    for made, replies in compiled.items():
        outcomes["refused by the machine and looked at by the compiler"] += 1
        if not any(reply.error for reply in replies):
            yield made


def jobs(fn: Launched, inputs: Sequence[Any]) -> list[Job]:
    """The launches of a call, for the compiler."""
    planned = launches(fn.texts, fn.oracle.launch, fn.config, inputs)
    return [Job(kernel_lines(fn.texts[p.kernel]), dict(p.signature), dict(p.constants), p.kernel) for p in planned]


def in_machine(fn: Launched, inputs: Sequence[Any]) -> Outcome:
    traffic = Traffic(fn.config)
    loaded = {name: getattr(load(text, traffic), name) for name, text in fn.texts.items()}
    return outcome(fn, inputs, loaded, lambda: (traffic.figures(), traffic.flops))


def in_interpreter(fn: Launched, inputs: Sequence[Any]) -> Outcome:
    counts = triton_interpreter.Counts()
    loaded = {name: getattr(triton_interpreter.load(text, counts), name) for name, text in fn.texts.items()}
    return outcome(fn, inputs, loaded, lambda: (counts.figures(), counts.flops))


def outcome(fn: Launched, inputs: Sequence[Any], kernels: Any, counted: Callable[[], tuple[Any, int]]) -> Outcome:
    assert fn.oracle.launch is not None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = fn.oracle.launch(SimpleNamespace(**kernels), fn.config, *[x.clone() for x in inputs])
    except Exception as error:
        return Outcome(error=error)
    figures, flops = counted()
    return Outcome(tuple(flat(result)), figures, flops)


def flat(result: Any) -> Iterator[Tensor]:
    if isinstance(result, Tensor):
        yield result
    else:
        for part in result.values() if isinstance(result, dict) else result:
            yield from flat(part)


def difference(koan: str, answer: str, ours: Outcome, theirs: Outcome) -> tuple[str, Known | None]:
    """What differs, or an empty string, and the reason if it is a known one."""
    if ours.error and theirs.error:
        return "", None
    known = None
    if ours.error:
        what = f"only the machine gives {ours.kind}: {ours.error}"
        known = finding(ours.kind, what)
    elif theirs.error:
        what = f"only the interpreter gives {theirs.kind}: {str(theirs.error)[:200]}"
        known = finding(f"interpreter: {theirs.kind}", what)
    else:
        what = results_differ(koan, ours, theirs)
    return what, known or of_answer(koan, answer, what) if what else None


def results_differ(koan: str, ours: Outcome, theirs: Outcome) -> str:
    if ours.bytes != theirs.bytes:
        return f"bytes {ours.bytes} and not {theirs.bytes}"
    if ours.flops != theirs.flops:
        return f"{ours.flops} FLOPs and not {theirs.flops}"
    for a, b in zip(ours.tensors, theirs.tensors, strict=True):
        far = farther_than(a, b, 0.0 if koan in EXACT else BOUND * EPS.get(a.dtype, 0.0))
        if far:
            return far
    return ""


def farther_than(a: Tensor, b: Tensor, bound: float) -> str:
    """Do two results differ by more than the bound times the largest finite element? In words, or an empty string."""
    if bound == 0:
        same = (a == b) | (a.isnan() & b.isnan())
        return "" if bool(same.all()) else f"{int((~same).sum())} of {same.numel()} elements are not equal"
    x, y = a.double(), b.double()
    finite = x.isfinite() & y.isfinite()
    if not torch.equal(x[~finite].nan_to_num(7e7), y[~finite].nan_to_num(7e7)):
        return "one is NaN or infinite where the other is not"
    if not finite.any():
        return ""
    scale = float(y[finite].abs().max())
    largest = float((x - y)[finite].abs().max())
    return (
        ""
        if largest <= bound * scale
        else f"they are {largest / (scale or 1):.2g} of the largest element apart, more than {bound:.2g}"
    )
