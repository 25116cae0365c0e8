"""Workers of a Dask cluster give the verdicts of one machine, whatever happens to the workers on the way."""

import itertools
import json
import os
import signal
import time

import msgspec
import pytest

from grader.book.errors import KoansError
from grader.book.stubs import strip_markers
from grader.book.verdict import Status
from grader.book.workbook import Workbook
from grader.course.engine import dask_engine, local
from grader.course.engine.dask_engine import DaskEngine
from grader.course.engine.opening import opened
from grader.course.grade import grade_all
from grader.course.intake.submission import Submission
from grader.course.verdict_cache import VerdictCache
from grader.judge.runner import Runner
from tests.conftest import copy_workbook
from tests.judge.test_claims import PRETEND, QUICK, SLOW, TESTS

KOANS = ("ch06_numerics/exp_overflow", "ch07_attention/causal_mask", "ch07_attention/scores", "ch13_triton/vector_add")
ENDS = "# ends its worker"
# The process that times kernels. It writes down when it begins and ends, and takes a while.
FAKE = """
import json, os, sys, time
for line in sys.stdin:
    job = json.loads(line)
    began = time.monotonic()
    time.sleep(0.3)
    slow = job["kernels"][0]["config"]["BLOCK"] == 256
    times = [{"name": "yours", "ms": [1.0] * 5}, {"name": "torch", "ms": [0.5 if slow else 0.9] * 5}]
    with open(os.environ["KOANS_RACES"], "a") as log:
        log.write(f"{began} {time.monotonic()}\\n")
    print(json.dumps({"facts": {"name": "H"}, "times": times}))
    print(flush=True)
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A workbook of four koans. One of them has a claim for GPUs."""
    root = copy_workbook(tmp_path_factory.mktemp("engine"))
    for chapter in Workbook(root).chapters:
        folder = root / "content" / chapter.id
        lines = []
        for koan in (koan for koan in chapter.koans if koan.id in KOANS):
            lines += ["[[koans]]", f'name = "{koan.name}"', f'title = "{koan.title}"', f'rung = "{koan.rung}"']
            lines += ['kind = "kernel"', "fast_points = 1"] if koan.kind == "kernel" else []
        (folder / "chapter.toml").write_text("\n".join([f'title = "{chapter.title}"', *(lines or ["koans = []"])]))
        (folder / "cards.toml").write_text("")
        (folder / "questions.toml").write_text("")
    (root / "exercises/ch13_triton/test_vector_add.py").write_text(TESTS)
    return Workbook(root)


@pytest.fixture(scope="module")
def races(tmp_path_factory):
    return tmp_path_factory.mktemp("races") / "log"


@pytest.fixture(scope="module")
def engine(book, races, tmp_path_factory):
    """Two CPU workers, and one that pretends to have a GPU. Each judges after those before it have their times."""
    folder = tmp_path_factory.mktemp("pretend")
    (folder / "sitecustomize.py").write_text(f"FAKE = {FAKE!r}\n{PRETEND}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
        patch.setenv("KOANS_RACES", str(races))
        patch.setattr(local, "present", lambda: True)
        with opened("local:2", book, None, lambda line: None) as engine:
            yield engine


@pytest.fixture(scope="module")
def alone(book):
    with Runner(book, isolated=True) as runner:
        yield runner


def submission(book, name, **answers):
    """A submission with these texts by koan, "solved" for the solution."""
    texts = {}
    for koan in book.koans.values():
        text = answers.get(koan.name)
        if text is not None:
            texts[koan.id] = strip_markers(book.solution(koan).read_text()) if text == "solved" else text
    return Submission(name, name, f"forks/{name}", texts=texts)


def kernel(book, block):
    return strip_markers(book.solution(book.koan("vector_add")).read_text()).replace(
        '"BLOCK": 128', f'"BLOCK": {block}'
    )


def a_class(book):
    """Submissions that pass, fail with a name, fail without, do not parse, end their process, and build on koans."""
    mask = "import torch\ndef causal_mask(q, k):\n    return torch.ones(q, k, dtype=torch.bool).tril()\n"
    builds = "from exercises.ch07_attention.causal_mask import causal_mask\ndef scores(q, k, causal=False):\n"
    return [
        submission(book, "ada", exp_overflow="solved", causal_mask="solved", scores="solved"),
        submission(book, "ben", causal_mask=mask, scores="def scores(q, k):\n    return q @ k.mT\n"),
        submission(book, "cyd"),
        submission(book, "dan", causal_mask="def causal_mask(:\n", scores="import os\nos._exit(0)\n"),
        submission(book, "eve", causal_mask="solved", scores=builds + "    causal_mask(2, 2)\n    return q\n"),
        Submission("fay", "fay", "forks/fay", problem="it is an empty archive"),
        submission(book, "gus", exp_overflow="def exp_overflow(dtype):\n    return 88.0\n"),
    ]


def timeless(value):
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if name not in ("seconds", "started", "device")}
    return [timeless(part) for part in value] if isinstance(value, list | tuple) else value


def graded(book, submissions, engine, **options):
    """The grades by submission, without times and devices, as bytes."""
    found = {}
    for grade in grade_all(book, submissions, engine, seed=7, count=len(submissions), **options):
        assert grade.submission not in found, "a submission is graded once"
        found[grade.submission] = json.dumps(timeless(msgspec.to_builtins(grade)), indent=1)
    return found


def test_results_of_two_workers_equal_those_of_one_machine_to_the_byte(book, engine, alone):
    there, here = graded(book, a_class(book), engine), graded(book, a_class(book), alone)
    assert sorted(there) == ["ada", "ben", "cyd", "dan", "eve", "fay", "gus"]
    for name in there:
        assert there[name].splitlines() == here[name].splitlines(), name


def test_a_worker_that_is_killed_loses_no_submission(book, engine, alone):
    many = [
        submission(book, f"s{i:02}", causal_mask="solved", scores=f"def scores(q, k):\n    return {i}\n")
        for i in range(12)
    ]
    expected = graded(book, many, alone)
    found = {}
    for grade in grade_all(book, many, engine, seed=7, count=len(many)):
        assert grade.submission not in found
        found[grade.submission] = json.dumps(timeless(msgspec.to_builtins(grade)), indent=1)
        if len(found) in (1, 4):
            os.kill(sorted(engine.client.run(os.getpid, on_error="ignore").values())[0], signal.SIGKILL)
    assert found == expected


def test_a_client_that_stops_continues_with_the_verdicts_it_has(book, engine, tmp_path):
    many = [submission(book, f"s{i:02}", scores=f"def scores(q, k):\n    return {i}\n") for i in range(6)]
    cache = VerdictCache(tmp_path)
    first = grade_all(book, many, engine, seed=7, count=6, cache=cache)
    for _ in range(2):
        next(first)
    first.close()
    sent = []
    run_many = engine.run_many

    class Counting:
        limits, device, level = engine.limits, engine.device, engine.level

        def run_many(self, pairs, **options):
            return run_many((sent.append(target.name) or (koan, target) for koan, target in pairs), **options)

    found = list(grade_all(book, many, Counting(), seed=7, count=6, cache=cache))
    assert sorted(grade.submission for grade in found) == [f"s{i:02}" for i in range(6)]
    assert 1 <= len(sent) <= 4, "the others are known"


def test_each_kernel_is_raced_alone_on_the_gpu_and_its_verdict_has_both_claims(book, engine, races):
    many = [submission(book, f"s{i}", vector_add=kernel(book, block)) for i, block in enumerate([QUICK, SLOW] * 3)]
    found = list(grade_all(book, many, engine, seed=7, count=6))
    verdicts = {grade.submission: grade.koans[-1].verdict for grade in found}
    assert {name: (one.status, one.fast) for name, one in verdicts.items()} == {
        f"s{i}": (Status.passed, Status.failed if i % 2 else Status.passed) for i in range(6)
    }
    assert {grade.submission: grade.koans[-1].fast_earned for grade in found} == {f"s{i}": 1 - i % 2 for i in range(6)}
    times = sorted(tuple(map(float, line.split())) for line in races.read_text().splitlines())
    assert len(times) == 12, "two races each"
    assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(times))


def test_a_kernel_that_did_not_pass_is_not_raced(book, engine, races):
    races.unlink(missing_ok=True)
    wrong = kernel(book, QUICK).replace("x + y", "x - y")
    (found,) = grade_all(book, [submission(book, "s", vector_add=wrong)], engine, seed=7)
    assert (found.koans[-1].verdict.status, found.koans[-1].verdict.fast) == (Status.failed, Status.not_run_here)
    assert not races.exists()


def test_a_worker_with_another_workbook_is_named_before_the_first_task(book, engine, monkeypatch):
    own = dask_engine.own_identity

    def other(*arguments):
        found = own(*arguments)
        return msgspec.structs.replace(found, workbook="other", versions={**found.versions, "torch": "1.0"})

    monkeypatch.setattr(dask_engine, "own_identity", other)
    with pytest.raises(
        KoansError, match=r"^worker tls://127\.0\.0\.1:\d+ has another workbook or other code of the grader, "
    ) as error:
        DaskEngine(book, engine.client, "local:2")
    assert str(error.value).endswith(" instead of 1.0; nothing was graded")


def test_workers_that_differ_in_their_sandbox_are_named(book, engine, monkeypatch):
    unpack = dask_engine.task.unpack_identity
    lacking = itertools.count()

    def other(data):
        found = unpack(data)
        if found.resource == "CPU" and next(lacking):
            return msgspec.structs.replace(found, isolation=type(found.isolation)([], ["files by Landlock (none)"]))
        return found

    monkeypatch.setattr(dask_engine.task, "unpack_identity", other)
    says = r"^workers differ: \S+ is isolated: .*; \S+ is NOT isolated; without files by Landlock \(none\), on CPU .*; nothing"
    with pytest.raises(KoansError, match=says):
        DaskEngine(book, engine.client, "local:2")


def test_a_worker_that_changes_its_workbook_stops_the_run(book, engine):
    test = book.root / "reference/ch07_attention/scores.py"
    before = test.read_text()
    stamp = test.stat()
    try:
        test.write_text(before + "\n# other\n")
        with pytest.raises(
            KoansError, match=r"worker tls://\S+ has another workbook, .*: stop it, and the same command with --seed"
        ):
            list(grade_all(book, [submission(book, "s", scores="solved")], engine, seed=7))
    finally:
        test.write_text(before)
        os.utime(test, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def test_a_cluster_without_workers_is_one_line(book, monkeypatch):
    from distributed import Client, LocalCluster

    monkeypatch.setattr(dask_engine, "SOON", 0.1)
    monkeypatch.setattr(dask_engine, "FIRST_WORKER", 0.1)
    says = "^tcp://head:8786: no worker is connected: start one with `koans engine worker tcp://head:8786`$"
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as empty,
        Client(empty) as client,
        pytest.raises(KoansError, match=says),
    ):
        DaskEngine(book, client, "tcp://head:8786")


def test_a_foreign_worker_is_named(book):
    from distributed import Client, LocalCluster

    says = r"^worker \S+ was not started by `koans engine worker`; nothing was graded$"
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as foreign,
        Client(foreign) as client,
        pytest.raises(KoansError, match=says),
    ):
        DaskEngine(book, client, "tcp://head:8786")


def test_a_submission_that_ends_three_workers_is_a_row_that_says_so_and_the_others_are_graded(book, engine):
    """Its plugin stays in the workers."""
    from distributed import WorkerPlugin

    class EndsWorkers(WorkerPlugin):
        """A fault of the machine, which happens whenever a task has this text."""

        def setup(self, worker):
            import os

            from grader.course.engine import task

            asks_of = task.asks_of

            def ends(given, workbook):
                if any("# ends its worker" in run.text for run in given.runs):
                    time.sleep(0.2)  # until the scheduler knows that the task has started
                    os._exit(1)
                return asks_of(given, workbook)

            task.asks_of = ends

    engine.client.register_plugin(EndsWorkers(), name="ends")
    many = [submission(book, f"s{i}", scores=f"def scores(q, k):\n    return {i}\n") for i in range(5)]
    many.insert(1, submission(book, "bad", scores=f"{ENDS}\n"))
    found = {grade.submission: grade for grade in grade_all(book, many, engine, seed=7, count=6)}
    assert sorted(found) == ["bad", "s0", "s1", "s2", "s3", "s4"]
    assert {name: grade.problem for name, grade in found.items() if grade.problem} == {
        "bad": "3 workers ended while they judged it"
    }
    assert (found["bad"].koans, found["bad"].earned) == ((), 0)
    assert [len(found[f"s{i}"].koans) for i in range(5)] == [4] * 5


def test_a_scheduler_that_ends_ends_the_run_with_one_line(book, engine):
    """The last test: nothing works after it."""
    from distributed import Client

    cluster = engine.client.cluster
    many = [submission(book, f"s{i:02}", scores=f"def scores(q, k):\n    return {i}\n") for i in range(12)]
    with DaskEngine(book, Client(cluster, timeout=2), "tls://head:8786") as other:
        grades = grade_all(book, many, other, seed=7, count=12)
        next(grades)
        cluster.sync(cluster.scheduler.close)
        with pytest.raises(KoansError) as error:
            list(grades)
    assert str(error.value) == "tls://head:8786: the connection is lost; the same command with --seed continues the run"
