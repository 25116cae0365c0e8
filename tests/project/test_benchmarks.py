"""Every benchmark works: with --quick it measures in seconds, and if it cannot measure, it says so and fails.

`python benchmarks/NAME.py --quick` gives the same figures from few and small cases. It needs only what the extra `dev`
installs, and writes nothing but the file of --out.
"""

import json
import math
import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "benchmarks"
OTHERS = {"gpu_session.py": "it needs a GPU or --pretend besides, and has tests of its own"}
SCRIPTS = sorted({file.name for file in FOLDER.glob("[!_]*.py")} - OTHERS.keys())
# A line that keeps each from measuring, for the end of a file, and what the message must say.
BROKEN = {
    "bpe.py": ("benchmarks/_common.py", "def progress(text): raise RuntimeError('on purpose')", "on purpose"),
    "checks.py": (
        "reference/ch06_numerics/softmax.py",
        "import reference; softmax.rights = {'same': reference.Variant('same', '', lambda x, dim=-1: x)}",
        "Disagreement",
    ),
    "cost_of_class.py": ("benchmarks/results/scheduler.json", "}", "JSONDecodeError"),
    "engine.py": ("grader/judge/runner/child.py", "raise RuntimeError('on purpose')", "the runner stopped"),
    "feedback.py": ("grader/judge/runner/child.py", "raise RuntimeError('on purpose')", "the runner stopped"),
    "fitting.py": (
        "grader/learn/cards/schedule.py",
        "def predictions(*_): raise RuntimeError('on purpose')",
        "on purpose",
    ),
    "gradients.py": ("benchmarks/_common.py", "def progress(text): raise RuntimeError('on purpose')", "on purpose"),
    "grading.py": ("grader/judge/runner/child.py", "raise RuntimeError('on purpose')", "the runner stopped"),
    "model.py": ("benchmarks/_common.py", "def progress(text): raise RuntimeError('on purpose')", "on purpose"),
    "reports.py": ("grader/judge/runner/child.py", "raise RuntimeError('on purpose')", "the runner stopped"),
    "reviews.py": ("grader/learn/cards/schedule.py", "def replay(*_): raise RuntimeError('on purpose')", "on purpose"),
    "scheduler.py": ("benchmarks/_common.py", "def progress(text): raise RuntimeError('on purpose')", "on purpose"),
    "similarity.py": (
        "grader/course/similarity/survey.py",
        "def survey(*_, **__): raise RuntimeError('on purpose')",
        "on purpose",
    ),
    "tiles.py": ("grader/judge/runner/child.py", "raise RuntimeError('on purpose')", "the runner stopped"),
    "warm.py": ("grader/judge/runner/child.py", "raise RuntimeError('on purpose')", "the runner stopped"),
}


def _run(folder, script, *options, root=ROOT):
    return subprocess.run(
        [sys.executable, str(root / "benchmarks" / script), *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def _numbers(figures):
    if isinstance(figures, dict | list):
        inner = figures.values() if isinstance(figures, dict) else figures
        return [number for value in inner for number in _numbers(value)]
    return [figures] if isinstance(figures, int | float) and not isinstance(figures, bool) else []


def _shape(figures):
    """The names of all figures. All rows of a list have the same names."""
    if isinstance(figures, dict):
        return {key: _shape(value) for key, value in figures.items()}
    return [_shape(figures[0])] if isinstance(figures, list) else None


def _written():
    return {str(file.relative_to(FOLDER)): file.stat().st_mtime_ns for file in FOLDER.rglob("*.json")}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_benchmark_measures_with_quick_and_writes_nothing(script, tmp_path):
    before = _written()
    run = _run(tmp_path, script, "--quick", "--json")
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout)
    assert figures["quick"] is True
    measured = _numbers({key: value for key, value in figures.items() if key != "machine"})
    assert measured
    assert all(math.isfinite(number) and number > 0 for number in measured)
    for stored in FOLDER.glob(f"results/{script.removesuffix('.py')}*.json"):
        whole = json.loads(stored.read_text())
        assert _shape(figures) | _shape(whole) == _shape(figures), f"{stored.name} has other figures than --quick"
    assert _written() == before
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def copy(play):
    """A copy of the workbook that can be broken, with its benchmarks."""
    shutil.copytree(FOLDER, play.root / "benchmarks")
    return play.root


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_benchmark_that_cannot_measure_fails_in_one_line(script, copy, tmp_path):
    assert script in BROKEN, f"say what keeps {script} from measuring"
    name, line, says = BROKEN[script]
    with (copy / name).open("a") as file:
        file.write(f"\n\n{line}\n")
    out = tmp_path / "figures.json"
    run = _run(tmp_path, script, "--quick", "--out", str(out), root=copy)
    assert run.returncode == 1
    (error_line,) = run.stderr.strip().splitlines()
    assert error_line.startswith(f"{script}: cannot measure: ")
    assert says in error_line
    assert not out.exists()


def test_feedback_does_not_report_half_of_the_comparison(copy, tmp_path):
    (copy / "sitecustomize.py").write_text("import sys\nsys.modules['pytest_watcher'] = None  # as if not installed\n")
    run = _run(tmp_path, "feedback.py", "--quick", root=copy)
    assert run.returncode == 1
    says = "pytest-watcher is not installed; pip install -e '.[dev]' brings it"
    assert run.stderr == f"feedback.py: cannot measure: {says}\n"


def test_figures_are_written_where_out_says(tmp_path):
    out = tmp_path / "figures.json"
    run = _run(tmp_path, "reviews.py", "--quick", "--json", "--out", str(out))
    assert run.returncode == 0, run.stderr
    assert out.read_text() == run.stdout
    nowhere = _run(tmp_path, "reviews.py", "--quick", "--out", "nonesuch/figures.json")
    assert nowhere.returncode == 2
    assert nowhere.stderr.splitlines()[-1] == "reviews.py: error: nonesuch: no such folder"
    assert nowhere.stdout == ""


def test_the_costs_in_the_document_follow_from_the_results():
    document = ROOT / "docs/CLUSTER.md"
    program = "import cost_of_class as c; print(c.written(c.DOCUMENT.read_text(), c.computed(*c.DEFAULTS)), end='')"
    run = subprocess.run([sys.executable, "-c", program], cwd=FOLDER, capture_output=True, text=True, timeout=60)
    assert run.stdout == document.read_text(), run.stderr or "run: python benchmarks/cost_of_class.py --write"


def test_no_benchmark_is_left_out_that_is_not_there_under_another_name():
    assert set(BROKEN) == set(SCRIPTS)
