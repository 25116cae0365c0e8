"""Makes a kernel koan's job for the process that has the GPU. The job holds the checked text of the kernels."""

from __future__ import annotations

from collections.abc import Sequence

from grader.gpu.job import Input, Kernels, RaceJob
from grader.gpu.thresholds import YOURS
from grader.kernels.kernel_function import Launched
from grader.kernels.kernel_text import YourTurn, is_stub, kernel_lines


def job(fn: Launched, inputs: Sequence[Input], baselines: Sequence[str], only: Sequence[str] = ()) -> RaceJob:
    """A race of the learner's kernels against baselines of the oracle. Raises YourTurn for a stub."""
    yours = kernels(fn, YOURS, only)
    return RaceJob(yours.oracle, tuple(inputs), tuple(baselines), (yours,))


def kernels(fn: Launched, name: str, only: Sequence[str] = ()) -> Kernels:
    """The checked text of the kernels and their CONFIG. `name` labels their times. Raises YourTurn for a stub."""
    if any(is_stub(text.functions[kernel]) for kernel, text in fn.texts.items()):
        raise YourTurn("your turn")
    oracle = f"{fn.oracle.fn.__module__}:{fn.oracle.__name__}"
    sources = {kernel: kernel_lines(text) for kernel, text in fn.texts.items()}
    choices = tuple(dict(choice) for choice in fn.text.choices)
    return Kernels(name, oracle, sources, dict(fn.config), choices, tuple(only))
