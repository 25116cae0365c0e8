"""The workbook in notebooks: export, checks in a real kernel, and import."""

import asyncio
import io
import json
import os
import random
import re
import shlex
import subprocess
import sys

import nbformat
import pytest
from nbconvert import HTMLExporter
from rich.console import Console

from grader.book.errors import KoansError
from grader.book.koan_imports import imported
from grader.book.notebook_parser.answers import header, without_header
from grader.book.stubs import strip_markers, stub_of
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Workbook
from grader.course.edition.badges import BRANCH
from grader.course.edition.badges import write as write_badges
from grader.judge.runner import Runner
from grader.learn.attempts import LEARNER, Step
from grader.learn.notebook import live
from grader.learn.notebook.export import Source, export, notebook_place, public_address, source_of, write_notebook
from grader.learn.notebook.import_answers import import_answers
from grader.learn.notebook.render import CheckResult, as_text, import_summary
from grader.learn.progress import Progress
from tests.browser import CHROMIUM, Browser
from tests.conftest import ROOT, Play, copy_workbook
from tests.notebooks import answer, kernels, of_cells, output_text, solved, write

HERE = Source()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A workbook that the tests of this module share; they leave exercises/ as stubs."""
    return Play(copy_workbook(tmp_path_factory.mktemp("shared")))


@pytest.fixture(scope="module")
def two_kernels(shared):
    """Two kernels in the folder of the shared workbook, their event loop, and a warm process for all checks."""
    with Runner(shared.workbook) as runner, kernels(shared.root, 2) as (loop, running):
        runner.warm_up()
        yield loop, running


@pytest.fixture
def jupyter(two_kernels):
    return two_kernels[1][0]


def exported(play, chapter):
    return nbformat.reads(export(play.workbook, play.workbook.chapter(chapter), HERE), 4)


def checks(notebook):
    return {
        cell.id.removeprefix("check-"): output_text(cell) for cell in notebook.cells if cell.id.startswith("check-")
    }


def test_every_chapter_is_a_valid_notebook_and_the_same_bytes_each_time(shared):
    book = shared.workbook
    assert len({export(book, book.chapter("6"), HERE) for _ in range(2)}) == 1
    for chapter in book.chapters:
        notebook = exported(shared, chapter.id)
        nbformat.validate(notebook)
        names = [cell.id for cell in notebook.cells]
        assert len(set(names)) == len(names)
        assert [n.removeprefix("koan-") for n in names if n.startswith("koan-")] == [k.name for k in chapter.koans]
        texts = "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        assert texts.count("data:image/svg+xml;base64,") == book.text(chapter).count("](figure")
        assert texts.count("<summary>Hint ") == 3 * len(chapter.koans)
        mine = [q for q in book.questions.values() if q.chapter == chapter.id]
        assert {q.id for q in mine if q.ask != "quiz"} == {
            n.removeprefix("ask-") for n in names if n.startswith("ask-")
        }


def imported_from_other_chapters(book):
    found = {
        other
        for koan in book.koans.values()
        for other in imported(book.solution(koan).read_text(), koan.id, book.koans)
        if book.koans[other].chapter != koan.chapter
    }
    return [book.koans[other] for other in sorted(found)]


@pytest.mark.timeout(600)
def test_every_chapter_runs_in_a_kernel_and_comes_home_with_its_cells_in_any_order(shared, two_kernels, tmp_path):
    book = shared.workbook
    others = imported_from_other_chapters(book)  # a learner solves them before, in their own notebooks
    for koan in others:
        book.exercise(koan).write_text(strip_markers(book.solution(koan).read_text()))

    loop, running = two_kernels

    async def both(kernel, chapters):
        found = []
        for chapter in chapters:
            found.append((chapter, await kernel.ran(solved(book, exported(shared, chapter.id), chapter.id))))
        return found

    async def at_once():
        return await asyncio.gather(*(both(kernel, book.chapters[i::2]) for i, kernel in enumerate(running)))

    ran = [one for half in loop.run(at_once()) for one in half]
    for koan in others:
        book.exercise(koan).write_text(stub_of(book, koan))
    for chapter, done in ran:
        for koan in chapter.koans:
            assert f"{koan.id}  ✓ passed" in checks(done)[koan.name], checks(done)[koan.name]
        random.Random(7).shuffle(done.cells)
        nbformat.write(done, tmp_path / f"{chapter.id}.ipynb")
    with Progress(book.root) as progress:
        for chapter in book.chapters:
            home = import_answers(book, progress, tmp_path / f"{chapter.id}.ipynb")
            assert {b.outcome for b in home.answers} == {"written"} and not home.open
        # The text that passed in the notebook is the text that was imported, so koans and cards keep their standing.
        assert {s.status for s in progress.standings(book).values()} == {Status.passed}
        assert progress.unlocked(book) >= {
            p.card for p in book.proofs if not p.gpu and not book.cards[p.card].pending
        } - {p.card for p in book.proofs if p.gpu}
    for koan in book.koans.values():
        assert book.exercise(koan).read_text() == strip_markers(book.solution(koan).read_text())
        book.exercise(koan).write_text(stub_of(book, koan))


def test_what_is_exported_is_not_started_in_the_kernel_and_when_it_comes_home(shared, jupyter, tmp_path):
    book = shared.workbook
    chapter = book.chapter("7")
    stubs = checks(jupyter.run(exported(shared, chapter.id)))
    assert {name: "not started" in text for name, text in stubs.items()} == {k.name: True for k in chapter.koans}
    with Progress(tmp_path) as progress:
        for chapter in book.chapters:
            nbformat.write(exported(shared, chapter.id), file := tmp_path / f"{chapter.id}.ipynb")
            found = import_answers(book, progress, file, write=False)
            assert {b.koan: b.outcome for b in found.answers} == {k.id: "not started" for k in chapter.koans}


START = "import sys; sys.path.insert(0, '.')\nfrom pathlib import Path\nfrom grader.notebook import live\nkoan = live.start(Path.cwd())"
RIGHT = """\
import torch


def scores(q, k):
    if q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError("q and k must agree in batch, heads and width")
    return (q.float() @ k.float().mT / q.shape[-1] ** 0.5).to(q.dtype)"""
WRONG = "def scores(q, k):\n    return q @ k.mT"
CHECK = 'koan.check("ch07_attention/scores")'


def test_a_check_says_what_the_terminal_says(shared, jupyter):
    text = "import torch\n\n\ndef softmax(x, dim=-1):\n    e = torch.exp(x)\n    return e / e.sum(dim, keepdim=True)"
    text_shown = jupyter.texts(START, text, 'koan.check("softmax")')[-1]
    koan = shared.workbook.koan("softmax")
    shared.write("softmax", text)
    with Runner(shared.workbook) as runner:
        verdict = runner.run(koan, LEARNER)
    shared.write("softmax", stub_of(shared.workbook, koan))
    assert "this looks like: exp before subtracting the row maximum" in text_shown
    assert text_shown == as_text(CheckResult(Step(koan, verdict, ()), ("cell [2]",)))


def test_what_ran_last_counts_and_nothing_runs_twice(shared, jupyter):
    helper = "import torch\nROOT = 0.5"
    using = "open('ran', 'a').write('x')\n" + RIGHT.replace("import torch\n", "").replace("0.5", "ROOT")
    said = jupyter.texts(START, CHECK, RIGHT, CHECK, WRONG, CHECK, helper, using, CHECK, "ROOT = 1.0", CHECK)
    assert said[1] == "koans: no cell that has run here defines `scores`: run the cell with your answer, then this cell"
    assert [text.partition("\n")[0].split("  ")[1] for text in (said[3], said[5], said[8], said[10])] == [
        "✓ passed",
        "✗ failed",
        "✓ passed",
        "✗ failed",
    ]
    assert (shared.root / "ran").read_text() == "x"


def test_a_cell_that_hangs_or_ends_its_process_gets_a_verdict_and_the_kernel_lives_on(jupyter):
    hangs = "def scores(q, k):\n    while True:\n        pass"
    ends = "import os\ndef scores(q, k):\n    os._exit(3)"
    raises = "import torch\n\ndef scores(q, k):\n    x = 1\n    return q[k]"
    soon = 'koan.check("ch07_attention/scores", timeout=2)'
    forbidden = "import torch\ndef softmax(x, dim=-1):\n    return torch.softmax(x, dim)"
    said = jupyter.texts(START, hangs, soon, ends, CHECK, raises, CHECK, "1 + 1", forbidden, 'koan.check("softmax")')
    assert "! timed out" in said[2] and "no answer within 2 s" in said[2]
    assert "! crashed" in said[4] and "exit code 3" in said[4]
    assert "✗ failed" in said[6] and "line 5 of the cell: return q[k]" in said[6]
    assert said[7] == "2"
    assert "found in line 3 of the cell: return torch.softmax(x, dim)" in " ".join(said[9].split())


def test_a_later_cell_that_does_not_parse_is_said(jupyter):
    said = jupyter.texts(START, RIGHT, "def scores(q, k:\n    return q", CHECK)
    assert "✓ passed" in said[3]
    assert "cell [3] does not parse (line 1: " in said[3]
    assert "so this verdict is on cell [2]" in said[3]


def test_the_magic_checks_its_cell_and_then_runs_it(jupyter):
    said = jupyter.texts(
        START,
        f"%%koan scores\n{RIGHT}\nprint('ran')",
        "scores.__name__",
        "%%koan scores\ntorch = 3",
        "%%koan no_such_koan\npass",
        "%%koan\npass",
        "%%koan scores\nimport os\nos._exit(1)\ndef scores(q, k):\n    return os._exit(2)",
        "scores.__name__",
    )
    assert "✓ passed" in said[1] and said[1].endswith("ran")
    assert said[2] == "'scores'"
    assert said[3].startswith("koans: this cell does not define `scores`, which ch07_attention/scores needs\n")
    assert said[4].startswith("koans: no koan is called 'no_such_koan'")
    assert said[5].startswith("koans: name the koan: `%%koan softmax`\n")
    assert "! crashed" in said[6] and "This cell was checked but not run" in said[6]
    assert said[7] == "'scores'"


BOTH = f"{RIGHT}\n\n\ndef causal_mask(n_q, n_k):\n    return torch.zeros(n_q, n_k)"


def test_an_answer_beside_another_koans_counts_and_a_cell_that_differs_is_said(shared, jupyter):
    book = shared.workbook
    stubs = [without_header(stub_of(book, book.koan(name))) for name in ("scores", "causal_mask")]
    said = jupyter.texts(START, *stubs, f"%%koan scores\n{BOTH}", CHECK, WRONG, CHECK, WRONG, stubs[0], CHECK)
    assert "✓ passed" in said[3] and "✓ passed" in said[4] and "another definition" not in said[4]
    assert "✗ failed" in said[6]
    assert (
        "cell [4] has another definition. This verdict is on cell [6], which ran last. Grading uses the last cell in the "
        "notebook: keep only one of these cells."
    ) in " ".join(said[6].split())
    assert "cell [4] has an answer, but the stub in cell [9] ran last" in " ".join(said[9].split())


def test_a_cell_that_the_magic_refused_counts_nothing_and_its_lines_are_those_of_the_editor(jupyter):
    broken = "%%koan scores\n\nx = ("
    said = jupyter.texts(START, f"%%koan causal_mask\n{RIGHT}", CHECK, broken, f"%%koan scores\n{WRONG}x", CHECK)
    not_run = "This cell was checked but not run, so its functions are not defined yet."
    nothing = "koans: this cell does not define `causal_mask`, which ch07_attention/causal_mask needs"
    assert said[1].splitlines() == [nothing, not_run]
    assert said[2].startswith("koans: no cell that has run here defines `scores`")
    assert said[3].splitlines() == ["koans: this cell does not parse (line 3: '(' was never closed)", not_run]
    assert "line 3 of the cell" in said[4]


@pytest.mark.parametrize(
    "call, says",
    [
        ("check()", 'give the name of a koan as text: koan.check("ch06_numerics/softmax")'),
        ("check(str)", 'give the name of a koan as text: koan.check("str")'),
        ("check('scores', timeout='3')", "timeout='3': give a number of seconds above 0"),
        ("check('scores', timeout=0)", "timeout=0: give a number of seconds above 0"),
        ("check('scores', -1)", "timeout=-1: give a number of seconds above 0"),
        ("check('scores')", "checks need a notebook; here, use `koans run`"),
    ],
)
def test_a_check_of_what_is_no_koan_or_no_time_is_one_line(book, capsys, call, says):
    eval(f"session.{call}", {"session": live.NotebookSession(book)})
    out = capsys.readouterr().out
    assert f"koans: {says}" in out and out.count("\n") == 1


def test_a_note_names_the_line_of_the_cell(jupyter):
    reads = RIGHT.replace("    return", "    open('k').close()\n    return")
    said = jupyter.texts(START, "open('k', 'w').close()", f"\n\n{reads}", CHECK)
    assert "(line 9 of the cell)" in " ".join(said[3].split())


def import_cells(play, *cells, chapter="ch07_attention", **options):
    file = write(play.root / "mine.ipynb", of_cells(*cells, chapter=chapter))
    with Progress(play.root) as progress:
        return {b.koan.partition("/")[2]: b for b in import_answers(play.workbook, progress, file, **options).answers}


def test_answers_are_found_wherever_they_stand(play):
    book = play.workbook
    lines = answer(book, book.koan("split_heads")).split("\n\n\ndef merge_heads")
    cells = [
        "%matplotlib inline\nimport torch\nprint('scratch')\n!ls\nx = torch.ones(3)",
        f"# moved here\n{RIGHT}\n\nscores(torch.ones(2, 3), torch.ones(2, 3))\nfiles = !ls",
        "def merge_heads" + lines[1],  # two functions of one koan in two cells
        lines[0],
        stub_cell := without_header(stub_of(book, book.koan("attention"))),
        RIGHT,  # copied
        "%%bash\nrm -rf exercises",
        "def causal_mask(n_q, n_k):  # retyped, without its imports\n    return torch.zeros(n_q, n_k).masked_fill(~keep(n_q, n_k), -torch.inf)",
        "def keep(n_q, n_k):\n    return torch.ones(n_q, n_k, dtype=torch.bool).tril(n_k - n_q)",
    ]
    found = import_cells(play, *cells)
    assert {name: one.outcome for name, one in found.items()} == {
        "scores": "written",
        "split_heads": "written",
        "causal_mask": "written",
        "attention": "not started",
    }
    assert stub_cell in book.exercise(book.koan("attention")).read_text()
    text = book.exercise(book.koan("scores")).read_text()
    assert text == header(stub_of(book, book.koan("scores"))) + RIGHT + "\n"
    with Runner(book) as runner:
        for name in ("scores", "split_heads", "causal_mask"):
            assert runner.run(book.koan(name), LEARNER).passed, name


def test_two_answers_to_one_koan_are_said_and_neither_is_taken(play):
    book = play.workbook
    koan = book.koan("scores")
    found = import_cells(play, RIGHT, "pass", WRONG, without_header(stub_of(book, koan)))
    assert (found["scores"].outcome, found["scores"].cells, found["scores"].others) == (
        "defined differently",
        ("cell 3",),
        ("cell 1",),
    )
    assert book.exercise(koan).read_text() == stub_of(book, koan)
    run = play.says("notebook", "import", "mine.ipynb")
    assert run.returncode == 1
    assert "cell 3 and cell 1 have different definitions: keep one of these cells" in " ".join(run.stdout.split())


def test_what_an_import_replaces_is_kept_and_a_dry_run_writes_nothing(play):
    play.write("scores", "mine = 1\n")
    assert import_cells(play, RIGHT, write=False)["scores"].outcome == "written"
    assert play.workbook.exercise(play.workbook.koan("scores")).read_text() == "mine = 1\n"
    one = import_cells(play, RIGHT)["scores"]
    assert (play.root / one.copy).read_text() == "mine = 1\n"
    assert import_cells(play, RIGHT)["scores"].outcome == "the same"


def test_a_koan_that_no_cell_defines_is_said_with_the_function_that_may_be_meant(play):
    file = write(
        play.root / "mine.ipynb",
        of_cells(
            "x = 3",
            RIGHT.replace("def scores", "def score"),
            WRONG.replace("scores", "attentoin"),
            chapter="ch07_attention",
        ),
    )
    with Progress(play.root) as progress:
        imported = import_answers(play.workbook, progress, file, write=False)
    missing = {one.koan.partition("/")[2]: one for one in imported.missing}
    assert imported.answers == () and len(missing) == len(play.workbook.chapter("7").koans)
    assert (missing["attention"].similar, missing["attention"].cell) == ("attentoin", "cell 3")
    out = io.StringIO()
    Console(file=out, width=200).print(import_summary(imported, True))
    assert "ch07_attention/scores  no cell defines `scores`: did you mean `score` in cell 2?" in out.getvalue()


def test_an_import_runs_what_has_no_verdict_and_says_if_what_it_replaced_had_passed(play):
    scores = play.workbook.koan("scores")

    def verdicts(text):
        file = write(play.root / "mine.ipynb", of_cells(text, chapter="ch07_attention"))
        with Progress(play.root) as progress:
            (one,) = import_answers(play.workbook, progress, file).answers
        return one.outcome, one.to_run, one.replaced_passed

    assert verdicts(WRONG) == ("written", True, False)
    assert verdicts(WRONG) == ("the same", True, False)  # it was not run
    with Progress(play.root) as progress:
        progress.record(Verdict(scores.id, "learner", Status.passed), play.workbook.exercise(scores).read_text())
    assert verdicts(WRONG) == ("the same", False, False)
    file = write(play.root / "mine.ipynb", of_cells("def scores(q, k):\n    return q", chapter="ch07_attention"))
    run = play.says("notebook", "import", str(file))
    assert "the replaced version had passed; it is saved at .koans/replaced/ch07_attention/scores-" in " ".join(
        run.stdout.split()
    )


def test_an_import_keeps_the_line_ends_of_the_file_that_it_replaces(play):
    play.write("scores", b"mine = 1\r\n")
    import_cells(play, RIGHT)
    written = play.workbook.exercise(play.workbook.koan("scores")).read_bytes()
    assert written.count(b"\r\n") == written.count(b"\n") > 1


def test_a_helper_that_another_koan_gives_is_no_answer_to_the_koan_of_its_name(play):
    book = play.workbook
    texts = [answer(book, koan) for koan in book.chapter("ch05").koans]
    fertility = next(t for t in texts if "def fertility" in t)
    # `encode` is a koan, and a helper in the cell of another one.
    assert {b.outcome for b in import_cells(play, *texts, chapter="ch05_tokens").values()} == {"written"}
    alone = import_cells(play, fertility, chapter="ch05_tokens")
    assert {name: one.outcome for name, one in alone.items()} == {"fertility": "the same"}


def test_the_command_takes_a_notebook_out_and_back_and_progress_follows(play):
    play.body("scores", "return q @ k.mT")
    out = play.says("notebook", "export", "7")
    assert out.returncode == 0, out.stderr
    file = play.root / "ch07_attention.ipynb"
    notebook = nbformat.read(file, 4)
    cell = next(cell for cell in notebook.cells if cell.id == "koan-scores")
    assert "return q @ k.mT" in cell.source  # what was written so far
    cell.source = answer(play.workbook, play.workbook.koan("scores"))
    nbformat.write(notebook, file)
    second_run = play.says("notebook", "export", "7")
    assert (second_run.returncode, "exists already" in second_run.stderr) == (2, True)
    back = play.says("notebook", "import", str(file))
    assert back.returncode == 0, back.stderr
    assert "ch07_attention/scores  written, from cell" in back.stdout
    assert "your earlier version is saved at .koans/replaced/" in " ".join(back.stdout.split())
    assert "ch07_attention/scores  ✓ passed" in back.stdout
    assert "card unlocked:" in back.stdout
    listed = {k["name"]: k["standing"]["status"] for k in json.loads(play.says("list", "7", "--json").stdout)}
    assert listed["scores"] == "passed"


NEWER = {"nbformat": 5, "nbformat_minor": 0, "metadata": {}, "cells": []}


@pytest.mark.parametrize(
    "content, message",
    [
        (b'{"nbformat": 4, "cells": [', "is not a notebook: "),
        (b"\x80\x81", "is not a notebook: "),
        (b"[" * 100_000, "is not a notebook: "),
        (b'{"pages": []}', "is not a notebook: "),
        (b"", "is empty: save the notebook in its editor"),
        (json.dumps(NEWER).encode(), "has notebook format 5, but only the formats 2 to 4 can be read"),
        (json.dumps(of_cells("x <- 3", kernelspec={"language": "R", "name": "ir"})).encode(), "is a notebook in R"),
        (json.dumps(of_cells("x = 3")).encode(), "does not name its chapter: add --chapter CHAPTER"),
        (json.dumps(of_cells(WRONG)).encode(), "its functions belong to one chapter, so add --chapter ch07_attention"),
        (json.dumps(of_cells("x = 3", chapter="ch99_none")).encode(), "no chapter is called 'ch99_none'"),
        (b" " * (50 << 20), "is larger than 16 MiB"),
    ],
    ids=[
        "cut",
        "binary",
        "deep",
        "no notebook",
        "empty",
        "newer",
        "R",
        "foreign",
        "functions",
        "other workbook",
        "50 MB",
    ],
)
def test_what_is_no_notebook_of_this_workbook_is_one_line(shared, tmp_path, content, message):
    file = tmp_path / "bad.ipynb"
    file.write_bytes(content)
    with Progress(shared.root) as progress, pytest.raises(KoansError) as caught:
        import_answers(shared.workbook, progress, file)
    assert message in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_name_that_cannot_be_taken_along_is_said_in_the_same_words_in_a_kernel_and_at_import(play, jupyter, tmp_path):
    (tmp_path / "k.txt").write_text("3")
    loads, uses = f"K = float(open('{tmp_path}/k.txt').read())", "def scores(q, k):\n    return q @ k.mT * K"
    why = (
        "which cell {} reads from outside the notebook with `open`, but only code is copied: "
        "write the value into the code, or compute it"
    )
    said = jupyter.texts(START, loads, uses, CHECK)[-1]
    assert f"note: uses `K`, {why.format('[2]')}" in " ".join(said.split())
    file = write(play.root / "mine.ipynb", of_cells(loads, uses, chapter="ch07_attention"))
    out = play.says("notebook", "import", str(file), "--no-run")
    assert f"ch07_attention/scores uses `K`, {why.format('1')}" in " ".join(out.stdout.split())
    assert "written, from cell 2" in out.stdout


def test_a_function_of_another_koan_can_be_imported_in_a_kernel(jupyter):
    line = "from exercises.ch06_numerics.softmax import softmax"
    using = f"{line}\n{RIGHT}".replace("    return", "    softmax.__name__\n    return")
    said = jupyter.texts(START, line, "softmax.__module__", using, CHECK)
    assert said[2] == "'exercises.ch06_numerics.softmax'"
    assert "ch07_attention/scores  ✓ passed" in said[4]


def test_an_answer_that_imports_another_koan_is_checked_with_the_answer_of_the_notebooks_cell(play, jupyter):
    mask = answer(play.workbook, play.workbook.koan("causal_mask"))
    call = "    scores(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1))\n    return"
    using = "from exercises.ch07_attention.scores import scores\n" + mask.replace("    return", call)
    checked = jupyter.texts(START, using, 'koan.check("causal_mask")', RIGHT, 'koan.check("causal_mask")')
    assert "it calls ch07_attention/scores, which is not written yet" in checked[2]
    assert "ch07_attention/causal_mask  ✓ passed" in checked[4]


@pytest.mark.parametrize("out", ["there", "there/", "new/", "new/deep/"])
def test_a_notebook_is_exported_into_a_folder(shared, tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    chapter = shared.workbook.chapter("6")
    write_notebook(notebook_place(out, chapter), "text", root=shared.root, overwrite=False)
    assert (tmp_path / out / "ch06_numerics.ipynb").read_text() == "text"


def test_a_notebook_is_exported_to_the_file_that_is_named_and_all_of_them_only_into_a_folder(shared):
    chapter = shared.workbook.chapter("6")
    assert [str(notebook_place(out, chapter)) for out in ("", "mine.ipynb", "new", "-")] == [
        "ch06_numerics.ipynb",
        "mine.ipynb",
        "new",
        "-",
    ]
    assert str(notebook_place("new", chapter, several=True)) == "new/ch06_numerics.ipynb"
    for out in ("-", "all.ipynb"):
        with pytest.raises(KoansError, match=f"^-o {out}: --all writes a notebook for each chapter, so give a folder"):
            notebook_place(out, chapter, several=True)


def _run_outside(tmp_path, cell, **more):
    """Run a first cell in a folder outside any workbook, with a fake pip that records its arguments."""
    (tmp_path / "pip").mkdir(exist_ok=True)
    (tmp_path / "pip/__init__.py").touch()
    (tmp_path / "pip/__main__.py").write_text(
        f"import sys; open({str(tmp_path / 'asked')!r}, 'w').write(' '.join(sys.argv[1:]))"
    )
    (tmp_path / "cell.py").write_text(cell)
    away = tmp_path / "away"
    away.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), **more}
    # -S hides installed packages, ours among them. So the import at the end of the cell finds what was fetched.
    command = [sys.executable, "-S", "-c", "import runpy; runpy.run_path('../cell.py')"]
    return subprocess.run(command, cwd=away, env=environment, capture_output=True, text=True, timeout=60)


def _first_cell(play, source):
    return nbformat.reads(export(play.workbook, play.workbook.chapter("6"), source), 4).cells[1].source


def test_the_first_cell_fetches_the_workbook_at_the_exported_commit(play, tmp_path):
    stand_in = "def start(root, chapter, version):\n    print('started', chapter, version)\n"
    (play.root / "grader/learn/notebook/live.py").write_text(stand_in)
    (play.root / "grader/learn/notebook/__init__.py").write_text("")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    for args in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "exported"]):
        subprocess.run([*git, *args], cwd=play.root, check=True)
    place = source_of(play.root, f"file://{play.root}")
    (play.root / "README.md").write_text("later")
    for args in (["add", "-A"], ["commit", "-qm", "later"]):
        subprocess.run([*git, *args], cwd=play.root, check=True)

    run = _run_outside(tmp_path, _first_cell(play, place))
    assert run.returncode == 0, run.stderr
    fetched = tmp_path / "away/workbook"
    assert f"fetching file://{play.root} at {place.commit[:12]}" in run.stdout
    assert run.stdout.endswith("started ch06_numerics 0.1.0\n")
    assert not (fetched / "README.md").exists()  # the commit it was exported from, not the newest
    assert (tmp_path / "asked").read_text() == f"install --quiet -e {fetched}"
    # The second run finds it there.
    second_run = _run_outside(tmp_path, _first_cell(play, place))
    assert second_run.stdout == "started ch06_numerics 0.1.0\n"


@pytest.mark.parametrize(
    "address, message",
    [
        ("", "this notebook has no address to fetch one from"),
        ("file:///nowhere", "file:///nowhere could not be fetched: "),
    ],
)
def test_a_first_cell_that_finds_no_workbook_is_one_line(shared, tmp_path, address, message):
    run = _run_outside(tmp_path, _first_cell(shared, Source(address, "")))
    assert run.returncode == 1
    assert message in run.stderr and len(run.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "remote, place",
    [
        ("git@git.example.org:ada/koans.git", "https://git.example.org/ada/koans"),
        ("ssh://git@git.example.org:2222/ada/koans.git", "https://git.example.org/ada/koans"),
        ("https://ada:secret@git.example.org/ada/koans.git", "https://git.example.org/ada/koans"),
        ("/srv/git/koans.git", ""),
        ("file:///srv/git/koans.git", ""),
        ("http://localhost/koans", ""),
        ("", ""),
    ],
)
def test_an_address_is_only_what_others_can_reach_and_holds_no_password(remote, place):
    assert public_address(remote) == place


def test_a_source_is_taken_from_the_remote_or_from_what_is_given(play):
    assert source_of(play.root) == Source("", "")
    subprocess.run(["git", "init", "-q"], cwd=play.root, check=True)
    subprocess.run(["git", "remote", "add", "origin", "git@git.example.org:ada/koans.git"], cwd=play.root, check=True)
    assert source_of(play.root).address == "https://git.example.org/ada/koans"
    assert source_of(play.root, "ada/koans").address == "https://github.com/ada/koans"
    with pytest.raises(KoansError, match="give owner/name"):
        source_of(play.root, "--upload-pack=evil")
    bad = play.says("notebook", "export", "6", "--source", 'x"; import os #')
    assert (bad.returncode, len(bad.stderr.strip().splitlines())) == (2, 1)


def test_an_export_keeps_what_it_replaces_and_writes_the_others(play):
    old = write(play.root / "ch07_attention.ipynb", of_cells(RIGHT)).read_bytes()
    refused = play.says("notebook", "export", "--all", "-o", ".")
    assert refused.returncode == 2 and refused.stderr.count("ch07_attention.ipynb exists already") == 1
    assert {file.stem for file in play.root.glob("ch*.ipynb")} == {one.id for one in play.workbook.chapters}
    assert (play.root / "ch07_attention.ipynb").read_bytes() == old
    replaced = play.says("notebook", "export", "7", "--overwrite")
    (kept,) = (play.root / ".koans/replaced/notebooks").iterdir()
    assert kept.read_bytes() == old and f"saved at {kept.relative_to(play.root)}" in " ".join(replaced.stdout.split())


def test_badges_are_written_once_and_taken_away_again(play):
    (play.root / "README.md").write_text((ROOT / "README.md").read_text())
    chapters = {c.id: play.root / "content" / c.id / "chapter.md" for c in play.workbook.chapters}
    before = {file: file.read_text() for file in (play.root / "README.md", *chapters.values())}
    texts = [play.workbook.text(c) for c in play.workbook.chapters]
    opens = "https://notebooks.example.org/{source}/{branch}/{chapter}.ipynb"
    for source in ("ada/koans", "ben/koans", "ben/koans"):
        changed = write_badges(play.workbook, source, opens=opens)
    assert changed == []
    for chapter, file in chapters.items():
        link = f"https://notebooks.example.org/ben/koans/notebooks/{chapter}.ipynb"
        assert file.read_text().count(link) == 1 and (play.root / "README.md").read_text().count(link) == 1
        assert (file.parent / "../notebook.svg").resolve().is_file()
    # Badges are not shown in a terminal or a notebook.
    assert [Workbook(play.root).text(c) for c in play.workbook.chapters] == texts
    assert len(write_badges(play.workbook, "")) == 1 + len(chapters)
    assert {file: file.read_text() for file in before} == before
    with pytest.raises(KoansError, match="no other braces"):
        write_badges(play.workbook, "ada/koans", opens="{nothing}")


def test_the_dev_container_installs_what_the_readme_says():
    given = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())["postCreateCommand"]
    readme = (ROOT / "README.md").read_text()
    first = re.search(r"^python3 -m venv .*$", readme, re.MULTILINE)[0].split(" && ")
    install = re.search(r"^(pip install -e \.) && koans$", readme, re.MULTILINE)[1]
    assert first[2].startswith("pip install 'torch")
    assert given.split(" && ") == [*first, install.replace(" .", " '.[notebook]'"), "koans doctor"]


def test_exported_notebooks_stay_out_of_git_and_the_workflow_puts_them_where_badges_point():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/notebooks/", "/ch*.ipynb"} <= set(ignored)  # the paths that `export --all` and `export` write
    workflow = (ROOT / ".github/workflows/notebooks.yml").read_text()
    assert f"git push --force origin {BRANCH}" in workflow
    command = re.search(r"koans (notebook export --all .*)$", workflow, re.MULTILINE)[1]
    assert shlex.split(command)[:3] == ["notebook", "export", "--all"]


@pytest.mark.skipif(CHROMIUM is None, reason="not run here: needs chromium")
def test_a_notebook_opens_with_its_figure_its_hints_folded_and_a_verdict_that_runs_nothing(shared, jupyter, tmp_path):
    notebook = exported(shared, "ch07_attention")
    cells = {cell.id: cell for cell in notebook.cells}
    cells["koan-scores"].source = (
        "def scores(q, k):\n    print('<script>document.title = 1</script>')\n"
        "    raise ValueError('<img src=x onerror=\"document.title = 2\">')"
    )
    cells["koan-causal_mask"].source = answer(shared.workbook, shared.workbook.koan("causal_mask"))
    jupyter.run(notebook)
    page = tmp_path / "page.html"
    html, _ = HTMLExporter().from_notebook_node(notebook)
    # Without the scripts that the exporter loads from the network.
    page.write_text(re.sub(r"<script[^>]*src=[^>]*></script>", "", html))
    with Browser(tmp_path / "profile") as browser:
        browser.open(page)
        title = browser.run("document.title")
        assert title not in ("1", "2")
        assert browser.run("[...document.querySelectorAll('details')].every(d => !d.open)")
        pictures = "[...document.images].map(i => [i.alt.length > 20, i.complete && i.naturalWidth > 100])"
        assert browser.run(pictures) == [[True, True]]
        text_shown = browser.run("document.body.innerText")
        assert "✗ failed ch07_attention/scores" in text_shown
        assert "<script>document.title = 1</script>" in text_shown
        assert '<img src=x onerror="document.title = 2">' in text_shown
        assert "✓ passed ch07_attention/causal_mask" in text_shown
        assert "the model answer" in text_shown
