"""benchmarks/gpu_session.py with a pretended GPU: run to its end, killed on the way, and summed up from its journal."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from benchmarks.gpu import journal, summary, tiles
from benchmarks.gpu.journal import Began, Ended, Measured, Missing
from benchmarks.gpu.races import STEPS, VARIANTS, cut, oracle_of, races, variant_text
from grader import checks
from grader.book.errors import KoansError
from grader.checks import agrees, compiles
from grader.gpu import worker
from grader.gpu.devices import Facts
from grader.gpu.job import RaceReport, like
from grader.gpu.machine import Host
from grader.gpu.timing import Times
from grader.kernels.kernel_function import launched
from tests.conftest import ROOT
from tests.fuzz.tiles.value_programs import value_program

# Dependencies of ours that a machine with a GPU may lack.
ABSENT = ("textual", "watchfiles", "genanki", "fsrs", "nbformat", "tokenizers", "safetensors", "scipy", "jsonschema")
BLOCK = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""


def start(out: Path, *options: str, **more):
    command = [sys.executable, "benchmarks/gpu_session.py", "--out", str(out), "--name", "x", *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, **more)


def ran(out: Path, *options: str, **more) -> tuple[int, str, str]:
    process = start(out, *options, **more)
    stdout, stderr = process.communicate(timeout=300)
    return process.returncode, stdout, stderr


def titles(lines, step=""):
    return [line.title for line in lines if isinstance(line, Measured) and line.last and step in ("", line.step)]


def test_a_pretended_session_goes_to_its_end_with_nothing_installed_that_such_a_machine_lacks(tmp_path, book):
    """One session for many assertions, because it compiles every kernel, which takes a while."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(BLOCK)
    env = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path / "path")}
    out = tmp_path / "out"
    code, stdout, stderr = ran(out, "--pretend", "--quick", env={**env, "PATH": "/usr/bin:/bin"})
    assert (code, stderr) == (0, "")
    assert sorted(file.name for file in out.iterdir()) == [
        "pretended-x-tiles.md",
        "pretended-x.json",
        "pretended-x.jsonl",
    ]
    lines = journal.lines(out / "pretended-x.jsonl")
    found = json.loads((out / "pretended-x.json").read_text())
    runs_every_step_and_compiles_every_kernel(lines, book)
    says_that_it_was_pretended(found, stdout)
    tells_of_every_threshold(msgspec.convert(found, summary.Result), stdout)
    copy = tmp_path / "again.jsonl"
    copy.write_bytes((out / "pretended-x.jsonl").read_bytes())
    code, stdout, _ = ran(tmp_path, "--from", str(copy))
    assert code == 0
    assert "Thresholds that this would set" in stdout
    assert (tmp_path / "again.json").read_bytes() == (out / "pretended-x.json").read_bytes()


def runs_every_step_and_compiles_every_kernel(lines, book):
    assert {line.step for line in lines if hasattr(line, "step")} == set(STEPS)
    assert isinstance(lines[-1], Ended)
    assert lines[-1].how == "complete"
    measured = [line for line in lines if isinstance(line, Measured) and line.last and line.koan]
    kernels = {koan.name for koan in book.koans.values() if koan.kind == "kernel" and koan.fast_points}
    assert {line.koan for line in measured} == kernels
    for line in measured:
        assert line.report.error == ""
        ours = {times.name: times for times in line.report.times if times.name in line.ours}
        assert set(ours) == set(line.ours)
        assert {times.name: times.error for times in ours.values()} == dict.fromkeys(ours, "")
        assert all(times.ms for times in ours.values())
    assert {line.title.partition(":")[0] for line in measured if line.step == "variants"} == set(VARIANTS)
    forward = next(line for line in measured if line.step == "attention")
    by_name = {times.name: times for times in forward.report.times}
    assert by_name["sdpa-cudnn"].error.startswith("RuntimeError: No "), "what cannot run is said, and the race goes on"
    assert all(by_name[name].ms for name in ("triton", "naive", "sdpa", "sdpa-flash"))
    tiles, tests = [line for line in lines if isinstance(line, journal.ProgramOutput)]
    assert (tiles.code, tests.code) == (0, 0)
    assert "The tile machine beside pretended H100: nothing ran" in tiles.text
    assert " tiles with " in tiles.text and " 0 tiles differ that must not" in tiles.text
    assert "4 not run here" in tests.text
    assert [(line.step, line.why) for line in lines if isinstance(line, Missing)] == [
        ("device", "not run: it is not on PATH"),
        ("ncu", "not run: ncu is not on PATH"),
    ]


def says_that_it_was_pretended(found, stdout):
    assert next(iter(found)) == "pretended"
    assert found["pretended"] is True
    assert found["facts"]["name"] == "pretended H100: nothing ran"
    assert found["facts"]["versions"]["torch"] == torch.__version__
    assert summary.PRETENDED in stdout
    assert {figure["how"] for race in found["races"] for figure in race["figures"] if figure.get("ms")} == {"pretended"}


def tells_of_every_threshold(found, stdout):
    now = [(race.title, race.now) for step in STEPS for race in races(step, True)]
    asked = {(title, name): ratio for title, ratios in now for name, ratio in ratios.items()}
    assert {(one.title, one.against): one.now for one in found.thresholds} == asked
    table = stdout.partition("Thresholds that this would set")[2]
    assert len([line for line in table.splitlines() if "would be" in line]) == len(asked)


MOMENTS = [  # the number of lines in the journal, and the signal that is sent then
    (1, signal.SIGKILL),  # it has just begun
    (3, signal.SIGTERM),  # the device has answered
    (6, signal.SIGKILL),  # in the smoke step
    (10, signal.SIGINT),  # between two steps, or in a race
    (14, signal.SIGKILL),  # in a race
]


def test_killed_at_five_moments_what_was_measured_is_there(tmp_path):
    steps, env = (
        "device,smoke,attention,more,simple,variants",
        {**os.environ, "TRITON_CACHE_DIR": str(tmp_path / "cache")},
    )
    sessions = [
        (start(tmp_path / str(at), "--pretend", "--quick", "--steps", steps, env=env), at, number, tmp_path / str(at))
        for at, number in MOMENTS
    ]
    waiting, deadline = list(sessions), time.monotonic() + 200
    while waiting and time.monotonic() < deadline:
        for one in list(waiting):
            process, at, number, folder = one
            file = folder / "pretended-x.jsonl"
            if file.is_file() and file.read_bytes().count(b"\n") >= at:
                process.send_signal(number)
                waiting.remove(one)
            assert process.poll() is None or one not in waiting, process.communicate()
        time.sleep(0.001)
    assert not waiting
    planned = [race.title for step in steps.split(",") for race in races(step, True)]
    for process, at, number, folder in sessions:
        _, stderr = process.communicate(timeout=100)
        assert "Traceback" not in stderr
        file = folder / "pretended-x.jsonl"
        lines = journal.lines(file)
        done = [title for title in titles(lines) if title != "device"]
        assert len(lines) >= at
        assert done == planned[: len(done)]
        assert len(done) < len(planned)
        assert all(line.report.times for line in lines if isinstance(line, Measured) and line.koan)
        if number == signal.SIGKILL:
            assert process.returncode == -number
            assert not (folder / "pretended-x.json").exists()
            code, _, stderr = ran(folder, "--from", str(file))
            assert (code, stderr) == (0, "")
        else:
            assert process.returncode == 128 + number
            assert lines[-1] == Ended(f"stopped by {number.name}", lines[-1].seconds)
        found = msgspec.json.decode((folder / "pretended-x.json").read_bytes(), type=summary.Result)
        assert [race.title for race in found.races if race.whole] == done
        assert found.how.startswith("cut short" if number == signal.SIGKILL else "stopped by")


def test_a_journal_cut_anywhere_gives_the_lines_before_the_cut(tmp_path):
    file = tmp_path / "x.jsonl"
    book = journal.Journal(file)
    report = RaceReport(Facts("x"), (Times("triton", (1.0, 2.0)),))
    some = [
        Began("x", "now", 9.0, ["smoke"]),
        Measured("smoke", "vector_add", "vector_add", [like(4)], {}, report, ["triton"], True),
        Ended("complete", 1.0),
    ]
    for line in some:
        book.write(line)
    book.close()
    text = file.read_bytes()
    assert journal.lines(file) == some
    first = text.index(b"\n") + 1
    for end in range(first, len(text)):
        file.write_bytes(text[:end])
        assert journal.lines(file) == some[: text[:end].count(b"\n")]


@pytest.mark.parametrize("text", ["", "{}\n", "nonsense\n", '{"type":"Ended","how":"x","seconds":1}\n'])
def test_what_is_no_journal_is_one_clear_line(tmp_path, text):
    (tmp_path / "x.jsonl").write_text(text)
    code, stdout, stderr = ran(tmp_path, "--from", str(tmp_path / "x.jsonl"))
    assert (code, stdout, len(stderr.splitlines())) == (2, "", 1)
    assert "x.jsonl" in stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--steps", "smoke,nap"], "there is no nap; there are device, smoke"),
        (["--minutes", "0"], "give a number above 0"),
        (["--name", "a/b"], "without a slash"),
        (["--out", "/proc/nowhere"], "cannot be written"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, options, says):
    code, stdout, stderr = ran(tmp_path, *options)
    assert (code, stdout, len(stderr.splitlines())) == (2, "", 1)
    assert says in stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_there_is_no_file_that_looks_like_a_result(tmp_path):
    code, _, stderr = ran(tmp_path, "--steps", "device")
    assert (code, len(stderr.splitlines())) == (2, 1)
    assert stderr.startswith("gpu_session: needs a CUDA GPU; without one, --pretend")
    assert list(tmp_path.iterdir()) == []


def test_a_session_of_that_name_is_not_overwritten(tmp_path):
    (tmp_path / "gpu-x.jsonl").write_text("precious")
    code, _, stderr = ran(tmp_path)
    assert code == 2
    assert "is there already" in stderr
    assert (tmp_path / "gpu-x.jsonl").read_text() == "precious"


def test_what_does_not_fit_into_the_time_left_is_left_out_and_said(tmp_path):
    code, stdout, _ = ran(tmp_path, "--pretend", "--minutes", "0.1", "--steps", "smoke,tests")
    assert code == 0
    missing = [line for line in journal.lines(tmp_path / "pretended-x.jsonl") if isinstance(line, Missing)]
    assert [line.step for line in missing] == ["smoke", "smoke", "tests"]
    assert missing[0].why.startswith("left out: it takes about 8 s, and ")
    assert "Not measured:" in stdout


def test_a_full_disk_is_one_line_and_what_was_written_stays(tmp_path):
    import resource

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    # Python would write its bytecode cut off at the limit, and later runs would fail on it.
    env = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    options = ("--pretend", "--quick", "--steps", "device,smoke,simple")
    code, _, stderr = ran(tmp_path, *options, env=env, preexec_fn=little)
    assert code == 2
    assert "Traceback" not in stderr
    assert "cannot be written" in stderr.splitlines()[-1]
    assert "vector_add 1M" in titles(journal.lines(tmp_path / "pretended-x.jsonl"))


def session(tmp_path, reports):
    """A session with a fake worker that gives these reports, one list for each job."""
    import benchmarks.gpu_session as script

    class Fake:
        def __init__(self):
            self.jobs, self.reports = [], iter(reports)

        def watch(self, job, patience=None):
            self.jobs.append(job)
            yield from next(self.reports)

    one = script.Session.__new__(script.Session)
    one.log, one.quick, one.pretend = journal.Journal(tmp_path / "x.jsonl"), False, True
    one.start, one.deadline, one.worker = time.monotonic(), time.monotonic() + 1000, Fake()
    return script, one


def test_a_race_that_lost_the_device_is_run_again_without_the_guilty_kernel(tmp_path, capsys):
    race = races("attention")[0]
    names = [kernels.name for kernels in race.job.kernels]
    stray = "AcceleratorError: CUDA error: an illegal memory access was encountered"
    times = [
        Times(names[0], error=stray),
        *[Times(n, error=f"the GPU was lost while {names[0]} ran") for n in names[1:]],
    ]
    good = RaceReport(Facts("x"), tuple(Times(name, (1.0, 1.0)) for name in names[1:]))
    _, one = session(tmp_path, [[RaceReport(Facts("x"), tuple(times), broken=True)], [good]])
    one.race(race)
    assert [k.name for k in one.worker.jobs[1].kernels] == names[1:]
    assert titles(one.log.lines) == [race.title, f"{race.title}, without {names[0]}"]
    assert stray in capsys.readouterr().out


@pytest.mark.parametrize("bad", [Times("triton", error="CompilationError: no"), Times("triton", wrong="off by 2")])
def test_a_kernel_that_fails_the_smoke_test_stops_the_session(tmp_path, bad, capsys):
    script, one = session(
        tmp_path, [[RaceReport(Facts("x"), (bad,))], [RaceReport(Facts("x"), (Times("triton", (1.0,)),))]]
    )
    with pytest.raises(script.GiveUp, match=r"the smoke test failed, and the rest would too: vector_add 1M: "):
        script.run_steps(one, ["smoke", "attention"])
    assert len(one.worker.jobs) == 2


def test_a_baseline_that_is_not_there_does_not_fail_the_smoke_test(tmp_path, capsys):
    fine = RaceReport(Facts("x"), (Times("triton", (1.0,)), Times("sdpa", error="RuntimeError: none")))
    script, one = session(tmp_path, [[fine], [fine]])
    script.run_steps(one, ["smoke"])


FAKE = """#!/bin/sh
echo "$0 $@"
cat
"""


def test_the_profiler_gets_one_kernel_of_one_race_and_what_it_says_is_kept(tmp_path, monkeypatch, capsys):
    for name in ("ncu", "nvidia-smi"):
        (tmp_path / name).write_text(FAKE)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    _, one = session(tmp_path, [])
    one.pretend, closed = False, []
    one.worker.close = lambda: closed.append(True)
    one.run("ncu")
    one.clocks("device")
    ncu, smi = [line for line in one.log.lines if isinstance(line, journal.ProgramOutput)]
    assert closed == [True], "two processes with the GPU would disturb each other"
    command, job = ncu.text.splitlines()
    assert command.endswith("-m grader.gpu.worker")
    assert "--kernel-name regex:flash_kernel --launch-count 1 --section SpeedOfLight" in command
    assert json.loads(job)["oracle"] == oracle_of("flash_forward")
    assert "clocks.sm,clocks.max.sm" in smi.text
    assert (ncu.code, smi.code) == (0, 0)


def test_another_program_that_is_late_is_ended_and_what_it_said_is_kept():
    import benchmarks.gpu_session as script

    begun = time.monotonic()
    code, text = script.run_program([sys.executable, "-uc", "print('so far'); import time; time.sleep(60)"], 1.5)
    assert (code, text) == (None, "so far\n\nstopped after 2 s")
    assert time.monotonic() - begun < 30


def asked_for(book, koan, monkeypatch):
    """The inputs, ratios and kernels that the GPU tests of a koan ask for."""
    asked = []
    monkeypatch.setattr(
        checks, "fast", lambda fn, *inputs, with_, at_least, only=(): asked.append((inputs, at_least, only))
    )
    spec = importlib.util.spec_from_file_location("asks", book.test_file(koan))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for test in vars(module).values():
        marks = {mark.name: mark for mark in getattr(test, "pytestmark", [])}
        if "gpu" in marks:
            values = marks["parametrize"].args[1] if "parametrize" in marks else [()]
            for value in values:
                test(*(value if isinstance(value, tuple) else (value,)))
    return asked


def test_the_session_asks_for_what_the_tests_of_the_koans_ask_for(book, monkeypatch):
    session_asks = {}
    for step in ("attention", "more", "simple"):
        for race in races(step):
            if race.now:
                question = (race.job.inputs, dict(race.now), race.job.kernels[0].only)
                session_asks.setdefault(race.koan, []).append(question)
    for koan in book.koans.values():
        if koan.kind == "kernel" and koan.fast_points:
            asked = [(inputs, dict(ratios), tuple(only)) for inputs, ratios, only in asked_for(book, koan, monkeypatch)]
            assert sorted(map(str, session_asks.pop(koan.name))) == sorted(map(str, asked)), koan.id
    assert session_asks == {}


def test_every_choice_of_tiles_is_a_contestant_of_its_own():
    (race,) = [r for r in races("attention") if r.title == "flash_forward 16,384 × 128"]
    assert [kernels.name for kernels in race.job.kernels] == [
        "triton",
        "triton N=128 stages=2",
        "triton N=128",
        "triton M=64 warps=4",
    ]
    assert all(not kernels.choices for kernels in race.job.kernels)
    assert race.job.kernels[1].config == {"BLOCK_M": 128, "BLOCK_N": 128, "num_warps": 8, "num_stages": 2}
    assert race.job.baselines == ("naive", "sdpa", "sdpa-flash", "sdpa-cudnn")


@pytest.mark.parametrize("step", [step for step in STEPS if races(step)])
def test_shapes_are_cut_alike(step):
    """A CPU can run the race with smaller shapes, and torch's implementations accept its inputs."""
    for race in races(step, quick=True):
        job = msgspec.structs.replace(cut(race).job, kernels=())
        *_, report = worker.run(job, Host())
        found = {times.name: times.error for times in report.times if times.name != "sdpa-cudnn"}
        assert found == dict.fromkeys(found, ""), race.title


SHAPES = {  # no multiples of a block, and longer than one
    "flash_forward": [(2, 40, 16), (2, 70, 16), (2, 70, 16)],
    "flash_causal": [(2, 40, 16), (2, 70, 16), (2, 70, 16)],
    "flash_backward_kernel": [(2, 40, 16), (2, 70, 16), (2, 70, 16), (2, 40, 16)],
    "three_ways": [(1, 20, 16), (1, 36, 16), (1, 36, 16)],
}


def variant(name, **config):
    """A variant behind its koan's launcher, with smaller tiles for the CPU."""
    koan, _ = VARIANTS[name]
    fn = launched(worker.oracle_of(oracle_of(koan)), variant_text(name), f"<{name}>")
    fn.config |= config
    return fn


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(("dtype", "lengths"), [(torch.bfloat16, "ragged"), (torch.float32, "whole")])
def test_a_variant_under_trial_computes_what_the_oracle_does(name, dtype, lengths):
    koan, _ = VARIANTS[name]
    oracle = worker.oracle_of(oracle_of(koan))
    shapes = SHAPES[koan] if lengths == "ragged" else [(1, 32, 16)] * len(SHAPES[koan])
    generator = torch.Generator().manual_seed(7)
    inputs = [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]
    agrees(variant(name, BLOCK_M=16, BLOCK_N=16), *inputs, with_=oracle)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_under_trial_compiles_for_an_h100(name):
    koan, _ = VARIANTS[name]
    d = 64 if koan == "flash_backward_kernel" else 128
    length = 32 if koan == "three_ways" else 256  # its loops take a program for each query, and a step for each key
    inputs = [torch.empty(1, length, d, dtype=torch.bfloat16) for _ in SHAPES[koan]]
    wgmma = None if koan == "three_ways" else True  # its loops multiply nothing
    compiles(variant(name), *inputs, with_=worker.oracle_of(oracle_of(koan)), wgmma=wgmma)


def test_the_session_leaves_the_device_and_its_libraries_to_the_worker():
    program = "import runpy, sys; sys.argv = ['x', '--help']\n"
    program += "try: runpy.run_path('benchmarks/gpu_session.py', run_name='__main__')\nexcept SystemExit: pass\n"
    program += "from benchmarks.gpu.races import STEPS, races; assert all(isinstance(races(s), list) for s in STEPS)\n"
    program += "print([m for m in ('torch', 'triton', 'numpy', 'hypothesis') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_line_of_the_table_for_memory_is_in_bytes_and_for_products_in_flops():
    def table(flops, loads):
        report = RaceReport(Facts("x"), (Times("triton", (1.0, 1.0), how="CUDA graph"),), flops=flops, loads=loads)
        return summary.race_text(summary.race_summary(Measured("simple", "t", "k", [], {}, report, ["triton"], True)))

    assert "   500.00 TFLOP/s, CUDA graph" in table(5e11, 1e6)
    assert "     2.00 TB/s read, CUDA graph" in table(0, 2e9)


def test_no_journal_can_be_made_where_one_cannot_write(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(KoansError, match="cannot be written"):
        journal.Journal(tmp_path / "file" / "x.jsonl")


def test_the_table_of_tiles_tells_what_may_differ_from_what_must_not():
    """With results of a GPU that are made up: a step apart, far apart, and the sign of a zero."""
    made = value_program("elementwise", "1 3", gpu=True)
    check = next(c for c in made.checks if c.value.kind == "fp32")
    ours = check.value.data
    near, far = ours * (1 + 2.0**-23), ours + 1.0
    for what, gpu, wrong in (
        ("+ fp32", near, True),
        ("/ fp32", near, False),
        ("sqrt fp32", far, True),
        ("sin fp32", far, False),
    ):
        found = tiles.compared(replace(check, what=what), gpu, ours)
        assert (found.what, found.wrong, found.different > 0) == (what, wrong, True)
        assert check.line in found.example
    assert tiles.compared(check, ours, ours) == tiles.Found(check.what, ours.size)
    zeros = np.zeros((2, 4))
    assert tiles.compared(replace(check, what="maximum fp32"), zeros, -zeros).wrong
    text = tiles.table([found, tiles.Found("* fp16", 64)], "H100", "triton 3", 1)
    assert "2 operations and types: 1 equal in every bit, 0 tiles differ that must not" in text
    assert "| sin fp32 | 1 |" in text and "* fp16 |" not in text
