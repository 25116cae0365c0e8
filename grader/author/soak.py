"""The soak: no honest answer may be refused at any seed, on any CPU. `koans verify --soak N`.

Solutions and right answers run with many seeds, and with some under other instruction sets and numbers of threads.
These change the order and the precision of sums in torch and numpy.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from grader.author.gate import Problem, judge_right
from grader.book.oracles import oracles
from grader.book.workbook import Koan, Workbook
from grader.judge.runner import Ask, Limits, Runner
from grader.judge.runner.child import THREADS
from grader.judge.targets import Target

LIMITS = Limits(timeout=60.0, brief=True)  # seconds
SEEDS_ELSEWHERE = 20  # the most seeds under each setting but the machine's own
SEEDS_AT_ONCE = 20  # all koans run with so many seeds before the next ones
# What a CPU without AVX, or with AVX2 but not AVX-512, would compute: https://pytorch.org/docs/stable/backends.html,
# OpenBLAS's and oneDNN's environment variables. MKL_CBWR sets the code path of MKL.
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "as it is": {},
    "without AVX": {
        "ATEN_CPU_CAPABILITY": "default",
        "OPENBLAS_CORETYPE": "Nehalem",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
    },
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "OPENBLAS_CORETYPE": "Haswell",
        "MKL_CBWR": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    },
    "two threads": {THREADS: "2"},
}

OnProgress = Callable[[int, int, str], None]  # called with: runs done, runs in all, the last one's name


class SoakReport(msgspec.Struct):
    """What the soak found. `runs` counts the runs under each setting."""

    seeds: int
    runs: dict[str, int] = msgspec.field(default_factory=dict)
    problems: list[Problem] = msgspec.field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems


def soak(
    workbook: Workbook,
    koans: Sequence[Koan],
    seeds: int,
    *,
    on_progress: OnProgress = lambda done, total, what: None,
) -> SoakReport:
    """Run the honest answers of these koans with the seeds 0 .. `seeds` - 1. `on_progress` is called after each run."""
    report = SoakReport(seeds)
    targets = [(koan, target) for koan in koans for target in _honest(koan)]
    plan = {name: seeds if name == "as it is" else min(seeds, SEEDS_ELSEWHERE) for name in SETTINGS}
    total, done = len(targets) * sum(plan.values()), 0
    for name, count in plan.items():
        asks = [
            Ask(koan, target, seed, seeded=seed > 0)
            for first in range(0, count, SEEDS_AT_ONCE)
            for koan, target in targets
            for seed in range(first, min(first + SEEDS_AT_ONCE, count))
        ]
        report.runs[name] = len(asks)
        with _environment(SETTINGS[name]), Runner(workbook, LIMITS, share=False) as runner:
            for _, verdict in runner.run_all(asks):
                done += 1
                on_progress(done, total, f"{name}: {verdict.koan} {verdict.target}, seed {verdict.seed}")
                what = "the solution" if verdict.target == "solutions" else "a right answer"
                report.problems += [
                    Problem(f"{problem.where}, {name}", problem.message) for problem in judge_right(verdict, what)
                ]
    return report


def _honest(koan: Koan) -> Iterator[Target]:
    yield Target("solutions")
    yield from (Target("right", name) for oracle in oracles(koan).values() for name in oracle.rights)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Within the block, processes that are started have these variables."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
