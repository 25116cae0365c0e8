"""Does `koans similarity` find copies, and does it leave honest students alone?

    python benchmarks/similarity.py

For each seed a class of 100 is made up (benchmarks/_similar_class.py): 88 honest students, whose answers are drawn from
routes that were written by hand, and 12 planted copies, one of each kind. A copy is found if its pair with its source
is reported. A pair of students or a student and the workbook's answers that is reported without a copy is false.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections import Counter

from _common import ROOT, Figures, main, progress

from benchmarks._similar_class import KINDS, KOANS, MadeUp, made_up
from grader.book.workbook import Workbook
from grader.course.intake.submission import Submission
from grader.course.similarity.survey import Handed, Survey, survey


def look(workbook: Workbook, made: MadeUp) -> Survey:
    """What `koans similarity` finds in a class that is made up."""
    koans = [workbook.koans[koan] for koan in KOANS]
    students, earlier = (
        [Handed(Submission(name, name, "", texts=texts), name) for name, texts in people.items()]
        for people in (made.students, made.earlier)
    )
    return survey(workbook, koans, students, earlier)


def judged(made: MadeUp, found: Survey) -> tuple[list[str], list[str]]:
    """The kinds of the copies that were found, and the pairs that are false, in words."""
    kinds = []
    false = []
    of = {plant.student: plant for plant in made.plants}
    for pair in found.pairs:
        one = found.people[pair.one].name
        if pair.kind == "earlier":
            other = found.earlier[pair.other].name
        else:
            other = found.people[pair.other].name if pair.kind == "student" else ""
        plant = next((of[p] for p, q in ((one, other), (other, one)) if p in of and of[p].source == q), None)
        right_kind = plant is not None and (
            {"oracle": "reference", "right answer": "reference", "solution": "solution"}.get(plant.kind, pair.kind)
            == pair.kind
        )
        if plant is not None and right_kind:
            kinds.append(plant.kind)
        else:
            false.append(f"{one} and {other or pair.kind}")
    return kinds, false


def measure(options: argparse.Namespace) -> Figures:
    workbook = Workbook(ROOT)
    seeds = range(2 if options.quick else options.seeds)
    size = 40 if options.quick else 100
    found, false, missed = [], [], Counter[str]()
    seconds = []
    for seed in seeds:
        progress(f"class {seed + 1} of {len(seeds)}")
        made = made_up(workbook, seed, students=size, earlier=size * 2 // 5)
        start = time.perf_counter()
        result = look(workbook, made)
        seconds.append(time.perf_counter() - start)
        kinds, wrong = judged(made, result)
        found.append(len(set(kinds)))
        false.append(len(wrong))
        missed.update(set(KINDS) - set(kinds))
        print(
            f"seed {seed}: {len(set(kinds))} of {len(KINDS)} found, {len(wrong)} false",
            *sorted(set(KINDS) - set(kinds)),
            *wrong,
            sep="  ",
        )
    return {}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20, help="how many classes")
    main(__doc__, measure, parser)
