"""What grading costs, isolated and in one batch, beside a cold pytest for each submission.

    python benchmarks/grading.py --quick
    python benchmarks/grading.py small --out benchmarks/results/grading-small.json
    python benchmarks/grading.py class --out benchmarks/results/grading-class.json
    python benchmarks/grading.py full --out benchmarks/results/grading-full.json

`small`: three koans with three tests each, 20 submissions. `class`: the koans of chapter 6 with all their tests, and
100 submissions: 10 that solve all, 40 half of them, 50 one koan, and of these 5 with a hostile file beside. The
alternative is what other graders do: one `python -m pytest` a submission, in its own process, without isolation,
measured on some of each kind. Both grade the same files in the same run. Figures are seconds per submission.

`full`: one submission that solves all koans of the workbook, isolated, beside the same files without isolation, where
one process makes all runs. `run` is the sum of the runs' seconds, which include waits; it is comparable only on a quiet
machine. The start of the warm processes is left out.
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from _common import ROOT, CannotMeasure, Figures, children, copy_workbook, main, progress, pss

from grader.book.koan_imports import Imported
from grader.book.stubs import strip_markers, stub_of
from grader.book.workbook import Koan, Workbook
from grader.course.grade import grade_all
from grader.course.intake.client import Intake
from grader.course.intake.collect import collect
from grader.course.verdict_cache import VerdictCache
from grader.judge.import_closure import closure
from grader.judge.runner import Runner
from grader.judge.sandbox.confine import in_words
from grader.judge.targets import Target

TESTS = {
    "causal_mask": ("exact", ["3, 3", "2, 5", "1, 1"]),
    "exp_overflow": ("agrees", ["torch.float16", "torch.bfloat16", "torch.float32"]),
    "split_heads": ("exact", ["torch.ones(1, 2, 4), 2", "torch.ones(2, 3, 6), 3", "torch.ones(1, 1, 8), 4"]),
}
HOSTILE = (
    "import os\nos._exit(0)\n",  # first, because --quick uses one, and this one takes no time
    "while True:\n    pass\n",
    "import torch\ntorch.allclose = lambda *a, **k: True\ndef softmax(x, dim=-1):\n    return x\n",
    "def softmax(x, dim=-1):\n    return [bytearray(1 << 28) for _ in range(100)]\n",
    "def softmax(x, dim=-1):\n    print('x' * (1 << 24))\n    raise SystemExit(0)\n",
)


class Kind(NamedTuple):
    """A kind of submission: `count` of them, with the first `solved` koans solved and the others left as stubs.

    The alternative grades only `sampled` of them, which stand for all. It grades no hostile ones, because without
    isolation they may end or stop the grader.
    """

    name: str
    solved: int
    count: int
    sampled: int
    hostile: int = 0


class ClassMember(NamedTuple):
    """A submission's folder, its points, and the share of the class that its time stands for (0: not sampled)."""

    fork: Path
    points: int
    stands_for: float


def workbook_of(folder: Path, koans: Sequence[Koan]) -> Workbook:
    """A copy of the workbook with only these koans."""
    for chapter in copy_workbook(folder).chapters:
        chosen = [koan for koan in koans if koan.chapter == chapter.id]
        lines = [f'title = "{chapter.title}"'] + ([] if chosen else ["koans = []"])
        for koan in chosen:
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


def submit(book: Workbook, place: Path, solved: int, hostile: str = "") -> Path:
    """A submission with the first `solved` koans solved and stubs for the others; the next may be a hostile file."""
    for i, koan in enumerate(book.koans.values()):
        text = strip_markers(book.solution(koan).read_text()) if i < solved else stub_of(book, koan)
        if i == solved and hostile:
            text = hostile
        file = place / "exercises" / f"{koan.id}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + (f"# {place.name}\n" if i < solved else ""))
    return place


def submissions(book: Workbook, place: Path, kinds: Sequence[Kind]) -> list[ClassMember]:
    whole = sum(kind.count for kind in kinds if kind.sampled)
    members = []
    for kind in kinds:
        honest = range(kind.hostile, kind.hostile + kind.sampled)
        for i in range(kind.count):
            fork = submit(book, place / f"{kind.name}{i:02d}", kind.solved, HOSTILE[i] if i < kind.hostile else "")
            points = sum(koan.points for koan in list(book.koans.values())[: kind.solved])
            members.append(ClassMember(fork, points, kind.count / whole / kind.sampled if i in honest else 0.0))
    return members


def small_class(scratch: Path, quick: bool) -> tuple[Workbook, list[ClassMember]]:
    book = small(scratch / "workbook")
    kinds = [Kind("all", 3, 13, 4), Kind("two", 2, 7, 2)]
    if quick:
        kinds = [Kind("all", 3, 1, 1), Kind("two", 2, 1, 0)]
    return book, submissions(book, scratch / "forks", kinds)


def whole_class(scratch: Path, quick: bool) -> tuple[Workbook, list[ClassMember]]:
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


def cpu_seconds() -> float:
    """CPU seconds of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def cpu_seconds_of_tree() -> float:
    """CPU seconds of this process, of its descendants that run, and of those that have ended and were waited for."""
    return sum(map(_cpu_seconds_of, process_tree(os.getpid())))


def _cpu_seconds_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended meanwhile
        return 0.0
    own_and_ended = fields[11:15]  # utime, stime, cutime and cstime, see proc(5)
    return sum(map(int, own_and_ended)) / os.sysconf("SC_CLK_TCK")


class PeakMemory:
    """The peak memory of this process and all its descendants together, in MiB. It is sampled ten times a second."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._stop = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self.peak = max(self.peak, sum(pss(pid) for pid in process_tree(os.getpid())))

    def stop(self) -> float:
        self._stop.set()
        return self.peak


def process_tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    return [pid, *(member for child in children(pid) for member in process_tree(child))]


def koans_grade(book: Workbook, members: Sequence[ClassMember], name: str) -> tuple[Figures, str]:
    """The seconds of `koans grade` per submission, and the level of isolation in words."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    points: dict[str, int] = {}
    with Runner(book, isolated=True) as runner, Intake(book) as intake:
        cache = VerdictCache(book.root)
        level = in_words(runner.level())
        sources = collect([m.fork for m in members], intake, one_each=True).sources
        submissions = intake.take_all(sources)
        for grade in grade_all(book, submissions, runner, seed=1, count=len(sources), cache=cache):
            points[grade.submission] = grade.earned
            progress(f"{name}: {len(points)} of {len(members)} submissions graded")
    if wrong := [m for m in members if points.get(m.fork.name) != m.points]:
        first = wrong[0]
        raise CannotMeasure(f"{first.fork.name} earned {points.get(first.fork.name)} points, and not {first.points}")
    return {"wall": (time.perf_counter() - wall) / len(members), "cpu": (cpu_seconds() - cpu) / len(members)}, level


def cold_pytest(book: Workbook, member: ClassMember) -> Figures:
    """The seconds of one pytest on a submission, as a grading script would run it."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    tests = [str(book.test_file(koan)) for koan in book.koans.values()]
    command = [sys.executable, "-m", "pytest", "-q", f"--target={member.fork}", "--seed", "1", *tests]
    done = subprocess.run(
        command,
        cwd=book.root,
        env={**os.environ, "PYTHONPATH": str(book.root)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    solved = member.points == sum(koan.points for koan in book.koans.values())
    if done.returncode != (0 if solved else 1):
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise CannotMeasure(f"pytest ended with {done.returncode} on {member.fork.name}: {''.join(last)}")
    return {"wall": time.perf_counter() - wall, "cpu": cpu_seconds() - cpu}


def measure_class(name: str, quick: bool) -> Figures:
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as scratch:
        book, members = CLASSES[name](Path(scratch), quick)
        memory = PeakMemory()
        grading, level = koans_grade(book, members, name)
        peak = memory.stop()
        start = time.perf_counter()
        koans_grade(book, members, name)
        second_run = time.perf_counter() - start
        pytest = {"wall": 0.0, "cpu": 0.0}
        for member in members:
            if member.stands_for:
                progress(f"{name}: pytest on {member.fork.name}")
                for kind, value in cold_pytest(book, member).items():
                    pytest[kind] += value * member.stands_for
    koans = len(book.koans)
    print(f"{name}: {len(members)} submissions, {koans} koans; {level}")
    for grader, figures in (("koans grade, isolated", grading), ("pytest, cold, not isolated", pytest)):
        print(f"  {grader:28} {figures['wall']:.3f} s wall, {figures['cpu']:.3f} s CPU each")
    print(f"  {pytest['wall'] / grading['wall']:.1f} times faster, {pytest['cpu'] / grading['cpu']:.1f} times cheaper")
    print(f"  at most {peak:.0f} MiB at once; {second_run:.2f} s for a second run with nothing changed", flush=True)
    return {
        "submissions": len(members),
        "koans": koans,
        "isolation": level,
        "koans_grade": grading,
        "cold_pytest": pytest,
        "memory_mib": peak,
        "second_run_seconds": second_run,
    }


def run_all_koans(book: Workbook, koans: Sequence[Koan], *, isolated: bool, parallel: int | None) -> Figures:
    """The seconds of all runs of a submission that solves these koans, of the wall clock, and of CPU time."""
    texts = {koan.id: strip_markers(book.solution(koan).read_text()) for koan in book.koans.values()}
    pairs = [_pair(book, koan, texts, isolated) for koan in koans]
    with Runner(book, isolated=isolated, share=False) as runner:
        runner.warm_up()
        cpu, wall = cpu_seconds_of_tree(), time.perf_counter()
        verdicts = []
        for verdict in runner.run_many(pairs, seed=1, parallel=parallel):
            verdicts.append(verdict)
            progress(f"full: {len(verdicts)} of {len(koans)} koans, {'' if isolated else 'not '}isolated")
        cpu, wall = cpu_seconds_of_tree() - cpu, time.perf_counter() - wall
    if wrong := [verdict for verdict in verdicts if not verdict.passed]:
        raise CannotMeasure(f"{wrong[0].koan} {wrong[0].status}: {wrong[0].headline}")
    return {"run": sum(verdict.seconds for verdict in verdicts), "wall": wall, "cpu": cpu}


def _pair(book: Workbook, koan: Koan, texts: Mapping[str, str], isolated: bool) -> tuple[Koan, Target]:
    """Without isolation the solutions themselves run: only for these a process makes several runs."""
    if not isolated:
        return koan, Target("solutions")
    imports = closure(koan, texts[koan.id], book.koans, lambda other: Imported(texts[other.id], other.forbids))
    return koan, Target("text", "full", texts[koan.id], tuple(imports.items()))


def measure_full(quick: bool) -> Figures:
    book = Workbook(ROOT)
    koans = [book.koan(name) for name in TESTS] if quick else list(book.koans.values())
    figures = {
        "isolated": run_all_koans(book, koans, isolated=True, parallel=1),
        "isolated_on_all_cores": run_all_koans(book, koans, isolated=True, parallel=None),
        "not_isolated": run_all_koans(book, koans, isolated=False, parallel=1),
    }
    print(f"full: {len(koans)} koans of one submission")
    for name, seconds in figures.items():
        run, wall, cpu = seconds["run"], seconds["wall"], seconds["cpu"]
        print(f"  {name.replace('_', ' '):28} {run:.1f} s of runs, {wall:.1f} s wall, {cpu:.1f} s CPU")
    ratios = {kind: figures["isolated"][kind] / figures["not_isolated"][kind] for kind in ("run", "wall", "cpu")}
    print("  isolated beside not isolated: " + ", ".join(f"{ratio:.2f} times {kind}" for kind, ratio in ratios.items()))
    return {"koans": len(koans), **figures, "isolated_beside_not_isolated": ratios}


def measure(options: argparse.Namespace) -> Figures:
    figures = {name: measure_class(name, options.quick) for name in CLASSES if options.what in (name, "all")}
    return figures | ({"full": measure_full(options.quick)} if options.what in ("full", "all") else {})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="?", choices=[*CLASSES, "full", "all"], default="all", help="(default: all)")
    main(__doc__, measure, parser)
