"""The races of a session on a GPU: the model answers, with each choice of tiles, and variants that are being tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from grader.book.stubs import strip_markers
from grader.gpu.bench.attention import race_of
from grader.gpu.bench.cells import cells
from grader.gpu.job import Input, Kernels, RaceJob, like
from grader.gpu.thresholds import ratios
from grader.kernels.kernel_text import kernel_lines, read

Step = Literal["device", "smoke", "attention", "more", "tiles", "simple", "variants", "bench", "tests", "ncu"]
STEPS: tuple[Step, ...] = get_args(Step)  # the most valuable first
ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "ch13_triton"
MODEL = "triton"  # the name of the model answer's contestants, to which their choice of tiles is added
SDPA = ("sdpa", "sdpa-flash", "sdpa-cudnn")
START, COMPILE = 6.0, 2.5  # the least seconds of a race, and the seconds that each contestant with kernels adds


class Race(msgspec.Struct, frozen=True):
    """One job of a session. `now`: the ratios that the koan's test on a GPU requires."""

    step: Step
    title: str
    koan: str
    job: RaceJob
    now: Mapping[str, float] = {}

    @property
    def seconds(self) -> float:
        """An estimate of the least seconds that it takes."""
        return START + COMPILE * len(self.job.kernels)


def races(step: Step, quick: bool = False) -> list[Race]:
    """The races of a step, if it has any. `quick`: every kernel once, with one CONFIG and one shape."""
    all_races = RACES[step]() if step in RACES else []
    if not quick:
        return all_races
    first: dict[str, Race] = {}
    for race in all_races:
        first.setdefault(f"{race.koan} {race.title.partition(':')[0] if step == 'variants' else ''}", race)
    return [_with(race, kernels=_first_of_each(race.job.kernels), rounds=1, warm=1) for race in first.values()]


def _first_of_each(kernels: Sequence[Kernels]) -> tuple[Kernels, ...]:
    """The first choice of each kernel."""
    first = {k.name.partition(" ")[0]: k for k in reversed(kernels)}
    return tuple(msgspec.structs.replace(k, choices=()) for k in reversed(first.values()))


def _with(race: Race, **changes: Any) -> Race:
    return msgspec.structs.replace(race, job=msgspec.structs.replace(race.job, **changes))


def cut(race: Race) -> Race:
    """The same race on shapes that a CPU can compute."""
    small = tuple(msgspec.structs.replace(i, shape=_small(i.shape, race.koan)) for i in race.job.inputs)
    return _with(race, inputs=small, rounds=1, warm=1)


def _small(shape: tuple[int, ...], koan: str) -> tuple[int, ...]:
    if koan == "matmul_kernel":
        return tuple(min(x, 256) for x in shape)
    if len(shape) == 4:  # batch, heads in their ratio, length, width
        return 1, shape[1] // 8, min(shape[2], 128), shape[3]
    if len(shape) == 3:
        return min(shape[0], 2), min(shape[1], 512 if koan == "flash_decode" else 128), shape[2]
    return *(min(x, 2) for x in shape[:-1]), min(shape[-1], 4096)


def kernels_of(
    text: str, name: str, koan: str, only: Sequence[str] = (), extra: Mapping[str, Any] | None = None
) -> list[Kernels]:
    """A contestant for CONFIG and one for each choice of TUNE. Its name says what the choice changes."""
    parsed = read(text, f"<{name}>")
    sources = {kernel: kernel_lines(parsed) for kernel in parsed.functions}
    contestants = []
    for choice in ({}, *parsed.choices):
        changes = " ".join(
            f"{key.removeprefix('BLOCK_').removeprefix('num_')}={value}" for key, value in choice.items()
        )
        config = {**parsed.config, **(extra or {}), **choice}
        contestants.append(Kernels(f"{name} {changes}".rstrip(), oracle_of(koan), sources, config, (), tuple(only)))
    return contestants


def oracle_of(koan: str) -> str:
    return f"reference.{CHAPTER}.{koan}:{koan}"


def model(koan: str, only: Sequence[str] = ()) -> list[Kernels]:
    text = (ROOT / "solutions" / CHAPTER / f"{koan}.py").read_text(encoding="utf-8")
    return kernels_of(strip_markers(text), MODEL, koan, only)


def _race(
    step: Step,
    koan: str,
    shape: str,
    inputs: Sequence[Input],
    baselines: Sequence[str],
    now: Mapping[str, float] | None = None,
    rounds: int = 9,
    only: Sequence[str] = (),
) -> Race:
    job = RaceJob(oracle_of(koan), tuple(inputs), tuple(baselines), tuple(model(koan, only)), rounds)
    return Race(step, f"{koan} {shape}", koan, job, now or {})


def _smoke() -> list[Race]:
    tiny = _race("smoke", "vector_add", "1M", [like(1 << 20)] * 2, ["torch"], rounds=3)
    short = _race("smoke", "flash_forward", "512 × 128", [like(64, 512, 128)] * 3, ["naive", "sdpa"], rounds=3)
    return [_with(race, kernels=race.job.kernels[:1]) for race in (tiny, short)]


def _filling(n: int, d: int, tensors: int = 3) -> list[Input]:
    return [like(16384 // n * 2048 // d, n, d)] * tensors


def _attention() -> list[Race]:
    tested = {
        "flash_forward": [(4096, 64), (4096, 128), (16384, 128)],
        "flash_causal": [(4096, 128), (16384, 128)],
    }
    planned = []
    for n, d in ((16384, 128), (4096, 128), (16384, 64), (4096, 64)):
        for koan, shapes in tested.items():
            now = ratios(n, d, causal=koan == "flash_causal") if (n, d) in shapes else {}
            planned.append(_race("attention", koan, f"{n:,} × {d}", _filling(n, d), ["naive", *SDPA], now))
    return planned


def _more() -> list[Race]:
    at_4k = ratios(4096, 128)
    q, kv = like(4, 32, 4096, 128), like(4, 8, 4096, 128)
    one, cache = like(2048, 64), like(2048, 512, 64)
    blocks, three = ["blocks_kernel"], {"einsum": at_4k["naive"], "sdpa": at_4k["sdpa"]}
    backward = {"naive": 1.2, "sdpa": 0.3}
    both = ["naive", *SDPA]
    return [
        _race("more", "flash_backward_kernel", "4,096 × 64", [like(32, 4096, 64)] * 4, both, backward),
        _race("more", "flash_gqa", "4,096 × 128, 32 on 8 heads", [q, kv, kv], both, at_4k),
        _race("more", "flash_bf16", "4,096 × 128", [like(64, 4096, 128)] * 3, both, at_4k),
        _race("more", "flash_bf16", "4,096 × 64", [like(128, 4096, 64)] * 3, both, ratios(4096, 64)),
        _race("more", "three_ways", "4,096 × 128", [like(64, 4096, 128)] * 3, ["einsum", *SDPA], three, only=blocks),
        _race("more", "flash_decode", "2,048 × 512 × 64", [one, cache, cache], both, {"naive": 1.0, "sdpa": 0.5}),
    ]


def _simple() -> list[Race]:
    wide, torch = 1 << 20, ["torch"]
    rows, row = like(16384, 4096), like(4096)
    return [
        _race("simple", "matmul_kernel", "4,096³", [like(4096, 4096)] * 2, torch, {"torch": 0.5}),
        _race("simple", "rms_norm_kernel", "16,384 × 4,096", [rows, row], torch, {"torch": 0.8}),
        _race("simple", "row_softmax_kernel", "16,384 × 4,096", [rows], torch, {"torch": 0.8}),
        _race("simple", "fused_scale_bias_relu", "64 × 1M", [like(64, wide), *[like(wide)] * 2], torch, {"torch": 1.5}),
        _race("simple", "vector_add", "64M", [like(1 << 26)] * 2, torch, {"torch": 0.8}),
    ]


VARIANTS: Mapping[str, tuple[str, tuple[str, ...]]] = {  # file, the koan whose launcher starts it, kernels that count
    "forward_split": ("flash_forward", ()),
    "forward_ffma": ("flash_forward", ()),
    "causal_split": ("flash_causal", ()),
    "backward_exp2": ("flash_backward_kernel", ()),
    "blocks_exp2": ("three_ways", ("blocks_kernel",)),
}


def variant_text(name: str) -> str:
    return (ROOT / "benchmarks" / "gpu" / "variants" / f"{name}.py").read_text(encoding="utf-8")


def _variants() -> list[Race]:
    """Each variant and the model answer in one race, so that a difference is not one between two sessions."""
    inputs = {
        "flash_forward": [_filling(16384, 128), _filling(4096, 64)],
        "flash_causal": [_filling(16384, 128), _filling(4096, 64)],
        "flash_backward_kernel": [_filling(4096, 64, 4), _filling(4096, 128, 4)],
        "three_ways": [[like(64, 4096, 128)] * 3],
    }
    planned = []
    for shape in range(2):
        for name, (koan, only) in VARIANTS.items():
            if shape >= len(inputs[koan]):
                continue
            tensors = inputs[koan][shape]
            # All of the model's choices would be too many contestants, so only its fastest takes part.
            first, *rest = model(koan, only)
            beside = msgspec.structs.replace(first, choices=tuple(k.config for k in rest))
            kernels = (*kernels_of(variant_text(name), name, koan, only), beside)
            job = RaceJob(oracle_of(koan), tuple(tensors), SDPA[1:], kernels, 9)
            _, n, d = tensors[0].shape
            planned.append(Race("variants", f"{name}: {n:,} × {d}", koan, job))
    return planned


def _bench() -> list[Race]:
    """The races of `koans bench attention` on a GPU, with fewer calls, because loops take seconds."""
    planned = []
    for cell in cells((512, 4096, 16384), (128, 64), gpu=True):
        koan = "flash_causal" if cell.causal else "flash_forward"
        first, *rest = model(koan)
        ours = [msgspec.structs.replace(first, choices=tuple(k.config for k in rest))]
        planned.append(Race("bench", f"{cell}", koan, race_of(cell, ours, rounds=3)))
    return planned


RACES: Mapping[Step, Callable[[], list[Race]]] = {
    "smoke": _smoke,
    "attention": _attention,
    "more": _more,
    "simple": _simple,
    "variants": _variants,
    "bench": _bench,
}
