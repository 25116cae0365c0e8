"""Notebooks are graded like any other submission, whatever they contain."""

import json
import os
import subprocess
import sys

import msgspec
import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from grader.book.errors import KoansError
from grader.book.notebook_parser import answers, notebook_file
from grader.book.notebook_parser.statements import Cell, read
from grader.course.intake import reader
from grader.course.intake.client import Intake
from grader.course.intake.collect import collect
from grader.course.intake.reader import read_frame, write_frame
from grader.course.intake.submission import Place, Source
from tests.browser import CHROMIUM, Browser
from tests.notebooks import answer, of_cells, write

MARKUP = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"


@pytest.mark.timeout(600)
def test_a_folder_of_notebooks_is_a_class_and_none_of_it_runs_or_reaches_the_page(small, tmp_path):
    book = small.workbook
    solved = [answer(book, koan) for koan in book.koans.values()]
    forks = tmp_path / "forks"
    forks.mkdir()
    ran = tmp_path / "ran"
    write(forks / "ada.ipynb", of_cells(*reversed(solved)))
    magics = [f"!touch {ran}", "%matplotlib inline", f"files = !touch {ran}", f"open({str(ran)!r}, 'w')"]
    write(
        forks / "ben.ipynb", of_cells("\n".join([*magics, solved[0]]), f"%%bash\ntouch {ran}", chapter="ch06_numerics")
    )
    hostile = of_cells(f"!{MARKUP}", f"def causal_mask(n_q, n_k):\n    raise ValueError({MARKUP!r})", f"%%{MARKUP}")
    hostile["cells"][1]["outputs"] = [
        {"output_type": "display_data", "metadata": {}, "data": {"text/html": MARKUP, "application/javascript": "1"}}
    ]
    write(forks / "cyd<script>.ipynb", hostile)
    (forks / "cut.ipynb").write_text('{"cells": [')
    write(forks / "old.ipynb", {"nbformat": 1, "metadata": {}, "cells": []})
    write(forks / "rrr.ipynb", of_cells("x <- 3", kernelspec={"language": "R", "name": "ir"}))
    write(forks / "foreign.ipynb", of_cells("import pandas as pd", "pd.DataFrame()", f"# {MARKUP}"))
    with (forks / "vast.ipynb").open("wb") as vast:
        vast.truncate(50 << 20)
    (forks / "link.ipynb").symlink_to(forks / "ada.ipynb")
    for chapter in ("ch06_numerics", "ch07_attention"):  # one learner's notebooks, one for each chapter
        (forks / "dee").mkdir(exist_ok=True)
        own = [answer(book, koan) for koan in book.chapter(chapter).koans]
        write(forks / "dee" / f"{chapter}.ipynb", of_cells(*own, chapter=chapter))

    page = tmp_path / "class.html"
    run = small.says("grade", str(forks), "--seed", "1", "--format", "json-full=-", "--format", f"html={page}")
    assert run.returncode == 1, run.stderr  # some could not be graded
    grades = {g["submission"]: g for g in json.loads(run.stdout)["grades"]}
    assert {name: g["earned"] for name, g in grades.items()} == {
        "ada": 3,
        "ben": 1,
        "cyd<script>": 0,
        "dee": 3,
        "foreign": 0,
        "cut": 0,
        "old": 0,
        "rrr": 0,
        "vast": 0,
        "link": 0,
    }
    problems = {name: g["problem"] for name, g in grades.items() if g["problem"]}
    assert set(problems) == {"cut", "old", "rrr", "vast", "link"}
    assert all("\n" not in text and len(text) < 300 for text in problems.values())
    assert "more than 16384 KiB" in problems["vast"] and "hand in the file itself" in problems["link"]
    assert not ran.exists()
    assert grades["ben"]["notes"] == [
        f"cell 1, line 1: a shell line skipped: {f'!touch {ran}'[:80]}",
        "cell 1, line 2: a magic skipped: %matplotlib inline",
        f"cell 1, line 3: a shell line skipped: {f'files = !touch {ran}'[:80]}",
        "cell 2, line 1: a cell skipped: %%bash",
    ]
    assert grades["foreign"]["notes"] == ["no cell defines a function of these koans"]
    assert all(g["trusted"] and g["isolation"].startswith("isolated") for g in grades.values())
    assert "<script>document" not in page.read_text() and 'onerror="' not in page.read_text()
    if CHROMIUM is not None:
        with Browser(tmp_path / "profile") as browser:
            browser.open(page)
            assert browser.run("document.title") != "owned"
            assert browser.complaints == []


def test_what_an_instructor_points_at_may_be_a_notebook_a_class_or_a_learners_chapters(book, tmp_path):
    for name in (
        "class/ada.ipynb",
        "class/ben.ipynb",
        "class/.hidden.ipynb",
        "cyd/ch06_numerics.ipynb",
        "cyd/ch07_attention.ipynb",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, of_cells())
    (tmp_path / "roster.csv").write_text("student,path\nAda,class/ada.ipynb\nCyd,cyd\n")
    with Intake(book) as intake:

        def found(*names):
            collected = collect([tmp_path / name for name in names], intake)
            return [s.name for s in collected.sources], collected.notes

        assert found("class/ada.ipynb") == (["ada"], ())
        assert found("class") == (["ada", "ben"], ("hidden, ignored: .hidden.ipynb",))
        assert found("cyd") == (["cyd"], ())
        assert found("roster.csv") == (["Ada", "Cyd"], ())
        (tmp_path / "twins.csv").write_text("student,path\nada,class/ada.ipynb\nada,class/ada.ipynb\n")
        twins = collect([tmp_path / "twins.csv"], intake).sources
        assert [s.name for s in twins] == ["ada", "ada"]
        assert len({s.id for s in twins}) == 2
        assert [s.notes for s in twins] == [(), ("in the same place as the submission of ada",)]


def test_a_stranger_is_read_where_code_can_reach_nothing(book, tmp_path):
    # The real process, with code that tries to reach what is forbidden in place of what reads a submission.
    trial = """
import os, socket
from grader.course.intake import reader
from grader.course.intake.reading import Found

def evil(places, *rest):
    tried = {}
    for path in (ROOT + "/reference/__init__.py", "/etc/passwd", "/proc/%d/environ" % os.getppid(), OTHER):
        try:
            open(path).close()
            tried[path] = "read"
        except OSError as error:
            tried[path] = "shut"
    for name, call in (("fork", os.fork), ("socket", socket.socket), ("run", lambda: os.execv("/bin/true", ["true"]))):
        try:
            call()
            tried[name] = "done"
        except OSError:
            tried[name] = "shut"
    tried["own"] = open(places[0].file).read()
    return Found(tried)

reader.take = evil
reader.main()
"""
    mine, other = tmp_path / "mine.ipynb", tmp_path / "other.ipynb"
    for file in (mine, other):
        file.write_text(file.stem)
    code = f"ROOT, OTHER = {str(book.root)!r}, {str(other)!r}\n{trial}"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=book.root,
        env={"PYTHONPATH": str(book.root), "PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    write_frame(process.stdin, msgspec.msgpack.encode(reader.Setup(str(book.root), (), ())))
    write_frame(process.stdin, msgspec.msgpack.encode(reader.Take((Place(str(mine)),))))
    reply = msgspec.msgpack.decode(read_frame(process.stdout), type=reader.Reply)
    process.communicate()
    assert reply.found.texts.pop("own") == "mine"
    assert len(reply.found.texts) == 7 and set(reply.found.texts.values()) == {"shut"}, reply


@pytest.mark.parametrize(
    "text",
    ["(" * 5000 + ")" * 5000, "-" * 100_000 + "1", "x" + ".a" * 100_000, "[" * 90 + "]" * 90, "\x00", "if x:\n" * 99],
    ids=["brackets", "minus", "attributes", "lists", "null", "indents"],
)
def test_a_cell_that_a_parser_may_choke_on_harms_nothing(book, tmp_path, text):
    koan = book.koan("scores")
    path = write(tmp_path / "a.ipynb", of_cells(text, answer(book, koan), f"def scores(q, k):\n    return {text}"))
    with Intake(book) as intake:
        taken = intake.take(Source("a", "a", "a", (Place(str(path)),)))
    assert "is not a notebook" in taken.problem or "def scores" in taken.texts[koan.id], taken.problem


def test_magics_are_left_out_wherever_they_stand_and_python_that_looks_like_one_is_not():
    text = '''\
x = """
!ls
%cd /
"""
y = (7
  % 3)
!pip install \\
    torch
def scores(q, k):
    %timeit 1
    !ls
    return q
scores?
?scores
z = %time 3
'''
    parsed = read(Cell("cell 1", text))
    assert not parsed.error
    assert [skipped.line for skipped in parsed.skipped] == [7, 8, 10, 11, 13, 14, 15]
    assert {"x", "y", "scores"} <= {name for s in parsed.statements for name in s.binds}
    for body, read_as_code in (("%%koan scores\nx = 1", True), ("%%time\nx = 1", True), ("%%html\nx = 1", False)):
        assert bool(read(Cell("cell 1", body)).statements) is read_as_code


@pytest.mark.parametrize(
    "text",
    [
        "    def f():\n        return 1",
        "\n  \n\tdef f():\n\n\t    return 1\n",
        " %%time\n def f():\n     return 1",
        "\n\n  %%capture out\n  def f():\n      return 1",
        "%%time\n    def f():\n        return 1",
        "  !ls\n  def f():\n      return 1",
    ],
)
def test_a_cell_that_is_indented_as_a_whole_is_read_as_ipython_reads_it(text):
    parsed = read(Cell("cell 1", text))
    assert (parsed.error, [sorted(s.binds) for s in parsed.statements if s.binds]) == ("", [["f"]])
    compile(TransformerManager().transform_cell(text), "cell 1", "exec")


@pytest.mark.parametrize("text", [" x = 1\ny = 2", " %%time\nx = 1", "x = 1\n    y = 2"])
def test_a_cell_that_ipython_does_not_run_counts_nothing(text):
    parsed = read(Cell("cell 1", text))
    assert parsed.statements == () and parsed.error in ("line 1: unexpected indent", "line 2: unexpected indent")
    with pytest.raises(IndentationError):
        compile(TransformerManager().transform_cell(text), "cell 1", "exec")


def test_outputs_and_other_cells_are_not_looked_at():
    notebook = of_cells("x = 1")
    notebook["cells"].append({"cell_type": "markdown", "metadata": {}, "source": "y = 2"})
    notebook["cells"][0]["outputs"] = [{"output_type": "nonsense", "data": 3}]
    found = notebook_file.read(json.dumps(notebook).encode(), "a.ipynb")
    assert [cell.text for cell in found.cells] == ["x = 1"]


def in_class(book, file):
    with Intake(book) as intake:
        return intake.take(Source("a", "a", "a", (Place(str(file)),)))


LAX = (
    b'{"nbformat": 4, "nbformat_minor": 4, "metadata": {"widgets": {"range": [-Infinity, NaN, 1e999]}}, "cells": ['
    b'{"cell_type": "code", "metadata": {}, "execution_count": null, "source": ["# \\ud83d\\ude00 \\ud83d NaN \\\\ud800 \\" \\u00e9\\n", "x = 1"],'
    b' "outputs": [{"output_type": "display_data", "metadata": {}, "data": {"y": [NaN, -Infinity, Infinity], "text": "\\udc00 Infinity"}}]}]}'
)


def test_what_jupyter_reads_beyond_json_is_read():
    assert nbformat.reads(LAX.decode(), 4).cells  # nbformat reads it
    (cell,) = notebook_file.read(LAX, "a.ipynb").cells
    assert cell.text == '# \U0001f600 \ufffd NaN \\ud800 " \u00e9\nx = 1'


def v3(*texts):
    cells = [{"cell_type": "code", "language": "python", "input": [text], "outputs": []} for text in texts]
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}


def plain(*texts, metadata, cell_metadata=None, lines=False):
    cells = [
        {
            "cell_type": "code",
            "metadata": cell_metadata or {},
            "source": text.splitlines(True) if lines else text,
            "execution_count": None,
            "outputs": [],
        }
        for text in texts
    ]
    return {"nbformat": 4, "nbformat_minor": 0, "metadata": metadata, "cells": cells}


COLAB = {"colab": {"provenance": []}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
WITHOUT_LANGUAGE = {"deepnote": {}, "deepnote_notebook_id": "1"}
EDITOR = {"kernelspec": {"language": "python"}, "language_info": {"name": "python"}}


@pytest.mark.parametrize(
    "notebook",
    [
        v3("import torch", "x = torch.ones(1)"),
        plain("import torch", "x = torch.ones(1)", metadata=COLAB, cell_metadata={"id": "abc"}, lines=True),
        plain("import torch", "x = torch.ones(1)", metadata=WITHOUT_LANGUAGE, cell_metadata={"cell_id": "1"}),
        plain("import torch", "x = torch.ones(1)", metadata=EDITOR, cell_metadata={"vscode": {"languageId": "python"}}),
        plain("import torch", "x = torch.ones(1)", metadata={"kernelspec": 3, "language_info": None}),
        {**plain("import torch", "x = torch.ones(1)", metadata={}), "nbformat_minor": None},
    ],
    ids=["format 3", "Colab", "Deepnote", "VS Code", "odd metadata", "no minor version"],
)
def test_notebooks_of_other_programs_are_read(notebook):
    found = notebook_file.read(json.dumps(notebook).encode(), "a.ipynb")
    assert [cell.text for cell in found.cells] == ["import torch", "x = torch.ones(1)"]


def test_a_cell_that_an_editor_runs_in_another_language_is_not_read():
    notebook = plain("ls", metadata={}, cell_metadata={"vscode": {"languageId": "shellscript"}})
    assert notebook_file.read(json.dumps(notebook).encode(), "a.ipynb").cells == ()


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 2_000_000,
        b'{"a":' * 1_000_000,
        b'{"nbformat": 4, "metadata": {"x": ' + b"[" * 1_000_000,
        b'"' * 3_000_001,
        b'"' + b"\\" * 3_000_001,
        b"NaN" * 1_000_000,
        b'"\\ud800' * 300_000,
        b"-" * 3_000_000,
    ],
    ids=["lists", "objects", "deep metadata", "quotes", "backslashes", "NaN", "surrogates", "minus"],
)
def test_a_file_that_a_parser_may_choke_on_is_one_line(data):
    with pytest.raises(KoansError, match=r"^a\.ipynb is not a notebook: [^\n]{1,200}$"):
        notebook_file.read(data, "a.ipynb")


def test_of_keys_that_stand_twice_the_last_counts_as_jupyter_has_it():
    data = b'{"nbformat": 3, "nbformat": 4, "cells": 3, "cells": [{"cell_type": "code", "source": "x", "source": "y"}]}'
    with pytest.raises(KoansError):  # all of them must be what they should be
        notebook_file.read(data, "a.ipynb")
    (cell,) = notebook_file.read(data.replace(b'"cells": 3, ', b""), "a.ipynb").cells
    assert cell.text == "y"


def test_a_name_that_cannot_be_taken_along_is_said_in_class_and_the_text_is_the_one_at_home(book, tmp_path):
    cells = ("import torch\nK = torch.load('k.pt')", "def softmax(x, dim=-1):\n    return x + K")
    file = write(tmp_path / "a.ipynb", of_cells(*cells))
    taken = in_class(book, file)
    koan = book.koan("softmax").id
    found, _ = answers.answers(notebook_file.read(file.read_bytes(), "a").cells, answers.outlines(book))
    assert taken.texts == {koan: next(a.text for a in found if a.koan == koan)}
    assert taken.notes == (
        f"{koan}: uses `K`, which cell 1 reads from outside the notebook with `torch.load`, but only code is "
        "copied: write the value into the code, or compute it",
    )
