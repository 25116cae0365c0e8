"""An editor gets the lines at fault: of the learner's own file, one entry a line, in two forms, after each save."""

import json
import re
import shutil
import subprocess

import msgspec
import pytest

from grader.book.verdict import Status, Verdict
from grader.learn.app.problem_list import ProblemList
from grader.learn.app.state import State
from grader.learn.attempts import Step
from grader.learn.report.problems import FORMATS, Problem, problems
from tests.conftest import ROOT

DOT = """def last(x):
    return x[99]


def dot(u, v):
    if len(u) != len(v):
        raise ValueError
    return sum(a * last(v) for a in u)
"""
NO_MAX = """import torch
from torch import Tensor


@torch.no_grad()
def softmax(x: Tensor, dim: int = -1) -> Tensor:
    e = torch.exp(x)
    return e / e.sum(dim, keepdim=True)
"""
ANSWERS = {
    "dot": DOT,
    "softmax": NO_MAX,
    "matmul": "def matmul(a, b):\n    return a @ @ b\n",
    "l2_norm": "import math\n\nfrom nonesuch.more import x\n",
    "rank_and_size": "\n\ntable = {}\n\nkey = table['rank']\n",
}
EXPECTED = [
    "exercises/ch01_tensors/dot.py:2:5: error: dot: raised IndexError (IndexError: index 99 is out of bounds for "
    "dimension 0 with size 3); fails: four and ten and eighteen (and ",
    "exercises/ch06_numerics/softmax.py:6:1: error: this looks like: exp before subtracting the row maximum: large "
    "scores overflow; fails: scores of twelve do not overflow [float16] (and ",
    "exercises/ch01_tensors/matmul.py:2:16: error: SyntaxError in matmul.py, line 2: invalid syntax",
    "exercises/ch01_tensors/l2_norm.py:3:1: error: exercises/ch01_tensors/l2_norm.py imports nonesuch",
    "exercises/ch01_tensors/rank_and_size.py:5:1: error: importing exercises/ch01_tensors/rank_and_size.py raised KeyError",
    "exercises/ch01_tensors/transpose_view.py:8:1: note: not started",
]


def _vs_code_task():
    """The task that docs/EDITORS.md gives for VS Code."""
    section = (ROOT / "docs/EDITORS.md").read_text(encoding="utf-8").partition("## VS Code")[2]
    return json.loads(re.search(r"```json\n(.*?)```", section, re.DOTALL)[1])["tasks"][0]


def test_each_failure_stands_at_the_learners_own_line(play, tmp_path):
    for name, text in ANSWERS.items():
        play.write(name, text)
    run = play.says("run", *ANSWERS, "transpose_view", "--format", "gcc")
    assert run.returncode == 1
    lines = run.stdout.splitlines()
    ours = [next((line for line in lines if line.startswith(start)), start[:20]) for start in EXPECTED]
    assert ours == [line for line in lines if line in ours], run.stdout
    assert {line.partition(":")[0] for line in lines} == {line.partition(":")[0] for line in ours}
    matcher = _vs_code_task()["problemMatcher"]["pattern"]
    found = [re.match(matcher["regexp"], line) for line in lines]
    assert all(found)
    assert [m[matcher["line"]] for m in found][-1] == "8"
    assert {m[matcher["severity"]] for m in found} == {"error", "note"}
    if shutil.which("vim"):
        assert _vim_reads(run.stdout, tmp_path) == [line.split(":")[:3] for line in lines]


def _vim_reads(text, folder):
    """File, line and column of each entry that vim finds with the errorformat of docs/EDITORS.md."""
    (folder / "problems").write_text(text)
    form = re.search(r"^set errorformat=.*$", (ROOT / "docs/EDITORS.md").read_text(), re.MULTILINE)[0]
    script = folder / "script.vim"
    script.write_text(
        f"{form}\ncgetfile {folder}/problems\n"
        'let found = map(getqflist(), \'bufname(v:val.bufnr) . ":" . v:val.lnum . ":" . v:val.col\')\n'
        f"call writefile(found, '{folder}/found')\nqall!\n"
    )
    subprocess.run(["vim", "-u", "NONE", "-i", "NONE", "-es", "-S", script], cwd=folder, check=False, timeout=60)
    return [line.split(":") for line in (folder / "found").read_text().splitlines()]


def test_json_and_format_exclude_each_other(play):
    run = play.says("run", "dot", "--json", "--format", "gcc")
    assert (run.returncode, run.stderr) == (2, "koans: give --json or --format, not both\n")


def test_a_github_command_is_one_line_whatever_the_path_and_the_message(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    problem = Problem(tmp_path / "a,b: 5%" / "x.py", 3, 1, "100% of ::error:: differ")
    assert FORMATS["github"](problem) == "::error file=a%2Cb%3A 5%25/x.py,line=3,col=1::100%25 of ::error:: differ"
    assert FORMATS["gcc"](problem) == "a,b: 5%/x.py:3:1: error: 100% of ::error:: differ"


@pytest.mark.parametrize(
    "status, message, line",
    [
        (Status.timed_out, "no answer within 20 s in: four\n\nDoes every loop end?", 5),
        (
            Status.crashed,
            "killed by SIGSEGV\n\nFatal Python error: x\n  dot.py, line 2 in last\n  dot.py, line 8 in dot",
            2,
        ),
        (Status.broken, "not a kernel in dot.py, line 7: no `while`", 7),
    ],
)
def test_an_end_without_a_failed_test_has_a_line_too(play, status, message, line):
    koan = play.workbook.koan("dot")
    verdict = Verdict(koan.id, "learner", status, message, message.partition("\n")[0])
    [problem] = problems(play.workbook, koan, verdict, DOT)
    assert (problem.line, problem.message) == (line, message.partition("\n\n")[0])


def test_the_watch_prints_each_list_between_two_marks_that_vs_code_knows(play, capsys, monkeypatch):
    monkeypatch.chdir(play.root)
    book = play.workbook
    koan = book.koan("dot")
    watch = ProblemList(book, "gcc")
    state = State(tuple(book.koans), koan.id, {}, running=True)
    broken = Step(koan, Verdict(koan.id, "learner", Status.broken, "SyntaxError in dot.py"), (), "def dot(:\n")
    passed = Step(koan, Verdict(koan.id, "learner", Status.passed), ())
    for change in (
        {},
        {"step": broken, "running": False},
        {"step": broken, "notice": "files are polled"},
        {"step": broken, "running": True},
        {"step": passed, "running": False},
        {"step": None, "running": True},
        {"trouble": "the runner\nstopped", "running": False},
    ):
        state = msgspec.structs.replace(state, **change)
        watch.show(state)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "koans: begin ch01_tensors/dot",
        "exercises/ch01_tensors/dot.py:1:9: error: SyntaxError in dot.py",
        "koans: end ch01_tensors/dot broken, 1 problem",
        "koans: begin ch01_tensors/dot",
        "koans: end ch01_tensors/dot passed, 0 problems",
        "koans: begin ch01_tensors/dot",
        "koans: end not run: the runner stopped",
    ]
    background = _vs_code_task()["problemMatcher"]["background"]
    assert [bool(re.search(background["beginsPattern"], line)) for line in lines] == [1, 0, 0, 1, 0, 1, 0]
    assert [bool(re.search(background["endsPattern"], line)) for line in lines] == [0, 0, 1, 0, 1, 0, 1]
