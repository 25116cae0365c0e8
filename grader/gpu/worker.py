"""The process that has the GPU: `python -m grader.gpu.worker`, a Job a line in, a Report a line out.

It has Triton without the interpreter. Of a learner's file it gets the checked text of the kernels and literal numbers;
Python around them is the workbook's own (launchers, oracles, baselines in reference/).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import linecache
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from grader.gpu.devices import Facts, lack, too_old
from grader.gpu.failures import told
from grader.gpu.job import Kernels, RaceJob, RaceReport
from grader.gpu.machine import Cuda, Machine
from grader.gpu.timing import Contestant, Times, race
from reference import Oracle

TRIES = 3  # calls of a choice before the fastest is picked


def main() -> None:
    unlimited()
    serve(on_cuda)


def on_cuda() -> tuple[Machine | None, str]:
    """The device, or what is missing."""
    missing = lack()
    if missing:
        return None, missing
    import torch

    torch.set_default_device("cuda")  # launchers make their outputs on it
    return Cuda(), ""


def serve(start: Callable[[], tuple[Machine | None, str]], **how: Any) -> None:
    """Answer jobs until there are no more, or until the device is lost. `how`: as in `run`."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else prints must not stand between the reports
    started: tuple[Machine | None, str] | None = None
    broken = False
    for line in sys.stdin:
        job = msgspec.json.decode(line, type=RaceJob)
        started = started or start()
        machine, missing = started
        for report in [RaceReport(Facts("none"), lack=missing)] if machine is None else run(job, machine, **how):
            broken = report.broken
            out.write(msgspec.json.encode(report).decode() + "\n")
            out.flush()
        out.write("\n")  # that was the last report of this job
        out.flush()
        if broken:
            os._exit(0)  # CUDA's own tidying up would hang or complain


def unlimited() -> None:
    """A run's address space is bounded; CUDA reserves more than any bound, and nothing of a learner's runs here."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def oracle_of(name: str) -> Oracle[..., Any]:
    module, _, function = name.partition(":")
    found = getattr(importlib.import_module(module), function)
    assert isinstance(found, Oracle)
    return found


def jitted(kernels: Kernels) -> dict[str, Any]:
    """The kernels of the texts, for Triton to compile."""
    import triton
    import triton.language as tl

    functions: dict[str, Any] = {}
    for name, source in kernels.sources.items():
        file = f"<{kernels.name}:{name}>"
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        namespace: dict[str, Any] = {"triton": triton, "tl": tl, "__name__": "kernel"}
        exec(compile(source, file, "exec"), namespace)
        functions[name] = namespace[name]
    return functions


def run(
    job: RaceJob,
    machine: Machine,
    functions: Callable[[Kernels], dict[str, Any]] = jitted,
    made: Callable[..., Any] | None = None,
) -> Iterator[RaceReport]:
    """The reports of one race, each with all there is so far; the last one is the whole.

    `functions` gives the kernels of texts; `made` makes a contestant of them (by default a KernelContestant).
    """
    from grader.gpu.contestants import KernelContestant

    report = RaceReport(machine.facts(), chosen={})
    missing = too_old(report.facts.capability) if machine.device == "cuda" else ""
    if missing:
        yield msgspec.structs.replace(report, lack=missing)
        return
    if not job.oracle:
        yield msgspec.structs.replace(report, picks=picks(machine))
        return
    for report in _raced(job, machine, report, functions, made or KernelContestant):  # noqa: B020  the last one stays
        yield report
    gc.collect()  # what contestants kept is free from here on
    if not machine.alive():
        yield msgspec.structs.replace(report, broken=True)
    elif machine.device == "cuda":
        import torch

        torch.cuda.empty_cache()


def _raced(
    job: RaceJob,
    machine: Machine,
    report: RaceReport,
    functions: Callable[[Kernels], dict[str, Any]],
    made: Callable[..., Any],
) -> Iterator[RaceReport]:
    from grader.gpu.contestants import BaselineContestant, Truth

    contestants: list[Contestant] = []
    out: list[Times] = []  # who cannot even start
    try:
        oracle = oracle_of(job.oracle)
        flops, loads = _work(job, oracle)
        report = msgspec.structs.replace(report, floor=report.facts.floor(flops, loads), flops=flops, loads=loads)
        truth = Truth(oracle, job.inputs, machine.device)
        for kernels in job.kernels:
            try:
                its, texts = oracle_of(kernels.oracle), functions(kernels)
            except Exception as error:
                out.append(Times(kernels.name, error=told(error)))
                continue
            configs = [{**kernels.config, **choice} for choice in ({}, *kernels.choices)]
            some = [
                made(f"{kernels.name} {i}", texts, config, its, job.inputs, machine, kernels.only, truth)
                for i, config in enumerate(configs)
            ]
            best = some[0] if len(some) == 1 else fastest(some)
            best.name = kernels.name
            report.chosen[kernels.name] = best.config
            contestants.append(best)
        for name in job.baselines:
            if name in oracle.baselines:
                fn = oracle.baselines[name]
                contestants.append(BaselineContestant(name, fn, oracle, job.inputs, machine, truth))
            else:
                out.append(Times(name, error=f"{oracle.__name__} has no such baseline"))
        for times in race(contestants, rounds=job.rounds, warm=job.warm, alive=machine.alive):
            report = msgspec.structs.replace(report, times=(*times, *out))
            yield report
    except Exception as error:  # whatever it is must not end the process
        yield msgspec.structs.replace(report, error=told(error))


def fastest(made: list[Any]) -> Any:
    """The choice with the least median of a few calls, of those that start and are right; the first if none is.

    Too much shared memory, or a shape this device has no instruction for: such a choice has no times.
    """
    *_, times = race(made, rounds=TRIES, warm=1)
    timed = [(t.median, i) for i, t in enumerate(times) if t.ms]
    return made[min(timed)[1]] if timed else made[0]


def _work(job: RaceJob, oracle: Oracle[..., Any]) -> tuple[float, float]:
    """FLOPs and bytes that any way must do and read; nothing, if that is not known."""
    import torch

    from grader.gpu.machine import dtype

    if oracle.work is None:
        return 0.0, 0.0
    work = oracle.work(*(torch.empty(i.shape, dtype=dtype(i.dtype), device="meta") for i in job.inputs))
    return work.flops, work.loads


PICKED = {  # queries, keys, width, mask
    "width 64": (4096, 4096, 64, False),
    "width 128": (4096, 4096, 128, False),
    "width 64, causal": (4096, 4096, 64, True),
    "width 128, causal": (4096, 4096, 128, True),
    "one query": (1, 4096, 64, False),
}


def picks(machine: Machine) -> dict[str, str]:
    """Which of its backends torch's attention takes by itself, in bf16."""
    import torch
    from torch.nn.attention import SDPBackend

    found = {}
    for what, (n, m, d, causal) in PICKED.items():
        q, k = (torch.empty(1, 1, rows, d, dtype=torch.bfloat16, device=machine.device) for rows in (n, m))
        try:
            found[what] = SDPBackend(torch._fused_sdp_choice(q, k, k, is_causal=causal)).name
        except Exception as error:  # a private function: it may change
            found[what] = told(error)
    return found


if __name__ == "__main__":
    main()
