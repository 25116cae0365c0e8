"""What 10,000 reviews cost: the log read, the schedule from its cache, replayed for one card, and replayed whole.

    python benchmarks/reviews.py
    python benchmarks/reviews.py --quick --json

Figures are seconds, the file opened each time.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from _common import Figures, main

from grader.learn.cards.schedule import Plan, Review
from grader.learn.progress import Progress

PLAN = Plan()


class Size(NamedTuple):
    reviews: int
    cards: int
    rounds: int


WHOLE, QUICK = Size(10_000, 342, 5), Size(300, 20, 2)


def fill(root: Path, size: Size) -> None:
    rng = random.Random(1)
    reviews = [
        Review(f"card-{rng.randrange(size.cards)}", rng.choice((1, 2, 3, 3, 3, 4)), 1.79e9 + 3000.0 * i, 5.0)
        for i in range(size.reviews)
    ]
    with Progress(root) as progress:
        progress.recall.insert("card", reviews)


def clear_schedule(root: Path) -> None:
    with sqlite3.connect(root / ".koans/progress.db") as db:
        db.execute("delete from schedule")
    db.close()


def open_and_call(root: Path, call: Callable[[Progress], Any]) -> float:
    """Seconds to open the file and call this function."""
    start = time.perf_counter()
    with Progress(root) as progress:
        call(progress)
    return time.perf_counter() - start


def measure(options: argparse.Namespace) -> Figures:
    size = QUICK if options.quick else WHOLE
    print(
        f"fsrs {version('fsrs')}, {size.reviews} reviews of {size.cards} cards, best and worst of {size.rounds} rounds"
    )
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as folder:
        root = Path(folder)
        fill(root, size)
        times: dict[str, list[float]] = {}
        for number in range(size.rounds):
            clear_schedule(root)
            schedule = lambda progress: progress.recall.schedule("card", PLAN)
            times.setdefault("replayed whole", []).append(open_and_call(root, schedule))
            times.setdefault("from the cache", []).append(open_and_call(root, schedule))
            with Progress(root) as progress:
                progress.recall.review("card", Review("card-1", 3, 1.9e9 + number))
            times.setdefault("one card replayed", []).append(open_and_call(root, schedule))
            times.setdefault("the log read", []).append(
                open_and_call(root, lambda progress: progress.recall.reviews("card"))
            )
    for name, seconds in times.items():
        print(f"{name:20} {min(seconds):6.3f} s  {max(seconds):6.3f} s")
    return {**size._asdict(), "fsrs": version("fsrs"), "seconds": times}


if __name__ == "__main__":
    main(__doc__, measure, argparse.ArgumentParser())
