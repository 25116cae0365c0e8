"""Does `koans similarity` find copies, and does it leave honest students alone?

    python benchmarks/similarity.py

For each seed a class of 100 is made up (benchmarks/_similar_class.py): 88 honest students, whose answers are drawn from
routes that were written by hand, and 12 planted copies, one of each kind. A copy is found if the pair with its source
is reported. Every other pair that is reported is false. In the second half of the classes more students write the same.
Only 21 koans are handed in; with more koans, the evidence of copies grows.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if sys.path[0] == str(Path(__file__).parent):
    sys.path[0] = str(ROOT)  # a script finds modules beside itself first; these are in the parent folder

from benchmarks._common import Figures, main, progress  # noqa: E402
from benchmarks._similar_class import KINDS, look, made_up, outcome  # noqa: E402
from grader.book.workbook import Workbook  # noqa: E402

POPULARITIES = {"varied": 0.4, "alike": 0.65}  # the share of students who write the most common of several things


def measure(options: argparse.Namespace) -> Figures:
    workbook = Workbook(ROOT)
    students, earlier, classes = (40, 10, 1) if options.quick else (100, 40, options.classes)
    return {
        "students": students,
        "copies": len(KINDS),
        "kinds_of_class": [
            {"popularity": popularity, **_classes(workbook, name, popularity, classes, students, earlier)}
            for name, popularity in POPULARITIES.items()
        ],
    }


def _classes(workbook: Workbook, name: str, popularity: float, classes: int, students: int, earlier: int) -> Figures:
    rows = []
    missed: Counter[str] = Counter()
    for seed in range(classes):
        progress(f"{name} class {seed + 1} of {classes}")
        made = made_up(workbook, seed, students=students, earlier=earlier, popularity=popularity)
        start = time.perf_counter()
        found, false = outcome(made, look(workbook, made))
        rows.append(
            {"found": len(found), "honest_left_alone": students - len(KINDS) - len(false), "seconds": _since(start)}
        )
        missed.update(set(KINDS) - found)
        print(f"{name} class {seed}: {len(found)} of {len(KINDS)} copies found, {len(false)} false pairs")
    if missed:
        print("  missed: " + ", ".join(f"{kind} ({number})" for kind, number in missed.most_common()))
    return {"classes": rows}


def _since(start: float) -> float:
    return round(time.perf_counter() - start, 2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--classes", type=int, default=20, help="how many classes of each kind [default: 20]")
    main(__doc__, measure, parser)
