"""What grading costs, isolated and in one batch, beside a cold pytest for each submission.

    python benchmarks/grading.py --quick
    python benchmarks/grading.py small --out benchmarks/results/grading-small.json
    python benchmarks/grading.py class --out benchmarks/results/grading-class.json

`small`: three koans with three tests each, 20 submissions. `class`: the koans of chapter 6 with all their tests, and
100 submissions: 10 that solve all, 40 half of them, 50 one koan, and of these 5 with a hostile file beside. The
alternative is what other graders do: one `python -m pytest` a submission, in its own process, without isolation,
measured on some of each kind. Both grade the same files in the same run. Figures are seconds per submission.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from _common import ROOT, CannotMeasure, Figures, children, copy_workbook, main, progress, pss

from grader.book.stubs import strip_markers, stub_of
from grader.book.workbook import Koan, Workbook
from grader.course.grade import grade_all
from grader.course.intake.submissions import Submission
from grader.course.verdict_cache import VerdictCache
from grader.judge.runner import Runner
from grader.judge.sandbox.confine import in_words

TESTS = {
    "causal_mask": ("exact", ["3, 3", "2, 5", "1, 1"]),
    "exp_overflow": ("agrees", ["torch.float16", "torch.bfloat16", "torch.float32"]),
    "split_heads": ("exact", ["torch.ones(1, 2, 4), 2", "torch.ones(2, 3, 6), 3", "torch.ones(1, 1, 8), 4"]),
}
HOSTILE = (
    "import os\nos._exit(0)\n",  # first, because --quick takes one, and this one takes no time
    "while True:\n    pass\n",
    "import torch\ntorch.allclose = lambda *a, **k: True\ndef softmax(x, dim=-1):\n    return x\n",
    "def softmax(x, dim=-1):\n    return [bytearray(1 << 28) for _ in range(100)]\n",
    "def softmax(x, dim=-1):\n    print('x' * (1 << 24))\n    raise SystemExit(0)\n",
)


class Kind(NamedTuple):
    """So many submissions, the first koans solved and the others as they were given.

    `sampled` are graded by the alternative too, and stand for all of them. It is spared the hostile ones: without
    isolation they may end or stop the grader.
    """

    name: str
    solved: int
    count: int
    sampled: int
    hostile: int = 0


class Made(NamedTuple):
    """A submission, what it must earn, and what part of the class its time stands for (0: not sampled)."""

    fork: Submission
    points: int
    stands_for: float


def workbook_of(folder: Path, koans: Sequence[Koan]) -> Workbook:
    """A copy of the workbook with these koans alone."""
    for chapter in copy_workbook(folder).chapters:
        mine = [koan for koan in koans if koan.chapter == chapter.id]
        lines = [f'title = "{chapter.title}"'] + ([] if mine else ["koans = []"])
        for koan in mine:
            lines += ["[[koans]]", f'name = "{koan.name}"', f'title = "{koan.title}"', f'rung = "{koan.rung}"']
        (folder / f"content/{chapter.id}/chapter.toml").write_text("\n".join(lines) + "\n")
        for file in ("cards.toml", "questions.toml"):
            (folder / f"content/{chapter.id}/{file}").write_text("")
    return Workbook(folder)


def small(folder: Path) -> Workbook:
    """Three koans with three tests each."""
    given = Workbook(ROOT)
    book = workbook_of(folder, [given.koan(name) for name in TESTS])
    for koan in book.koans.values():
        check, cases = TESTS[koan.name]
        text = [
            "import torch  # noqa: F401",
            f"from exercises.{koan.chapter}.{koan.name} import {koan.name}",
            f"from grader.checks import {check}",
            f"from reference.{koan.chapter}.{koan.name} import {koan.name} as oracle",
        ]
        for i, case in enumerate(cases):
            text += ["", "", f"def test_case_{i}():", f"    {check}({koan.name}, {case}, with_=oracle)"]
        book.test_file(koan).write_text("\n".join(text) + "\n")
    return book


def submit(book: Workbook, place: Path, solved: int, hostile: str = "") -> Submission:
    """The first `solved` koans solved, the others as they were given; perhaps a hostile file for the next one."""
    for i, koan in enumerate(book.koans.values()):
        text = strip_markers(book.solution(koan).read_text()) if i < solved else stub_of(book, koan)
        if i == solved and hostile:
            text = hostile
        file = place / "exercises" / f"{koan.id}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + (f"# {place.name}\n" if i < solved else ""))
    return Submission(place.name, place)


def submissions(book: Workbook, place: Path, kinds: Sequence[Kind]) -> list[Made]:
    whole = sum(kind.count for kind in kinds if kind.sampled)
    found = []
    for kind in kinds:
        honest = range(kind.hostile, kind.hostile + kind.sampled)
        for i in range(kind.count):
            fork = submit(book, place / f"{kind.name}{i:02d}", kind.solved, HOSTILE[i] if i < kind.hostile else "")
            points = sum(koan.points for koan in list(book.koans.values())[: kind.solved])
            found.append(Made(fork, points, kind.count / whole / kind.sampled if i in honest else 0.0))
    return found


def small_class(scratch: Path, quick: bool) -> tuple[Workbook, list[Made]]:
    book = small(scratch / "workbook")
    kinds = [Kind("all", 3, 13, 4), Kind("two", 2, 7, 2)]
    if quick:
        kinds = [Kind("all", 3, 1, 1), Kind("two", 2, 1, 0)]
    return book, submissions(book, scratch / "forks", kinds)


def whole_class(scratch: Path, quick: bool) -> tuple[Workbook, list[Made]]:
    koans = Workbook(ROOT).chapter("ch06").koans
    book = workbook_of(scratch / "workbook", koans[:2] if quick else koans)
    all_of_them = len(book.koans)
    kinds = [
        Kind("full", all_of_them, 10, 2),
        Kind("half", all_of_them // 2, 40, 4),
        Kind("begun", 1, 50, 5, hostile=5),
    ]
    if quick:
        kinds = [Kind("full", 2, 1, 1), Kind("begun", 1, 2, 0, hostile=1)]
    return book, submissions(book, scratch / "forks", kinds)


CLASSES = {"small": small_class, "class": whole_class}


def used() -> float:
    """CPU seconds of this process and of all its children that have ended."""
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in found)


class Memory:
    """The most memory that this process and all it started held at once, in MiB, looked at ten times a second."""

    def __init__(self) -> None:
        self.most = 0.0
        self._stop = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self.most = max(self.most, sum(pss(pid) for pid in family(os.getpid())))

    def stop(self) -> float:
        self._stop.set()
        return self.most


def family(pid: int) -> list[int]:
    return [pid, *(member for child in children(pid) for member in family(child))]


def ours(book: Workbook, made: Sequence[Made], what: str) -> tuple[Figures, str]:
    """Seconds a submission, and how they were isolated."""
    cpu, wall = used(), time.perf_counter()
    points: dict[str, int] = {}
    with Runner(book, isolated=True) as runner, VerdictCache(book.root) as cache:
        level = in_words(runner.level())
        for one in grade_all(book, [m.fork for m in made], runner, seed=1, cache=cache):
            points[one.submission] = one.earned
            progress(f"{what}: {len(points)} of {len(made)} submissions graded")
    if wrong := [m for m in made if points.get(m.fork.name) != m.points]:
        first = wrong[0]
        raise CannotMeasure(f"{first.fork.name} earned {points.get(first.fork.name)} points, and not {first.points}")
    return {"wall": (time.perf_counter() - wall) / len(made), "cpu": (used() - cpu) / len(made)}, level


def cold(book: Workbook, one: Made) -> Figures:
    """One pytest for a submission, as a grading script would run it."""
    cpu, wall = used(), time.perf_counter()
    tests = [str(book.test_file(koan)) for koan in book.koans.values()]
    command = [sys.executable, "-m", "pytest", "-q", f"--target={one.fork.folder}", "--seed", "1", *tests]
    ended = subprocess.run(
        command,
        cwd=book.root,
        env={**os.environ, "PYTHONPATH": str(book.root)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    solved = one.points == sum(koan.points for koan in book.koans.values())
    if ended.returncode != (0 if solved else 1):
        last = (ended.stdout + ended.stderr).strip().splitlines()[-1:]
        raise CannotMeasure(f"pytest ended with {ended.returncode} on {one.fork.name}: {''.join(last)}")
    return {"wall": time.perf_counter() - wall, "cpu": used() - cpu}


def measured(what: str, quick: bool) -> Figures:
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as scratch:
        book, made = CLASSES[what](Path(scratch), quick)
        memory = Memory()
        here, level = ours(book, made, what)
        most = memory.stop()
        again = time.perf_counter()
        ours(book, made, what)
        again = time.perf_counter() - again
        there = {"wall": 0.0, "cpu": 0.0}
        for one in made:
            if one.stands_for:
                progress(f"{what}: pytest on {one.fork.name}")
                for name, value in cold(book, one).items():
                    there[name] += value * one.stands_for
    koans = len(book.koans)
    print(f"{what}: {len(made)} submissions, {koans} koans; {level}")
    for name, figures in (("koans grade, isolated", here), ("pytest, cold, not isolated", there)):
        print(f"  {name:28} {figures['wall']:.3f} s wall, {figures['cpu']:.3f} s CPU each")
    print(f"  {there['wall'] / here['wall']:.1f} times faster, {there['cpu'] / here['cpu']:.1f} times cheaper")
    print(f"  at most {most:.0f} MiB at once; {again:.2f} s for a second run with nothing changed", flush=True)
    return {
        "submissions": len(made),
        "koans": koans,
        "isolation": level,
        "koans_grade": here,
        "cold_pytest": there,
        "memory_mib": most,
        "second_run_seconds": again,
    }


def measure(options: argparse.Namespace) -> Figures:
    return {what: measured(what, options.quick) for what in CLASSES if options.what in (what, "both")}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="?", choices=[*CLASSES, "both"], default="both", help="(default: both)")
    main(__doc__, measure, parser)
