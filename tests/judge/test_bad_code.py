"""Whatever the learner's code does, it gets a verdict that fits one screen, and the next koan runs unharmed."""

import io
import json
import time

import psutil
import pytest
from rich.console import Console

from grader.book import terminal
from grader.book.verdict import Status
from grader.judge.runner import Limits, Runner
from grader.judge.targets import Target
from grader.learn.attempts import LEARNER
from tests.conftest import Play, copy_workbook

PATIENT, IMPATIENT = Limits(timeout=60, memory=512 << 20), Limits(timeout=3, memory=512 << 20)
SIGSEGV = "import ctypes\nctypes.string_at(0)\n"
CASES = {
    "syntax error": (
        "def causal_mask(n_q, n_k)\n    return 0\n",
        "broken",
        ["SyntaxError", "line 1", "expected ':'"],
    ),
    "missing import": ("import nonesuch\n", "broken", ["imports nonesuch, which is not installed"]),
    "name gone": ("def mask(n_q, n_k):\n    return 0\n", "broken", ["does not define 'causal_mask'"]),
    "error while importing": ("x = 1 / 0\n", "broken", ["ZeroDivisionError", "line 1"]),
    "endless loop": (
        "def causal_mask(n_q, n_k):\n    while True:\n        pass\n",
        "timed out",
        ["no answer within", "three tokens by hand"],
    ),
    "endless import": ("while True:\n    pass\n", "timed out", ["while the file was being imported"]),
    "recursion": (
        "def causal_mask(n_q, n_k):\n    return causal_mask(n_q, n_k)\n",
        "failed",
        ["RecursionError"],
    ),
    "os._exit(0)": (
        "import os\ndef causal_mask(n_q, n_k):\n    os._exit(0)\n",
        "crashed",
        ["exit code 0", "three tokens by hand"],
    ),
    "sys.exit": ("import sys\ndef causal_mask(n_q, n_k):\n    sys.exit(0)\n", "failed", ["SystemExit"]),
    "exit while importing": ("exit(0)\n", "broken", ["calls exit"]),
    "memory": (
        "def causal_mask(n_q, n_k):\n    return [bytearray(1 << 28) for _ in range(100)]\n",
        "failed",
        ["MemoryError"],
    ),
    "tensor memory": (
        "import torch\ndef causal_mask(n_q, n_k):\n    return torch.ones(1 << 36)\n",
        "failed",
        ["memory"],
    ),
    "crash in C": (f"{SIGSEGV}", "crashed", ["SIGSEGV"]),
    "crash in a test": (
        "import ctypes\ndef causal_mask(n_q, n_k):\n    ctypes.string_at(0)\n",
        "crashed",
        ["SIGSEGV", "three tokens"],
    ),
    "deep C recursion": (
        "import sys\nsys.setrecursionlimit(10**9)\ndef causal_mask(n_q, n_k):\n    return sorted([0], key=lambda x: causal_mask(1, 1))\n",
        "crashed",
        ["SIGSEGV"],
    ),
    "a megabyte of output": (
        "def causal_mask(n_q, n_k):\n    print('x' * 1_000_000)\n    return 0\n",
        "failed",
        ["should be a torch.Tensor"],
    ),
    "terminal escapes": (
        "def causal_mask(n_q, n_k):\n    raise ValueError('\\x1b[2J\\x1b]0;title\\x07gone')\n",
        "failed",
        ["ValueError: gone"],
    ),
    "escapes in output": (
        "def causal_mask(n_q, n_k):\n    print('\\x1b[2J\\x1bc\\x9b31m gone')\n    return 0\n",
        "failed",
        ["should be a torch.Tensor"],
    ),
    "directory changed": (
        "import os\ndef causal_mask(n_q, n_k):\n    os.chdir('/')\n    return 0\n",
        "failed",
        ["should be a torch.Tensor"],
    ),
    "descriptors closed": (
        "import os\ndef causal_mask(n_q, n_k):\n    os.closerange(0, 64)\n    return 0\n",
        "crashed",
        ["the process ended"],
    ),
    "a breakpoint": (
        "def causal_mask(n_q, n_k):\n    try:\n        breakpoint()\n    except Exception:\n        pass\n",
        "failed",
        [
            "causal_mask.py calls breakpoint(), but a run has no terminal\n  line 3 of causal_mask.py: breakpoint()",
            "`koans debug causal_mask` runs the failing test in your terminal",
        ],
    ),
    "a breakpoint of pdb": (
        "def causal_mask(n_q, n_k):\n    import pdb\n    pdb.set_trace()\n",
        "failed",
        ["causal_mask.py calls pdb.set_trace(), but a run has no terminal\n  line 3 of causal_mask.py"],
    ),
    "input while importing": (
        "name = input()\n",
        "broken",
        ["causal_mask.py calls input(), but a run has no terminal\n  line 1 of causal_mask.py: name = input()"],
    ),
    "binary file": ("\x00\x00", "broken", ["line 1: a null byte"]),
    "a stray byte": (
        b"\n# caf\xe9\ndef causal_mask(n_q, n_k):\n    return 0\n",
        "broken",
        ["SyntaxError in causal_mask.py, line 2: the byte 0xe9 is not utf-8 text; save the file as UTF-8"],
    ),
    "a byte order mark": (
        b"\xef\xbb\xbfdef causal_mask(n_q, n_k):\r\n    return 0\r\n",
        "failed",
        ["should be a torch.Tensor"],
    ),
    "a coding line": (
        b"# -*- coding: latin-1 -*-\nCAF\xc9 = 1 / 0\n",
        "broken",
        ["ZeroDivisionError", "line 2 of causal_mask.py: CAF\xc9 = 1 / 0"],
    ),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """One copy of the workbook and a runner."""
    play = Play(copy_workbook(tmp_path_factory.mktemp("bad")))
    with Runner(play.workbook) as runner:
        yield play, runner


@pytest.fixture(scope="module")
def spawning(bench):
    """The same copy and another runner. It starts with its first run."""
    play, _ = bench
    with Runner(play.workbook) as runner:
        yield play, runner


LIMITED = ("memory", "tensor memory")  # without a limit of memory they would fill the machine


@pytest.mark.parametrize(
    "what", [pytest.param(one, marks=[pytest.mark.needs("limits")] if one in LIMITED else []) for one in CASES]
)
def test_bad_code_gets_its_own_verdict_in_one_screen_and_the_next_run_is_unharmed(bench, what):
    _has_its_verdict(*bench, what)


ENDS = ("endless loop", "os._exit(0)", "crash in C", "deep C recursion", "descriptors closed", "tensor memory")


@pytest.mark.needs("forked runs")  # elsewhere all runs are such runs
@pytest.mark.parametrize("what", ENDS)
def test_without_fork_bad_code_gets_the_same_verdict(spawning, monkeypatch, what):
    monkeypatch.setenv("KOANS_START", "spawn")
    _has_its_verdict(*spawning, what)


def _has_its_verdict(play, runner, what):
    text, status, parts = CASES[what]
    play.write("causal_mask", text)
    koan = play.workbook.koan("causal_mask")
    runner.limits = IMPATIENT if status == "timed out" else PATIENT
    verdict = runner.run(koan, LEARNER)
    assert verdict.status == status, verdict.message
    for part in parts:
        assert part in verdict.message, verdict.message
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(terminal.verdict(koan, verdict))
    screen = console.export_text()
    assert len(screen.splitlines()) <= 40
    assert "\x1b" not in screen
    assert "Traceback" not in screen
    runner.limits = PATIENT
    after = runner.run(play.workbook.koan("scores"), Target("solutions"))
    assert after.status == Status.passed


def test_the_command_goes_on_to_the_next_koan(play):
    play.write("causal_mask", CASES["os._exit(0)"][0])
    play.solve("vector_add")
    run = play.koans("run", "causal_mask", "vector_add")
    assert run.returncode == 1, run.stderr
    assert "ch07_attention/causal_mask  ! crashed" in run.stdout
    assert "ch13_triton/vector_add  ✓ passed" in run.stdout
    assert run.stdout.rstrip().endswith("1 of 2 passed (seed 0)")


def test_a_missing_exercise_is_broken_and_says_how_to_get_it_back(play):
    play.workbook.exercise(play.workbook.koan("scores")).unlink()
    run = play.says("run", "scores")
    assert run.returncode == 1
    assert "scores.py does not exist: `koans reset scores` writes its stub again" in run.stdout.replace("\n", " ")
    play.says("reset", "scores")
    assert "not started" in play.says("run", "scores").stdout


@pytest.mark.parametrize("way", [pytest.param("fork", marks=pytest.mark.needs("forked runs")), "spawn"])
def test_processes_a_run_starts_do_not_outlive_it(play, tmp_path, monkeypatch, way):
    monkeypatch.setenv("KOANS_START", way)
    pids = tmp_path / "pids"
    play.write(
        "causal_mask",
        "import subprocess, sys\n"
        "def causal_mask(n_q, n_k):\n"
        "    sleep = [sys.executable, '-c', 'import time; time.sleep(300)']\n"
        "    a = subprocess.Popen(sleep)\n"
        "    b = subprocess.Popen(sleep, start_new_session=True)\n"
        f"    with open({str(pids)!r}, 'a') as f: f.write(f'{{a.pid}} {{b.pid}} ')\n"
        "    while True: pass\n",
    )
    run = play.koans("run", "causal_mask", "--timeout", "2", "--json")
    assert json.loads(run.stdout)[0]["status"] == "timed out"
    time.sleep(0.3)
    started = [int(p) for p in pids.read_text().split()]
    assert len(started) >= 2
    assert [p for p in started if _alive(p)] == []


def _alive(pid):
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False
