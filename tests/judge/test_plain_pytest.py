"""Plain pytest gives the same diagnosis as the command, for files, chapters, options and editors."""

import re
import tomllib
from types import SimpleNamespace

import pytest

from grader.book import verdict
from grader.judge import reports
from tests.conftest import ROOT, Play

NO_MAX = ("e = torch.exp(x)", "return e / e.sum(dim, keepdim=True)")


def _pytest(play, *args, **kwargs):
    return play.python("-m", "pytest", "-q", *args, **kwargs)


# One koan of each kind: a property test, many parameters, a memory limit, a compiled kernel, a test for a GPU.
FEW = ("causal_mask", "scores", "softmax", "blocked_attention", "vector_add", "flash_decode")


def test_all_files_are_collected_at_once_and_solutions_are_green(play):
    """The gate runs every solution with the same plugin. A few koans show what plain pytest does differently."""
    result = _pytest(play, "exercises", "--target", "solutions", "-k", " or ".join(f"test_{name}.py" for name in FEW))
    assert result.returncode == 0, result.stdout
    assert re.search(r"^\d+ passed, \d+ deselected(, \d+ not run here)? in", result.stdout.splitlines()[-1])
    whole = re.findall(r"^ch\w+/(\w+)  \d+ of \d+ tests pass(?:, \d+ not run here)?$", result.stdout, re.M)
    assert sorted(whole) == sorted(FEW)


def test_a_stub_fails_as_not_started_without_a_traceback(play):
    result = _pytest(play, "exercises/ch07_attention/test_causal_mask.py")
    assert result.returncode == 1
    assert "9 not started" in result.stdout.splitlines()[-1]
    assert (
        "ch07_attention/causal_mask  not started; next: open exercises/ch07_attention/causal_mask.py" in result.stdout
    )
    assert "Traceback" not in result.stdout
    assert "passed" not in result.stdout


def test_a_file_shows_the_same_diagnosis_as_the_command(play):
    play.body("softmax", *NO_MAX)
    output = _pytest(play, "exercises/ch06_numerics/test_softmax.py").stdout
    verdict = play.says("run", "softmax").stdout
    message = "this looks like: exp before subtracting the row maximum: large scores overflow"
    assert message in output
    assert message in verdict
    assert "    x = tensor([12., 11., 10.], dtype=float16)" in output
    assert "next: koans hint softmax" in output


def test_a_chapter_k_x_and_lf_work(play):
    play.solve("scores")
    play.body("causal_mask", "return torch.zeros(n_q, n_k)")
    chapter = _pytest(play, "exercises/ch07_attention")
    assert "ch07_attention/scores  19 of 19 tests pass" in chapter.stdout
    assert "ch07_attention/causal_mask" in chapter.stdout
    scores = _pytest(play, "exercises/ch07_attention/test_scores.py", "-k", "two_queries_and_a_key")
    assert re.search(r"^[1-9]\d* passed, [1-9]\d* deselected in", scores.stdout.splitlines()[-1])
    first = _pytest(play, "exercises/ch07_attention/test_causal_mask.py", "-x")
    assert "1 failed" in first.stdout.splitlines()[-1]
    play.solve("causal_mask")
    rerun = _pytest(play, "exercises/ch07_attention/test_causal_mask.py", "--lf")
    assert rerun.returncode == 0
    assert "scores" not in rerun.stdout


def test_with_xdist_the_statuses_the_summary_and_the_name_are_the_same(play):
    """The tests of a koan stay in one worker, which knows all its failures. Results travel as plain data."""
    play.body("causal_mask", "return torch.full((n_q, n_k), -torch.inf).triu(1)")
    play.write("matmul", "def matmul(a, b):\n    return a @ @ b\n")
    play.body("stop_gradient", "raise ValueError('\\ud800')")  # no encoding has this character
    koans = ("ch07_attention/{}causal_mask", "ch03_backward/{}stop_gradient", "ch06_numerics/{}exp_overflow")
    files = [f"exercises/{koan.format('test_')}.py" for koan in (*koans, "ch01_tensors/{}matmul")]
    output = _pytest(play, *files, "-n", "2", "--dist", "load").stdout
    assert [line for line in output.splitlines() if re.match(r"ch\d\d_\w+/\w+  ", line)] == [
        "ch01_tensors/matmul  broken: it could not be imported",
        "ch03_backward/stop_gradient  0 of 6 tests pass; next: koans hint stop_gradient",
        "ch06_numerics/exp_overflow  not started; next: open exercises/ch06_numerics/exp_overflow.py",
        "ch07_attention/causal_mask  5 of 9 tests pass; next: koans hint causal_mask",
    ]
    assert re.findall(r"(\d+) (failed|passed|not started|error)", output.splitlines()[-1]) == [
        *[("10", "failed"), ("5", "passed")],
        *[("1", "error"), ("7", "not started")],
    ]
    assert output.count("\nthis looks like: the mask was aligned at the first key") == 1
    assert "INTERNALERROR" not in output


@pytest.mark.parametrize(
    "ends, following, named",
    [("", None, True), ("", "other", True), ("", "same", False), ("stopping after 1 failures", "same", True)],
)
def test_the_names_travel_with_the_last_report_of_a_koan_in_a_worker(tmp_path, ends, following, named):
    def item(name):
        session = SimpleNamespace(shouldfail=ends, shouldstop="")
        return SimpleNamespace(path=tmp_path / name, session=session, stash=pytest.Stash())

    this, report = item("same"), SimpleNamespace()
    this.stash[reports.NEXT] = item(following) if following else None
    reports.add_names(report, this, "ch07_attention/causal_mask")
    assert vars(report) == ({"koan_names": {}} if named else {})


@pytest.mark.parametrize("workers, named", [(("gw0", "gw0"), True), (("gw0", "gw1"), False)])
def test_a_koan_whose_tests_ran_in_two_workers_gets_no_name(workers, named):
    """Neither worker knows all failures. A worker that crashed, for example, is replaced by another."""
    naming = reports.Naming()
    made = []
    for worker in workers:
        result = verdict.TestResult(
            "t", "t", verdict.Status.failed, "f: differs", looks={"wrong": "as wrong"}, function="f"
        )
        report = pytest.TestReport("t", ("t", 0, "t"), {}, "failed", None, "call", worker_id=worker)
        reports.add(report, result, "ch01_tensors/dot")
        report.koan_names = {"f": ["wrong"]}
        naming.pytest_runtest_logreport(report)
        made.append(report)
    naming.pytest_sessionfinish()
    plain = "f: differs\n\nnext: koans hint dot"
    first = "this looks like: as wrong\n\n  f: differs\n\nnext: koans hint dot"
    assert [report.longrepr for report in made] == [first if named else plain, plain]


def test_in_the_root_folder_the_exercises_are_collected_and_the_projects_own_tests_only_by_name():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert settings["testpaths"] == ["exercises"]
    listed = _pytest(Play(ROOT), "--collect-only", "-p", "no:cacheprovider", ".")  # as VS Code asks for the root
    assert listed.returncode == 0, listed.stdout
    assert {line.partition("/")[0] for line in listed.stdout.splitlines() if "::" in line} == {"exercises"}


def test_without_what_tests_need_there_is_one_line(tmp_path):
    """Here two packages of [dev] seem to be missing."""
    (tmp_path / "missing.py").write_text(
        "import importlib.metadata, sys\n"
        "sys.modules['jsonschema'] = None\n"
        "real = importlib.metadata.distributions\n"
        "gone = 'jsonschema', 'junitparser'\n"
        "importlib.metadata.distributions = lambda **how: [d for d in real(**how) if d.name not in gone]\n"
    )
    start = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import missing, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    result = Play(ROOT).python("-c", start, "-q", "-p", "no:cacheprovider", "tests/course/test_reports.py")
    assert result.returncode == 4
    assert result.stderr.strip().splitlines() == [
        "ERROR: the project's own tests need jsonschema, junitparser: `pip install -e '.[dev]'` installs what they need. "
        "`pytest` without arguments runs your exercises."
    ]
    assert "Traceback" not in result.stdout


def test_it_runs_from_another_folder_as_an_editor_does(play, tmp_path):
    play.solve("causal_mask")
    file = play.root / "exercises/ch07_attention/test_causal_mask.py"
    result = _pytest(play, f"{file}::test_three_tokens_by_hand", f"--rootdir={play.root}", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_property_fails_on_a_small_example_and_on_the_same_one_again(play):
    play.body(
        "causal_mask",
        "return torch.zeros(n_q, n_k).masked_fill(torch.ones(n_q, n_k).triu(1).bool(), -torch.inf)",
    )
    runs = [_pytest(play, "exercises/ch07_attention/test_causal_mask.py", "-k", "any_number").stdout for _ in range(2)]
    # On CI pytest repeats the message in its summary, so only the first two count.
    inputs = [re.findall(r"n_[qk] = (\d+)", out)[:2] for out in runs]
    assert inputs[0] == inputs[1]
    assert len(inputs[0]) == 2
    assert sum(map(int, inputs[0])) <= 3  # 2 queries and 1 key, or 1 and 2


def test_a_submission_elsewhere_can_be_the_target_and_the_seed_is_said(play, tmp_path):
    fork = tmp_path / "fork/exercises/ch07_attention"
    fork.mkdir(parents=True)
    (fork / "causal_mask.py").write_text((play.root / "solutions/ch07_attention/causal_mask.py").read_text())
    result = _pytest(
        play, "exercises/ch07_attention/test_causal_mask.py", "--target", str(tmp_path / "fork"), "--seed", "5", "-v"
    )
    assert result.returncode == 0, result.stdout
    assert f"koans: target {tmp_path / 'fork'}, seed 5 (repeat with --seed 5)" in result.stdout


def test_an_unknown_target_is_one_clear_line(play):
    result = _pytest(play, "exercises", "--target", "wrongly:x")
    assert result.returncode == 4
    assert "--target wrongly:x: give learner, solutions, stub, wrong:NAME" in result.stderr
    unknown = _pytest(play, "exercises/ch07_attention/test_causal_mask.py", "--target", "wrong:nonesuch")
    assert unknown.returncode == 2
    assert "has no wrong answer 'nonesuch'" in unknown.stdout


def test_tests_that_need_a_gpu_are_not_run_here_and_are_no_pass(play):
    file = play.root / "exercises/ch07_attention/test_causal_mask.py"
    file.write_text(
        file.read_text() + "\n\n@pytest.mark.gpu\ndef test_speed():\n    exact(causal_mask, 1, 1, with_=oracle)\n"
    )
    play.solve("causal_mask")
    result = _pytest(play, str(file), env={"CUDA_VISIBLE_DEVICES": ""})
    assert re.search(r"9 passed, 1 not run here in", result.stdout), result.stdout
    verdict = play.koans("run", "causal_mask", env={"CUDA_VISIBLE_DEVICES": ""})
    assert "fast: – not run here" in verdict.stdout
