"""The process that has the GPU: `python -m grader.gpu.worker`.

It reads one job a line from stdin and writes reports to stdout, one a line, with an empty line after the last. It
imports Triton. From a learner's file it gets only the checked text of the kernels and literal numbers; all other Python
is the workbook's own (launchers, oracles and baselines in reference/).
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
from grader.gpu.failures import one_line
from grader.gpu.job import Kernels, RaceJob, RaceReport
from grader.gpu.machine import Cuda, Machine, dtype
from grader.gpu.timing import Contestant, Times, race
from reference import Oracle

TRIES = 3  # calls of each choice of CONFIG before the fastest is picked


def main() -> None:
    lift_memory_limit()
    serve(start_cuda)


def start_cuda() -> tuple[Machine | None, str]:
    """The CUDA device, or what is missing."""
    missing = lack()
    if missing:
        return None, missing
    import torch

    torch.set_default_device("cuda")  # launchers allocate their outputs there
    return Cuda(), ""


def serve(start: Callable[[], tuple[Machine | None, str]], **options: Any) -> None:
    """Answer jobs until there are no more, or until the device is lost. `options` are keyword arguments of `run`."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # other output must not mix with the reports
    started: tuple[Machine | None, str] | None = None
    broken = False
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=RaceJob)
        started = started or start()
        machine, missing = started
        for report in [RaceReport(Facts("none"), lack=missing)] if machine is None else run(job, machine, **options):
            broken = report.broken
            out.write(msgspec.json.encode(report).decode() + "\n")
            out.flush()
        out.write("\n")  # marks the last report of a job
        out.flush()
        if broken:
            os._exit(0)  # CUDA's clean-up would hang or print errors


def lift_memory_limit() -> None:
    """Remove the limit of a run on the address space. CUDA reserves more, and no Python of a learner runs here."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def oracle_of(name: str) -> Oracle[..., Any]:
    """The oracle called "module:function"."""
    module, _, function = name.partition(":")
    oracle = getattr(importlib.import_module(module), function)
    assert isinstance(oracle, Oracle)
    return oracle


def jitted(kernels: Kernels) -> dict[str, Any]:
    """The kernels as Triton's JIT functions, by name."""
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
    contestant: Callable[..., Any] | None = None,
) -> Iterator[RaceReport]:
    """The reports of one race, each with all results so far; the last one is complete.

    `functions` turns texts into functions; `contestant` makes a contestant of them (by default a KernelContestant).
    """
    from grader.gpu.contestants import KernelContestant  # imports torch

    report = RaceReport(machine.facts(), chosen={})
    missing = too_old(report.facts.capability) if machine.device == "cuda" else ""
    if missing:
        yield msgspec.structs.replace(report, lack=missing)
        return
    if not job.oracle:
        yield msgspec.structs.replace(report, picks=sdpa_backends(machine))
        return
    reports = _race(job, machine, report, functions, contestant or KernelContestant)
    for report in reports:
        yield report
    gc.collect()  # frees the memory of the contestants
    if not machine.alive():
        yield msgspec.structs.replace(report, broken=True)
    elif machine.device == "cuda":
        import torch

        torch.cuda.empty_cache()


def _race(
    job: RaceJob,
    machine: Machine,
    report: RaceReport,
    functions: Callable[[Kernels], dict[str, Any]],
    contestant: Callable[..., Any],
) -> Iterator[RaceReport]:
    from grader.gpu.contestants import BaselineContestant, OracleResults  # imports torch

    contestants: list[Contestant] = []
    failed: list[Times] = []  # contestants that cannot start
    try:
        oracle = oracle_of(job.oracle)
        flops, loads = _least_work(job, oracle)
        report = msgspec.structs.replace(report, floor=report.facts.floor(flops, loads), flops=flops, loads=loads)
        results = OracleResults(oracle, job.inputs, machine.device)
        for kernels in job.kernels:
            try:
                launcher, compiled = oracle_of(kernels.oracle), functions(kernels)
            except Exception as error:
                failed.append(Times(kernels.name, error=one_line(error)))
                continue
            configs = [{**kernels.config, **choice} for choice in ({}, *kernels.choices)]
            choices = [
                contestant(
                    f"{kernels.name} {i}", compiled, config, launcher, job.inputs, machine, kernels.only, results
                )
                for i, config in enumerate(configs)
            ]
            best = choices[0] if len(choices) == 1 else fastest(choices)
            best.name = kernels.name
            report.chosen[kernels.name] = best.config
            contestants.append(best)
        for name in job.baselines:
            if name in oracle.baselines:
                fn = oracle.baselines[name]
                contestants.append(BaselineContestant(name, fn, oracle, job.inputs, machine, results))
            else:
                failed.append(Times(name, error=f"{oracle.__name__} has no such baseline"))
        for times in race(contestants, rounds=job.rounds, warm=job.warm, alive=machine.alive):
            report = msgspec.structs.replace(report, times=(*times, *failed))
            yield report
    except Exception as error:  # no error of a job may end the process
        yield msgspec.structs.replace(report, error=one_line(error))


def fastest(choices: list[Any]) -> Any:
    """The contestant with the least median of a few calls, of those that run and are correct; the first if none is.

    A choice that needs too much shared memory, or an instruction that the device lacks, has no times.
    """
    *_, times = race(choices, rounds=TRIES, warm=1)
    timed = [(t.median, i) for i, t in enumerate(times) if t.ms]
    return choices[min(timed)[1]] if timed else choices[0]


def _least_work(job: RaceJob, oracle: Oracle[..., Any]) -> tuple[float, float]:
    """The FLOPs and the bytes read that any implementation needs; zeros if the oracle does not say."""
    import torch

    if oracle.work is None:
        return 0.0, 0.0
    work = oracle.work(*(torch.empty(i.shape, dtype=dtype(i.dtype), device="meta") for i in job.inputs))
    return work.flops, work.loads


SDPA_CASES = {  # queries, keys, width, mask
    "width 64": (4096, 4096, 64, False),
    "width 128": (4096, 4096, 128, False),
    "width 64, causal": (4096, 4096, 64, True),
    "width 128, causal": (4096, 4096, 128, True),
    "one query": (1, 4096, 64, False),
}


def sdpa_backends(machine: Machine) -> dict[str, str]:
    """The backend that torch's attention picks by itself in each case, in bf16."""
    import torch
    from torch.nn.attention import SDPBackend

    backends = {}
    for case, (n, m, d, causal) in SDPA_CASES.items():
        q, k = (torch.empty(1, 1, rows, d, dtype=torch.bfloat16, device=machine.device) for rows in (n, m))
        try:
            backends[case] = SDPBackend(torch._fused_sdp_choice(q, k, k, is_causal=causal)).name
        except Exception as error:  # a private function of torch, which may change
            backends[case] = one_line(error)
    return backends


if __name__ == "__main__":
    main()
