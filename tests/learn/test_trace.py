"""`koans trace`: what a kernel accesses, as rectangles, tables, pictures, a page, text and JSON."""

import json
import re
from functools import cache
from xml.etree import ElementTree

import numpy as np
import pytest

from grader.book.errors import KoansError
from grader.book.oracles import oracles
from grader.book.stubs import strip_markers
from grader.book.workbook import Workbook
from grader.kernels.kernel_function import launched
from grader.kernels.tiles.accesses import Access
from grader.learn.trace import drawing, reads_picture, reuse
from grader.learn.trace.collect import traced_text
from grader.learn.trace.gather import rectangles_of, trace_of
from grader.learn.trace.model import Rectangle
from grader.learn.trace.page import page
from grader.learn.trace.step_picture import step_picture
from grader.learn.trace.summary import summary
from tests.browser import CHROMIUM, Browser
from tests.conftest import ROOT

BOOK = Workbook(ROOT)
KERNELS = [koan.name for koan in BOOK.koans.values() if koan.kind == "kernel"]


def model(name):
    return strip_markers(BOOK.solution(BOOK.koan(name)).read_text("utf-8"))


@cache
def report(name, wrong="", **config):
    return traced_text(BOOK.koan(name), model(name), wrong, **config)


def access(positions, *, shape, active=None, step=0, programs=(2, 1, 1), kind="load", line=7, first=(0, 0, 0)):
    strides = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    place = (tuple(shape), tuple(strides), 4)
    array = np.asarray(positions, dtype=np.int64)
    mask = None if active is None else np.asarray(active)
    return Access(0, "k", (2, 1, 1), step, line, kind, "x_ptr", *place, first, programs, array, mask)


@pytest.mark.parametrize(
    ("elements", "shape", "strides", "rectangles"),
    [
        ([0, 1, 2], (8,), (1,), [(0, 0, 1, 3)]),
        ([1, 2, 5, 6], (3, 4), (4, 1), [(0, 1, 2, 3)]),
        ([0, 1, 2, 4], (3, 4), (4, 1), [(0, 0, 1, 3), (1, 0, 2, 1)]),
        ([0, 2], (1, 4), (4, 1), [(0, 0, 1, 1), (0, 2, 1, 3)]),
        ([4, 5, 6, 7], (2, 2, 2), (4, 2, 1), [(2, 0, 4, 2)]),  # the second head
        ([0, 1, 10, 11], (2, 1, 2), (10, 2, 1), [(0, 0, 2, 2)]),  # heads 10 apart, with room between them
        ([0, 5, 10], (2, 1, 2), (10, 2, 1), [(0, 0, 2, 1)]),  # element 5 lies in that room
        ([0, 1], (2, 4), (1, 2), [(0, 0, 2, 1)]),  # transposed
        ([0], (), (), [(0, 0, 1, 1)]),
    ],
)
def test_elements_become_the_rectangles_that_hold_exactly_them(elements, shape, strides, rectangles):
    assert rectangles_of(np.array(elements), shape, strides) == (tuple(Rectangle(*r) for r in rectangles), True)


def test_elements_in_too_many_pieces_become_the_rectangle_around_them():
    assert rectangles_of(np.arange(0, 400, 2), (400,), (1,)) == ((Rectangle(0, 0, 1, 399),), False)


def test_programs_with_the_same_tile_are_one_tile_and_masked_lanes_are_none():
    shared = trace_of([access([[[[0, 1]]]], shape=(4,))]).steps[0]
    assert [(tile.programs, tile.lanes) for tile in shared.tiles] == [((0, 1), 2)]
    masked = trace_of([access([[[[0, 1]]], [[[2, 3]]]], shape=(3,), active=[[[[True, True]]], [[[True, False]]]])])
    assert [(t.programs, t.rectangles) for t in masked.steps[0].tiles] == [
        ((0,), (Rectangle(0, 0, 1, 2),)),
        ((1,), (Rectangle(0, 2, 1, 3),)),
    ]
    assert masked.steps[0].bytes == 12


def test_the_chunks_of_a_large_grid_are_one_step():
    chunks = [
        access([[[[n, n + 1]]]], shape=(9,), step=step, programs=(1, 1, 1), first=(n, 0, 0), line=7 + step)
        for n in (0, 1)
        for step in (0, 1)
    ]
    assert [(s.line, [t.programs for t in s.tiles]) for s in trace_of(chunks).steps] == [
        (7, [(0,), (1,)]),
        (8, [(0,), (1,)]),
    ]


@pytest.mark.parametrize("name", KERNELS)
def test_a_model_answer_moves_what_the_counters_count_and_no_more_than_is_needed(name):
    oracle = oracles(BOOK.koan(name))[name]
    fn = launched(oracle, model(name), "<model>")
    example = oracle.shown(fn.config)
    fn(*example.inputs)
    told = report(name)
    assert told.failure is None
    counted = {
        (argument, kind): amount
        for argument, amounts in fn.traffic.figures().items()
        for kind, amount in zip(("load", "store"), amounts, strict=True)
        if amount
    }
    assert {(row.argument, row.kind): row.bytes for row in told.bytes} == counted
    if oracle.moves:
        assert [row.needed for row in told.bytes] == [row.bytes for row in told.bytes]


@pytest.mark.parametrize("name", KERNELS)
def test_an_example_has_several_programs_and_a_part_that_is_smaller_and_its_text_fits_a_terminal(name):
    told = report(name)
    assert all(launch.programs > 1 for launch in told.trace.launches)
    if name not in ("row_softmax_kernel", "rms_norm_kernel", "fused_scale_bias_relu"):  # a row is a program's, or all
        sizes = {step.line: {tile.lanes for s in told.trace.steps if s.line == step.line for tile in s.tiles}
                 for step in told.trace.steps}  # fmt: skip
        assert any(len(lanes) > 1 for lanes in sizes.values())
    assert max(map(len, summary(told).splitlines())) <= 80


def test_which_blocks_a_causal_kernel_reads_masks_and_skips():
    (table,) = report("flash_causal").reads
    assert table.arguments == ("k_ptr", "v_ptr")
    assert ["".join(cell or "#" for cell in row) for row in reads_picture.signs(table)] == [
        "#mm·····",
        "###mm···",
        "#####mm·",
        "#######m",
    ]
    assert reads_picture.starts(table) == ["0", "64", "128", "192", "256", "320", "384", "448"]


@pytest.mark.parametrize(
    ("wrong", "row"), [("every_block", "#mm!!!!!"), ("one_block_more", "#mm!!···"), ("end_without_offset", "#m?·····")]
)
def test_blocks_that_are_read_in_vain_or_missing_are_marked(wrong, row):
    (table,) = report("flash_causal", wrong).reads
    assert "".join(cell or "#" for cell in reads_picture.signs(table)[0]) == row


def test_a_block_that_is_needed_and_never_read_has_a_column_of_its_own():
    text = model("flash_causal").replace("(tl.program_id(0) + 1) * BLOCK_M + m - n)", "BLOCK_M)")
    (table,) = traced_text(BOOK.koan("flash_causal"), text).reads
    assert ["".join(cell or "#" for cell in row) for row in reads_picture.signs(table)] == ["#m?", "##?", "##?", "##?"]
    assert (table.unread, table.columns[-1]) == (1, Rectangle(128, 0, 512, 32))


def test_what_l2_could_do_for_a_matrix_product():
    waves = [(w.programs, w.asked, w.distinct, w.tiles, w.in_flight) for w in report("matmul_kernel").waves]
    a, b = 160 * 80 * 2, 80 * 224 * 2
    assert waves[0] == (1, 4 * a + 3 * b, 4 * a + 3 * b, 1, 64 * 32 * 2)
    assert waves[-1] == (12, 4 * a + 3 * b, a + b, 4, 32 * 224 * 2)
    ungrouped = report("matmul_kernel", GROUP=1).waves
    assert [w.distinct for w in ungrouped][:3] == [4 * a + 3 * b, 2 * a + 3 * b, a + 3 * b]


def test_programs_that_write_the_same_elements_are_shown_with_the_race():
    told = report("vector_add", "overlapping", BLOCK=8)
    assert (told.failure.kind, [step.kind for step in told.trace.steps]) == ("Race", ["load", "load", "store"])
    (clash,) = told.clashes
    assert (clash.argument, clash.rectangles, clash.programs) == (
        "out_ptr",
        (Rectangle(0, 1, 0 + 1, 10),),
        (0, 1, 2, 3),
    )


def test_a_program_that_reads_what_another_one_writes_is_a_clash_and_atomics_are_none():
    both = [access([[[[0]]], [[[1]]]], shape=(4,), kind="store"), access([[[[1]]]], shape=(4,), step=1)]
    (clash,) = reuse.clashes(trace_of(both))
    assert (clash.rectangles, clash.programs) == ((Rectangle(0, 1, 1, 2),), (0, 1))
    assert reuse.clashes(trace_of([access([[[[0]]]], shape=(4,), kind="atomic")])) == ()


def test_a_stray_address_is_the_last_step_and_its_line_is_told():
    text = model("matmul_kernel").replace("mask=(rows < M) & (inner[None, :] < K)", "mask=rows < M")
    told = traced_text(BOOK.koan("matmul_kernel"), text)
    assert (told.failure.kind, told.code[told.failure.line][:15]) == ("StrayAddress", "a = tl.load(a_p")
    assert [step.argument for step in told.trace.steps] == ["a_ptr", "b_ptr", "a_ptr", "b_ptr", "a_ptr"]
    assert summary(told).splitlines()[-1].startswith(f"  line {told.failure.line}: a = tl.load(")


def test_a_kernel_without_an_end_is_stopped_while_little_is_kept():
    text = model("vector_add").replace("    x = tl.load", "    while n > 0:\n        n += 0\n    x = tl.load")
    told = traced_text(BOOK.koan("vector_add"), text)
    assert (told.failure.kind, told.trace.steps) == ("OutOfBudget", ())
    assert "<p>No access to memory.</p>" in page(told)


def test_more_programs_than_can_be_drawn_are_refused():
    text = model("row_softmax_kernel")
    oracle = oracles(BOOK.koan("row_softmax_kernel"))["row_softmax_kernel"]
    shown = oracle.shown
    try:
        oracle.shown = lambda config: type(shown(config))((shown(config).inputs[0][:1, :1].expand(5000, 1),))
        with pytest.raises(KoansError, match="5,000 programs are too many to draw"):
            traced_text(BOOK.koan("row_softmax_kernel"), text)
    finally:
        oracle.shown = shown


def test_a_tile_is_new_held_until_its_line_runs_again_and_then_past():
    parts, _ = drawing.launch_picture(report("matmul_kernel").trace, 0, 3)
    looks = re.findall(r'<g class="t \w+ (\w+)" data-s="(\d)" data-e="(\d)"', parts)
    assert sorted(set(looks)) == [
        ("held", "2", "4"),
        ("next", "4", "7"),
        ("next", "5", "7"),
        ("next", "6", "7"),
        ("now", "3", "5"),
        ("past", "0", "2"),
        ("past", "1", "3"),
    ]


def test_a_layout_puts_a_left_of_the_result_and_b_above_it():
    told = report("matmul_kernel")
    places = {p.tensor.argument: p for p in drawing.panels(told.trace.tensors, told.layout)[0]}
    a, b, out = (places[name] for name in ("a_ptr", "b_ptr", "out_ptr"))
    assert (a.y, b.x, a.height, b.width) == (out.y, out.x, out.height, out.width)
    assert out.x + out.width <= drawing.WIDTH + 1e-9


@pytest.mark.parametrize("name", KERNELS)
def test_every_picture_is_xml_and_lies_within_its_frame(name):
    told = report(name)
    for number in {1, len(told.trace.steps)}:
        root = ElementTree.fromstring(step_picture(told, number))
        _, _, width, height = map(float, root.get("viewBox").split())
        shapes = [rect for rect in root.iter("{http://www.w3.org/2000/svg}rect") if rect.get("class") != "bg"]
        assert max(float(r.get("x")) + float(r.get("width")) for r in shapes) <= drawing.WIDTH + 0.4
        assert max(float(r.get("y")) + float(r.get("height")) for r in shapes) <= height
        assert width == 356


def test_a_step_that_is_not_there_is_refused():
    with pytest.raises(KoansError, match="--step 8: ch13_triton/matmul_kernel has the steps 1 to 7"):
        step_picture(report("matmul_kernel"), 8)


def test_the_page_is_self_contained_and_escapes_what_it_shows():
    text = model("vector_add").replace("mask=inside)\n", "mask=inside)  # <b>\n")
    shown = page(traced_text(BOOK.koan("vector_add"), text))
    assert "# &lt;b&gt;" in shown
    assert "# <b>" not in shown
    assert not re.search(r'(?:src|href)="(?!data:)', shown)
    assert " style=" not in shown


STATES = "[...document.querySelectorAll('g.t.now')].map(g => g.dataset.s).filter((s, i, all) => all.indexOf(s) === i)"
KEYS = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))"


@pytest.mark.skipif(CHROMIUM is None, reason="not run here: needs chromium")
def test_the_page_steps_by_slider_buttons_and_keys_and_fits_a_phone(tmp_path):
    with Browser(tmp_path / "profile") as browser:
        for name, wrong in (("matmul_kernel", ""), ("flash_backward_kernel", ""), ("vector_add", "overlapping")):
            file = tmp_path / f"{name}.html"
            file.write_text(page(report(name, wrong)), "utf-8")
            for dark, width in ((False, 1280), (True, 390)):
                browser.looks(dark=dark, width=width)
                browser.open(file)
                assert browser.requests == [file.as_uri()]
                assert browser.complaints == []
                assert browser.run("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
                unit = browser.run("document.querySelector('svg.trace').getBoundingClientRect().width / 342")
                assert unit * 10 >= 9, "the text of the picture is too small to read"
        browser.open(tmp_path / "matmul_kernel.html")
        assert browser.run(STATES) == ["0"]
        browser.run("document.getElementById('on').click()")
        browser.run(KEYS)
        assert browser.run(STATES) == ["2"]
        browser.run("slider.value = 3; slider.dispatchEvent(new Event('input'))")
        assert browser.run("slider.getAttribute('aria-valuetext')").startswith("Step 4 of 7: load b_ptr: 12 programs, ")
        browser.run("program.value = '5'; program.dispatchEvent(new Event('change'))")
        seen = "[...document.querySelectorAll('g.t.now')].filter(g => g.getBoundingClientRect().width > 0).length"
        assert browser.run(seen) == 1
        browser.open(tmp_path / "flash_backward_kernel.html")
        shown = "[...document.querySelectorAll('figcaption')].map(c => c.offsetParent !== null)"
        assert browser.run(shown) == [True, False]
        browser.run("slider.value = 11; slider.dispatchEvent(new Event('input'))")
        assert browser.run(shown) == [False, True]


def test_the_command_writes_a_page_a_picture_text_and_json(play, tmp_path):
    play.solve("flash_causal")
    text = play.says("trace", "flash_causal")
    assert (text.returncode, text.stderr) == (0, "")
    assert "        1  # # # m m . . ." in text.stdout.splitlines()
    assert text.stdout.splitlines()[-1] == ".koans/trace/flash_causal.html written: open it in a browser"
    assert (play.root / ".koans/trace/flash_causal.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    data = json.loads(play.says("trace", "flash_causal", "--json").stdout)
    assert data["launches"] == [{"kernel": "causal_kernel", "grid": [4, 2, 1], "programs": 8}]
    assert [step["step"] for step in data["steps"]] == list(range(18))
    assert data["reads"][0]["needed"][0] == ["all", "some", "some", *["none"] * 5]
    assert play.says("trace", "flash_causal", "--step", "3", "-o", str(tmp_path / "x.svg")).returncode == 0
    assert ElementTree.parse(tmp_path / "x.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert play.says("trace", "flash_causal", "-o", "-").stdout.startswith("<!DOCTYPE html>")
    written = play.says("trace", "flash_causal", "-o", str(tmp_path / "x.html"))
    # A long path is broken anywhere, so lines are joined without spaces.
    assert "".join(written.stdout.split()).endswith("x.html written: open it in a browser".replace(" ", ""))


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["vector_add"], 1, "exercises/ch13_triton/vector_add.py is not written yet, so there is nothing to trace"),
        (["softmax"], 2, "ch06_numerics/softmax is not a kernel koan, so `koans trace` has nothing to show: it shows only kernels, such as vector_add"),
        ([], 2, "ch01_tensors/l2_norm is not a kernel koan, so `koans trace` has nothing to show: it shows only kernels, such as vector_add"),
        (["nonesuch"], 2, "no koan is called 'nonesuch': `koans list` shows them all"),
        (["vector_add", "--step", "2"], 2, "--step draws a picture: name its file with -o FILE.svg"),
        (["vector_add", "-o", "x.svg"], 2, "x.svg: a picture shows one step: name the step with --step N"),
        (["vector_add", "-o", "x.pdf"], 2, "x.pdf: its name must end in .html"),
        (["vector_add", "--step", "2", "-o", "x.html"], 2, "x.html: its name must end in .svg"),
        (["vector_add", "--json", "-o", "-"], 2, "--json and -o - both write to the output: give one of them"),
        (["vector_add", "--json", "--step", "2", "-o", "x.svg"], 2, "--json has all steps: remove --step"),
    ],
)  # fmt: skip
def test_what_cannot_be_traced_is_one_line(play, arguments, code, says):
    run = play.says("trace", *arguments)
    assert (run.returncode, run.stdout, run.stderr) == (code, "", f"koans: {says}\n")


def test_a_kernel_that_fails_is_shown_up_to_there_with_exit_code_1(play):
    play.write("vector_add", model("vector_add").replace("offsets < n", "offsets <= n"))
    run = play.says("trace", "vector_add")
    assert run.returncode == 1
    assert "StrayAddress: vector_add_kernel: program (3, 0, 0) reads x_ptr at element 448" in run.stdout
    assert run.stdout.splitlines()[-1] == ".koans/trace/vector_add.html written: open it in a browser"
    play.write("vector_add", "import os\n" + model("vector_add"))
    refused = play.says("trace", "vector_add")
    says = "exercises/ch13_triton/vector_add.py:1: a kernel file imports triton and triton.language as tl, and nothing else"
    assert (refused.returncode, refused.stderr) == (2, f"koans: {says}\n")


def test_a_kernel_after_one_that_is_still_a_stub_is_told(play):
    text = model("three_ways")
    start, end = text.index("    for start in range"), text.index("    out = acc")
    play.write("three_ways", text[:start] + '    raise NotImplementedError("your turn")\n' + text[end:])
    run = play.says("trace", "three_ways")
    assert run.returncode == 1
    assert "not written yet: `blocks_kernel` is still the stub" in run.stdout.splitlines()


def test_where_no_page_can_be_written_the_text_is_shown(play):
    play.solve("vector_add")
    (play.root / ".koans").mkdir(exist_ok=True)
    (play.root / ".koans/trace").write_text("in the way")
    run = play.says("trace", "vector_add")
    assert (run.returncode, run.stdout.splitlines()[0]) == (0, "ch13_triton/vector_add")
    assert run.stderr.startswith("koans: no page was written: ")
