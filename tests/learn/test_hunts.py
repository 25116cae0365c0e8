"""Hunts for learners: the symptom, the planted text as the stub, and every verb that deals with stubs."""

import asyncio
import io
import json
import re
from unittest import mock

import pytest
from textual.widgets import Static

from grader.book.errors import KoansError
from grader.book.notebook_parser.answers import without_header
from grader.book.notebook_parser.statements import Cell
from grader.book.stubs import derive, is_untouched, not_started, strip_markers
from grader.book.symptom_run import SymptomRun
from grader.book.terminal import SafeConsole
from grader.book.verdict import Status
from grader.learn.app.screen import KoansApp
from grader.learn.app.state import Command
from grader.learn.notebook.live import NotebookSession
from grader.learn.notebook.render import as_html, as_text
from grader.learn.report.symptom import BINS, SymptomView, bins
from reference.symptom import Counts, Curve, Histogram, Symptom, Text
from tests import notebooks

HUNT = "ch06_numerics/hunt_sudden_nan"
NAME = "hunt_sudden_nan"
SOLUTION = """\
def f(x):
    ### BEGIN BUG
    y = x / 2
    ### PLANTED
    # y = x
    # y = y / 3
    ### END BUG
    return y
"""


def test_the_stub_has_the_planted_lines_and_the_answer_has_the_right_ones():
    assert derive(SOLUTION) == "def f(x):\n    y = x\n    y = y / 3\n    return y\n"
    assert strip_markers(SOLUTION) == "def f(x):\n    y = x / 2\n    return y\n"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("    ### PLANTED\n", "", "'### END BUG' does not belong here: line 2 is still open: '### BEGIN BUG'"),
        ("    ### END BUG\n    return y\n", "", "solution:4: '### PLANTED' without a '### END BUG'"),
        ("    ### BEGIN BUG\n", "", "solution:3: '### PLANTED' does not belong here: nothing was opened before it"),
        ("    # y = x\n", "    y = x\n", "solution:5: a planted line begins with '# '"),
        ("### BEGIN BUG", "### BEGIN SOLUTION", "'### PLANTED' does not belong here: line 2 is still open"),
    ],
)
def test_misplaced_markers_are_one_line_with_their_place(before, after, message):
    assert before in SOLUTION
    with pytest.raises(KoansError) as error:
        derive(SOLUTION.replace(before, after))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "untouched"),
    [
        ("# mine\ndef f(x):\n\n    y = x\n    # halve it?\n    y = y / 3\n    return y\n", True),
        ("def f(x):\n    y = x\n    y = y / 2\n    return y\n", False),
    ],
)
def test_a_text_is_untouched_whatever_its_comments(text, untouched):
    assert is_untouched(text, derive(SOLUTION)) is untouched


def planted_text(play):
    return play.workbook.exercise(play.workbook.koan(HUNT)).read_text()


def test_a_hunt_is_not_started_until_a_line_changes_and_passes_when_mended(play):
    koan = play.workbook.koan(HUNT)
    assert (koan.kind, koan.rung) == ("hunt", "name it")
    assert not_started(play.workbook, koan)
    first = play.says("run", NAME)
    assert first.returncode == 1
    number = re.match(r"symptom: steps with a finite loss, of 100: yours (\d+), healthy 100\n", first.stdout)
    assert number is not None and 20 < int(number[1]) < 80  # the exact step depends on how a CPU adds
    assert f"loss: yours (a line)   healthy (dashed)   yours: NaN or inf from {number[1]} on" in first.stdout
    assert first.stdout.index("symptom: ") < first.stdout.index("· not started")
    play.write(NAME, planted_text(play).replace("    total =", "    scores = scores.clamp(max=10.0)\n    total ="))
    hidden = " ".join(play.says("run", NAME).stdout.split())
    assert "yours 100, healthy 100" in hidden
    assert "this looks like: the scores were clamped below the limit of exp: above the clamp all are equal" in hidden
    play.solve(NAME)
    mended = play.says("run", NAME)
    assert mended.returncode == 0
    assert "✓ passed" in mended.stdout


def test_who_changes_another_line_reads_that_the_planted_one_is_still_there(play):
    play.write(NAME, planted_text(play).replace("losses = []", "losses: list[Tensor] = []"))
    run = " ".join(play.says("run", NAME).stdout.split())
    assert "this looks like: the planted mistake is still there: what you changed is not its cause" in run


def test_a_comment_is_no_start(play):
    play.write(NAME, planted_text(play).replace("    losses = []", "    # what is inf first?\n    losses = []"))
    assert "· not started" in play.says("run", NAME).stdout


def test_several_koans_are_run_without_their_symptoms(play):
    assert "symptom" not in play.says("run", NAME, "softmax").stdout


def test_reset_and_again_give_the_planted_text(play):
    planted = planted_text(play)
    play.solve(NAME)
    assert planted_text(play) != planted
    play.says("run", NAME)
    play.says("again", NAME)
    assert (play.root / ".koans/again/exercises" / f"{HUNT}.py").read_text() == planted
    play.says("reset", NAME)
    assert planted_text(play) == planted


def test_the_symptom_is_written_as_json_and_as_a_picture_and_as_a_page(play, tmp_path):
    data = json.loads(play.says("symptom", NAME, "--json").stdout)
    finite = int(data["shown"]["number"])
    assert finite < data["healthy"]["number"] == 100
    (view,) = data["shown"]["views"]
    assert (view["type"], len(view["values"]), view["values"][finite:]) == ("Curve", 100, [None] * (100 - finite))
    png, svg, page = (tmp_path / f"symptom.{end}" for end in ("png", "svg", "html"))
    for file in (png, svg, page):
        assert play.says("symptom", NAME, "-o", str(file)).returncode == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text()
    assert f"steps with a finite loss, of 100: yours {finite}, healthy 100" in page.read_text()
    refused = play.says("symptom", NAME, "-o", str(tmp_path / "symptom.pdf"))
    assert refused.returncode == 2
    assert "its name must end in .html, .png or .svg" in refused.stderr


def test_another_seed_shows_the_symptom_on_other_data(play):
    first, again, other = (
        json.loads(play.says("symptom", NAME, "--json", "--seed", seed).stdout)["healthy"]["views"]
        for seed in ("0", "0", "1")
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("total = torch.exp(nothing).sum()", "hunt_sudden_nan raised NameError: name 'nothing' is not defined"),
        ("total = torch.exp(scores", "line "),
        ("raise SystemExit(3)", "SystemExit"),
    ],
)
def test_code_that_does_not_finish_is_one_line_below_the_healthy_curve(play, line, says):
    play.write(NAME, planted_text(play).replace("total = torch.exp(scores).sum(dim=1)", line))
    failed = play.says("symptom", NAME)
    assert failed.returncode == 1
    assert "healthy 100" in failed.stdout
    last = failed.stdout.split("your code did not finish: ")[1]
    assert len(last.strip().splitlines()) <= 2, last
    assert says in " ".join(last.split())


def test_a_koan_that_is_no_hunt_has_no_symptom(play):
    refused = play.says("symptom", "softmax")
    assert refused.returncode == 2
    assert "ch06_numerics/softmax is no hunt, so it has no symptom" in refused.stderr


def shown(*views, healthy=(), width=80, number=1.0):
    run = SymptomRun("loss", Symptom(2.0, tuple(healthy)), Symptom(number, tuple(views)))
    console = SafeConsole(width=width, record=True, color_system=None, force_terminal=False, file=io.StringIO())
    console.print(SymptomView(run))
    return console.export_text()


@pytest.mark.parametrize("width", [38, 80])
def test_every_kind_of_view_fits_its_width(width):
    views = [
        Curve("loss of each step", (3.0, 2.0, float("nan"), None)),
        Histogram("entropy of each row", (0.0, 0.5, 1.0, 1.0), "nats"),
        Counts("bytes by part", {"weights": 1e6, "gradients": 2.0}, "bytes"),
        Text("what it writes", "once upon a time\nthere was"),
    ]
    text = shown(*views, healthy=views, width=width, number=float("nan"))
    assert max(map(len, text.splitlines())) <= width
    text = " ".join(text.split())
    assert "yours not finite, healthy 2" in text
    assert "NaN or inf from 2 on" in text
    assert "0.875 to 1" in text and "1e+06" in text and "there was" in text


def test_a_histogram_counts_both_sides_in_the_same_bins():
    edges, counts = bins([[0.0, 1.0], [8.0, None, float("inf")]])
    assert edges == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert counts == [[1, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1]]
    assert len(counts[0]) == BINS


def test_what_a_model_writes_reaches_no_terminal_as_an_escape():
    text = shown(Text("what it \x1b[31mwrites", "red\x1b[31m\nline"), healthy=[Text("x", "y")])
    assert "\x1b" not in text and "  red" in text


def test_the_screen_shows_the_symptom_beside_the_verdict(play):
    async def shown_in_app():
        app = KoansApp(play.workbook)
        async with app.run_test(size=(120, 40)) as pilot:
            app.session.post(Command("go", HUNT))
            for _ in range(600):
                await pilot.pause(0.05)
                step = app.state.step
                if step is not None and step.koan.id == HUNT:
                    break
            console = SafeConsole(width=56, record=True, color_system=None, file=io.StringIO())
            console.print(app.query_one("#verdict-text", Static).content)
            return console.export_text()

    text = " ".join(asyncio.run(shown_in_app()).split())
    assert "symptom: steps with a finite loss, of 100: yours" in text
    assert "Find the wrong line in exercises/ch06_numerics/hunt_sudden_nan.py" in text


def test_without_a_screen_the_symptom_is_printed(play):
    lines = play.says("--plain", lines=[NAME])
    assert lines.returncode == 0
    text = lines.stdout[lines.stdout.index("symptom: steps with a finite loss") :]
    assert "because the function is not written yet" not in text
    assert f"edit exercises/{HUNT}.py" in text


def test_a_notebook_shows_the_symptom_and_takes_the_mended_cell(play):
    koan = play.workbook.koan(HUNT)
    planted = without_header(planted_text(play))
    mended = without_header(strip_markers(play.workbook.solution(koan).read_text()))
    session = NotebookSession(play.workbook)
    try:
        first, result = session.attempt(koan, [Cell("cell [1]", planted)])
        assert first.verdict.status == Status.not_started
        assert "symptom: steps with a finite loss, of 100: yours" in as_text(result)
        assert "Find the wrong line, and mend it." in as_html(result)
        assert '<img alt="steps with a finite loss, of 100: yours' in as_html(result)
        with mock.patch("grader.learn.notebook.render.picture", side_effect=KoansError("drawing needs matplotlib")):
            assert "loss: yours (a line)   healthy (dashed)" in as_html(result)  # the same as text
        second, _ = session.attempt(koan, [Cell("cell [1]", planted), Cell("cell [2]", mended)])
        assert second.verdict.status == Status.passed
        assert second.symptom.shown.number == 100
    finally:
        session.close()


def test_a_notebook_of_the_chapter_brings_hunts_home(play):
    koan = play.workbook.koan(HUNT)
    mended = without_header(strip_markers(play.workbook.solution(koan).read_text()))
    file = notebooks.write(play.root / "mine.ipynb", notebooks.of_cells(mended, chapter=koan.chapter))
    said = play.says("notebook", "import", str(file), "--no-run")
    assert said.returncode == 0, said.stderr
    assert f"{HUNT}  written, from cell 1" in said.stdout
    assert not not_started(play.workbook, koan)
