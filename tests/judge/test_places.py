"""What stands in the place of an exercise, and files that are legal and odd: each koan has a verdict, no verb dies."""

import os

import pytest

from grader.book.notebook_parser import answers
from grader.book.notebook_parser.statements import Cell
from grader.book.syntax import dump, parse
from grader.book.verdict import Status
from grader.book.workbook import Workbook
from grader.judge.runner import Runner
from grader.learn.attempts import LEARNER, attempt
from grader.learn.progress import Progress
from tests.conftest import ROOT, Play, copy_workbook

CHAIN = "\n\ndef f(a):\n    if a == 0:\n        return 0\n" + "".join(
    f"    elif a == {i}:\n        return {i}\n" for i in range(1, 900)
)
PLACES = {
    "a link to nothing": (
        lambda file: file.symlink_to("/nonesuch.py"),
        "is a link to /nonesuch.py, which does not exist",
    ),
    "a folder": (lambda file: file.mkdir(), "is a folder: move it away"),
    "a pipe": (lambda file: os.mkfifo(file), "is not a plain file: move it away"),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    play = Play(copy_workbook(tmp_path_factory.mktemp("places")))
    with Runner(play.workbook) as runner:
        yield play, runner


@pytest.mark.parametrize(
    "what",
    [
        pytest.param("a link to nothing", marks=pytest.mark.needs("links")),
        "a folder",
        pytest.param("a pipe", marks=pytest.mark.needs("pipes")),
    ],
)
def test_what_is_no_file_in_the_place_of_an_exercise_is_said_by_each_verb(bench, what):
    play, runner = bench
    make, why = PLACES[what]
    koan = play.workbook.koan("l2_norm")
    file = play.workbook.exercise(koan)
    stub = file.read_text()
    file.unlink()
    make(file)
    try:
        with Progress(play.root) as progress:
            verdict = attempt(play.workbook, progress, runner, koan).verdict
            assert progress.standings(play.workbook)[koan.id].status == Status.broken
        assert (verdict.status, verdict.message.startswith(f"l2_norm.py {why}")) == (Status.broken, True)
        reset = play.says("reset", "l2_norm")
        assert (reset.returncode, reset.stderr.startswith(f"koans: exercises/{koan.id}.py {why}")) == (2, True)
    finally:
        file.rmdir() if file.is_dir() else file.unlink()
        file.write_text(stub)


@pytest.mark.parametrize("more", [CHAIN, "\nZ = " + " + ".join("1" * 900) + "\n"], ids=["elif", "a long sum"])
def test_a_tree_of_unusual_depth_has_its_verdict_and_no_verb_dies(bench, more):
    play, runner = bench
    koan = play.workbook.koan("l2_norm")
    stub = play.workbook.exercise(koan).read_text()
    play.solve("l2_norm")
    play.write("l2_norm", play.workbook.exercise(koan).read_text() + more)
    assert runner.run(koan, LEARNER).status == Status.passed
    for verb in ("list", "stats", "cards", "cheatsheet"):
        assert play.says(verb).returncode == 0
    play.write("l2_norm", stub)


def test_a_cell_with_a_tree_of_unusual_depth_comes_along_with_an_answer():
    book = Workbook(ROOT)
    cells = [Cell("cell 1", CHAIN), Cell("cell 2", "def l2_norm(x):\n    return f(x)\n")]
    (found,), left_out = answers.answers(cells, answers.outlines(book, "ch01_tensors"))
    assert (found.koan, found.cells, found.error, found.notes) == ("ch01_tensors/l2_norm", ("cell 2",), "", ())
    assert CHAIN.strip() in found.text and left_out == []


def test_trees_have_the_same_text_if_they_are_equal():
    text = "x = 1\ndef f(q, *, k=2.0):\n    '''d'''\n    return [q, 1, 'a\\nb', b'x', None, ...]\n"
    assert dump(parse(text)) == dump(parse(text.replace("x = 1", "x  =  (1)  # one")))
    assert len({dump(parse(one)) for one in ("1", "True", "1.0", "'1'", "f(a)(b)", "f(a, b)", "[a], b", "[a, b]")}) == 8


def test_nesting_that_the_parser_refuses_is_a_syntax_error():
    with pytest.raises(SyntaxError, match="nested too deeply"):
        parse("+".join("1" * 50_000))


def test_threads_that_a_sandbox_would_not_allow_are_said_at_home(bench):
    play, runner = bench
    koan = play.workbook.koan("l2_norm")
    stub = play.workbook.exercise(koan).read_text()
    play.solve("l2_norm")
    text = play.workbook.exercise(koan).read_text()
    start = "\nimport threading, time\nfor _ in range(70):\n    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    play.write("l2_norm", text + start.replace("range(70)", "range(5)"))
    assert runner.run(koan, LEARNER).notes == ()
    play.write(
        "l2_norm", text + start.replace("import threading", "threading.stack_size(1 << 16)\nimport threading", 0)
    )
    play.write("l2_norm", text + start.replace(", time\n", ", time\nthreading.stack_size(1 << 16)\n"))
    (note,) = runner.run(koan, LEARNER).notes
    play.write("l2_norm", stub)
    assert note == "when graded: it keeps 71 threads running, but the grader's sandbox allows 64: end them"
