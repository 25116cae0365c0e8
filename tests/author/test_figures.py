"""A figure shows what the oracles compute, and the check finds one that no longer does."""

import importlib
import re
import shutil

import matplotlib
import pytest
from matplotlib.figure import Figure

from grader.author import figures
from grader.author.figures import StaleFigure
from grader.author.traced_figures import traced_figures
from tests.conftest import ROOT

SMALL = """
from matplotlib.figure import Figure


def draw():
    figure = Figure()
    axes = figure.subplots()
    axes.plot([0, 1, 2], [1.0, 2.0, VALUE])
    axes.set_title("TITLE")
    return figure
"""


def workbook(folder, value="4.0", title="squares", chapter="ch99_small"):
    """A workbook of one chapter that has a figure."""
    (folder / "content" / chapter).mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text("[tool.koans]\n")
    file = folder / "content" / chapter / "figure.py"
    file.write_text(SMALL.replace("VALUE", value).replace("TITLE", title))
    return file


def test_the_committed_figures_are_up_to_date():
    assert figures.stale(ROOT) == []


@pytest.mark.parametrize(
    ("koan", "wrong", "chapter"),
    [
        ("ch06_numerics/overflow_survey", "no_subnormals", "ch06_numerics"),
        ("ch06_numerics/bf16_by_hand", "truncated", "ch06_numerics"),
        ("ch06_numerics/softmax", "clamped", "ch07_attention"),
        ("ch07_attention/scores", "by_d", "ch07_attention"),
        ("ch07_attention/causal_mask", "top_left", "ch07_attention"),
    ],
)
def test_a_changed_oracle_is_noticed_in_the_figure_drawn_from_it(koan, wrong, chapter, monkeypatch):
    folder, name = koan.split("/")
    oracle = getattr(importlib.import_module(f"reference.{folder}.{name}"), name)
    monkeypatch.setattr(oracle, "fn", oracle.wrongs[wrong].fn)
    reason = figures.stale_reason(ROOT / "content" / chapter / "figure.py")
    assert reason == "the oracles give numbers that differ from the figure"


def test_drawing_gives_the_same_bytes_again_whatever_the_users_style():
    file = ROOT / "content" / "ch07_attention" / "figure.py"
    first = figures.svg(file)
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 9, "svg.fonttype": "none"}):
        assert figures.svg(file) == first


def test_a_picture_names_no_date_and_no_program():
    picture = figures.svg(ROOT / "content" / "ch06_numerics" / "figure.py").decode()
    assert re.findall(r"<dc:(date|creator)>", picture) == []


def test_a_missing_figure_is_drawn_and_then_left_alone(tmp_path, capsys):
    file = workbook(tmp_path)
    assert figures.stale(tmp_path) == [StaleFigure("ch99_small", "figure.svg is missing")]
    assert figures.main([str(tmp_path), "--check"]) == 1
    assert not file.with_suffix(".svg").exists()
    assert figures.main([str(tmp_path)]) == 0
    assert figures.stale(tmp_path) == []
    capsys.readouterr()
    assert figures.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == "figures: 1, drawn: 0\n"


@pytest.mark.parametrize("change", [{"value": "4.0001"}, {"title": "cubes"}])
def test_a_changed_drawing_is_noticed(tmp_path, change):
    assert figures.main([str(workbook(tmp_path).parents[2])]) == 0
    workbook(tmp_path, **change)
    assert figures.stale(tmp_path) == [StaleFigure("ch99_small", "figure.py or the common style has changed")]


def test_a_picture_from_elsewhere_carries_no_digest(tmp_path):
    workbook(tmp_path).with_suffix(".svg").write_text("<svg/>")
    assert figures.stale(tmp_path) == [StaleFigure("ch99_small", "figure.svg has no digest")]


def plotted(**changes):
    figure = Figure()
    axes = figure.subplots()
    axes.plot([1.0, 2.0], [changes.get("line", 3.0), 4.0], color=changes.get("color", "black"))
    axes.bar([0, 1], [1.0, changes.get("bar", 2.0)])
    axes.imshow([[0.0, changes.get("image", 1.0)]])
    axes.scatter([1.0], [changes.get("dot", 1.0)])
    axes.fill_between([0.0, 1.0], [0.0, changes.get("area", 1.0)])
    axes.set_ylabel(changes.get("label", "bytes"))
    return figures.digest(figure)


@pytest.mark.parametrize("part", ["line", "bar", "image", "dot", "area"])
def test_the_digest_sees_every_kind_of_number(part):
    assert plotted(**{part: 1.7}) != plotted()


def test_the_digest_sees_words_but_neither_colors_nor_the_seventh_digit():
    assert plotted(label="GiB") != plotted()
    assert plotted(color="red") == plotted()
    assert plotted(line=3.0 * (1 + 1e-9)) == plotted()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1", "has no function draw()"),
        ("def draw(): return 3", "draw() gives a int, not a matplotlib Figure"),
    ],
)
def test_a_file_that_draws_nothing_is_named(tmp_path, capsys, text, says):
    file = workbook(tmp_path)
    file.write_text(text)
    file.with_suffix(".svg").write_text("<svg/>")
    assert figures.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"{file}: {says}\n"


def traced(folder, entry):
    """A workbook of one kernel koan, whose chapter has a figure that is traced from its model answer."""
    for name in ("content/ch13_triton", "solutions/ch13_triton"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "pyproject.toml").write_text("[tool.koans]\n")
    for file in (folder / "content/ch13_triton").glob("figure*"):
        file.unlink()
    (folder / "content/ch13_triton/figures.toml").write_text(entry)
    return folder / "content/ch13_triton/figure_steps.svg"


STEPS = '[steps]\nkoan = "ch13_triton/vector_add"\nstep = 3\n'


def test_a_traced_figure_is_drawn_once_and_is_stale_when_the_model_answer_changes(tmp_path, capsys):
    picture = traced(tmp_path, STEPS)
    assert figures.stale(tmp_path) == [StaleFigure("ch13_triton", "figure_steps.svg is missing", "figure_steps.svg")]
    assert figures.main([str(tmp_path)]) == 0
    assert figures.stale(tmp_path) == []
    picture.write_text(picture.read_text("utf-8").replace("out_ptr", "in_ptr"), "utf-8")
    assert figures.main([str(tmp_path), "--check"]) == 1
    says = "figure_steps.svg: the traces give a different picture; `python -m grader.author.figures` draws it"
    assert f"content/ch13_triton/{says}\n" in capsys.readouterr().out
    assert figures.main([str(tmp_path)]) == 0
    solution = tmp_path / "solutions/ch13_triton/vector_add.py"
    solution.write_text(solution.read_text("utf-8").replace("offsets < n", "offsets < n - 1"), "utf-8")
    assert [figure.reason for figure in figures.stale(tmp_path)] == ["the traces give a different picture"]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (STEPS.replace("step = 3", "step = 9"), "steps: --step 9: ch13_triton/vector_add has the steps 1 to 3"),
        (STEPS.replace("step = 3", 'reads = "x_ptr"'), "steps: no two programs read a block of x_ptr"),
        (STEPS + 'wrong = "nonesuch"', "steps: ch13_triton/vector_add has no answer called 'nonesuch'"),
        (STEPS + "size = 3", "steps: Object contains unknown field `size`"),
    ],
)
def test_a_traced_figure_that_cannot_be_drawn_is_named(tmp_path, capsys, entry, says):
    traced(tmp_path, entry)
    assert figures.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'content/ch13_triton/figures.toml'}: {says}\n"


def test_every_traced_figure_is_shown_in_its_chapter_and_nowhere_else():
    shown = {
        (text.parent.name, name)
        for text in (ROOT / "content").glob("ch*/*.md")
        for name in re.findall(r"!\[[^]]+\]\((figure_\w+\.svg)\)", text.read_text("utf-8"))
    }
    assert shown == {(file.parent.name, file.name) for file, _ in traced_figures(ROOT)}


def test_every_chapter_text_shows_its_figure_and_no_other():
    texts = sorted((ROOT / "content").glob("ch*/chapter.md"))
    showing = [t.parent.name for t in texts if re.search(r"!\[[^]]+\]\(figure\.svg\)", t.read_text("utf-8"))]
    assert showing == [file.parent.name for file in figures.drawings(ROOT)]
