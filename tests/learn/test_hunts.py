"""Hunts for learners: the symptom, the planted text as the stub, and every verb that deals with stubs."""

import io
import json

import pytest

from grader.book.errors import KoansError
from grader.book.stubs import derive, is_untouched, not_started, strip_markers
from grader.book.symptom_run import SymptomRun
from grader.book.terminal import SafeConsole
from grader.learn.report.symptom import BINS, SymptomView, bins
from reference.symptom import Counts, Curve, Histogram, Symptom, Text

HUNT = "ch07_attention/hunt_growing"
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


@pytest.fixture
def hunting(play):
    """A workbook with one hunt, as `koans new --hunt` begins it."""
    made = play.says("new", HUNT, "--hunt")
    assert made.returncode == 0, made.stderr
    return play


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


def test_a_new_hunt_is_not_started_until_a_line_changes_and_passes_when_mended(hunting):
    koan = hunting.workbook.koan(HUNT)
    assert koan.kind == "hunt" and koan.rung == "name it"
    assert not_started(hunting.workbook, koan)
    shown = hunting.says("run", "hunt_growing")
    assert shown.returncode == 1
    assert shown.stdout.startswith("symptom: what is measured, with its unit: yours ")
    assert "loss: yours (a line)   healthy (dashed)" in shown.stdout
    assert shown.stdout.index("symptom: ") < shown.stdout.index("· not started")
    text = hunting.workbook.exercise(koan).read_text()
    hunting.write("hunt_growing", text.replace("1.1", "1.2"))
    other = hunting.says("run", "hunt_growing").stdout
    assert "✗ failed" in other
    hunting.solve("hunt_growing")
    passed = hunting.says("run", "hunt_growing")
    assert passed.returncode == 0
    assert "✓ passed" in passed.stdout


def test_who_changes_another_line_reads_that_the_planted_one_is_still_there(hunting):
    text = hunting.workbook.exercise(hunting.workbook.koan(HUNT)).read_text()
    hunting.write("hunt_growing", text.replace("losses = []", "losses: list[float] = []"))
    shown = " ".join(hunting.says("run", "hunt_growing").stdout.split())
    assert "this looks like: the planted mistake is still there: what you changed is not its cause" in shown


def test_reset_and_again_give_the_planted_text(hunting):
    file = hunting.workbook.exercise(hunting.workbook.koan(HUNT))
    planted = file.read_text()
    hunting.solve("hunt_growing")
    assert file.read_text() != planted
    hunting.says("run", "hunt_growing")
    hunting.says("again", "hunt_growing")
    assert (hunting.root / ".koans/again/exercises" / f"{HUNT}.py").read_text() == planted
    hunting.says("reset", "hunt_growing")
    assert file.read_text() == planted


def test_the_symptom_is_written_as_json_and_as_a_picture_and_as_a_page(hunting, tmp_path):
    data = json.loads(hunting.says("symptom", "hunt_growing", "--json").stdout)
    assert data["shown"]["number"] > 10 * data["healthy"]["number"]
    assert [view["type"] for view in data["shown"]["views"]] == ["Curve"]
    assert len(data["shown"]["views"][0]["values"]) == 20
    png, svg, page = (tmp_path / f"symptom.{end}" for end in ("png", "svg", "html"))
    for file in (png, svg, page):
        assert hunting.says("symptom", "hunt_growing", "-o", str(file)).returncode == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text()
    assert "what is measured, with its unit: yours " in page.read_text()
    refused = hunting.says("symptom", "hunt_growing", "-o", str(tmp_path / "symptom.pdf"))
    assert refused.returncode == 2
    assert "its name must end in .html, .png or .svg" in refused.stderr


def test_another_seed_shows_the_symptom_on_other_data(hunting):
    numbers = {
        json.loads(hunting.says("symptom", "hunt_growing", "--json", "--seed", seed).stdout)["healthy"]["number"]
        for seed in ("0", "0", "1")
    }
    assert len(numbers) == 2


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("        x = 1.1 * y", "hunt_growing raised NameError: name 'y' is not defined"),
        ("        x = 1.1 *", "line "),
        ("        raise SystemExit(3)", "SystemExit"),
    ],
)
def test_code_that_does_not_finish_is_one_line_below_the_healthy_curve(hunting, line, says):
    text = hunting.workbook.exercise(hunting.workbook.koan(HUNT)).read_text()
    hunting.write("hunt_growing", text.replace("        x = 1.1 * x", line))
    shown = hunting.says("symptom", "hunt_growing")
    assert shown.returncode == 1
    assert "healthy 0.0" in shown.stdout
    last = shown.stdout.split("your code did not finish: ")[1]
    assert says in last and len(last.strip().splitlines()) <= 2


def test_a_koan_that_is_no_hunt_has_no_symptom(hunting):
    refused = hunting.says("symptom", "softmax")
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
