"""The bench: every cell in turn, on the GPU in the worker, else here on the CPU within a budget of time."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from grader.book.errors import KoansError, writing
from grader.book.workbook import Workbook
from grader.gpu.bench import predict
from grader.gpu.bench.cells import WAYS, Bench, BenchCell, BenchRow, Prediction, cells, filled, share
from grader.gpu.devices import Facts, lack
from grader.gpu.job import Kernels, RaceJob, RaceReport, like
from grader.gpu.timing import Times

CHAPTER = "ch13_triton"
FULL, CAUSAL = "flash_forward", "flash_causal"
HEADS = (16, 32, 64, 128, 256)
ROUNDS = 15
CPU_ROUNDS = 5
TORCH = ("loops", "einsum", "sdpa")
BACKENDS = ("sdpa-flash", "sdpa-cudnn")  # on a GPU, beside the one that torch picks
Say = Callable[[str], None]


def bench(
    book: Workbook, lengths: Sequence[int], widths: Sequence[int], budget: float, say: Say = lambda text: None
) -> Iterator[Bench]:
    """Yields what there is after each cell; the last one is complete. `budget`: seconds one way may take for a cell on
    a CPU."""
    os.environ.setdefault("TRITON_INTERPRET", "1")  # before triton is imported: kernels are counted here, not run
    missing = lack()
    kernels = {causal: _kernels(book, CAUSAL if causal else FULL) for causal in (False, True)}
    plan = cells(tuple(lengths), tuple(widths), gpu=not missing)
    run = _on_cpu(plan, kernels, budget, say) if missing else _on_gpu(plan, kernels, say)
    for found in run:
        yield msgspec.structs.replace(found, at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))


def keep(runs: Iterator[Bench], file: Path) -> tuple[Bench | None, bool]:
    """Write each state of a bench to `file` as it comes, whatever comes after it. Gives the last one, and whether
    Ctrl-C ended it.
    """
    found: Bench | None = None
    try:
        for found in runs:
            _write(file, found)
    except KeyboardInterrupt:
        return found, True
    return found, False


def _write(file: Path, found: Bench) -> None:
    """Replace the file whole, so that it can be read at any moment."""
    new = file.with_suffix(".new")
    with writing(file):
        new.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
        new.replace(file)


def lengths_of(text: str) -> tuple[int, ...]:
    """The lengths in "512,4096". Raises KoansError."""
    numbers = _numbers(text, "--lengths")
    if any(n < 1 for n in numbers):
        raise KoansError(f"--lengths {text}: lengths start at 1")
    return numbers


def widths_of(text: str) -> tuple[int, ...]:
    """The widths in "64,128". Raises KoansError."""
    numbers = _numbers(text, "--widths")
    if any(n not in HEADS for n in numbers):
        raise KoansError(f"--widths {text}: a head is 16, 32, 64, 128 or 256 wide here")
    return numbers


def _numbers(text: str, option: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise KoansError(f"{option} {text}: give whole numbers separated by commas, like 512,4096") from None


def _kernels(book: Workbook, name: str) -> dict[str, Any]:
    """Model kernel and learner's own, behind the launcher, as far as they are there and can be read."""
    from grader.book.oracles import oracles
    from grader.book.stubs import strip_markers
    from grader.kernels.interpreter.run import installed
    from grader.kernels.launched import launched
    from grader.kernels.text import is_stub

    if not installed():
        return {}
    koan = book.koan(f"{CHAPTER}/{name}")
    oracle = oracles(koan)[name]
    found: dict[str, Any] = {}
    for way, file in (("triton", book.solution(koan)), ("yours", book.exercise(koan))):
        if not file.is_file():
            continue
        text = file.read_text(encoding="utf-8")
        try:
            fn = launched(oracle, strip_markers(text) if way == "triton" else text, str(file))
        except SyntaxError:
            continue  # a file in the middle of being written is not timed
        if not any(is_stub(node) for node in fn.text.functions.values()):
            found[way] = fn
    return found


def _on_gpu(plan: Sequence[BenchCell], kernels: dict[bool, dict[str, Any]], say: Say) -> Iterator[Bench]:
    from grader.gpu import request
    from grader.gpu.client import GpuWorker

    rows: list[BenchRow] = []
    facts = Facts("")
    chosen: dict[str, dict[str, Any]] = {}
    with GpuWorker(patience=300) as worker:
        for i, cell in enumerate(plan):
            say(f"{cell} ({i + 1} of {len(plan)})")
            ours = [request.kernels(fn, way) for way, fn in kernels[cell.causal].items()]
            job = race_of(cell, ours)
            try:
                report = worker.ask(job)
            except KoansError as error:
                report = RaceReport(facts, error=str(error).splitlines()[0])
            if report.lack:
                raise KoansError(f"not run here: {report.lack}")
            facts = report.facts
            chosen |= {f"{cell} {way}": config for way, config in report.chosen.items()}
            asked = {way: predict.torch_way(cell, way).asked_bytes for way in job.baselines}
            for way, config in report.chosen.items():
                asked[way] = predict.total(predict.asked_by(cell, kernels[cell.causal][way], config))
            found = {times.name: times for times in report.times}
            for way in (*job.baselines, *(k.name for k in ours)):
                times = found.get(way, Times(way, error=report.error))
                rows.append(_row(cell, times, facts, report.floor, asked.get(way, 0)))
            yield Bench("gpu", facts, tuple(_sorted(rows)), chosen=dict(chosen), complete=i + 1 == len(plan))


def race_of(cell: BenchCell, ours: Sequence[Kernels], rounds: int = ROUNDS) -> RaceJob:
    """The race of a cell on a GPU: loops, einsum, SDPA by each of its backends, and kernels."""
    name = CAUSAL if cell.causal else FULL
    shape = like(cell.heads, cell.n, cell.d)
    return RaceJob(f"reference.{CHAPTER}.{name}:{name}", (shape,) * 3, (*TORCH, *BACKENDS), tuple(ours), rounds)


def _row(cell: BenchCell, times: Times, facts: Facts, floor: float = 0.0, asked: int = 0) -> BenchRow:
    honest = times.above(floor)
    if not honest.ms:
        below = f"all {len(times.ms)} times lie below the roofline" if times.ms else ""
        return BenchRow(
            cell, times.name, how=times.how, lack=times.lack or times.error or times.wrong or below or "no time"
        )
    ms = honest.median
    figures = (ms, honest.spread, len(honest.ms), times.how, cell.flops / ms / 1e9, share(cell, ms, facts.peak), asked)
    return BenchRow(cell, times.name, *figures)


def _on_cpu(plan: Sequence[BenchCell], kernels: dict[bool, dict[str, Any]], budget: float, say: Say) -> Iterator[Bench]:
    from grader.gpu.contestants import BaselineContestant
    from grader.gpu.machine import Host
    from grader.gpu.timing import race
    from grader.gpu.worker import oracle_of

    machine = Host()
    facts = machine.facts()
    rows: list[BenchRow] = []
    predictions: list[Prediction] = []

    def so_far(complete: bool = False) -> Bench:
        done = Bench("cpu", facts, tuple(_sorted(rows)), tuple(_sorted(predictions)), predict.NAME)
        return msgspec.structs.replace(done, complete=complete)

    for i, cell in enumerate(plan):
        there = filled(cell)
        name = CAUSAL if cell.causal else FULL
        oracle = oracle_of(f"reference.{CHAPTER}.{name}:{name}")
        for way in TORCH:
            say(f"{cell}: {way} ({i + 1} of {len(plan)})")
            predictions.append(predict.torch_way(there, way))
            expected = _expected(rows, cell, way)
            if expected > budget:
                rows.append(BenchRow(cell, way, lack=f"left out: about {expected:.0f} s"))
                continue
            shapes = (like(cell.heads, cell.n, cell.d),) * 3
            one = BaselineContestant(way, oracle.baselines[way], oracle, shapes, machine)
            one.checked = True  # the tests look at its output; the oracle would take longer than all calls
            start, found = time.monotonic(), Times(way)
            for times in race([one], rounds=CPU_ROUNDS, warm=0 if expected > budget / 4 else 1):
                found = times[0]
                if time.monotonic() - start > budget:
                    break
            rows.append(_row(cell, found, facts))
            yield so_far()
        for way, fn in kernels[cell.causal].items():
            rows.append(BenchRow(cell, way, lack="needs a CUDA GPU"))
            try:
                predictions.append(predict.kernel_way(there, way, fn))
            except Exception as error:  # a learner's kernel that does not run yet
                rows[-1] = msgspec.structs.replace(rows[-1], lack=f"it does not run: {str(error).splitlines()[0]}")
        yield so_far(complete=i + 1 == len(plan))


def _expected(rows: Sequence[BenchRow], cell: BenchCell, way: str) -> float:
    """Seconds of one call, from a shorter length: time grows with the number of scores."""
    shorter = [r for r in rows if r.way == way and (r.cell.d, r.cell.causal) == (cell.d, cell.causal) and r.ms]
    if not shorter:
        return 0.0
    last = max(shorter, key=lambda r: r.cell.n)
    return last.ms / 1e3 * (cell.n / last.cell.n) ** 2


def _sorted(rows: Sequence[Any]) -> list[Any]:
    return sorted(rows, key=lambda r: (r.cell.causal, r.cell.d, r.cell.n, WAYS.index(r.way)))
