"""What grading costs: a small assignment, isolated and in one batch, beside a cold pytest for each submission.

    python benchmarks/grading.py --submissions 20 --json results.json

Three koans, nine tests (the assignment's own test files, written here), a batch of submissions with different answers.
The alternative is what other graders do: one `python -m pytest` for every submission, in its own process, without
isolation. Both grade the same files in the same run; figures are seconds per submission, wall and CPU.
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
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from grader.grade import grade  # noqa: E402
from grader.runner import Runner  # noqa: E402
from grader.sandbox.confine import in_words  # noqa: E402
from grader.stubs import strip_markers  # noqa: E402
from grader.workbook import Workbook  # noqa: E402

KOANS = ("causal_mask", "exp_overflow", "split_heads")
TESTS = {
    "causal_mask": ("torch", "causal_mask", "exact", ["3, 3", "2, 5", "1, 1"]),
    "exp_overflow": ("torch", "exp_overflow", "agrees", ["torch.float16", "torch.bfloat16", "torch.float32"]),
    "split_heads": (
        "torch",
        "split_heads",
        "exact",
        ["torch.ones(1, 2, 4), 2", "torch.ones(2, 3, 6), 3", "torch.ones(1, 1, 8), 4"],
    ),
}
PARTS = ("exercises", "solutions", "reference", "content", "grader")


def assignment(folder: Path) -> Workbook:
    """A workbook of three koans with three tests each."""
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / file, folder / file)
    book = Workbook(folder)
    keep = [book.koan(name) for name in KOANS]
    for chapter in book.chapters:
        if chapter.id not in {koan.chapter for koan in keep}:
            for part in ("content", "exercises", "reference", "solutions"):
                shutil.rmtree(folder / part / chapter.id)
            continue
        lines = [f'title = "{chapter.title}"']
        for koan in (k for k in keep if k.chapter == chapter.id):
            lines += ["[[koans]]", f'name = "{koan.name}"', f'title = "{koan.title}"', f'rung = "{koan.rung}"']
        (folder / f"content/{chapter.id}/chapter.toml").write_text("\n".join(lines) + "\n")
        (folder / f"content/{chapter.id}/cards.toml").write_text("")
    for koan in keep:
        module, name, check, cases = TESTS[koan.name]
        text = [
            f"import {module}",
            f"from exercises.{koan.chapter}.{koan.name} import {name}",
            f"from grader.checks import {check}",
            f"from reference.{koan.chapter}.{koan.name} import {name} as oracle",
        ]
        for i, case in enumerate(cases):
            text += ["", "", f"def test_case_{i}():", f"    {check}({name}, {case}, with_=oracle)"]
        book.test_file(koan).write_text("\n".join(text) + "\n")
    return Workbook(folder)


def submissions(book: Workbook, folder: Path, count: int) -> list[Path]:
    """Every third one solves everything, the next all but one koan, the next breaks that one."""
    made = []
    for number in range(count):
        place = folder / f"student{number:03d}"
        for i, koan in enumerate(book.koans.values()):
            text = strip_markers(book.solution(koan).read_text()) + f"# {number}\n"
            if number % 3 == 1 and i == 0:
                text = book.exercise(koan).read_text()
            if number % 3 == 2 and i == 0:
                text = text.replace("return ", "return None  # ", 1)
            file = place / "exercises" / f"{koan.id}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        made.append(place)
    return made


def used() -> float:
    """CPU seconds of this process and of all its children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=20, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as scratch:
        book = assignment(Path(scratch) / "workbook")
        forks = submissions(book, Path(scratch) / "forks", options.submissions)

        cpu, wall = used(), time.perf_counter()
        scores = []
        with Runner(book, isolated=True) as runner:
            level = runner.level()
            for fork in forks:
                scores.append(grade(book, fork, runner, seed=1).earned)
        ours = {"wall": (time.perf_counter() - wall) / len(forks), "cpu": (used() - cpu) / len(forks)}

        cpu, wall = used(), time.perf_counter()
        passed = []
        for fork in forks[: max(3, len(forks) // 4)]:
            environment = {**os.environ, "PYTHONPATH": str(book.root)}
            tests = [str(book.test_file(koan)) for koan in book.koans.values()]
            command = [sys.executable, "-m", "pytest", "-q", "--target", str(fork), *tests]
            run = subprocess.run(command, cwd=book.root, env=environment, capture_output=True, text=True)
            passed.append(run.returncode == 0)
        tried = max(3, len(forks) // 4)
        cold = {"wall": (time.perf_counter() - wall) / tried, "cpu": (used() - cpu) / tried}

    full = sum(koan.points for koan in book.koans.values())
    assert [score == full for score in scores[:tried]] == passed, (scores, passed)
    print(f"{len(forks)} submissions, {len(KOANS)} koans, 9 tests; {in_words(level)}")
    for name, figures in (("koans grade, isolated", ours), ("pytest, cold, not isolated", cold)):
        print(f"  {name:28} {figures['wall']:.3f} s wall, {figures['cpu']:.3f} s CPU each")
    print(f"  {cold['wall'] / ours['wall']:.1f} times faster, {cold['cpu'] / ours['cpu']:.1f} times cheaper")
    if options.json:
        machine = {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.platform()}
        figures = {"machine": machine, "submissions": len(forks), "koans_grade": ours, "cold_pytest": cold}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
