"""What a class costs on a cluster, on paper: computed from measured figures, for 2,000 and 100,000 submissions.

    python benchmarks/cost_of_class.py
    python benchmarks/cost_of_class.py --write              # also the table in docs/CLUSTER.md

Core seconds of a submission with chapter 6 are measured by `grading.py class`, and with all koans by `engine.py whole`.
From the latter are also the client's seconds, and the bytes of tasks, verdicts and the verdict cache. How many tasks a
scheduler hands out in a second is measured by `scheduler.py`. Seconds on a GPU are an ESTIMATE: nobody has measured
them yet. A kernel's claim starts a process that has CUDA, and then runs its races, each with the seconds that
benchmarks/gpu plans for it. Submissions that solve all koans race all kernels, and the others race none.

Prices are list prices without any discount: a core of Amazon's m7g.large in us-east-1 (0.0816 USD an hour for two
cores, June 2026), and an H100 SXM of Lambda (3.78 USD an hour, May 2026). --core-price and --gpu-price set others.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from _common import ROOT, CannotMeasure, Figures, main

sys.path.insert(0, str(ROOT))  # for the parts of benchmarks/gpu, which import each other as a package

from benchmarks.gpu.races import RACES
from benchmarks.gpu_session import STARTING

RESULTS = Path(__file__).parent / "results"
DOCUMENT = ROOT / "docs" / "CLUSTER.md"
BEGIN, END = "<!-- cost of a class: begin -->", "<!-- cost of a class: end -->"
SIZES = (2_000, 100_000)
ALL_SOLVED = 0.1  # the share of submissions that solve all koans, as in grading.py
RESULT = 20_000  # bytes of a student's results
HOPS = 2  # a task's bytes go into the scheduler and out of it
HOUR, GIGA = 3600.0, 1e9


class Prices(NamedTuple):
    """USD an hour."""

    core: float
    gpu: float


class Machines(NamedTuple):
    cores: int
    gpus: int


class Load(NamedTuple):
    """What one submission takes: seconds of a core, a GPU and the client, and bytes of its texts and verdicts."""

    core: float
    gpu: float
    client: float
    moved: float
    kept: float


def stored(name: str) -> Any:
    """The figures of a benchmark. Raises CannotMeasure if there are none."""
    file = RESULTS / name
    if not file.is_file():
        raise CannotMeasure(f"{file.name} is missing: run the benchmark with --out {file.relative_to(ROOT)}")
    return json.loads(file.read_text(encoding="utf-8"))


def seconds_of_races() -> float:
    """An estimate: the seconds on a GPU of all kernel claims of one submission, each in a process of its own."""
    tested = [race for make in RACES.values() for race in make() if race.now]
    return sum(race.seconds for race in tested) + STARTING * len({race.koan for race in tested})


def loads(chapter: Any, whole: Any) -> dict[str, Load]:
    part = chapter["koans"] / whole["koans"]
    client, moved = whole["client_seconds"], whole["task_bytes"] + whole["verdict_bytes"]
    kept = RESULT + whole["cache_bytes_on_disk"]
    core = whole["core_seconds"]
    return {
        f"{chapter['koans']} koans (chapter 6)": Load(
            chapter["koans_grade"]["cpu"], 0.0, part * client, part * moved, part * kept
        ),
        "all koans, no GPU": Load(core, 0.0, client, moved, kept),
        "all koans, GPUs": Load(core, ALL_SOLVED * seconds_of_races(), client, moved, kept),
    }


def cost(count: int, load: Load, prices: Prices, machines: Machines, tasks_per_second: float) -> Figures:
    """The figures of a class. Hours on a GPU are left out if there are none."""
    core, gpu = count * load.core / HOUR, count * load.gpu / HOUR
    hours = {
        f"{machines.cores} cores": core / machines.cores,
        f"{machines.gpus} GPUs": gpu / machines.gpus,
        "the client": count * load.client / HOUR,
        "the scheduler": count / tasks_per_second / HOUR,
    }
    bottleneck = max(hours, key=lambda part: hours[part])
    figures = {
        "core_hours": core,
        "client_hours": count * load.client / HOUR,
        "moved_gb": HOPS * count * load.moved / GIGA,
        "kept_gb": count * load.kept / GIGA,
        "hours": hours[bottleneck],
        "bottleneck": bottleneck,
        "usd": core * prices.core + gpu * prices.gpu,
    }
    return {**figures, "gpu_hours": gpu} if gpu else figures


def table(figures: Figures) -> str:
    """The figures as a table in Markdown."""
    lines = [
        "| submissions | what is graded | core hours | GPU hours (estimate) | hours of the client | sent | kept | "
        f"time on {figures['cores']} cores and {figures['gpus']} GPUs | bottleneck | USD |",
        "|--:|---|--:|--:|--:|--:|--:|--:|---|--:|",
    ]
    for count, rows in figures["classes"].items():
        for what, row in rows.items():
            gpu = f"{row['gpu_hours']:,.0f}" if "gpu_hours" in row else "–"
            lines.append(
                f"| {int(count):,} | {what} | {row['core_hours']:,.1f} | {gpu} | {row['client_hours']:,.2f} | "
                f"{row['moved_gb']:,.1f} GB | "
                f"{row['kept_gb']:,.2f} GB | {duration(row['hours'])} | {row['bottleneck']} | {row['usd']:,.2f} |"
            )
    return "\n".join(lines)


def duration(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"


def written(text: str, figures: Figures) -> str:
    """The document with the table between its marks. Raises CannotMeasure if it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise CannotMeasure(f"{DOCUMENT.name} has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table(figures)}\n\n{END}{after}"


def computed(prices: Prices, machines: Machines) -> Figures:
    scheduler, whole = stored("scheduler.json"), stored("engine-whole.json")["whole"]
    chapter = stored("grading-class.json")["class"]
    limit = min(scheduler["tasks_per_second_of_a_core"].values())
    classes = {
        str(count): {what: cost(count, load, prices, machines, limit) for what, load in loads(chapter, whole).items()}
        for count in SIZES
    }
    return {
        "core_price": prices.core,
        "gpu_price": prices.gpu,
        "cores": machines.cores,
        "gpus": machines.gpus,
        "gpu_seconds_of_all_kernels": seconds_of_races(),
        "classes": classes,
    }


def measure(options: argparse.Namespace) -> Figures:
    figures = computed(Prices(options.core_price, options.gpu_price), Machines(options.cores, options.gpus))
    print(table(figures))
    if options.write:
        DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), figures), encoding="utf-8")
    return figures


DEFAULTS = Prices(0.0408, 3.78), Machines(64, 4)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    prices, machines = DEFAULTS
    parser.add_argument("--core-price", type=float, default=prices.core, help="USD an hour (default: %(default)s)")
    parser.add_argument("--gpu-price", type=float, default=prices.gpu, help="USD an hour (default: %(default)s)")
    parser.add_argument("--cores", type=int, default=machines.cores, help="of the cluster (default: %(default)s)")
    parser.add_argument("--gpus", type=int, default=machines.gpus, help="of the cluster (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="also write the table into docs/CLUSTER.md")
    main(__doc__, measure, parser)
