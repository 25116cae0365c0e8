"""A koan's two claims in runs of their own give together what one run of both gives."""

import shutil
from collections import Counter

import msgspec
import pytest

from grader.book import verdict as results
from grader.book.stubs import strip_markers
from grader.book.verdict import Status, Verdict, wants_fast, with_fast
from grader.book.workbook import Workbook
from grader.judge.runner import Ask, Runner
from grader.judge.targets import Target
from tests.conftest import ROOT

TESTS = """
import pytest, torch
from exercises.ch13_triton.vector_add import vector_add
from grader.checks import agrees, fast
from grader.gpu import like
from reference.ch13_triton.vector_add import vector_add as oracle

def test_by_hand():
    agrees(vector_add, torch.ones(2), torch.ones(2), with_=oracle, gives=[2, 2])

@pytest.mark.gpu
@pytest.mark.parametrize("n", [20, 26])
def test_fast_beside_torch(n):
    fast(vector_add, like(1 << n), like(1 << n), with_=oracle, at_least={"torch": 0.8})

def test_more_than_one_block(seed):
    agrees(vector_add, torch.ones(1000), torch.ones(1000), with_=oracle)
"""
# The server of a runner gets this from PYTHONPATH: it sees a GPU, and a worker answers for it as FAKE does.
PRETEND = """
import functools, os, sys
if "grader.judge.runner.server" in sys.orig_argv:
    sys.path.insert(0, os.environ["KOANS_FOLDER"])
    import grader.gpu
    from grader.gpu import client, devices
    client._worker_of = functools.cache(lambda pid: client.GpuWorker(30, ("-c", FAKE)))
    grader.gpu.lack = devices.lack = lambda: ""
"""
# What happens depends on BLOCK in CONFIG.
FAKE = """
import json, os, signal, sys
for line in sys.stdin:
    job = json.loads(line)
    block, last = job["kernels"][0]["config"]["BLOCK"], job["inputs"][0]["shape"] == [1 << 26]
    if block == 1024:
        os.kill(os.getpid(), signal.SIGSEGV)
    if block == 2048 and last:
        os.kill(os.getppid(), signal.SIGKILL)
    yours = {"name": "yours", "wrong": "off by 2"} if block == 512 else {"name": "yours", "ms": [1.0] * 5}
    torch = {"name": "torch", "ms": [0.5 if block == 256 else 0.9] * 5}
    report = {"facts": {"name": "H"}, "times": [yours, torch]}
    if block == 64:
        report = {"facts": {"name": "H"}, "lack": "needs a newer GPU"}
    print(json.dumps(report))
    print(flush=True)
"""
QUICK, SLOW, WRONG, CRASHES, ENDS_THE_RUN, TOO_NEW = 128, 256, 512, 1024, 2048, 64


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The workbook with fewer tests of one koan."""
    root = tmp_path_factory.mktemp("claims")
    for part in ("grader", "reference", "content", "solutions", "pyproject.toml", "conftest.py"):
        (root / part).symlink_to(ROOT / part)
    shutil.copytree(ROOT / "exercises", root / "exercises", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "exercises/ch13_triton/test_vector_add.py").write_text(TESTS)
    return Workbook(root)


@pytest.fixture(scope="module")
def without_gpu(book):
    with Runner(book, isolated=True) as runner:
        yield runner


@pytest.fixture(scope="module")
def with_gpu(book, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretend")
    (folder / "sitecustomize.py").write_text(f"FAKE = {FAKE!r}\n{PRETEND}")
    with Runner(book, isolated=True) as runner:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(folder))
            runner.warm_up()
        yield runner


def run(runner, block, *claims, old="x + y", new="x + y"):
    """The verdicts on a kernel with this CONFIG, one for each of the claims, without their times."""
    koan = runner.workbook.koan("vector_add")
    text = strip_markers(runner.workbook.solution(koan).read_text()).replace('"BLOCK": 128', f'"BLOCK": {block}')
    target = Target("text", "someone", text.replace(old, new))
    asks = [Ask(koan, target, isolated=True, claims=claim) for claim in claims]
    found = {ask.claims: timeless(verdict) for ask, verdict in runner.run_all(asks, parallel=1)}
    return [found[claim] for claim in claims]


def timeless(verdict):
    tests = tuple(msgspec.structs.replace(test, seconds=0.0) for test in verdict.tests)
    return msgspec.structs.replace(verdict, tests=tests, seconds=0.0)


@pytest.mark.parametrize("block", [QUICK, SLOW, WRONG, CRASHES, TOO_NEW])
def test_both_runs_together_give_what_one_run_of_both_claims_gives(with_gpu, block):
    both, first, fast = run(with_gpu, block, "all", "first", "fast")
    assert with_fast(first, fast) == both
    expected = {QUICK: Status.passed, TOO_NEW: Status.not_run_here}.get(block, Status.failed)
    assert (both.status, both.fast) == (Status.passed, expected)


def test_a_run_of_the_first_claim_is_the_same_with_a_gpu_and_without(with_gpu, without_gpu):
    (there,) = run(with_gpu, QUICK, "first")
    both, first, fast = run(without_gpu, QUICK, "all", "first", "fast")
    assert there == first == both
    assert [test.message for test in first.tests if test.gpu] == ["needs a CUDA GPU"] * 2
    assert with_fast(first, fast) == both, "without a device in the end it is still not run here"


def test_a_run_of_fast_makes_no_other_tests(with_gpu):
    (fast,) = run(with_gpu, QUICK, "fast")
    assert [test.name for test in fast.tests] == ["test_fast_beside_torch[20]", "test_fast_beside_torch[26]"]
    assert [test.ms for test in fast.tests] == [{"yours": 1.0, "torch": 0.9}] * 2


def test_a_run_of_fast_that_ends_early_fails_the_claim_and_a_note_says_why(with_gpu):
    first, fast = run(with_gpu, ENDS_THE_RUN, "first", "fast")
    assert Counter(test.status for test in fast.tests) == {Status.passed: 1}
    both = with_fast(first, fast)
    assert (both.status, both.fast) == (Status.passed, Status.failed)
    why = "the process was killed by SIGKILL in: fast beside torch [26]"
    assert both.notes == (f"fast: {why}",)
    assert {test.headline for test in both.tests if test.gpu} == {why}
    assert not both.rests_on_text, "it is raced again the next time"


def test_a_first_claim_that_did_not_pass_wants_no_race(with_gpu):
    koan = with_gpu.workbook.koan("vector_add")
    (passed,) = run(with_gpu, QUICK, "first")
    (failed,) = run(with_gpu, QUICK, "first", new="x - y")
    assert failed.status == Status.failed
    assert wants_fast(koan, passed)
    assert not wants_fast(koan, failed)
    assert not wants_fast(koan, msgspec.structs.replace(passed, fast=Status.failed))
    assert not wants_fast(with_gpu.workbook.koan("softmax"), passed), "it has no points for speed"


PASSED = Verdict(
    "k",
    "t",
    Status.passed,
    tests=(results.TestResult("a", "a", Status.not_run_here, gpu=True),),
    fast=Status.not_run_here,
)


def test_a_machine_that_cannot_start_the_run_of_fast_leaves_it_not_run_here():
    text = "the koan was not run: its process cannot be started (no memory)"
    both = with_fast(PASSED, Verdict("k", "t", Status.not_run_here, text, text))
    assert (both.fast, both.notes) == (Status.not_run_here, (f"fast: {text}",))


@pytest.mark.parametrize("status", [Status.broken, Status.timed_out, Status.crashed])
@pytest.mark.parametrize("reported", [[], [Status.passed], [Status.not_run_here]])
def test_what_a_run_that_ended_early_reported_before_is_no_pass(status, reported):
    tests = tuple(results.TestResult("a", "a", found, gpu=True) for found in reported)
    both = with_fast(PASSED, Verdict("k", "t", status, "it ended\n\nmore", "it ended", tests=tests))
    (test,) = both.tests
    assert (both.fast, test.status, test.message) == (Status.failed, Status.failed, "it ended\n\nmore")
    assert both.notes == ("fast: it ended",)


def test_seconds_and_notes_of_both_runs_are_kept_and_a_note_of_both_once():
    first = msgspec.structs.replace(PASSED, seconds=1.25, notes=("one",))
    second = Verdict("k", "t", Status.not_run_here, tests=PASSED.tests, seconds=2.5, notes=("one", "two"))
    both = with_fast(first, second)
    assert (both.seconds, both.notes) == (3.75, ("one", "two"))
