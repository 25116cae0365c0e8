"""What grading costs, isolated and in one batch, beside a cold pytest for each submission.

    python benchmarks/grading.py small --json benchmarks/results/grading-small.json
    python benchmarks/grading.py class --json benchmarks/results/grading-class.json

`small`: three koans with three tests each, 20 submissions. `class`: the koans of chapter 6 with all their tests, and
100 submissions: 10 that solve all, 40 half of them, 50 one koan, and of these 5 with a hostile file beside. The
alternative is what other graders do: one `python -m pytest` a submission, in its own process, without isolation,
measured on some of each kind. Both grade the same files in the same run. Figures are seconds per submission.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from grader.grade import grade_all  # noqa: E402
from grader.kept import Kept  # noqa: E402
from grader.runner import Runner  # noqa: E402
from grader.sandbox.confine import in_words  # noqa: E402
from grader.stubs import strip_markers  # noqa: E402
from grader.submissions import Submission  # noqa: E402
from grader.workbook import Koan, Workbook  # noqa: E402

PARTS = ("exercises", "solutions", "reference", "content", "grader")
TESTS = {
    "causal_mask": ("exact", ["3, 3", "2, 5", "1, 1"]),
    "exp_overflow": ("agrees", ["torch.float16", "torch.bfloat16", "torch.float32"]),
    "split_heads": ("exact", ["torch.ones(1, 2, 4), 2", "torch.ones(2, 3, 6), 3", "torch.ones(1, 1, 8), 4"]),
}
HOSTILE = (
    "while True:\n    pass\n",
    "import os\nos._exit(0)\n",
    "import torch\ntorch.allclose = lambda *a, **k: True\ndef softmax(x, dim=-1):\n    return x\n",
    "def softmax(x, dim=-1):\n    return [bytearray(1 << 28) for _ in range(100)]\n",
    "def softmax(x, dim=-1):\n    print('x' * (1 << 24))\n    raise SystemExit(0)\n",
)


def workbook_of(folder: Path, koans: Sequence[Koan]) -> Workbook:
    """A copy of the workbook with these koans alone."""
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / file, folder / file)
    for chapter in Workbook(folder).chapters:
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
        text = strip_markers(book.solution(koan).read_text()) if i < solved else book.exercise(koan).read_text()
        if i == solved and hostile:
            text = hostile
        file = place / "exercises" / f"{koan.id}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + (f"# {place.name}\n" if i < solved else ""))
    return Submission(place.name, place)


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
            self.most = max(self.most, sum(_pss(pid) for pid in _family(os.getpid())))

    def stop(self) -> float:
        self._stop.set()
        return self.most


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(member for child in children for member in _family(int(child)))]


def _pss(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def ours(book: Workbook, forks: Sequence[Submission]) -> tuple[dict[str, int], dict[str, float], str]:
    """Points by name, and seconds a submission."""
    cpu, wall = used(), time.perf_counter()
    with Runner(book, isolated=True) as runner, Kept(book.root) as kept:
        level = in_words(runner.level())
        points = {one.submission: one.earned for one in grade_all(book, forks, runner, seed=1, kept=kept)}
    n = len(forks)
    return points, {"wall": (time.perf_counter() - wall) / n, "cpu": (used() - cpu) / n}, level


def cold(book: Workbook, forks: Sequence[Submission]) -> dict[str, float]:
    """One pytest a submission, as a grading script would run it."""
    cpu, wall = used(), time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(book.root)}
    tests = [str(book.test_file(koan)) for koan in book.koans.values()]
    for fork in forks:
        command = [sys.executable, "-m", "pytest", "-q", f"--target={fork.folder}", "--seed", "1", *tests]
        with tempfile.TemporaryFile() as sink:
            subprocess.run(command, cwd=book.root, env=environment, stdout=sink, stderr=sink, timeout=600)
    return {"wall": (time.perf_counter() - wall) / len(forks), "cpu": (used() - cpu) / len(forks)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("small", "class"))
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as scratch:
        place = Path(scratch) / "forks"
        if options.what == "small":
            book = small(Path(scratch) / "workbook")
            forks = [submit(book, place / f"s{i:03d}", 3 - (i % 3 == 1)) for i in range(20)]
            sample = forks[:6]
            weights = [1.0] * 6
        else:
            chapter = Workbook(ROOT).chapter("ch06")
            book = workbook_of(Path(scratch) / "workbook", chapter.koans)
            half = len(book.koans) // 2
            forks = [submit(book, place / f"full{i:02d}", len(book.koans)) for i in range(10)]
            forks += [submit(book, place / f"half{i:02d}", half) for i in range(40)]
            forks += [submit(book, place / f"begun{i:02d}", 1, HOSTILE[i] if i < 5 else "") for i in range(50)]
            # Without isolation a hostile file may end or stop the grader: the alternative is spared those.
            sample = [forks[0], forks[1], *forks[10:14], *forks[60:65]]
            weights = [0.10 / 2] * 2 + [0.40 / 4] * 4 + [0.50 / 5] * 5
        memory = Memory()
        points, here, level = ours(book, forks)
        most = memory.stop()
        again = time.perf_counter()
        assert ours(book, forks)[0] == points
        again = time.perf_counter() - again
        there = {"wall": 0.0, "cpu": 0.0}
        total = sum(weights)
        for fork, weight in zip(sample, weights, strict=True):
            for name, value in cold(book, [fork]).items():
                there[name] += value * weight / total

    figures = {
        "what": options.what,
        "submissions": len(forks),
        "koans": len(book.koans),
        "isolation": level,
        "koans_grade": here,
        "cold_pytest": there,
        "memory_mib": most,
        "second_run_seconds": again,
        "machine": {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.platform()},
    }
    print(f"{len(forks)} submissions, {len(book.koans)} koans; {level}")
    for name, one in (("koans grade, isolated", here), ("pytest, cold, not isolated", there)):
        print(f"  {name:28} {one['wall']:.3f} s wall, {one['cpu']:.3f} s CPU each")
    print(f"  {there['wall'] / here['wall']:.1f} times faster, {there['cpu'] / here['cpu']:.1f} times cheaper")
    print(f"  at most {most:.0f} MiB at once; {again:.2f} s for a second run with nothing changed")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
