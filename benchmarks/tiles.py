"""The tile machine beside Triton's own CPU interpreter, and what learners wait for: the verdicts of kernel koans.

    python benchmarks/tiles.py
    python benchmarks/tiles.py --quick
    python benchmarks/tiles.py --out benchmarks/results/tiles.json

Reported: one head of `flash_forward`'s model answer at several lengths, in both; the memory of a process that runs the
longest one in the machine; every launch that a koan's tests make with the model answer, recorded, then replayed in
both; the time of these tests in pytest; and the verdicts of a warm process on the model answer and on each
wrong answer, as a learner gets them. Triton's interpreter computes nonsense on bf16, but it takes as long.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import linecache
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

os.environ["TRITON_INTERPRET"] = "1"  # before the first import of triton
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # set before numpy is imported, as in the workbook's own processes

import pytest
import torch
from _common import ROOT, CannotMeasure, Figures, copy_workbook, main, progress

from grader.book.oracles import oracles
from grader.book.stubs import strip_markers
from grader.book.workbook import Koan, Workbook
from grader.checks import randn
from grader.judge.runner import Runner
from grader.judge.targets import Target
from grader.kernels.kernel_source import function_text, kernel_source
from grader.kernels.kernel_text import KernelText, kernel_lines, read
from grader.kernels.tiles import launch as machine
from reference import Oracle, Variant

TOKENS, WIDTH = (512, 1024, 4096), 64
ROUNDS = 5  # runs of the machine, of which the fastest counts; the interpreter runs once
HEADER = "import triton\nimport triton.language as tl\n"
# Run by another process: what a launch needs is its peak, and a process keeps its own.
PEAK = f"""
import resource, sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "benchmarks")!r}]
import tiles
run, _ = tiles.attention(int(sys.argv[1]))
run()
status = open("/proc/self/status").read() if sys.platform == "linux" else ""
high = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")]
print((high or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])[0] / 1024)
"""


class Launch(NamedTuple):
    """One launch that a test made."""

    kernel: str
    grid: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


def solution(koan: Koan) -> KernelText:
    file = Workbook(ROOT).solution(koan)
    return read(strip_markers(file.read_text(encoding="utf-8")), str(file))


def interpreted(text: KernelText) -> SimpleNamespace:
    """The kernels of a text in Triton's interpreter. Raises CannotMeasure."""
    try:
        import triton
        import triton.language as tl
    except ImportError:
        raise CannotMeasure("triton is not installed, and the machine is compared with its interpreter") from None

    source, file = kernel_lines(text), f"<{text.key}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    namespace: dict[str, Any] = {"triton": triton, "tl": tl, "__name__": "kernel"}
    exec(compile(source, file, "exec"), namespace)
    return SimpleNamespace(**{name: namespace[name] for name in text.functions})


def seconds(call: Callable[[], Any], rounds: int = 1) -> float:
    """The shortest time of some rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def attention(tokens: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """One head of flash_forward, in the machine and in Triton's interpreter."""
    koan = Workbook(ROOT).koan("flash_forward")
    text, oracle = solution(koan), oracles(koan)["flash_forward"]
    assert oracle.launch is not None
    launch, config = oracle.launch, dict(text.config)
    q, k, v = (randn(1, tokens, WIDTH, seed=seed) for seed in range(3))
    ours, theirs = machine.load(text), interpreted(text)
    return lambda: launch(ours, config, q, k, v), lambda: launch(theirs, config, q, k, v)


def lengths(tokens: Sequence[int]) -> list[Figures]:
    rows = []
    for n in tokens:
        progress(f"flash_forward, {n} tokens")
        ours, theirs = attention(n)
        difference = float((ours() - theirs()).abs().max()) if n <= 1024 else 0.0
        if not difference < 1e-4:
            raise CannotMeasure(f"flash_forward at {n} tokens: the two differ by {difference}")
        row = {"tokens": n, "machine": seconds(ours, ROUNDS), "interpreter": seconds(theirs)}
        row["ratio"] = row["interpreter"] / row["machine"]
        rows.append(row)
        print(
            f"flash_forward, {n:5,} x {WIDTH}: machine {row['machine']:7.4f} s,"
            f" interpreter {row['interpreter']:7.3f} s, {row['ratio']:5.0f} times faster",
            flush=True,
        )
    return rows


def peak(tokens: int) -> Figures:
    run = subprocess.run([sys.executable, "-c", PEAK, str(tokens)], capture_output=True, text=True)
    if run.returncode:
        raise CannotMeasure(f"the memory at {tokens} tokens: {run.stderr.strip().splitlines()[-1]}")
    mib = float(run.stdout)
    print(f"memory of a process that runs {tokens:,} tokens in the machine: {mib:.0f} MiB, Python and torch included")
    return {"tokens": tokens, "mib": mib}


@contextlib.contextmanager
def recording(launches: list[Launch]) -> Iterator[None]:
    """Within the block, each launch in the machine is recorded, with copies of its tensors."""
    run = machine.Kernel.__getitem__

    def recorded(kernel: machine.Kernel, grid: Any) -> Callable[..., None]:
        def call(*args: Any, **kwargs: Any) -> None:
            launches.append(Launch(kernel.name, grid, copied(args), kwargs))
            run(kernel, grid)(*args, **kwargs)

        return call

    machine.Kernel.__getitem__ = recorded  # type: ignore[method-assign]
    try:
        yield
    finally:
        machine.Kernel.__getitem__ = run  # type: ignore[method-assign]


def copied(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments with each tensor's storage copied, at its own strides."""
    storages: dict[int, torch.UntypedStorage] = {}

    def copy(x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return x
        own = x.untyped_storage()
        storage = storages.setdefault(own.data_ptr(), own.clone())
        return torch.empty(0, dtype=x.dtype).set_(storage, x.storage_offset(), x.shape, x.stride())

    return tuple(map(copy, args))


def replayed(launches: Sequence[Launch], kernels: SimpleNamespace) -> float:
    """Seconds for all launches. Copies are made before the clock starts."""
    total = 0.0
    for launch in launches:
        args = copied(launch.args)
        kernel = getattr(kernels, launch.kernel)[launch.grid]
        total += seconds(lambda kernel=kernel, args=args, launch=launch: kernel(*args, **launch.kwargs))
    return total


def recorded(koan: Koan) -> tuple[list[Launch], float]:
    """The launches of a koan's tests with the model answer, and the seconds that pytest takes for these tests."""
    launches: list[Launch] = []
    output = io.StringIO()
    options = ["-q", "-pno:cacheprovider", "--target=solutions", f"--rootdir={ROOT}"]
    start = time.perf_counter()
    with recording(launches), contextlib.redirect_stdout(output):
        code = pytest.main([*options, str(Workbook(ROOT).test_file(koan))])
    total = time.perf_counter() - start
    if code or not launches:
        raise CannotMeasure(f"{koan.name}: its tests do not pass: {output.getvalue().strip().splitlines()[-1:]}")
    return launches, total


def replays(koans: Sequence[Koan], rounds: int) -> list[Figures]:
    rows = []
    for koan in koans:
        progress(f"{koan.name}: its launches")
        launches, tests = recorded(koan)
        text = solution(koan)
        ours, theirs = machine.load(text), interpreted(text)
        row: Figures = {"koan": koan.name, "tests": tests, "launches": len(launches)}
        row["machine"] = min(replayed(launches, ours) for _ in range(rounds))
        row["interpreter"] = replayed(launches, theirs)
        row["ratio"] = row["interpreter"] / row["machine"]
        rows.append(row)
        print(
            f"{koan.name:22} tests {tests:5.2f} s, {len(launches):4} launches: machine {row['machine']:6.3f} s,"
            f" interpreter {row['interpreter']:7.3f} s, {row['ratio']:5.1f} times faster",
            flush=True,
        )
    ratios = [row["ratio"] for row in rows]
    print(f"median {statistics.median(ratios):.1f} times faster, least {min(ratios):.1f};", end=" ")
    print(f"all tests {sum(row['tests'] for row in rows):.1f} s")
    return rows


def learners_text(text: KernelText, variant: Variant) -> str:
    """A variant as a learner would have written it."""
    name = variant.replaces or next(iter(text.functions))
    constants = "".join(f"{ast.unparse(node)}\n" for node in text.constants)
    others = "".join(function_text(node) for other, node in text.functions.items() if other != name)
    config = {**text.config, **variant.config}
    tune = f"TUNE = {[dict(choice) for choice in text.choices]}\n" if text.choices else ""
    return HEADER + constants + kernel_source(variant.fn, name) + others + f"CONFIG = {config}\n{tune}"


def wrong_answers(koan: Koan) -> dict[str, Variant]:
    found: dict[str, Oracle[..., Any]] = oracles(koan)
    return {name: variant for oracle in found.values() for name, variant in oracle.wrongs.items()}


def verdicts(koans: Sequence[Koan], rounds: int, wrongs: int) -> list[Figures]:
    rows = []
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as folder:
        book = copy_workbook(Path(folder))
        with Runner(book, share=False) as runner:

            def verdict(koan: Koan, text: str, passes: bool) -> float:
                book.exercise(koan).write_text(text)
                start = time.perf_counter()
                found = runner.run(koan, Target("learner"))
                if found.passed != passes:
                    raise CannotMeasure(f"{koan.name}: {found.status}, {found.headline}")
                return time.perf_counter() - start

            for koan in koans:
                progress(f"{koan.name}: verdicts")
                text = solution(koan)
                right = "".join(text.lines)
                verdict(koan, right, passes=True)  # starts the process, and compiles
                passing = statistics.median(verdict(koan, right, passes=True) for _ in range(rounds))
                failing = [
                    {"answer": name, "seconds": verdict(koan, learners_text(text, variant), passes=False)}
                    for name, variant in list(wrong_answers(koan).items())[:wrongs]
                ]
                rows.append({"koan": koan.name, "passing": passing, "failing": failing})
                slowest = max(failing, key=lambda row: row["seconds"])
                print(
                    f"{koan.name:22} passes in {passing:5.2f} s; {len(failing)} wrong answers fail in"
                    f" {statistics.median(row['seconds'] for row in failing):5.2f} s, {slowest['answer']} in"
                    f" {slowest['seconds']:5.2f} s",
                    flush=True,
                )
    return rows


def measure(options: argparse.Namespace) -> Figures:
    torch.set_num_threads(1)
    koans = [koan for koan in Workbook(ROOT).koans.values() if koan.kind == "kernel"]
    tokens, rounds, wrongs = TOKENS, ROUNDS, sys.maxsize
    if options.quick:
        koans, tokens, rounds, wrongs = koans[:1], (128,), 1, 1
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        return {
            "flash_forward": lengths(tokens),
            "peak": peak(max(tokens)),
            "launches": replays(koans, rounds),
            "verdicts": verdicts(koans, rounds, wrongs),
        }


if __name__ == "__main__":
    main(__doc__, measure, argparse.ArgumentParser())
