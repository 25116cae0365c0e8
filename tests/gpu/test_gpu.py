"""Throughput: a race, its statistics and its verdict, with a fake clock and a fake device."""

import platform
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from grader.book.errors import KoansError
from grader.book.stubs import strip_markers
from grader.checks import Disagreement
from grader.checks.throughput import verdict
from grader.gpu import devices, like, ratios
from grader.gpu.client import GpuWorker
from grader.gpu.contestants import BaselineContestant, KernelContestant, expected, mismatch
from grader.gpu.devices import H100, Facts, peak, too_old
from grader.gpu.job import Kernels, RaceJob, RaceReport
from grader.gpu.machine import Host
from grader.gpu.thresholds import gpu_results, judge, suggested_threshold
from grader.gpu.timing import OutOfMemory, Times, order, race
from grader.gpu.worker import fastest, oracle_of, run
from grader.kernels.kernel_text import KernelSyntaxError, read
from grader.kernels.tiles.launch import load
from reference.baselines import naive, sdpa
from tests.conftest import ROOT

FORWARD = "reference.ch13_triton.flash_forward:flash_forward"


class Fake:
    """A contestant that reports the given milliseconds, one call after the other. None: it runs out of memory."""

    how = "clock"

    def __init__(self, name, ms, log=None, problem=""):
        self.name, self.ms, self.log, self.problem = name, iter(ms), [] if log is None else log, problem

    def prepare(self, seed):
        self.log.append((self.name, seed))

    def call(self):
        ms = next(self.ms)
        if ms is None:
            raise OutOfMemory("out of memory")
        return ms

    def wrong(self):
        return self.problem


def raced(*contestants, **options):
    *_, last = race(contestants, **options)
    return {times.name: times for times in last}


def times(name, *ms, **more):
    return Times(name, ms, how="clock", **more)


def test_contestants_take_turns_and_each_goes_first_equally_often():
    turns = [order(turn, ["a", "b", "c"]) for turn in range(6)]
    assert all(sorted(turn) == ["a", "b", "c"] for turn in turns)
    assert sorted(turn[0] for turn in turns) == ["a", "a", "b", "b", "c", "c"]
    assert turns[0] == turns[1][::-1]


def test_every_call_has_inputs_of_its_own_and_the_same_ones_for_all():
    log = []
    raced(Fake("a", [1] * 9, log), Fake("b", [2] * 9, log), rounds=3, warm=1)
    assert sorted(log) == [(name, seed) for name in "ab" for seed in (1, 2, 3, 4)]


def test_warm_up_calls_do_not_count():
    assert raced(Fake("a", [900, 800, 1, 2, 3]), rounds=3, warm=2)["a"].ms == (1, 2, 3)


def test_median_and_spread_are_of_single_calls():
    found = times("a", 1.0, 2.0, 3.0, 4.0, 100.0)
    assert found.median == 3.0
    assert found.spread == pytest.approx((52 - 1.5) / 2 / 3)
    assert times("a", 1.0).spread == 0.0


def test_who_runs_out_of_memory_is_out_and_the_rest_go_on():
    found = raced(Fake("naive", [None]), Fake("yours", [1] * 9), rounds=3, warm=1)
    assert found["naive"] == Times("naive", lack="out of memory")
    assert found["yours"].ms == (1, 1, 1)


def test_a_wrong_output_ends_the_race_for_its_kernel():
    found = raced(Fake("yours", [1] * 9, problem="off by 2"), Fake("sdpa", [1] * 9), rounds=2, warm=1)
    assert (found["yours"].wrong, found["yours"].ms) == ("off by 2", ())
    assert len(found["sdpa"].ms) == 2


def test_an_error_ends_the_race_for_its_contestant_alone_and_is_kept():
    class Bad(Fake):
        def call(self):
            raise RuntimeError("PTX codegen error\n\nptxas fatal: too many registers\n")

    found = raced(Bad("yours", []), Fake("sdpa", [1] * 9), rounds=3, warm=1)
    assert found["yours"] == Times("yours", error="RuntimeError: ptxas fatal: too many registers")
    assert found["sdpa"].ms == (1, 1, 1)


def test_an_error_that_takes_the_device_with_it_ends_the_race_and_blames_nobody_else():
    class Stray(Fake):
        def call(self):
            if next(self.ms) > 1:
                raise RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with `...`\n")
            return 1

    found = raced(Fake("sdpa", [1] * 9), Stray("yours", [1, 1, 2]), rounds=5, warm=1, alive=lambda: False)
    assert found["yours"].error == (
        "RuntimeError: CUDA error: an illegal memory access was encountered: an address outside its tensors can cause this"
    )
    assert found["sdpa"].error == "the GPU was lost while yours ran"
    assert found["sdpa"].ms == (1,), "what was timed before is kept"


def test_a_race_can_be_stopped_and_keeps_what_there_is():
    *_, last = zip(race([Fake("a", [1, 2, 3, 4])], rounds=3, warm=0), range(2), strict=False)
    assert last[0][0].ms == (1, 2)


def test_a_ratio_is_the_others_median_over_yours():
    found = judge(times("yours", 1.0, 1.0, 1.0), [times("naive", 2.0, 2.0, 2.0)], {"naive": 2.0}, floor=0.1)
    assert found.passed
    slow = judge(times("yours", 1.1, 1.1, 1.1), [times("naive", 2.0, 2.0, 2.0)], {"naive": 2.0}, floor=0.1)
    assert (slow.passed, slow.message) == (False, "1.82 times the speed of naive; 2 is needed")
    assert (
        slow.lines[1]
        .strip()
        .startswith("naive        2.0000 ms  ±0 %  of 3 calls, clock   yours is 1.82 times as fast")
    )


def test_naive_out_of_memory_is_a_result_and_counts_as_beaten():
    found = judge(times("yours", 1.0, 1.0), [Times("naive", lack="out of memory")], {"naive": 2.0}, floor=0.0)
    assert found.passed
    assert found.lines[1] == "  naive      out of memory"


def test_sdpa_stands_for_the_fastest_of_its_backends_that_runs_here():
    flash, none = times("sdpa-flash", 0.8, 0.8), Times("sdpa-cudnn", error="RuntimeError: no such backend")
    found = judge(times("yours", 1.0, 1.0), [times("sdpa", 2.0, 2.0), flash, none], {"sdpa": 0.9}, floor=0.0)
    assert (found.passed, found.message) == (False, "0.80 times the speed of sdpa-flash; 0.9 is needed")
    assert found.lines[2].endswith("yours is 0.80 times as fast, 0.9 needed")
    assert found.lines[3] == "  sdpa-cudnn RuntimeError: no such backend"
    assert judge(times("yours", 1.0), [times("sdpa", 2.0), none], {"sdpa": 0.9}, floor=0.0).passed
    alone = judge(times("yours", 1.0), [none], {"sdpa": 0.9}, floor=0.0)
    assert alone.message == "there is nothing to compare with: sdpa RuntimeError: no such backend"


@pytest.mark.parametrize(("ratio", "asks"), [(1.0, 0.85), (0.49, 0.4), (2.5, 2.1), (0.03, 0.0)])
def test_a_measured_ratio_sets_a_threshold_with_room_for_noise(ratio, asks):
    assert suggested_threshold(ratio) == asks


def test_times_below_the_roofline_are_rejected():
    found = judge(times("yours", 0.01, 0.01, 1.0), [times("sdpa", 1.0)], {"sdpa": 0.5}, floor=0.2)
    assert not found.passed
    assert found.message == "2 of 3 timings rejected, impossibly fast: this device needs at least 0.2 ms for the work"
    one = judge(times("yours", 0.01, 1.0, 1.0), [times("sdpa", 1.0)], {"sdpa": 0.5}, floor=0.2)
    assert one.passed
    assert "of 2 calls, 1 impossibly fast calls left out" in one.lines[0]


@pytest.mark.parametrize(
    ("yours", "others", "says"),
    [
        (Times("yours", lack="out of memory"), [], "your kernel did not run: out of memory"),
        (Times("yours", wrong="off by 2"), [], "on the GPU the result is wrong: off by 2"),
        (times("yours", 1.0), [], "there is nothing to compare with: sdpa was not timed"),
        (times("yours", 1.0), [Times("sdpa", wrong="off by 1")], "there is nothing to compare with: sdpa off by 1"),
        (times("yours", 1.0), [Times("sdpa", error="E: no")], "there is nothing to compare with: sdpa E: no"),
        (Times("yours", error="E: no"), [times("sdpa", 1.0)], "your kernel does not run on this GPU: E: no"),
    ],
)
def test_what_cannot_be_judged_is_no_pass(yours, others, says):
    found = judge(yours, others, {"sdpa": 0.5}, floor=0.0)
    assert (found.passed, found.message) == (False, says)


@pytest.mark.parametrize(
    ("name", "flops", "bandwidth"),
    [
        ("NVIDIA H100 80GB HBM3", 989.4e12, 3.35e12),
        ("NVIDIA H100 PCIe", 756e12, 2.0e12),
        ("NVIDIA A100-SXM4-80GB", 312e12, 2.039e12),
        ("NVIDIA A100-SXM4-40GB", 312e12, 1.555e12),
        ("NVIDIA L40S", 362e12, 0.864e12),
        ("NVIDIA L4", 121e12, 0.3e12),
    ],
)
def test_a_device_is_known_by_the_words_of_its_name(name, flops, bandwidth):
    found = peak(name)
    assert (found.flops, found.bandwidth) == (flops, bandwidth)


def test_a_device_that_is_not_known_has_no_floor():
    assert peak("NVIDIA H1000") is None
    assert Facts("Some GPU").floor(1e15, 1e12) == 0.0


def test_the_floor_is_the_roofline_less_ten_per_cent():
    facts = Facts("NVIDIA H100 80GB HBM3")
    assert facts.floor(989.4e12, 0) == pytest.approx(900)
    assert facts.floor(0, 3.35e12) == pytest.approx(900)
    assert H100.ridge == pytest.approx(295.3, abs=0.1)


def test_a_gpu_before_sm_80_says_why():
    assert too_old((7, 5)) == "needs a GPU from sm_80 on for Triton's bf16 tensor cores; this one is sm_75"
    assert too_old((8, 0)) == too_old((9, 0)) == ""
    old = SimpleNamespace(device="cuda", facts=lambda: Facts("Tesla T4", (7, 5)))
    (report,) = run(RaceJob(FORWARD, (), ()), old)
    assert report.lack == too_old((7, 5))


def test_thresholds_are_ratios_for_a_cell_and_say_when_nothing_was_measured(tmp_path):
    assert ratios(4096, 128) == {"naive": 2.0, "sdpa": 0.4}
    assert ratios(8192, 64)["naive"] == 2.0
    assert ratios(16384, 128, causal=True)["naive"] > ratios(16384, 128)["naive"]
    assert gpu_results(tmp_path) == []
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    (tmp_path / "benchmarks" / "results" / "gpu-h100.json").touch()
    assert [p.name for p in gpu_results(tmp_path)] == ["gpu-h100.json"]


KERNEL = """
import triton
import triton.language as tl
CONFIG = {"BLOCK_M": 16, "BLOCK_N": 16}
TUNE = [{"BLOCK_N": 32}]
@triton.jit
def flash_kernel(q_ptr, k_ptr, v_ptr, out_ptr, n, m, scale, D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    head = tl.program_id(1)
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    keys, dims = tl.arange(0, 16), tl.arange(0, D)
    q = tl.load(q_ptr + head * n * D + rows * D + dims[None, :])
    k = tl.load(k_ptr + head * m * D + keys[None, :] * D + dims[:, None])
    v = tl.load(v_ptr + head * m * D + keys[:, None] * D + dims[None, :])
    scores = tl.dot(q, k) * scale
    p = tl.exp(scores - tl.max(scores, axis=1)[:, None])
    out = tl.dot((p / tl.sum(p, axis=1)[:, None]).to(v.dtype), v)
    tl.store(out_ptr + head * n * D + rows * D + dims[None, :], out)
"""
SHAPES = (like(2, 32, 16), like(2, 16, 16), like(2, 16, 16))


def contestant(text=KERNEL, config=None):
    found = read(text, "<test>")
    functions = vars(load(found))
    return KernelContestant("yours", functions, dict(config or found.config), oracle_of(FORWARD), SHAPES, Host())


def test_a_kernel_behind_its_launcher_gets_fresh_inputs_and_its_output_is_looked_at():
    one = contestant()
    outputs = []
    for seed in (1, 2):
        one.prepare(seed)
        assert one.static[3].isnan().all(), "what was there before is no result"
        one.call()
        assert one.wrong() == ""
        outputs.append(one.value)
    assert not torch.equal(*outputs)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("* scale", "* scale * 1.5", "off by"),
        ("rows * D + dims[None, :], out)", "rows * D + dims[None, :], out, mask=rows < n - 1)", "16 of 512 elements"),
    ],
)
def test_a_kernel_that_is_wrong_on_the_device_is_told(old, new, says):
    one = contestant(KERNEL.replace(old, new))
    one.prepare(1)
    one.call()
    assert says in one.wrong()


THREE = "reference.ch13_triton.three_ways:three_ways"
LAST_LINE = "tl.store(blocks_ptr + head * n * D + rows * D + dims[None, :], out, mask=rows < n)"


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (LAST_LINE, ""),
        ("pass", "512 of 512 elements are NaN or were never written"),
        (LAST_LINE.replace("rows < n", "rows < n - 1"), "16 of 512 elements are NaN or were never written"),
        (LAST_LINE.replace(" out,", " 2 * out,"), "off by"),
    ],
)
def test_of_several_results_those_that_the_timed_kernels_write_are_looked_at(book, new, says):
    text = strip_markers(book.solution(book.koan("three_ways")).read_text())
    assert LAST_LINE in text
    found = read(text.replace(LAST_LINE, new), "<test>")
    functions = vars(load(found))
    one = KernelContestant("yours", functions, dict(found.config), oracle_of(THREE), SHAPES, Host(), ["blocks_kernel"])
    one.prepare(1)
    one.call()
    assert one.wrong() == says if not says else says in one.wrong()


def test_timed_kernels_that_write_no_result_are_no_answer(book):
    found = read(strip_markers(book.solution(book.koan("three_ways")).read_text()), "<test>")
    functions = vars(load(found))
    one = KernelContestant("yours", functions, dict(found.config), oracle_of(THREE), SHAPES, Host(), ["no_kernel"])
    one.prepare(1)
    one.call()
    assert one.wrong() == "none of the timed kernels writes a result"


def test_what_torch_gives_is_right_by_the_same_rule():
    inputs = [torch.randn(2, 8, 16).bfloat16() for _ in range(3)]
    parts = list(expected(oracle_of(FORWARD), inputs))
    assert mismatch([naive(*inputs)], parts) == ""
    assert mismatch([sdpa(*inputs)], parts) == ""
    assert "NaN" in mismatch([torch.full_like(inputs[0], torch.nan)], parts)


@pytest.mark.parametrize("name", ["naive", "sdpa"])
def test_of_a_backward_pass_only_the_backward_pass_is_timed(name):
    oracle = oracle_of("reference.ch13_triton.flash_backward_kernel:flash_backward_kernel")
    shapes = (like(2, 8, 16),) * 4
    one = BaselineContestant(name, oracle.baselines[name], oracle, shapes, Host())
    one.prepare(1)
    assert one.how == "clock"
    assert one.out is None
    one.call()
    assert len(one.out) == 3
    assert one.wrong() == ""


EVERY = {
    "vector_add": (like(40),) * 2,
    "fused_scale_bias_relu": (like(4, 40), like(40), like(40)),
    "row_softmax_kernel": (like(4, 40),),
    "rms_norm_kernel": (like(4, 40), like(40)),
    "matmul_kernel": (like(20, 24), like(24, 28)),
    "flash_forward": (like(2, 20, 16),) * 3,
    "flash_causal": (like(2, 20, 16),) * 3,
    "flash_gqa": (like(2, 4, 20, 16), like(2, 2, 20, 16), like(2, 2, 20, 16)),
    "flash_bf16": (like(2, 20, 16),) * 3,
    "flash_decode": (like(4, 16), like(4, 20, 16), like(4, 20, 16)),
    "flash_backward_kernel": (like(2, 20, 16),) * 4,
    "three_ways": (like(2, 20, 16),) * 3,
}


@pytest.mark.parametrize("koan", EVERY)
def test_every_baseline_of_a_koan_gives_what_its_oracle_gives(koan):
    oracle = oracle_of(f"reference.ch13_triton.{koan}:{koan}")
    assert oracle.baselines
    assert oracle.work is not None
    job = RaceJob(f"reference.ch13_triton.{koan}:{koan}", EVERY[koan], tuple(oracle.baselines), rounds=1)
    *_, report = run(job, Host())
    assert report.error == ""
    found = {t.name: (t.error, t.wrong, len(t.ms)) for t in report.times}
    if "sdpa-cudnn" in found:  # there is none of it on this processor, and the others go on without it
        assert found.pop("sdpa-cudnn")[0].startswith("RuntimeError: No ")
    assert found == dict.fromkeys({*oracle.baselines} - {"sdpa-cudnn"}, ("", "", 1))


def test_a_whole_race_with_a_choice_of_tiles():
    found = read(KERNEL, "<test>")
    kernels = Kernels("yours", FORWARD, {}, dict(found.config), tuple(map(dict, found.choices)))
    job = RaceJob(FORWARD, SHAPES, ("naive", "sdpa"), (kernels,), rounds=2)
    clock = iter(range(10_000))
    *_, report = run(job, Host(lambda: float(next(clock))), lambda _: vars(load(found)))
    assert report.error == ""
    assert {t.name: t.ms for t in report.times} == dict.fromkeys(("yours", "naive", "sdpa"), (1000.0, 1000.0))
    assert report.chosen == {"yours": {"BLOCK_M": 16, "BLOCK_N": 16}}
    assert verdict(report, {"naive": 1.0}) is None
    message = verdict(report, {"naive": 2.0})
    assert "1.00 times the speed of naive; 2 is needed" in message.text


def test_the_fastest_choice_that_is_right_is_taken():
    made = [Fake("a", [5] * 9), Fake("b", [1] * 9, problem="off"), Fake("c", [2] * 9), Fake("d", [None])]
    assert fastest(made).name == "c"


def test_a_kernel_that_does_not_start_is_an_error_with_its_reason():
    kernels = Kernels("yours", FORWARD, {}, {"BLOCK_M": 16})
    *_, report = run(RaceJob(FORWARD, SHAPES, (), (kernels,)), Host(), lambda _: vars(load(read(KERNEL, "<test>"))))
    assert report.error == ""
    why = "Refused: flash_kernel needs a value for BLOCK_N"
    assert report.times == (Times("yours", error=why),)
    assert verdict(report, {}).text.startswith(f"your kernel does not run on this GPU: {why}")


@pytest.mark.parametrize("tune", ["[{'BLOCK': 4}]", "{'BLOCK_M': 4}", "[dict(BLOCK_M=4)]", "[{'BLOCK_M': 4}] * 2"])
def test_choices_are_literals_and_change_what_config_has(tune):
    with pytest.raises(KernelSyntaxError, match="TUNE"):
        read(KERNEL.replace('[{"BLOCK_N": 32}]', tune), "<test>")


def test_without_a_gpu_the_worker_says_so():
    with GpuWorker() as worker:
        report = worker.ask(RaceJob(FORWARD, SHAPES, ("naive",)))
    assert report.lack == "needs a CUDA GPU" or report.times


ADDRESS = ": an address outside its tensors can cause this"
PRINTS = "import sys; print('one\\ntwo\\nthree\\nfour\\nfive', file=sys.stderr); "
STRAY = "import sys; print('CUDA error: an illegal memory access was encountered', file=sys.stderr); sys.exit(1)"


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("import time; time.sleep(60)", "no answer from the GPU within 0.5 s: does the kernel end?"),
        ("input(); print()", "the process with the GPU gave no report"),
        (PRINTS + "sys.exit(3)", "the process with the GPU ended with exit code 3\n  two\n  three\n  four\n  five"),
        (
            "import nowhere",
            "the process with the GPU ended with exit code 1\n  Traceback (most recent call last):\n"
            "    File \"<string>\", line 1, in <module>\n  ModuleNotFoundError: No module named 'nowhere'",
        ),
        (
            STRAY,
            f"the process with the GPU ended with exit code 1{ADDRESS}\n"
            "  CUDA error: an illegal memory access was encountered",
        ),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "the process with the GPU ended with signal 9: it may have used too much memory",
        ),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            f"the process with the GPU ended with signal 11{ADDRESS}",
        ),
    ],
)
def test_a_worker_that_hangs_or_dies_says_how_and_quotes_its_last_words(program, says):
    with GpuWorker(0.5 if "sleep" in program else 30, ("-c", program)) as worker, pytest.raises(KoansError) as caught:
        worker.ask(RaceJob(FORWARD, SHAPES, ()))
    assert str(caught.value) == says


ANSWERS = """
import json, os, sys
for line in sys.stdin:
    job = json.loads(line)
    times = [{"name": name, "ms": [ms] * 5, "how": "CUDA graph"} for name, ms in MS.items()]
    facts = {"name": "H", "versions": {"pid": str(os.getpid()), "path": os.environ["PYTHONPATH"]}}
    print(json.dumps({"facts": facts, "times": times, "broken": BROKEN}))
    print(flush=True)
"""


def answering(broken=False, **ms):
    return ("-c", f"MS, BROKEN = {ms!r}, {broken}\n{ANSWERS}")


def test_the_worker_finds_what_stands_on_pythonpath_and_the_workbook_before_it(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{Path('/carried')}")
    with GpuWorker(30, answering()) as worker:
        path = worker.ask(RaceJob("", (), ())).facts.versions["path"]
    assert path == f"{ROOT}:/carried"


@pytest.mark.parametrize("broken", [False, True])
def test_one_process_answers_all_jobs_unless_its_device_is_lost(broken):
    with GpuWorker(30, answering(broken)) as worker:
        pids = {worker.ask(RaceJob("", (), ())).facts.versions["pid"] for _ in range(2)}
    assert len(pids) == 2 if broken else 1


def test_all_tests_of_a_process_share_one_worker_and_a_fork_has_its_own(monkeypatch):
    from grader.gpu import client

    here = client.shared()
    assert client.shared() is here
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert client.shared() is not here


def test_a_test_with_a_race_has_a_longer_limit_than_the_race(play):
    """And a run of a koan has time for all of its races."""
    from grader.gpu.client import LIMIT, PATIENCE
    from grader.judge.runner.client import RACES

    assert LIMIT > PATIENCE
    (play.root / "limits.py").write_text(
        "def pytest_collection_finish(session):\n"
        "    for item in session.items:\n"
        "        mark, gpu = item.get_closest_marker('timeout'), item.get_closest_marker('gpu')\n"
        "        print('LIMIT', item.path.stem, bool(gpu), mark.args if mark else None)\n"
    )
    done = play.python("-m", "pytest", "--collect-only", "-q", "-p", "limits", "exercises/ch13_triton")
    found = [line.split(maxsplit=3)[1:] for line in done.stdout.splitlines() if line.startswith("LIMIT")]
    assert {limit for _, gpu, limit in found if gpu == "True"} == {f"({LIMIT},)"}
    assert {limit for _, gpu, limit in found if gpu == "False"} == {"None"}
    races = [file for file, gpu, _ in found if gpu == "True"]
    assert max(races.count(file) for file in races) <= RACES


def test_reports_arrive_as_they_are_made():
    line = "b'" + '{"facts":{"name":"x"},"floor":1.5}' + "'"
    program = f"import sys; sys.stdin.readline(); print({line}.decode()); print({line}.decode()); print()"
    with GpuWorker(30, ("-c", program)) as worker:
        assert [r.floor for r in worker.watch(RaceJob(FORWARD, (), ()))] == [1.5, 1.5]


def test_nothing_but_the_worker_starts_cuda():
    import subprocess

    program = "import grader.gpu, grader.gpu.job, grader.gpu.thresholds, grader.gpu.timing, grader.gpu.client, sys; "
    program += "sys.exit('torch' in sys.modules or 'triton' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_on_a_cpu_the_second_claim_is_not_run_here_and_unlocks_nothing(play):
    play.write("vector_add", play.workbook.solution(play.workbook.koan("vector_add")).read_text())
    run = play.koans("run", "vector_add")
    assert "passed" in run.stdout
    assert "fast: " in run.stdout
    assert "not run here" in run.stdout


PRETEND = """
import functools, os, sys
import pytest
import grader.gpu, grader.kernels.triton_version
from grader.gpu import client, devices
client._worker_of = functools.cache(lambda pid: client.GpuWorker(30, COMMAND))
devices.present, devices.lack = lambda: True, lambda: ""
grader.gpu.lack = devices.lack
grader.kernels.triton_version.installed = lambda: TRITON
from grader.judge.runner.protocol import Job
from grader.judge.runner.session import run_all
from grader.judge.targets import parse
if FOLDER:
    file = os.path.abspath("exercises/ch13_triton/test_vector_add.py")
    run_all(os.getcwd(), [Job(1, os.getcwd(), file, parse(TARGET), 0, FOLDER, 60, 1 << 40)], lambda code: None)
else:
    pytest.main(["-q", "--target", TARGET, "exercises/ch13_triton/test_vector_add.py"])
"""


def on_a_gpu(target, command, triton="3.6.0", folder=""):
    """The output of pytest on vector_add with a fake worker that answers like a GPU. With `folder`, events go there."""
    import subprocess

    program = f"COMMAND, TARGET, TRITON, FOLDER = {command!r}, {target!r}, {triton!r}, {str(folder)!r}\n{PRETEND}"
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False).stdout


def judged(folder, *given, **more):
    """The verdict of a run with such a worker."""
    import msgspec

    from grader.book.verdict import Exit, judge
    from grader.judge.runner.protocol import Event

    on_a_gpu(*given, **more, folder=folder)
    events = [msgspec.json.decode(line, type=Event) for line in (folder / "events").read_text().splitlines()]
    assert events[-1].kind == "finished"
    tests = [event.result for event in events if event.kind == "result"]
    return judge("ch13_triton/vector_add", "t", tests, "", Exit(True), seconds=1.0, seed=0, output="")


def rendered(verdict):
    from grader.book import terminal
    from grader.book.workbook import Workbook

    console = terminal.console()
    koan = Workbook(ROOT).koan("vector_add")
    with console.capture() as capture:
        console.print(terminal.verdict(koan, verdict))
    return capture.get()


def test_a_fast_kernel_passes_both_claims_with_a_triton_that_is_not_tested_and_its_times_are_kept(tmp_path):
    verdict = judged(tmp_path, "solutions", answering(yours=1.0, torch=0.92))
    assert (verdict.status, verdict.fast) == ("passed", "passed")
    (timed,) = [test for test in verdict.tests if test.gpu]
    assert timed.ms == {"yours": 1.0, "torch": 0.92}
    assert verdict.speed == "0.92 of torch"
    assert "fast: ✓ passed, 0.92 of torch" in rendered(verdict)


def test_pytest_says_how_fast_it_was():
    printed = on_a_gpu("solutions", answering(yours=1.0, torch=0.92))
    assert "ch13_triton/vector_add  14 of 14 tests pass; 0.92 of torch" in printed


def test_a_slow_kernel_fails_its_second_claim_and_is_told_by_how_much(tmp_path):
    verdict = judged(tmp_path, "solutions", answering(yours=1.0, torch=0.5), triton="3.9.0")
    assert (verdict.status, verdict.fast) == ("passed", "failed")
    screen = rendered(verdict)
    assert "fast: ✗ failed, 0.50 of torch" in screen
    assert "0.50 times the speed of torch; 0.8 is needed" in screen


@pytest.mark.parametrize("triton", ["3.6.0", "3.9.0"])
def test_a_stub_is_not_started_on_a_machine_with_a_gpu_too(tmp_path, triton):
    verdict = judged(tmp_path, "stub", answering(yours=1.0, torch=1.0), triton)
    assert (verdict.status, verdict.fast) == ("not started", "not started")
    assert {test.status for test in verdict.tests if test.gpu} == {"not started"}


@pytest.mark.parametrize(
    ("first", "second", "fast"),
    [
        ("passed", "passed", "passed"),
        ("passed", "failed", "failed"),
        ("failed", "passed", "failed"),
        ("not run here", "passed", "passed"),
        ("not run here", "failed", "failed"),
        ("passed", "not run here", "not run here"),
        ("not run here", "not run here", "not run here"),
    ],
)
def test_the_second_claim_falls_with_the_first_unless_that_was_not_tried(first, second, fast):
    from grader.book.verdict import Exit, Status, TestResult, judge

    tests = [TestResult("a", "a", Status(first)), TestResult("b", "b", Status(second), gpu=True)]
    found = judge("k", "t", tests, "", Exit(True), seconds=0, seed=0, output="")
    assert (found.status, found.fast) == (first, fast)
    crashed = judge("k", "t", tests, "", Exit(False, signal="SIGSEGV"), seconds=0, seed=0, output="")
    assert crashed.fast != "passed"


def test_a_report_survives_the_pipe():
    import msgspec

    report = RaceReport(Facts("x", (9, 0)), (times("a", 1.0),), 0.5, chosen={"a": {"BLOCK_M": 16}})
    assert msgspec.json.decode(msgspec.json.encode(report), type=RaceReport) == report


def test_a_kernel_that_is_too_slow_fails_its_claim(monkeypatch):
    from grader.checks import throughput

    report = RaceReport(Facts("x"), (times("yours", 2.0), times("naive", 1.0)))
    monkeypatch.setattr(throughput, "measure", lambda *_: report)
    with pytest.raises(Disagreement, match=r"0\.50 times the speed of naive; 2 is needed"):
        throughput.fast(None, with_=oracle_of(FORWARD), at_least={"naive": 2.0})
    monkeypatch.setattr(throughput, "measure", lambda *_: RaceReport(Facts("x"), lack=too_old((7, 0))))
    with pytest.raises(pytest.skip.Exception, match="not run here: needs a GPU from sm_80"):
        throughput.fast(None, with_=oracle_of(FORWARD), at_least={"naive": 2.0})


CARDS = {"0000:18:00.0": ("NVIDIA L4", "GPU-aaaa"), "0000:3b:00.0": ("NVIDIA H100 80GB HBM3", "GPU-bbbb")}


@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        (None, "NVIDIA L4, NVIDIA H100 80GB HBM3"),
        ("1", "NVIDIA H100 80GB HBM3"),
        ("1,0", "NVIDIA H100 80GB HBM3, NVIDIA L4"),
        ("GPU-bb", "NVIDIA H100 80GB HBM3"),
        ("0,7,1", "NVIDIA L4"),
        ("MIG-cccc", ""),
        ("", ""),
        ("-1", ""),
        ("none", ""),
    ],
)
def test_a_process_names_the_gpus_that_it_sees(tmp_path, monkeypatch, visible, seen):
    for place, (model, uuid) in CARDS.items():
        file = tmp_path / "proc/driver/nvidia/gpus" / place / "information"
        file.parent.mkdir(parents=True)
        file.write_text(f"Model: \t\t {model}\nIRQ:   \t\t 100\nGPU UUID: \t {uuid}-1\nBus Location: \t {place}\n")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.device(tmp_path) == (seen or f"CPU ({platform.machine()})")
    (tmp_path / "proc/driver/nvidia/gpus/0000:18:00.0/information").unlink()
    if visible == "MIG-cccc":
        assert devices.device(tmp_path) == "NVIDIA H100 80GB HBM3", "all cards are of one model, so it is a part of one"


@pytest.mark.parametrize(("visible", "present"), [(None, True), ("0", True), ("", False), ("-1", False)])
def test_a_process_whose_gpus_are_hidden_has_none(tmp_path, monkeypatch, visible, present):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    (tmp_path / "dev").mkdir()
    assert not devices.present(tmp_path)
    (tmp_path / "dev" / "nvidia0").touch()
    assert devices.present(tmp_path) == present
