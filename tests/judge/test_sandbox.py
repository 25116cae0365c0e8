"""The sandbox gives the same verdicts, lets code read and reach nothing, and reports what isolates it."""

import json
import os
import re

import pytest

from grader.book.verdict import Status
from grader.judge.runner import Ask, Limits, Runner
from grader.judge.sandbox.confine import REQUIRED
from grader.judge.targets import Target
from tests.conftest import Play, copy_workbook
from tests.judge.test_bad_code import CASES

PATIENT = Limits(timeout=60, memory=512 << 20, brief=True)
IMPATIENT = Limits(timeout=4, memory=512 << 20)  # for code that never ends
pytestmark = pytest.mark.skipif(os.name != "posix", reason="not run here: the sandbox needs Linux")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    play = Play(copy_workbook(tmp_path_factory.mktemp("sandbox")))
    with Runner(play.workbook, PATIENT, isolated=True) as runner:
        yield play, runner


def _submit(play, text, name="causal_mask"):
    play.write(name, text)
    return play.workbook.koan(name), Target("path", str(play.root))


def _run(bench, text, name="causal_mask"):
    play, runner = bench
    return runner.run(*_submit(play, text, name))


def test_this_machine_reaches_the_level_that_a_grade_needs(bench):
    level = bench[1].level()
    assert [name for name in REQUIRED if not any(part.startswith(name) for part in level.parts)] == [], level


# Cases with another verdict in a sandbox, because it refuses to start processes, and two that never reach it.
OTHERWISE = {"starts processes", "starts threads and processes", "a stray byte", "binary file"}


@pytest.mark.parametrize("what", [c for c in CASES if c not in OTHERWISE])
def test_bad_code_gets_the_verdict_that_it_gets_without_a_sandbox(bench, what):
    play, runner = bench
    text, status, parts = CASES[what]
    runner.limits = IMPATIENT if status == "timed out" else PATIENT
    verdict = runner.run(*_submit(play, text))
    runner.limits = PATIENT
    assert verdict.status == status, verdict.message
    for part in parts:
        assert part in verdict.message, verdict.message
    assert verdict.isolation.startswith("isolated: no new privileges")
    after = runner.run(play.workbook.koan("scores"), Target("solutions"))
    assert after.status == Status.passed


HONEST = ("scores", "causal_mask", "vector_add")
REACHES = {
    "the solutions": "open('{root}/solutions/ch07_attention/causal_mask.py').read()",
    "the oracles": "open('{root}/reference/ch07_attention/causal_mask.py').read()",
    "the tests": "open('{root}/exercises/ch07_attention/test_causal_mask.py').read()",
    "its own tree": "open('{root}/exercises/ch07_attention/causal_mask.py').read()",
    "a secret": "open('/etc/passwd').read()",
    "its memory map": "open('/proc/self/maps').read()",
    "the parent's memory": "open('/proc/%d/mem' % os.getppid(), 'rb').read(1)",
    "a file to write": "open('{root}/left', 'w').write('x')",
    "another process": "os.fork()",
    "a program": "os.execv('/bin/true', ['true'])",
    "the network": "socket.create_connection(('127.0.0.1', 9), 1)",
    "a datagram": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    "its parent": "os.kill(os.getppid(), 0)",
    "the rights of files": "os.chmod('{root}/solutions', 0)",
    "more limits": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "the workbook as a module": "__import__('reference.ch07_attention.causal_mask')",
}


@pytest.mark.parametrize("what", REACHES)
def test_a_submission_cannot_reach(bench, what):
    play = bench[0]
    reach = REACHES[what].format(root=play.root)
    verdict = _run(
        bench,
        "import os, socket, resource\n"
        "def causal_mask(n_q, n_k):\n"
        "    try:\n"
        f"        {reach}\n"
        "    except (OSError, ValueError, ImportError) as error:\n"
        "        raise AssertionError(f'refused: {type(error).__name__}')\n"
        "    raise AssertionError('it worked')\n",
    )
    assert verdict.status == Status.failed
    assert "refused" in verdict.message, verdict.message


def test_a_private_temporary_folder_can_be_written_and_is_bounded(bench):
    write = "open(tempfile.gettempdir() + f'/{i}', 'wb').write(b'x' * (1 << 20))"
    verdict = _run(
        bench,
        "import tempfile\n"
        "def causal_mask(n_q, n_k):\n"
        "    done = 0\n"
        "    try:\n"
        f"        for i in range(100): {write}; done += 1\n"
        "    except OSError as error:\n"
        "        raise AssertionError(f'{done > 4} {error.strerror}')\n",
    )
    assert "True No space left on device" in verdict.message


def test_solutions_pass_and_an_honest_half_scores_its_half(play, tmp_path):
    for name in HONEST:
        play.solve(name)
    play.body("softmax", "return x")
    result = json.loads(play.says("grade", str(play.hand_in(tmp_path / "ada")), "--format", "json-full=-").stdout)
    earned = {g["verdict"]["koan"].partition("/")[2] for g in result["koans"] if g["earned"]}
    assert earned == set(HONEST)
    assert result["earned"] == sum(play.workbook.koan(k).points for k in HONEST)


def test_only_the_files_of_koans_are_read(play, tmp_path):
    tree = tmp_path / "fork"
    chapter = tree / "exercises/ch07_attention"
    chapter.mkdir(parents=True)
    solution = play.root / "solutions/ch07_attention"
    (chapter / "scores.py").symlink_to(solution / "scores.py")
    (chapter / "attention.py").write_text("x = 1\n" * 100_000)
    (chapter / "causal_mask.py").mkdir()
    os.mkfifo(chapter / "apply_mask.py")
    os.link(solution / "split_heads.py", chapter / "split_heads.py")
    (chapter / "repeat_kv.py").write_bytes(b"\xff\xfe")
    (chapter / "conftest.py").write_text("raise SystemExit('read')")
    (tree / "conftest.py").write_text("raise SystemExit('read')")
    (tree / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '-p nothing'\n")
    result = json.loads(play.says("grade", str(tree), "--format", "json-full=-").stdout)
    verdicts = {
        g["verdict"]["koan"].partition("/")[2]: (g["verdict"]["status"], g["verdict"]["message"])
        for g in result["koans"]
        if g["verdict"]["message"] != "not submitted"
    }
    assert {name: status for name, (status, _) in verdicts.items()} == dict.fromkeys(
        ["scores", "attention", "causal_mask", "apply_mask", "split_heads", "repeat_kv"], "broken"
    )
    assert "is a link" in verdicts["scores"][1]
    assert "585 KiB; at most 256 KiB are allowed" in verdicts["attention"][1]
    assert "is a link, or not a plain file" in verdicts["split_heads"][1]
    assert "not utf-8" in verdicts["repeat_kv"][1]
    assert result["earned"] == 0


def test_a_fresh_seed_each_time_is_said_and_can_be_given_again(play, tmp_path):
    play.solve("scores")
    ada = str(play.hand_in(tmp_path / "ada"))
    first, second = (play.says("grade", ada, "--format", "json-full=-") for _ in range(2))
    seeds = [
        re.match(r"koans: seed (\d+); --seed \1 repeats or continues this run", run.stderr)[1]
        for run in (first, second)
    ]
    assert seeds[0] != seeds[1]
    repeated = play.says("grade", ada, "--seed", seeds[0])
    assert f"seed {seeds[0]}; isolated" in repeated.stdout
    again = json.loads(play.says("grade", ada, "--seed", seeds[0], "--format", "json-full=-").stdout)
    assert (again["seed"], again["seed_digest"]) == (0, json.loads(first.stdout)["seed_digest"])


FORBIDDEN = {
    "by its name": "return torch.softmax(x, dim)",
    "as a method": "return x.softmax(dim)",
    "by an import": "from torch import softmax as s\n    return s(x, dim)",
    "by getattr": "return getattr(torch, 'softmax')(x, dim)",
    "hidden from a reader": "return getattr(torch, 'soft' + 'max')(x, dim)",
    "by another of its names": "return torch.exp(torch.log_softmax(x.float(), dim)).to(x.dtype)",
}


@pytest.mark.parametrize("way", FORBIDDEN)
@pytest.mark.parametrize("isolated", [True, False])
def test_a_function_that_is_the_whole_answer_is_refused(bench, way, isolated):
    play, runner = bench
    play.body("softmax", *FORBIDDEN[way].split("\n    "))
    text = play.workbook.exercise(play.workbook.koan("softmax")).read_text()
    pair = _submit(play, text if "import torch" in text else f"import torch\n{text}", "softmax")
    [(_, verdict)] = runner.run_all([Ask(*pair, isolated=isolated)])
    assert verdict.status == Status.failed
    assert "is what this koan asks you to write yourself; found in " in verdict.message, verdict.message


MEMORY = """
import pytest, torch
from exercises.ch07_attention.apply_mask import apply_mask
from grader.checks import agrees
from reference import oracle

@oracle
def double(x):
    return x * 2

@double.wrong("holds every pair: that grows with the square of the length")
def by_pairs(x):
    return (x[:, None] * torch.ones(len(x)) * 2)[:, 0]

def test_little_memory_is_enough():
    agrees(apply_mask, torch.ones(8192), with_=double, memory=64 << 20)
"""


@pytest.mark.parametrize("isolated", [True, False])
def test_a_memory_claim_is_enforced_by_the_kernel(bench, isolated):
    play, runner = bench
    (play.root / "exercises/ch07_attention/test_apply_mask.py").write_text(MEMORY)

    def verdict(line):
        pair = _submit(play, f"import torch\ndef apply_mask(x):\n    return {line}\n", "apply_mask")
        return next(iter(runner.run_all([Ask(*pair, isolated=isolated)])))[1]

    assert verdict("x * 2").passed
    assert verdict("([torch.zeros(1 << 16)[:1024].clone() for _ in range(512)], x * 2)[1]").passed  # 2 MiB in use
    large = verdict("(x[:, None] * torch.ones(len(x)) * 2)[:, 0]")
    assert large.status == Status.failed
    assert large.names == ("by_pairs",)
    assert "needed more than 64 MiB" in large.message
