"""What a session on a GPU races: the model answers, every choice of tiles apart, and variants under trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from grader.book.stubs import strip_markers
from grader.gpu.bench.attention import race_of
from grader.gpu.bench.cells import cells
from grader.gpu.job import Input, Kernels, RaceJob, like
from grader.gpu.thresholds import ratios
from grader.kernels.text import kernel_lines, read

Step = Literal["device", "smoke", "attention", "more", "simple", "variants", "bench", "tests", "ncu"]
STEPS: tuple[Step, ...] = get_args(Step)  # in order of worth
ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "ch13_triton"
MODEL = "triton"  # what contestants of the model answer are called, before their choice of tiles
SDPA = ("sdpa", "sdpa-flash", "sdpa-cudnn")
START, COMPILE = 6.0, 2.5  # seconds that a race takes at the least, and more for each kernel contestant


class Race(msgspec.Struct, frozen=True):
    """One job of a session. `now`: the ratios that the koan's test on a GPU asks for."""

    step: Step
    title: str
    koan: str
    job: RaceJob
    now: Mapping[str, float] = {}

    @property
    def seconds(self) -> float:
        """What it takes at the least, by guess."""
        return START + COMPILE * len(self.job.kernels)


def races(step: Step, quick: bool = False) -> list[Race]:
    """The races of a step. `quick`: every kernel once, with its CONFIG alone and at one shape."""
    found = {"smoke": _smoke, "attention": _attention, "more": _more, "simple": _simple}.get(step)
    some = found() if found else {"variants": _variants, "bench": _bench}.get(step, list)()
    if not quick:
        return some
    kept: dict[str, Race] = {}
    for race in some:
        kept.setdefault(f"{race.koan} {race.title.partition(':')[0] if step == 'variants' else ''}", race)
    return [_with(race, kernels=_first_of_each(race.job.kernels), rounds=1, warm=1) for race in kept.values()]


def _first_of_each(kernels: Sequence[Kernels]) -> tuple[Kernels, ...]:
    """Of each kernel's choices the first."""
    first = {k.name.partition(" ")[0]: k for k in reversed(kernels)}
    return tuple(msgspec.structs.replace(k, choices=()) for k in reversed(first.values()))


def _with(race: Race, **changes: Any) -> Race:
    return msgspec.structs.replace(race, job=msgspec.structs.replace(race.job, **changes))


def cut(race: Race) -> Race:
    """The same kernels on shapes that a processor can do."""
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
    """A contestant for CONFIG and for each choice of TUNE, named by what the choice changes."""
    found = read(text, f"<{name}>")
    sources = {kernel: kernel_lines(found) for kernel in found.functions}
    made = []
    for choice in ({}, *found.choices):
        said = " ".join(f"{key.removeprefix('BLOCK_').removeprefix('num_')}={value}" for key, value in choice.items())
        config = {**found.config, **(extra or {}), **choice}
        made.append(Kernels(f"{name} {said}".rstrip(), oracle_of(koan), sources, config, (), tuple(only)))
    return made


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
    asked = {
        "flash_forward": [(4096, 64), (4096, 128), (16384, 128)],
        "flash_causal": [(4096, 128), (16384, 128)],
    }
    found = []
    for n, d in ((16384, 128), (4096, 128), (16384, 64), (4096, 64)):
        for koan, tested in asked.items():
            now = ratios(n, d, causal=koan == "flash_causal") if (n, d) in tested else {}
            found.append(_race("attention", koan, f"{n:,} × {d}", _filling(n, d), ["naive", *SDPA], now))
    return found


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
    """Each beside the model answer in one race, so that a difference is no difference between two sessions."""
    inputs = {
        "flash_forward": [_filling(16384, 128), _filling(4096, 64)],
        "flash_causal": [_filling(16384, 128), _filling(4096, 64)],
        "flash_backward_kernel": [_filling(4096, 64, 4), _filling(4096, 128, 4)],
        "three_ways": [[like(64, 4096, 128)] * 3],
    }
    found = []
    for shape in range(2):
        for name, (koan, only) in VARIANTS.items():
            if shape >= len(inputs[koan]):
                continue
            some = inputs[koan][shape]
            # With the model's choices apart there would be too many: it takes its fastest here.
            first, *rest = model(koan, only)
            beside = msgspec.structs.replace(first, choices=tuple(k.config for k in rest))
            kernels = (*kernels_of(variant_text(name), name, koan, only), beside)
            job = RaceJob(oracle_of(koan), tuple(some), SDPA[1:], kernels, 9)
            _, n, d = some[0].shape
            found.append(Race("variants", f"{name}: {n:,} × {d}", koan, job))
    return found


def _bench() -> list[Race]:
    """What `koans bench attention` races on a GPU, with fewer calls: loops take seconds."""
    found = []
    for cell in cells((512, 4096, 16384), (128, 64), gpu=True):
        koan = "flash_causal" if cell.causal else "flash_forward"
        first, *rest = model(koan)
        ours = [msgspec.structs.replace(first, choices=tuple(k.config for k in rest))]
        found.append(Race("bench", f"{cell}", koan, race_of(cell, ours, rounds=3)))
    return found
