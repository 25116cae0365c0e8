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

from grader.gpu.facts import Facts, lack, too_old
from grader.gpu.job import Job, Kernels, Report
from grader.gpu.machine import Cuda, Machine
from grader.gpu.timing import Contestant, OutOfMemory, race
from reference import Oracle

TRIES = 3  # calls of a choice before the fastest is picked


def main() -> None:
    unlimited()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else prints must not stand between the reports
    missing = lack()
    machine: Machine | None = None
    for line in sys.stdin:
        job = msgspec.json.decode(line, type=Job)
        if not missing and machine is None:
            machine = Cuda()
            import torch

            torch.set_default_device("cuda")  # launchers make their outputs on it
        for report in [Report(Facts("none"), lack=missing)] if machine is None else run(job, machine):
            out.write(msgspec.json.encode(report).decode() + "\n")
            out.flush()
        out.write("\n")  # that was the last report of this job
        out.flush()


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


def run(job: Job, machine: Machine, functions: Callable[[Kernels], dict[str, Any]] = jitted) -> Iterator[Report]:
    """The reports of one race, each with all there is so far; the last one is the whole."""
    from grader.gpu.contestants import BaselineContestant, KernelContestant

    facts = machine.facts()
    missing = too_old(facts.capability) if machine.device == "cuda" else ""
    if missing:
        yield Report(facts, lack=missing)
        return
    oracle = oracle_of(job.oracle)
    chosen: dict[str, dict[str, Any]] = {}
    contestants: list[Contestant] = []
    try:
        for kernels in job.kernels:
            its, texts = oracle_of(kernels.oracle), functions(kernels)
            configs = [{**kernels.config, **choice} for choice in ({}, *kernels.choices)]
            made = [
                KernelContestant(kernels.name, texts, config, its, job.inputs, machine, kernels.only)
                for config in configs
            ]
            best = made[0] if len(made) == 1 else fastest(made)
            chosen[kernels.name] = best.config
            contestants.append(best)
        contestants += [
            BaselineContestant(name, oracle.baselines[name], oracle, job.inputs, machine) for name in job.baselines
        ]
        floor = _floor(job, oracle, facts)
        for times in race(contestants, rounds=job.rounds):
            yield Report(facts, tuple(times), floor, chosen=chosen)
    except Exception as error:  # a kernel that does not compile or start, told to its author
        says = str(error).strip().splitlines()
        yield Report(facts, error=f"{type(error).__name__}: {says[-1] if says else ''}", chosen=chosen)
    finally:
        contestants.clear()
        gc.collect()
        if machine.device == "cuda":
            import torch

            torch.cuda.empty_cache()


def fastest(made: list[Any]) -> Any:
    """The choice with the least median of a few calls, of those that start and are right; the first if none is."""
    best, least = made[0], float("inf")
    for one in made:
        try:
            *_, (times,) = race([one], rounds=TRIES, warm=1)
        except OutOfMemory:
            continue
        except Exception:  # too much shared memory, a shape this device has no instruction for: not this choice
            continue
        if times.ms and times.median < least:
            best, least = one, times.median
    return best


def _floor(job: Job, oracle: Oracle[..., Any], facts: Facts) -> float:
    import torch

    from grader.gpu.machine import dtype

    if oracle.work is None:
        return 0.0
    work = oracle.work(*(torch.empty(i.shape, dtype=dtype(i.dtype), device="meta") for i in job.inputs))
    return facts.floor(work.flops, work.loads)


if __name__ == "__main__":
    main()
