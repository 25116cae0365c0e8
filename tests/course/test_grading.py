"""A class is graded from any path an instructor gives. Verdicts are cached, and a run that was stopped continues."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import msgspec
import pytest

from grader import grade_one
from grader.book.stubs import strip_markers
from grader.book.verdict import Status, Verdict
from grader.course.grade import Grade, grade_all
from grader.course.intake.submission import Submission
from grader.course.verdict_cache import VerdictCache
from grader.judge.runner import Limits
from grader.judge.sandbox import probe


def _fork(play, folder, **answers):
    for koan in play.workbook.koans.values():
        text = answers.get(koan.name)
        if text is None:
            continue
        file = folder / "exercises" / f"{koan.id}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(strip_markers(play.workbook.solution(koan).read_text()) if text == "solved" else text)
    (folder / "exercises").mkdir(parents=True, exist_ok=True)
    return folder


def _class(play, folder):
    _fork(play, folder / "ada", causal_mask="solved", scores="solved", exp_overflow="solved")
    _fork(play, folder / "ben", causal_mask="solved", scores="def scores(q, k):\n    return q @ k.mT\n")
    _fork(play, folder / "cyd")
    return folder


def _graded(play, *args):
    run = play.says("grade", *args, "--format", "json-full=-")
    assert run.returncode in (0, 1), run.stderr
    return json.loads(run.stdout)


def _points(found):
    return {grade["submission"]: grade["earned"] for grade in found["grades"]}


def _verdicts(found):
    """The verdicts without their times."""
    return [
        (grade["submission"], graded["verdict"]["koan"], graded["verdict"]["status"], graded["verdict"]["message"])
        for grade in found["grades"]
        for graded in grade["koans"]
    ]


def test_a_folder_of_forks_is_a_class(small, tmp_path):
    forks = _class(small, tmp_path / "forks")
    (forks / "notes.txt").write_text("not a fork")
    (forks / ".git").mkdir()
    assert _points(_graded(small, str(forks), "--seed", "1")) == {"ada": 3, "ben": 1, "cyd": 0}


def test_a_roster_names_submissions_and_a_missing_one_does_not_stop_the_others(small, tmp_path):
    _class(small, tmp_path / "forks")
    roster = tmp_path / "roster.csv"
    roster.write_text("student,path\nAda L.,forks/ada\nNobody,forks/nobody\nCyd,forks/cyd\nDan,\n")
    found = _graded(small, str(roster), "--seed", "1")
    assert _points(found) == {"Ada L.": 3, "Nobody": 0, "Cyd": 0, "Dan": 0}
    problems = {grade["submission"]: grade["problem"] for grade in found["grades"] if grade["problem"]}
    assert problems == {"Nobody": "nobody: does not exist", "Dan": "nothing handed in"}


@pytest.mark.parametrize(
    "roster, says",
    [
        ("student,score\nada,1\n", "roster.csv: has no column called path, which says what to grade"),
    ],
)
def test_a_roster_that_cannot_be_meant_is_one_line(small, tmp_path, roster, says):
    (tmp_path / "roster.csv").write_text(roster)
    run = small.says("grade", str(tmp_path / "roster.csv"))
    assert run.returncode == 2
    assert says in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1


def _git(folder, *args):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *args], cwd=folder, check=True, capture_output=True)


def test_a_bare_repository_is_read_at_its_head_and_its_configuration_starts_nothing(small, tmp_path):
    fork = _fork(small, tmp_path / "work", causal_mask="solved")
    (fork / "exercises/ch07_attention/scores.py").symlink_to(small.root / "solutions/ch07_attention/scores.py")
    (fork / ".gitattributes").write_text("* filter=evil diff=evil\n")
    _git(fork, "init", "-q")
    _git(fork, "add", "-A")
    _git(fork, "commit", "-qm", "work")
    bare = tmp_path / "forks" / "dee.git"
    _git(tmp_path, "clone", "-q", "--bare", str(fork), str(bare))
    ran = tmp_path / "ran"
    with (bare / "config").open("a") as config:
        config.write(
            f'[filter "evil"]\n\tsmudge = touch {ran}\n[diff "evil"]\n\ttextconv = touch {ran}\n'
            f"[core]\n\tfsmonitor = touch {ran}\n\tpager = touch {ran}\n\talternateRefsCommand = touch {ran}\n"
            f'[remote "origin"]\n\turl = ext::touch {ran}\n\tpromisor = true\n'
        )
    _fork(small, tmp_path / "forks" / "eve")
    assert _points(_graded(small, str(tmp_path / "forks"))) == {"dee": 1, "eve": 0}
    assert not ran.exists()


@pytest.fixture
def judged(monkeypatch):
    """The koans whose verdicts were computed, and not read from the cache."""
    koans = []
    put = VerdictCache.put

    def record(cache, key, verdict):
        koans.append(verdict.koan)
        return put(cache, key, verdict)

    monkeypatch.setattr(VerdictCache, "put", record)
    return koans


def test_a_second_run_grades_only_what_changed(small, tmp_path, judged):
    forks = _class(small, tmp_path / "forks")
    first = _graded(small, str(forks), "--seed", "1")
    assert len(judged) >= 4  # texts that were handed in; one of them twice
    (small.root / ".koans/verdicts").rename(tmp_path / "cache")
    judged.clear()
    fresh = _graded(small, str(forks), "--seed", "1")
    assert _verdicts(fresh) == _verdicts(first)
    assert len(judged) >= 4
    shutil.rmtree(small.root / ".koans/verdicts")
    (tmp_path / "cache").rename(small.root / ".koans/verdicts")
    judged.clear()
    # A cached verdict has the time that its run took.
    second = _graded(small, str(forks), "--seed", "1")
    assert judged == []
    assert [g["seconds"] for g in second["grades"]] == [g["seconds"] for g in first["grades"]]
    _fork(small, forks / "ben", scores="mine = 1\n")
    assert _points(_graded(small, str(forks), "--seed", "1")) == {"ada": 3, "ben": 1, "cyd": 0}
    assert judged == ["ch07_attention/scores"]
    _fork(small, forks / "ben", scores="solved")
    assert _points(_graded(small, str(forks), "--seed", "1")) == {"ada": 3, "ben": 2, "cyd": 0}
    assert judged == ["ch07_attention/scores"]  # known from the same text in ada's submission


class _Scripted:
    """A runner that returns failures with the given seconds, in the given order."""

    limits = Limits()
    device = "none"

    def __init__(self, seconds, order):
        self.seconds, self.order = seconds, order

    def level(self):
        return probe.UNAVAILABLE

    def run_many(self, pairs, *, seed, parallel):
        for koan, target in self.order(list(pairs)):
            yield Verdict(koan.id, str(target), Status.failed, seconds=self.seconds.get(koan.id, 0.0), seed=seed)


@pytest.mark.parametrize("order", [list, reversed], ids=["as listed", "the last first"])
def test_the_seconds_of_a_submission_do_not_depend_on_the_order_of_its_verdicts(book, tmp_path, order):
    # Added from left to right these give 0.5135000000000001, and from right to left 0.5135.
    seconds = dict(zip(book.koans, (0.1705, 0.0743, 0.2687), strict=False))
    ada = Submission("ada", "ada", "forks/ada", texts=dict.fromkeys(book.koans, "x = 1\n"))
    cache = VerdictCache(tmp_path)
    for runner in (_Scripted(seconds, order), _Scripted({}, order)):  # the second time every verdict is cached
        (found,) = grade_all(book, [ada], runner, seed=1, cache=cache)
        assert found.seconds == 0.5135


def test_a_verdict_is_given_anew_when_what_it_rests_on_changes(small, tmp_path, judged):
    fork = _fork(small, tmp_path / "ada", causal_mask="def causal_mask(n_q, n_k):\n    return None\n")
    koan = "ch07_attention/causal_mask"

    def judged_again(seed="1"):
        judged.clear()
        found = _graded(small, str(fork), "--seed", seed)
        assert (found["earned"], found["problem"]) == (0, "")
        return koan in judged

    assert judged_again()
    assert not judged_again()
    assert judged_again(seed="2"), "the seed"
    for file in (
        f"exercises/{'/test_'.join(koan.split('/'))}.py",  # the tests
        f"reference/{koan}.py",  # the oracle
        "grader/judge/explain.py",  # the grader
    ):
        with (small.root / file).open("a") as open_file:
            open_file.write("\n# changed\n")
        assert judged_again(), file
        assert not judged_again(), file


def test_a_change_in_a_module_that_a_reference_imports_has_the_koan_judged_again(small, tmp_path, judged):
    koan, helper = "ch07_attention/causal_mask", small.root / "reference/ch07_attention/helper.py"
    helper.write_text("WORD = 1\n")
    with (small.root / f"reference/{koan}.py").open("a") as file:
        file.write("\nfrom reference.ch07_attention import helper\n")
    fork = _fork(small, tmp_path / "ada", causal_mask="solved")
    _graded(small, str(fork), "--seed", "1")
    judged.clear()
    _graded(small, str(fork), "--seed", "1")
    assert judged == []
    helper.write_text("WORD = 2\n")
    _graded(small, str(fork), "--seed", "1")
    assert judged == [koan]


@pytest.mark.parametrize(
    "line, status",
    [
        ("def causal_mask(n_q, n_k):\n    raise MemoryError\n", "failed"),
        ("def causal_mask(n_q, n_k):\n    raise BlockingIOError(11, 'Resource temporarily unavailable')\n", "failed"),
        ('def causal_mask(n_q, n_k):\n    raise RuntimeError("can\'t start new thread")\n', "failed"),
        ("raise MemoryError\n", "broken"),
        ("import os\nos._exit(3)\n", "crashed"),
    ],
)
def test_a_failure_that_the_machine_may_have_caused_is_judged_again(small, tmp_path, judged, line, status):
    koan, fork = "ch07_attention/causal_mask", _fork(small, tmp_path / "ada", causal_mask=line)
    for _ in range(2):
        judged.clear()
        found = _graded(small, str(fork), "--seed", "1")
        (verdict,) = [g["verdict"] for g in found["koans"] if g["verdict"]["koan"] == koan]
        assert verdict["status"] == status
        assert koan in judged


def test_again_judges_every_koan_and_replaces_what_is_kept(small, tmp_path, judged):
    fork = _fork(small, tmp_path / "ada", causal_mask="solved")
    _graded(small, str(fork), "--seed", "1")
    kept = sorted((small.root / ".koans/verdicts").rglob("??????*"))
    for file in kept:
        file.write_bytes(b"not what was kept")
    judged.clear()
    _graded(small, str(fork), "--seed", "1", "--again")
    assert judged == ["ch07_attention/causal_mask"]
    assert kept == sorted((small.root / ".koans/verdicts").rglob("??????*"))
    judged.clear()
    _graded(small, str(fork), "--seed", "1")
    assert judged == []


def test_grades_are_whole_where_no_verdict_can_be_kept(small, tmp_path):
    forks = _class(small, tmp_path / "forks")
    (small.root / ".koans").mkdir(exist_ok=True)
    shutil.rmtree(small.root / ".koans/verdicts", ignore_errors=True)
    (small.root / ".koans/verdicts").write_text("no folder")
    run = small.says("grade", str(forks), "--seed", "1", "--json")
    assert run.returncode == 0
    assert _points(json.loads(run.stdout)) == {"ada": 3, "ben": 1, "cyd": 0}
    (line,) = [line for line in run.stderr.splitlines() if "verdicts" in line]
    assert "cannot be read (Not a directory); grading continues, but no more verdicts are cached" in line


def test_a_kept_verdict_shows_no_path_of_the_student_who_handed_the_text_in_first(small, tmp_path):
    text = "import traceback\n\n\ndef causal_mask(n_q, n_k):\n    traceback.print_stack()\n    return None\n"
    _graded(small, str(_fork(small, tmp_path / "first", causal_mask=text)), "--seed", "1")
    found = _graded(small, str(_fork(small, tmp_path / "second", causal_mask=text)), "--seed", "1")
    assert str(tmp_path / "first") not in json.dumps(found)


@pytest.mark.timeout(600)
def test_a_run_killed_at_any_moment_goes_on_to_the_same_results_and_leaves_no_half_report(small, tmp_path):
    forks = _class(small, tmp_path / "forks")
    whole = _graded(small, str(forks), "--seed", "1")
    shutil.rmtree(small.root / ".koans/verdicts")
    report = tmp_path / "all.json"
    command = [sys.executable, "-m", "grader", "grade", str(forks), "--seed", "1", "--format", f"json={report}"]
    environment = {**os.environ, "PYTHONPATH": str(small.root)}
    killed = 0
    for moment in (0.3, 0.8, 1.3, 1.8, 2.3, 2.8, 3.4, 4.0):  # seconds
        process = subprocess.Popen(
            command, cwd=small.root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        if report.exists():  # it ended before it was killed, so the report must be whole
            msgspec.json.decode(report.read_bytes(), strict=True)
    assert killed >= 2  # after the shortest times it cannot have ended
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".all.json")] in ([], [".all.json"])
    assert _verdicts(_graded(small, str(forks), "--seed", "1")) == _verdicts(whole)


@pytest.mark.parametrize(
    ("name", "code", "started"),
    [
        ("SIGINT", 130, "koans-probe-*"),
        ("SIGTERM", 143, "koans-server-*"),
        ("SIGHUP", 129, "koans-oracle-cache-*"),
        ("SIGINT", 130, "koans-oracle-cache-*"),
    ],
)
def test_a_run_that_is_ended_leaves_no_temporary_file(name, code, started, small, tmp_path):
    body = "def causal_mask(n_q, n_k):\n    while True:\n        pass\n"
    fork, temporary = _fork(small, tmp_path / "fork", causal_mask=body), tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(small.root), "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        [sys.executable, "-m", "grader", "grade", str(fork), "--seed", "1", "--again"],
        cwd=small.root,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        process_group=0,
    )
    while process.poll() is None and not list(temporary.glob(started)):
        time.sleep(0.01)
    time.sleep(0.05)
    os.killpg(process.pid, getattr(signal, name))  # as a terminal does
    assert b"Traceback" not in process.communicate(timeout=30)[1]
    assert process.returncode == code
    assert list(temporary.iterdir()) == []


def test_an_engine_outside_can_grade_one_submission(small, tmp_path):
    fork = _fork(small, tmp_path / "ada", scores="solved")
    result = grade_one(fork, 3, root=small.root)
    assert isinstance(result, Grade)
    assert {g.verdict.koan for g in result.koans if g.verdict.status == Status.passed} == {"ch07_attention/scores"}
    assert result.seed == 3
    assert result.trusted
