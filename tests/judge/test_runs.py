"""Several runs in one process do not affect each other."""

import contextlib
import os
from unittest import mock

import pytest

from grader.book.verdict import Status
from grader.judge.runner import Ask, Limits, Runner
from grader.judge.targets import Target
from tests.conftest import Play, copy_workbook

TESTS = """
import os, sys
import pytest, torch
from exercises.ch07_attention.causal_mask import causal_mask
from grader.checks import agrees
from reference.ch07_attention.causal_mask import causal_mask as oracle

"""


@pytest.fixture(scope="module", params=[pytest.param("fork", marks=pytest.mark.needs("forked runs")), "spawn"])
def bench(tmp_path_factory, request):
    play = Play(copy_workbook(tmp_path_factory.mktemp("runs")))
    with (
        mock.patch.dict(os.environ, {"KOANS_START": request.param}),
        Runner(play.workbook, Limits(timeout=30)) as runner,
    ):
        yield play, runner


def runs(bench, body, *targets, seed=0):
    """The verdicts of runs in one process, one after another. Runs of the workbook's own answers share a process."""
    play, runner = bench
    (play.root / "exercises/ch07_attention/test_causal_mask.py").write_text(TESTS + body)
    koan = play.workbook.koan("causal_mask")
    asks = [Ask(koan, target, seed) for target in targets]
    return [verdict for _, verdict in runner.run_all(asks, parallel=1)]


SOLUTION, WRONG = Target("solutions"), Target("wrong", "hides_itself")


def outcomes(verdict):
    return {t.name: t.status for t in verdict.tests}


def test_runs_share_a_process_and_each_has_its_own_target(bench):
    body = "def test_hand():\n    print(os.getpid())\n    agrees(causal_mask, 3, 3, with_=oracle)\n"
    verdicts = runs(bench, body, SOLUTION, WRONG, SOLUTION)
    assert [v.status for v in verdicts] == [Status.passed, Status.failed, Status.passed]
    assert len({v.output for v in verdicts}) == 1
    assert verdicts[0].output.strip().isdigit()
    assert verdicts[1].names == ("hides_itself",)


def test_what_a_run_leaves_behind_is_gone_in_the_next(bench):
    body = """
def test_first():
    assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()
    assert torch.initial_seed() == 0
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.manual_seed(7)

COUNT = []

def test_module():
    COUNT.append(1)
    assert len(COUNT) == 1
"""
    assert [v.status for v in runs(bench, body, SOLUTION, SOLUTION, SOLUTION)] == [Status.passed] * 3


def test_a_file_that_changed_between_two_runs_is_read_anew(bench):
    first = runs(bench, "def test_it():\n    assert True\n", SOLUTION)
    second = runs(bench, "def test_it():\n    assert causal_mask is None\n", SOLUTION)
    assert [first[0].status, second[0].status] == [Status.passed, Status.failed]


def test_a_broken_test_file_and_a_target_that_is_none_end_their_own_run_only(bench):
    play, runner = bench
    koan = play.workbook.koan("causal_mask")
    with contextlib.closing(
        runner.run_all([Ask(koan, Target("wrong", "no_such")), Ask(koan, SOLUTION)], parallel=1)
    ) as ends:
        (_, none), (_, whole) = ends
    assert none.status == Status.broken
    assert "no_such" in none.message
    assert whole.status == Status.passed or whole.tests
    broken, fine = runs(bench, "def test_it(:\n", SOLUTION)[0], runs(bench, "def test_it():\n    pass\n", SOLUTION)[0]
    assert broken.status == Status.broken
    assert fine.status == Status.passed


def test_a_run_that_ends_its_process_leaves_the_next_one_whole(bench):
    body = "def test_it():\n    if causal_mask(2, 2)[0, 0]:\n        os._exit(3)\n"
    verdicts = runs(bench, body, SOLUTION, WRONG, SOLUTION)
    assert [v.status for v in verdicts] == [Status.passed, Status.crashed, Status.passed]
    assert "exit code 3" in verdicts[1].message


def test_tests_that_want_more_than_parameters_and_the_seed_go_through_pytest(bench):
    body = """
@pytest.fixture
def three():
    yield 3

@pytest.fixture(autouse=True)
def sign():
    os.environ["KOANS_SIGN"] = "here"
    yield
    del os.environ["KOANS_SIGN"]

def test_fixture(three, seed):
    assert three == 3 and isinstance(seed, int) and os.environ["KOANS_SIGN"] == "here"

@pytest.mark.parametrize("three", [4], indirect=True)
def test_indirect(three):
    assert three == 3

@pytest.mark.skipif(True, reason="not today")
def test_skipped():
    assert False

@pytest.mark.xfail(strict=True)
def test_expected_to_fail():
    assert False

def test_capture(capsys):
    print("hello")
    assert capsys.readouterr().out == "hello\\n"
"""
    for verdict in runs(bench, body, SOLUTION, SOLUTION):
        assert outcomes(verdict) == {
            "test_fixture": Status.passed,
            "test_indirect[4]": Status.passed,
            "test_skipped": Status.not_run_here,
            "test_expected_to_fail": Status.not_run_here,
            "test_capture": Status.passed,
        }


def test_tests_that_want_no_more_are_told_alike(bench):
    body = """
@pytest.mark.card("causal-mask")
@pytest.mark.parametrize("n", [1, 2])
def test_plain(n, seed):
    print("out", n)
    print("err", file=sys.stderr)
    assert isinstance(seed, int)

def test_skips():
    pytest.skip("not run here: needs the moon")

def test_exits():
    sys.exit(2)
"""
    [verdict] = runs(bench, body, SOLUTION)
    plain = [t for t in verdict.tests if t.name.startswith("test_plain")]
    assert [(t.sentence, t.status, t.cards) for t in plain] == [
        ("plain [1]", Status.passed, ("causal-mask",)),
        ("plain [2]", Status.passed, ("causal-mask",)),
    ]
    assert plain[0].output == "out 1\nerr\n"
    assert outcomes(verdict)["test_skips"] == Status.not_run_here
    assert next(t for t in verdict.tests if t.name == "test_skips").message == "needs the moon"
    assert outcomes(verdict)["test_exits"] == Status.failed


def test_a_seed_gives_the_same_inputs_in_the_runner_and_in_plain_pytest(bench):
    play, _ = bench
    body = "def test_it(seed):\n    print('seed is', seed)\n"
    [verdict] = runs(bench, body, SOLUTION, seed=5)
    test = "exercises/ch07_attention/test_causal_mask.py"
    done = play.python("-m", "pytest", test, "-s", "-q", "--target", "solutions", "--seed", "5")
    assert verdict.output.strip() in done.stdout
