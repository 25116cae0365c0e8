"""Random kernels on a GPU and in the tile machine: `python -m benchmarks.gpu.tiles --seconds 40 --out FILE`.

+ − × and casts, shifts, comparisons, max and min must be equal bit for bit; exp2, log2, division and square roots may
be 2 steps of their type apart. The table in FILE has a line for each operation and type that differs, with the device
and the versions. Several processes compile at the same time, since a kernel takes longer to compile than to run.
Exit code 1 if something differs that must not. `--pretend`: no GPU, kernels are compiled only.
"""

from __future__ import annotations

import argparse
import json
import linecache
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.pretended import CompiledOnly, PretendedGpu, start
from grader.gpu.machine import Cuda
from tests.fuzz.tiles import exact
from tests.fuzz.tiles.exact import FLOATS, INTS
from tests.fuzz.tiles.machine import blank, compute, elements, tensor
from tests.fuzz.tiles.value_programs import KINDS, PROGRAMS, Check, ValueProgram, value_program

ROOT = Path(__file__).resolve().parents[2]
CLOSE = ("exp2", "log2", "/", "sqrt")  # may be 2 steps apart
OPEN = (
    "exp",
    "log",
    "rsqrt",
    "sin",
    "cos",
    "erf",
    "sigmoid",
    "%",
)  # nothing is promised: their distance is in the table


@dataclass(frozen=True)
class Found:
    """One checked tile of one kernel. `ulps`: the largest distance, in steps of the type."""

    what: str
    elements: int
    different: int = 0
    ulps: float = 0.0
    wrong: bool = False
    example: str = ""
    error: str = ""


def compared(check: Check, gpu: Any, ours: Any) -> Found:
    """A tile that the GPU stored beside the machine's."""
    kind = check.value.kind
    if kind in INTS:
        different = gpu != ours
        distance = 0.0
    else:
        same = (gpu == ours) & (np.signbit(gpu) == np.signbit(ours))
        different = ~(same | (np.isnan(gpu) & np.isnan(ours)))
        distance = float(exact.ulps(gpu, ours, kind).max(initial=0.0)) if kind in (*FLOATS, *exact.FORMATS) else 0.0
    if not different.any():
        return Found(check.what, int(gpu.size))
    at = np.unravel_index(int(np.argmax(different)), different.shape)
    example = f"`{check.line}`: {gpu[at]!r} on the GPU, {ours[at]!r} in the machine"
    return Found(
        check.what, int(gpu.size), int(different.sum()), distance, is_wrong(check, gpu, ours, distance), example
    )


def is_wrong(check: Check, gpu: Any, ours: Any, distance: float) -> bool:
    """Is a difference more than the operation may have?"""
    name = check.what.split(" ")[0]
    if check.within is not None:
        with np.errstate(invalid="ignore"):
            return not bool((np.abs(gpu - ours) <= 2 * np.broadcast_to(check.within, gpu.shape)).all())
    if name in CLOSE:
        return distance > 2
    return name not in OPEN


def jitted(source: str, file: str) -> Any:
    import triton
    import triton.language as tl

    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    namespace: dict[str, Any] = {"triton": triton, "tl": tl, "__name__": "kernel"}
    exec(compile(source, file, "exec"), namespace)
    return namespace["kernel"]


def on_gpu(made: ValueProgram, file: str) -> list[Any]:
    """What the kernel stores on the GPU. Products are not fused with sums: the machine rounds each."""
    inputs = [tensor(value).cuda() for value in made.inputs]
    outputs = [blank(check.value).cuda() for check in made.checks]
    jitted(made.source, file)[(PROGRAMS,)](*inputs, *outputs, enable_fp_fusion=False)
    torch.cuda.synchronize()
    return [elements(x.cpu(), check.value.kind) for x, check in zip(outputs, made.checks, strict=True)]


def compiled_only(made: ValueProgram, file: str) -> list[Any]:
    """Compile the kernel for an H100, and give the machine's own results for what a GPU would store."""
    tensors = [tensor(value) for value in made.inputs] + [blank(check.value) for check in made.checks]
    CompiledOnly(jitted(made.source, file))[(PROGRAMS,)](*tensors, enable_fp_fusion=False)
    return compute(made)


def work(seed: int, first: int, step: int, most: int, pretend: bool) -> Iterator[Found]:
    """The programs first, first + step, … of a seed, of each kind in turn."""
    run = compiled_only if pretend else on_gpu
    for i in range(first, most, step):
        kind = KINDS[i % 8] if i % 8 < len(KINDS) else "elementwise"  # most operations are elementwise
        made = value_program(kind, f"{seed} {i}", gpu=True)
        try:
            stored = run(made, f"<program {i}>")
            yield from (compared(c, g, o) for c, g, o in zip(made.checks, stored, compute(made), strict=True))
        except Exception as error:
            yield Found(f"{kind} {i}", 0, wrong=True, error=f"{type(error).__name__}: {error}"[:300])
            if "CUDA error" in str(error):  # nothing else can run in this process
                return


def worker(options: argparse.Namespace) -> None:
    if options.pretend:
        start()
    for found in work(options.seed, options.worker, options.workers, options.programs, options.pretend):
        print(json.dumps(asdict(found)), flush=True)


def gathered(options: argparse.Namespace) -> list[Found]:
    """What all processes find until the time is up."""
    end = time.monotonic() + options.seconds
    command = [
        sys.executable,
        "-m",
        "benchmarks.gpu.tiles",
        "--seed",
        str(options.seed),
        "--workers",
        str(options.workers),
    ]
    command += ["--programs", str(options.programs), *(["--pretend"] if options.pretend else [])]
    env = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    files = [Path(f"{options.out}.{i}.part") for i in range(options.workers)]
    processes = []
    for i, file in enumerate(files):
        with file.open("wb") as out:
            processes.append(subprocess.Popen([*command, "--worker", str(i)], cwd=ROOT, env=env, stdout=out))
    try:
        while time.monotonic() < end and any(process.poll() is None for process in processes):
            time.sleep(0.2)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    found = []
    for file in files:
        found += [Found(**json.loads(line)) for line in file.read_text().splitlines() if line.endswith("}")]
        file.unlink()
    return found


def table(found: Sequence[Found], device: str, versions: str, seed: int) -> str:
    """The results as Markdown: how much was compared, and a line for each operation that differs."""
    rows: dict[str, list[Found]] = {}
    for one in found:
        rows.setdefault(one.what if not one.error else "errors", []).append(one)
    different = {what: ones for what, ones in rows.items() if any(o.different or o.error for o in ones)}
    total, wrong = sum(o.elements for o in found), sum(o.wrong for o in found)
    lines = [
        f"# The tile machine beside {device}",
        "",
        f"{versions}; seed {seed}. {len(found):,} tiles with {total:,} elements of {len(rows)} operations and types: "
        f"{len(rows) - len(different)} equal in every bit, {wrong} tiles differ that must not.",
        "",
        "| operation and type | tiles | elements | differ | steps at most | must not | example |",
        "|---|---|---|---|---|---|---|",
    ]
    for what, ones in sorted(different.items()):
        worst = max(ones, key=lambda o: (o.wrong, o.ulps))
        counts = f"{len(ones):,} | {sum(o.elements for o in ones):,} | {sum(o.different for o in ones):,}"
        example = (worst.error or worst.example).replace("|", "\\|").replace("\n", " ")
        lines.append(
            f"| {what} | {counts} | {max(o.ulps for o in ones):.3g} | {'yes' if worst.wrong else ''} | {example} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--programs", type=int, default=20_000, help="no more than this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("tiles.md"), help="file for the table")
    parser.add_argument("--workers", type=int, default=min(12, os.cpu_count() or 1))
    parser.add_argument("--worker", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--pretend", action="store_true", help="without a GPU: compile the kernels only")
    options = parser.parse_args(arguments)
    if options.worker is not None:
        worker(options)
        return 0
    if not options.pretend and not torch.cuda.is_available():
        print("tiles: there is no CUDA device; --pretend compiles the kernels only", file=sys.stderr)
        return 2
    found = gathered(options)
    facts = PretendedGpu().facts() if options.pretend else Cuda().facts()
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    text = table(found, facts.name, versions, options.seed)
    options.out.write_text(text, encoding="utf-8")
    print(text)
    return 1 if any(one.wrong for one in found) or not found else 0


if __name__ == "__main__":
    sys.exit(main())
