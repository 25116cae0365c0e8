"""Without Triton every kernel koan runs. What asks for machine code is "not run here", and no pass in disguise."""

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch

from grader.author import gate
from grader.book import terminal
from grader.book.verdict import Exit, Status, judge
from grader.book.verdict import TestResult as Result
from grader.book.workbook import Workbook
from grader.checks import Disagreement, compiles, run_context
from grader.checks.run_context import current
from grader.course import grade
from grader.course.grade import score
from grader.course.report import grades
from grader.kernels import triton_version
from grader.kernels.kernel_function import launched
from reference.ch13_triton.flash_forward import flash_forward
from tests.classes import grade as made_up
from tests.conftest import ROOT

NONE = "compiling needs triton: `pip install 'triton>=3.7,<3.10'`"


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Folders with links to all installed packages but Triton."""
    folders = []
    for path in filter(None, map(Path, sys.path)):
        if path.name != "site-packages" and path.name != "dist-packages":
            continue
        folder = tmp_path_factory.mktemp("packages")
        for entry in path.iterdir():
            if not entry.name.lower().startswith("triton"):
                (folder / entry.name).symlink_to(entry)
        folders.append(str(folder))
    return folders


def test_kernel_koans_pass_where_triton_is_not_installed_and_say_what_was_not_compiled(packages):
    files = [f"exercises/ch13_triton/test_{name}.py" for name in ("vector_add", "matmul_kernel")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *packages])}
    options = ["-q", "-pno:cacheprovider", "--target", "solutions"]
    command = [sys.executable, "-S", "-m", "pytest", *options, *files]  # -S: no packages but those
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    found = re.findall(r"ch13_triton/(\w+)  (\d+) of (\d+) tests pass, (\d+) not run here", run.stdout)
    assert {koan: int(tests) - int(passed) for koan, passed, tests, _ in found} == {"vector_add": 1, "matmul_kernel": 5}
    assert [int(skipped) for *_, skipped in found] == [5, 1], "races on a GPU, and what asks for machine code"


@pytest.mark.parametrize(
    ("version", "fits"), [("3.6.0", False), ("3.7.0", True), ("3.9.1+cpu", True), ("3.10.0", False)]
)
def test_other_versions_of_triton_are_told_apart_with_what_to_install(monkeypatch, version, fits):
    monkeypatch.setattr(triton_version, "installed", lambda: version)
    says = f"compiling needs triton 3.7 or newer, but older than 3.10; installed is {version}: "
    says += "`pip install 'triton>=3.7,<3.10'`"
    assert triton_version.unfit() == ("" if fits else says)


@pytest.fixture
def without(monkeypatch):
    monkeypatch.setattr(triton_version, "installed", lambda: "")
    monkeypatch.setattr(sys, "platform", "linux")
    run_context.start(run_context.Run())
    yield
    run_context.start(run_context.Run())


def test_without_triton_it_is_named_and_where_it_can_be_installed(without, monkeypatch):
    assert triton_version.unfit() == NONE
    monkeypatch.setattr(sys, "platform", "darwin")
    assert triton_version.unfit() == "compiling needs triton, which exists for Linux only"


def kernel(*change):
    text = (ROOT / "solutions/ch13_triton/flash_forward.py").read_text()
    return launched(flash_forward, text.replace(*change) if change else text, "<test>")


def test_a_claim_about_machine_code_is_skipped_with_the_reason(without):
    with pytest.raises(pytest.skip.Exception, match=re.escape(f"not run here: {NONE}")):
        compiles(kernel(), *[torch.ones(1, 16, 64).half()] * 3, with_=flash_forward, wgmma=True)
    assert current().uncompiled
    assert not current().by_machine


def test_the_launch_of_such_a_claim_runs_all_the_same(without):
    wrong = kernel("out = acc", "out = 2 * acc")
    with pytest.raises(Disagreement):
        compiles(wrong, *[torch.ones(1, 16, 64).half()] * 3, with_=flash_forward, wgmma=True)


def judged(*tests):
    return judge("ch13_triton/flash_forward", "t", tests, "", Exit(True), seconds=0, seed=0, output="")


PASSED = Result("a", "a", Status.passed)
UNCOMPILED = Result("b", "b", Status.not_run_here, message=NONE, uncompiled=True)
FAULT = Result("c", "c", Status.not_run_here, message="the compiling process ended with 1")
FAILED = Result("d", "d", Status.failed, message="no")


def test_a_verdict_without_machine_code_rests_on_the_other_tests_and_says_so():
    verdict = judged(PASSED, UNCOMPILED)
    assert verdict.status == "passed"
    assert verdict.notes == (f"not run here: 1 test of the compiled kernel; {NONE}",)
    assert judged(PASSED, UNCOMPILED, FAILED).status == "failed"
    assert judged(PASSED).notes == ()


def test_what_the_machine_lacked_just_now_and_a_run_of_nothing_are_still_no_pass():
    assert judged(PASSED, UNCOMPILED, FAULT).status == "not run here"
    assert judged(UNCOMPILED).status == "not run here"


def test_a_screen_and_a_grade_show_the_claim_that_was_not_checked():
    book = Workbook(ROOT)
    koan, verdict = book.koan("flash_forward"), judged(PASSED, UNCOMPILED)
    console = terminal.console()
    with console.capture() as capture:
        console.print(terminal.verdict(koan, verdict))
    screen = " ".join(capture.get().split())
    assert "✓ passed 1 of 2 tests pass" in screen
    assert f"note: not run here: 1 test of the compiled kernel; {NONE}" in screen
    assert score(koan, verdict).earned == koan.points
    with console.capture() as capture:
        console.print(grades.grade(made_up(book, "ada", [verdict])))
    assert "✓ passed compiled: – not run here" in " ".join(capture.get().split())


def test_a_grade_has_one_note_for_all_its_koans():
    found = [judged(PASSED, UNCOMPILED), judged(PASSED, UNCOMPILED), judged(PASSED), judged(FAILED, UNCOMPILED)]
    assert grade._uncompiled(found) == (f"not run here: the tests of the compiled kernel in 2 koans; {NONE}",)
    assert grade._uncompiled(found[2:]) == ()


def test_the_gate_does_not_say_that_an_input_is_missing_where_nothing_was_compiled():
    book = Workbook(ROOT)
    verdict = msgspec.structs.replace(judged(PASSED, UNCOMPILED), target="wrong:tiles_made_fp32")
    (problem,) = gate._judge(book.koan("flash_forward"), verdict, gate.GateReport())
    assert problem.message == f"passes, but not run here: 1 test of the compiled kernel; {NONE}"
