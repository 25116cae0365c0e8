"""`koans bench attention`: what it times on a CPU, what it predicts, and that the two cannot be confused."""

import json

import pytest

from grader.book import terminal
from grader.book.errors import KoansError
from grader.book.workbook import Workbook
from grader.gpu.bench import predict
from grader.gpu.bench.attention import _expected, _kernels, _on_gpu, _row
from grader.gpu.bench.cells import Bench, BenchCell, BenchRow, cells, share
from grader.gpu.bench.plot import roofline, speeds
from grader.gpu.bench.table import tables
from grader.gpu.devices import H100, Facts
from grader.gpu.job import RaceReport
from grader.gpu.timing import Times
from tests.conftest import ROOT


def rendered(found):
    console = terminal.console()
    with console.capture() as capture:
        console.print(tables(found))
    return capture.get()


def words(figure):
    texts = [t.get_text() for axes in figure.axes for t in (axes.title, axes._left_title, *axes.texts)]
    labels = [label for axes in figure.axes for label in axes.get_legend_handles_labels()[1]]
    return "\n".join([*texts, *labels, figure._suptitle.get_text() if figure._suptitle else ""])


CELL = BenchCell(16384, 128, False)


def test_a_mask_halves_the_products():
    assert CELL.flops == 4 * 16384**2 * 128
    assert BenchCell(4, 64, True, heads=2).flops == 4 * 2 * 10 * 64


def test_every_length_width_and_mask_is_a_cell_and_a_gpu_gets_16_384_tokens():
    plan = cells((512, 16384), (64, 128), gpu=True)
    assert len(plan) == 8
    assert {c.heads * c.n * c.d for c in plan} == {16384 * 2048}
    assert [c.n for c in plan] == sorted(c.n for c in plan)
    assert {c.heads for c in cells((512,), (64,), gpu=False)} == {1}


def test_the_roofline_of_fused_attention_is_its_arithmetic():
    found = predict.predict_torch(CELL, "sdpa")
    assert found.least_ms == pytest.approx(1e3 * CELL.flops / H100.flops) == pytest.approx(0.139, abs=5e-4)
    assert found.tflops(found.least_ms) == pytest.approx(989.4)


def test_einsum_moves_its_table_six_times_and_a_mask_makes_it_eight():
    table = 16384**2 * 2
    inputs = 4 * 16384 * 128 * 2
    assert predict.predict_torch(CELL, "einsum").asked_bytes == 6 * table + inputs
    assert predict.predict_torch(BenchCell(16384, 128, True), "einsum").asked_bytes == 8 * table + inputs


def test_loops_ask_for_every_key_of_every_query():
    found = predict.predict_torch(CELL, "loops")
    assert found.asked_bytes == 2 * 16384 * 128 * 2 + 2 * 16384**2 * 128 * 2
    assert found.most_ms > 100 * found.least_ms * H100.bandwidth / predict.SCALAR


def test_a_kernels_bytes_are_counted_and_then_derived():
    fn = _kernels(Workbook(ROOT), "flash_forward")["triton"]
    found = predict.predict_kernel(CELL, "triton", fn)
    blocks = 16384 // fn.config["BLOCK_M"]
    assert found.known == "counted at 512 tokens, where the count equals the formula; from the formula here"
    assert found.asked_bytes == 2 * 16384 * 128 * 2 * (1 + blocks)
    assert found.flops == CELL.flops
    assert found.least_ms < found.most_ms


def test_a_stub_is_no_contestant():
    book = Workbook(ROOT)
    assert set(_kernels(book, "flash_causal")) == {"triton"}


def test_a_time_below_the_roofline_is_no_measurement():
    row = _row(CELL, Times("yours", (0.01, 0.01), how="CUDA graph"), Facts("NVIDIA H100"), floor=0.1)
    assert (row.ms, row.lack) == (0.0, "all 2 times are impossibly fast: they lie below the roofline")


def test_the_share_of_the_roofline_is_of_what_this_cell_allows():
    assert share(CELL, 1e3 * CELL.flops / H100.flops, H100) == pytest.approx(1.0)
    assert share(CELL, 1.0, None) is None


def test_a_longer_cell_is_left_out_by_what_a_shorter_one_took():
    rows = [BenchRow(BenchCell(512, 64, False), "loops", ms=1000.0)]
    assert _expected(rows, BenchCell(4096, 64, False), "loops") == 64.0
    assert _expected(rows, BenchCell(4096, 64, True), "loops") == 0.0


def example(**changes):
    cell = BenchCell(512, 64, False)
    rows = (BenchRow(cell, "einsum", 2.0, 0.05, 5, "clock", 0.0335), BenchRow(cell, "triton", lack="needs a CUDA GPU"))
    given = {"kind": "cpu", "facts": Facts("CPU"), "rows": rows, "predicted_for": predict.NAME}
    given |= {"predictions": tuple(predict.predict_torch(cell, way) for way in ("loops", "einsum", "sdpa"))}
    return Bench(**given | changes)


def test_every_prediction_says_so_in_table_plot_and_json():
    import msgspec

    found = example()
    text = rendered(found)
    assert text.count("(predicted)") == 3
    assert "PREDICTION, not measured: NVIDIA H100 SXM" in text
    assert "needs a CUDA GPU" in text
    assert words(speeds(found)).count("PREDICTED (H100)") == 3
    assert "PREDICTION for an H100, not measured" in words(speeds(found))
    assert "PREDICTION for an H100, from counted bytes and FLOPs; nothing here was measured" in words(roofline(found))
    data = json.loads(msgspec.json.encode(found))
    assert all(p["prediction"] is True for p in data["predictions"])
    assert not any("prediction" in row for row in data["rows"])


def test_what_was_measured_on_a_gpu_carries_no_word_of_prediction():
    cell = BenchCell(16384, 128, False, 16)
    rows = (
        BenchRow(cell, "triton", 5.0, 0.01, 15, "CUDA graph", 440.0, 0.44, 10**9),
        BenchRow(cell, "einsum", lack="out of memory"),
    )
    found = Bench("gpu", Facts("NVIDIA H100 80GB HBM3", (9, 0)), rows)
    assert "redict" not in rendered(found)
    assert "44 %" in rendered(found)
    assert "out of memory" in rendered(found)
    assert "redict" not in (words(speeds(found)) + words(roofline(found))).lower().replace("predicted", "redict")


def test_the_verb_writes_json_and_four_pictures_and_says_where(play):
    run = play.says("bench", "attention", "--lengths", "16,32", "--widths", "16", "--budget", "5", "--out", "out")
    assert run.returncode == 0, run.stderr
    folder = play.root / "out"
    assert sorted(f.name for f in folder.iterdir()) == [
        "attention.json",
        "attention.png",
        "attention.svg",
        "roofline.png",
        "roofline.svg",
    ]
    data = json.loads((folder / "attention.json").read_text())
    assert data["complete"]
    assert data["facts"]["versions"]["torch"]
    measured = {row["way"] for row in data["rows"] if row.get("ms")}
    assert measured == {"loops", "einsum", "sdpa"}
    assert {p["way"] for p in data["predictions"]} == {"loops", "einsum", "triton", "sdpa"}
    assert "(predicted)" in run.stdout


class Answers:
    """A fake worker for the bench. Each job takes one answer; an answer that is an exception is raised."""

    def __init__(self, *answers):
        self.answers = iter(answers)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def ask(self, job):
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        times = (Times("einsum", (2.0,)), Times("sdpa-flash", (1.0,)), Times("sdpa-cudnn", error="E: not here"))
        return RaceReport(
            Facts("NVIDIA H100"), (*times, Times("triton", error="E: no")), chosen={"triton": KERNEL_CONFIG}
        )


KERNEL_CONFIG = {"BLOCK_M": 64, "BLOCK_N": 64}


def benched(monkeypatch, *answers):
    """The states of the bench after each of two cells."""
    monkeypatch.setattr("grader.gpu.bench.attention.GpuWorker", lambda **_: Answers(*answers))
    kernels = {causal: _kernels(Workbook(ROOT), "flash_forward") for causal in (False, True)}
    plan = [BenchCell(512, 64, False), BenchCell(512, 64, True)]
    return list(_on_gpu(plan, kernels, lambda text: None))


def test_backends_stand_in_the_bench_by_name_and_an_error_is_its_contestants_own(monkeypatch):
    found = benched(monkeypatch, 1, 1)[-1]
    rows = {row.way: row for row in found.rows if not row.cell.causal}
    assert (rows["einsum"].ms, rows["sdpa-flash"].ms) == (2.0, 1.0)
    assert (rows["sdpa-cudnn"].lack, rows["triton"].lack) == ("E: not here", "E: no")
    assert rows["loops"].lack == "no time"
    assert "SDPA, FlashAttention, measured" in words(speeds(found))


@pytest.mark.parametrize("last", [True, False])
def test_a_cell_that_fails_leaves_the_others_and_says_why(monkeypatch, last):
    dead = KoansError("the process with the GPU ended with exit code 1\n  a traceback")
    found = benched(monkeypatch, *((1, dead) if last else (dead, 1)))
    assert len(found) == 2
    assert found[-1].complete
    good, bad = (False, True) if last else (True, False)
    assert {r.way: r.ms for r in found[-1].rows if r.cell.causal == good and r.ms} == {"einsum": 2.0, "sdpa-flash": 1.0}
    lacks = {row.way: row.lack for row in found[-1].rows if row.cell.causal == bad}
    assert lacks == dict.fromkeys(lacks, "the process with the GPU ended with exit code 1")
    assert set(lacks) == {"loops", "einsum", "sdpa", "sdpa-flash", "sdpa-cudnn", "triton"}


def test_the_verb_writes_after_every_cell_so_that_a_kill_costs_the_rest_alone(play):
    import signal
    import subprocess
    import sys
    import time

    command = [sys.executable, "-m", "grader", "bench", "attention", "--lengths", "16,32,2048", "--widths", "16"]
    file = play.root / "out" / "attention.json"
    bench = subprocess.Popen([*command, "--budget", "60", "--out", "out"], cwd=play.root, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not file.is_file() and time.monotonic() < deadline and bench.poll() is None:
        time.sleep(0.01)
    bench.send_signal(signal.SIGKILL)
    assert bench.wait() == -signal.SIGKILL
    data = json.loads(file.read_text())
    assert data["complete"] is False
    assert data["rows"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--lengths", "a"], "give whole numbers"),
        (["--lengths", "0"], "a length must be at least 1"),
        (["--widths", "100"], "a width must be 16, 32, 64, 128 or 256"),
    ],
)
def test_what_cannot_be_benched_is_one_line(play, arguments, says):
    run = play.says("bench", "attention", *arguments)
    assert run.returncode == 2
    assert says in run.stderr
    assert "Traceback" not in run.stderr
