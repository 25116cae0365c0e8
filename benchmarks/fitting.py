"""What `koans settings fit` does for simulated learners with known parameters: the log loss before and after.

    python benchmarks/fitting.py
    python benchmarks/fitting.py --quick --json

`latest` is the fifth of the reviews that the fit is judged on. `fresh` are reviews of the same learner on other cards,
which no fit has seen. `true` has the learner's own parameters, and `optimizer` what `fsrs.Optimizer` gives before it is
moved toward the defaults. Smaller is better.
"""

from __future__ import annotations

import argparse
import math
import time
from importlib.metadata import version

from _common import Figures, main, progress
from _learners import LEARNERS, reviews_of

from grader.learn.cards.fit import fit, loss, predicted
from grader.learn.cards.schedule import Plan

WHOLE, QUICK = (500, 1000), (500,)
FRESH = 4000


def log_loss(histories: dict, parameters: tuple[float, ...], since: float = -math.inf) -> float:
    return round(loss(predicted(histories, Plan(parameters=parameters), since)).log_loss, 4)


def measure(options: argparse.Namespace) -> Figures:
    names = [*LEARNERS][:2] if options.quick else [*LEARNERS]
    print(f"fsrs {version('fsrs')}")
    rows = []
    for name in names:
        own = LEARNERS[name]
        fresh = reviews_of(own, FRESH, seed=2)
        for count in QUICK if options.quick else WHOLE:
            progress(f"{name}, {count} reviews")
            histories = reviews_of(own, count, seed=1)
            begun = time.perf_counter()
            result = fit(histories, Plan())
            seconds = time.perf_counter() - begun
            candidates = {
                "default": (),
                "fitted": result.parameters,
                "optimizer": result.optimal,
                "true": own,
            }
            row = {
                "learner": name,
                "reviews": count,
                "latest": {key: log_loss(histories, value, result.since) for key, value in candidates.items()},
                "fresh": {key: log_loss(fresh, value) for key, value in candidates.items()},
                "taken": result.taken,
                "seconds": round(seconds, 1),
            }
            rows.append(row)
            figures = "   ".join(
                f"{part}: " + ", ".join(f"{key} {value:.4f}" for key, value in row[part].items())
                for part in ("latest", "fresh")
            )
            print(f"{name:22} {count:5}   {figures}   {'taken' if result.taken else 'not taken'}, {seconds:.0f} s")
    return {"learners": rows}


if __name__ == "__main__":
    main(__doc__, measure, argparse.ArgumentParser())
