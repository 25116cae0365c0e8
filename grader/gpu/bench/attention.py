"""Runs the bench, cell by cell: on the GPU in the worker, else in this process on the CPU within a time budget."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from grader.book.errors import KoansError
from grader.book.files import write_file
from grader.book.oracles import oracles
from grader.book.stubs import strip_markers
from grader.book.workbook import Workbook
from grader.gpu import request
from grader.gpu.bench import predict
from grader.gpu.bench.cells import WAYS, Bench, BenchCell, BenchRow, Prediction, cells, filled, share
from grader.gpu.client import GpuWorker
from grader.gpu.devices import Facts, lack
from grader.gpu.job import Kernels, RaceJob, RaceReport, like
from grader.gpu.machine import Host
from grader.gpu.timing import Times, race
from grader.gpu.worker import oracle_of
from grader.kernels.kernel_function import launched
from grader.kernels.kernel_text import is_stub

CHAPTER = "ch13_triton"
FULL, CAUSAL = "flash_forward", "flash_causal"
HEAD_WIDTHS = (16, 32, 64, 128, 256)
ROUNDS = 15
CPU_ROUNDS = 5
TORCH = ("loops", "einsum", "sdpa")
BACKENDS = ("sdpa-flash", "sdpa-cudnn")  # on a GPU, beside the one that torch picks
Progress = Callable[[str], None]


def bench(
    book: Workbook, lengths: Sequence[int], widths: Sequence[int], budget: float, progress: Progress = lambda text: None
) -> Iterator[Bench]:
    """Yields the results so far after each cell; the last ones are complete.

    `budget`: the seconds that an implementation may take for a cell on a CPU. Raises KoansError.
    """
    missing = lack()
    kernels = {causal: _kernels(book, CAUSAL if causal else FULL) for causal in (False, True)}
    plan = cells(tuple(lengths), tuple(widths), gpu=not missing)
    states = _on_cpu(plan, kernels, budget, progress) if missing else _on_gpu(plan, kernels, progress)
    for state in states:
        yield msgspec.structs.replace(state, at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))


def save_states(states: Iterator[Bench], file: Path) -> tuple[Bench | None, bool, str]:
    """Write each state of a bench to `file` at once.

    Returns the last one, whether Ctrl-C ended the bench, and why the last one could not be written, if it could not.
    """
    state: Bench | None = None
    trouble = ""
    try:
        for state in states:
            try:
                write_file(file, msgspec.json.format(msgspec.json.encode(state), indent=1))
                trouble = ""
            except KoansError as error:  # what is measured next is still worth showing
                trouble = str(error)
    except KeyboardInterrupt:
        return state, True, trouble
    return state, False, trouble


def parse_lengths(text: str) -> tuple[int, ...]:
    """The lengths in "512,4096". Raises KoansError."""
    numbers = _numbers(text, "--lengths")
    if any(n < 1 for n in numbers):
        raise KoansError(f"--lengths {text}: a length must be at least 1")
    return numbers


def parse_widths(text: str) -> tuple[int, ...]:
    """The widths in "64,128". Raises KoansError."""
    numbers = _numbers(text, "--widths")
    if any(n not in HEAD_WIDTHS for n in numbers):
        raise KoansError(f"--widths {text}: a width must be 16, 32, 64, 128 or 256")
    return numbers


def _numbers(text: str, option: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise KoansError(f"{option} {text}: give whole numbers separated by commas, like 512,4096") from None


def _kernels(book: Workbook, name: str) -> dict[str, Any]:
    """The model kernel and the learner's kernel behind the launcher, each if it exists and can be read."""
    koan = book.koan(f"{CHAPTER}/{name}")
    oracle = oracles(koan)[name]
    kernels: dict[str, Any] = {}
    for way, file in (("triton", book.solution(koan)), ("yours", book.exercise(koan))):
        if not file.is_file():
            continue
        text = file.read_text(encoding="utf-8")
        try:
            fn = launched(oracle, strip_markers(text) if way == "triton" else text, str(file))
        except SyntaxError:
            continue  # the learner may be in the middle of writing it
        if not any(is_stub(node) for node in fn.text.functions.values()):
            kernels[way] = fn
    return kernels


def _on_gpu(plan: Sequence[BenchCell], kernels: dict[bool, dict[str, Any]], progress: Progress) -> Iterator[Bench]:
    rows: list[BenchRow] = []
    facts = Facts("")
    chosen: dict[str, dict[str, Any]] = {}
    with GpuWorker(patience=300) as worker:
        for i, cell in enumerate(plan):
            progress(f"{cell} ({i + 1} of {len(plan)})")
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
            requested_bytes = {way: predict.predict_torch(cell, way).asked_bytes for way in job.baselines}
            for way, config in report.chosen.items():
                requested_bytes[way] = predict.total_bytes(
                    predict.derived_moves(cell, kernels[cell.causal][way], config)
                )
            by_name = {times.name: times for times in report.times}
            for way in (*job.baselines, *(k.name for k in ours)):
                times = by_name.get(way, Times(way, error=report.error))
                rows.append(_row(cell, times, facts, report.floor, requested_bytes.get(way, 0)))
            yield Bench("gpu", facts, tuple(_sorted(rows)), chosen=dict(chosen), complete=i + 1 == len(plan))


def race_of(cell: BenchCell, ours: Sequence[Kernels], rounds: int = ROUNDS) -> RaceJob:
    """The race of a cell on a GPU: loops, einsum, SDPA, each of SDPA's backends, and the kernels."""
    name = CAUSAL if cell.causal else FULL
    shape = like(cell.heads, cell.n, cell.d)
    return RaceJob(f"reference.{CHAPTER}.{name}:{name}", (shape,) * 3, (*TORCH, *BACKENDS), tuple(ours), rounds)


def _row(cell: BenchCell, times: Times, facts: Facts, floor: float = 0.0, requested_bytes: int = 0) -> BenchRow:
    honest = times.above(floor)
    if not honest.ms:
        below = f"all {len(times.ms)} times are impossibly fast: they lie below the roofline" if times.ms else ""
        return BenchRow(
            cell, times.name, how=times.how, lack=times.lack or times.error or times.wrong or below or "no time"
        )
    ms = honest.median
    figures = (
        ms,
        honest.spread,
        len(honest.ms),
        times.how,
        cell.flops / ms / 1e9,
        share(cell, ms, facts.peak),
        requested_bytes,
    )
    return BenchRow(cell, times.name, *figures)


def _on_cpu(
    plan: Sequence[BenchCell], kernels: dict[bool, dict[str, Any]], budget: float, progress: Progress
) -> Iterator[Bench]:
    from grader.gpu.contestants import BaselineContestant  # imports torch

    machine = Host()
    facts = machine.facts()
    rows: list[BenchRow] = []
    predictions: list[Prediction] = []

    def state(complete: bool = False) -> Bench:
        so_far = Bench("cpu", facts, tuple(_sorted(rows)), tuple(_sorted(predictions)), predict.NAME)
        return msgspec.structs.replace(so_far, complete=complete)

    for i, cell in enumerate(plan):
        gpu_cell = filled(cell)
        name = CAUSAL if cell.causal else FULL
        oracle = oracle_of(f"reference.{CHAPTER}.{name}:{name}")
        for way in TORCH:
            progress(f"{cell}: {way} ({i + 1} of {len(plan)})")
            predictions.append(predict.predict_torch(gpu_cell, way))
            expected = _expected(rows, cell, way)
            if expected > budget:
                rows.append(BenchRow(cell, way, lack=f"left out: about {expected:.0f} s"))
                continue
            shapes = (like(cell.heads, cell.n, cell.d),) * 3
            contestant = BaselineContestant(way, oracle.baselines[way], oracle, shapes, machine)
            contestant.checked = True  # tests check its output; here the oracle would take longer than all calls
            start, times = time.monotonic(), Times(way)
            for (result,) in race([contestant], rounds=CPU_ROUNDS, warm=0 if expected > budget / 4 else 1):
                times = result
                if time.monotonic() - start > budget:
                    break
            rows.append(_row(cell, times, facts))
            yield state()
        for way, fn in kernels[cell.causal].items():
            rows.append(BenchRow(cell, way, lack="needs a CUDA GPU"))
            try:
                predictions.append(predict.predict_kernel(gpu_cell, way, fn))
            except Exception as error:  # a learner's kernel that does not run yet
                rows[-1] = msgspec.structs.replace(rows[-1], lack=f"it does not run: {str(error).splitlines()[0]}")
        yield state(complete=i + 1 == len(plan))


def _expected(rows: Sequence[BenchRow], cell: BenchCell, way: str) -> float:
    """The expected seconds of one call, from a shorter length: time grows with the number of scores. 0 if unknown."""
    shorter = [r for r in rows if r.way == way and (r.cell.d, r.cell.causal) == (cell.d, cell.causal) and r.ms]
    if not shorter:
        return 0.0
    last = max(shorter, key=lambda r: r.cell.n)
    return last.ms / 1e3 * (cell.n / last.cell.n) ** 2


def _sorted(rows: Sequence[Any]) -> list[Any]:
    return sorted(rows, key=lambda r: (r.cell.causal, r.cell.d, r.cell.n, WAYS.index(r.way)))
