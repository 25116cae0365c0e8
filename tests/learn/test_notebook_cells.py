"""What a person does in the cells of a notebook: an answer takes along what its functions need, or says what it cannot."""

import io

import pytest
from rich.console import Console

from grader.book.notebook_parser import answers
from grader.book.notebook_parser.statements import Cell
from grader.book.stubs import STUB, stub_of
from grader.book.verdict import Status, Verdict
from grader.learn.attempts import exercise_text, record_attempt
from grader.learn.progress import NOTEBOOK, Progress
from grader.learn.report.standing import listing

USES_K = "def softmax(x, dim=-1):\n    return x + K"


@pytest.fixture(scope="module")
def outlines(book):
    return answers.outlines(book, "ch06_numerics")


@pytest.fixture(params=[False, True], ids=["a file", "a kernel"])
def answer_of(request, outlines):
    """The answer to `softmax` in these cells, as a file and as a kernel has them."""

    def find(*cells, koan="softmax"):
        found, _ = answers.answers(
            [Cell(f"cell {n}", text) for n, text in enumerate(cells, 1)], outlines, live=request.param
        )
        return {one.koan.partition("/")[2]: one for one in found}.get(koan)

    return find


def ran(text, *args):
    names = {"__name__": "exercises.ch06_numerics.softmax"}
    exec(compile(text, "softmax.py", "exec"), names)
    return names["softmax"](*args)


@pytest.mark.parametrize(
    "cells, gives",
    [
        (["from math import *", "def softmax(x, dim=-1):\n    return sqrt(x) + pow(1, 2)"], 3.0),
        (["try:\n    from math import *\nexcept ImportError:\n    pass", "R = sqrt(9)", "def softmax(x): return R"], 3.0),
        (["from math import *\nR = sqrt(9)\ndef softmax(x): return R"], 3.0),
        (["from collections import *", "from math import *", "def softmax(x): return floor(x)"], 4),
        (["from math import *", "e = 1", "def softmax(x): return e"], 1),
        (["import json, math", "def softmax(x): return math.sqrt(x)"], 2.0),
        (["if True:\n    import math as m\nelse:\n    import cmath as m", "def softmax(x): return m.sqrt(x)"], 2.0),
        (["try:\n    import numba\nexcept ImportError:\n    numba = None", "def softmax(x): return numba"], None),
        (["import os.path", "def softmax(x): return os.path.join('a', 'b')"], "a/b"),
        (["from functools import cache", "@cache\ndef softmax(x, dim=-1):\n    return x"], 4),
        (["@cache\ndef softmax(x, dim=-1):\n    return x", "from functools import cache"], 4),
        (["K = 1\nK += 2", USES_K], 7),
        (["K = 1", "K += 2", USES_K], 7),
        (["K = 1", "K = K + 2", USES_K], 7),
        (["K = 1", "if K:\n    K = 5", USES_K], 9),
        (["_, (K, *rest) = 0, (3, 4)", USES_K], 7),
        (["K = 0", "for i in range(4):\n    K += i", USES_K], 10),
        (["for K in (1, 2, 3):\n    pass", USES_K], 7),
        (["from contextlib import nullcontext", "with nullcontext(3) as K:\n    pass", USES_K], 7),
        (["(K := 3)", USES_K], 7),
        (["[K := n for n in range(4)]", USES_K], 7),
        (["match (1, 3):\n    case (_, K):\n        pass", USES_K], 7),
        (["try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    K = 3", USES_K], 7),
        (["K: int = 3", USES_K], 7),
        (["K: int", "K = 3", USES_K], 7),
        (["N = 3\nT = [n for n in range(N)]", "K = sum(T)", USES_K], 7),
        (["K = [0]", "K.append(3)", "K[0] = 4", "def softmax(x): return x + sum(K)"], 11),
        (["T = {}", "for i in range(4):\n    T[i] = i", "def softmax(x): return T[3]"], 3),
        (["class C: pass", "c = C()", "c.k = 3", "def softmax(x): return c.k"], 3),
        (["K = 1; J = 2", "def softmax(x): return x + J"], 6),
        (["from dataclasses import dataclass", "@dataclass\nclass C:\n    k: int = 3", "def softmax(x): return C().k"], 3),
        (["class A:\n    k = 3", "class B(A): pass", "def softmax(x): return B.k"], 3),
        (["Vector = list[float]", "def softmax(x: Vector, dim: int = -1) -> Vector:\n    return x"], 4),
        (["from __future__ import annotations", "def softmax(x: NotThere, dim=-1) -> AtAll:\n    return x"], 4),
        (["D = -1", "def softmax(x, dim=D): return dim"], -1),
        (["def helper(x): return other(x)", "def softmax(x): return helper(x)", "def other(x): return x + 1"], 5),
        (["def f(x): return 1", "def f(x): return 2", "def softmax(x): return f(x)"], 2),
        (["def f(x): return x", "def twice(f): return lambda x: f(f(x) + 1)", "f = twice(f)", "def softmax(x): return f(x)"], 5),
        (["N = 3\ndef make(): return N", "K = make()", "N = 100", USES_K], 7),
        (["COUNT = 0", "def softmax(x):\n    global COUNT\n    COUNT += 1\n    return COUNT"], 1),
        (["from functools import partial", "def f(a, x): return a + x", "softmax = partial(f, 1)"], 5),
        (["def softmax(x, dim=-1):\n    return x + 1", "def deco(f): return lambda x: f(x) * 2", "softmax = deco(softmax)"], 10),
        (["def softmax(x): return x", "from functools import cache\nsoftmax = cache(softmax)", "softmax(1)"], 4),
        (["softmax = lambda x: x", "softmax(3)"], 4),
        (["def mine(x): return x + 1", "softmax = mine"], 5),
        (["def softmax(x): return x", "def softmax(x): return x + 1"], 5),
        (["def softmax(x): return x\ndef softmax(x): return x + 1"], 5),
        (["def softmax(x): return x + 1", "x = 3\nsoftmax = softmax(x)", "print(softmax)"], 5),
        (["def softmax(x): return x + 1", "for softmax in range(3): pass", "softmax += 1"], 5),
        (["def softmax(x): return x + 1", "softmax = softmax(3)", "softmax = str(softmax)"], 5),
        (["async def later(): return 3", "import asyncio", "def softmax(x): return asyncio.run(later())"], 3),
        (["if True:\n    def softmax(x): return x + 1\nelse:\n    def softmax(x): return x"], 5),
        (["%timeit 1\n!pip list\nK = 3\nK?\n?print", USES_K], 7),
        (["%%time\nK = 3", USES_K], 7),
        (["%time K = 3", USES_K], 7),
        (["%%capture out\nK = 3", USES_K], 7),
        (["K = 3", "this does not parse", USES_K], 7),
        (["x = 9", "[x for x in 'ab']", "def softmax(dim): return x"], 9),
        (["K = 3", "def unrelated():\n    K = 5\n    return K", USES_K], 7),
        (["import logging\nLOG = logging.getLogger(__name__)", "def softmax(x): return LOG.name"], "exercises.ch06_numerics.softmax"),
        (["class C:\n    def top(self, a):\n        b = a\n        return b", "def softmax(x): return C().top(x)"], 4),
        (["import math", "math.tau = 3", "def softmax(x): return math.sqrt(x)"], 2.0),
    ],
)  # fmt: skip
def test_an_answer_takes_along_what_its_functions_need(answer_of, cells, gives):
    answer = answer_of(*cells)
    assert ran(answer.text, 4) == gives, answer.text
    assert answer.notes == ()


LOADS = "which cell 1 reads from outside the notebook with `{}`, but only code is copied: write the value into the code, or compute it"


@pytest.mark.parametrize(
    "first, why",
    [
        ("import torch\nK = torch.load('k.pt')", LOADS.format("torch.load")),
        ("with open('k.txt') as file:\n    K = file.read()", LOADS.format("open")),
        ("from pathlib import Path\nK = Path('k').read_text()", LOADS.format("read_text")),
        ("import pandas as pd\nK = pd.read_csv('k.csv')['k'].mean()", LOADS.format("pd.read_csv")),
        ("K = float(input())", LOADS.format("input")),
        ("K = await ask()", "which cell 1 defines with `await`, which works there only in a notebook: define it without"),
        ("if __name__ == '__main__':\n    K = 3", "which cell 1 defines under `if __name__ ...`, which is not copied: move it out of the `if`"),
        ("K = !nproc", "which cell 1 defines by a shell line, but only Python is copied: define it in Python"),
        ("K = %pwd", "which cell 1 defines by a magic, but only Python is copied: define it in Python"),
        ("K = 3\nx = (", "which cell 1 defines, but cell 1 does not parse (line 2: '(' was never closed): fix it"),
        ("%%timeit\nK = 3", "which cell 1 defines under `%%timeit`, but that cell is skipped: define it in a Python cell"),
        ("def init():\n    global K\n    K = 3\ninit()", "which a function of cell 1 sets when it runs: define it outside of functions, too"),
        ("k = 3", "which no cell defines: is it misspelled, or was its cell removed?"),
    ],
)  # fmt: skip
def test_an_answer_says_what_cannot_be_taken_along_where_it_was_bound_and_what_to_do(answer_of, first, why):
    answer = answer_of(first, USES_K)
    assert answer.notes == (f"uses `K`, {why}",)
    assert "K" in answer.text and "K =" not in answer.text


def test_what_only_a_notebook_has_is_said(answer_of):
    answer = answer_of("def softmax(x):\n    display(x)\n    return x")
    assert answer.notes == ("uses `display`, which exists only in a notebook: remove it",)


def test_many_missing_names_are_a_few_sentences(answer_of):
    answer = answer_of("def softmax(x):\n    return " + " + ".join(f"name{n}" for n in range(20)))
    assert len(answer.notes) == 7 and answer.notes[-1] == "uses 14 more names that are not copied"


def test_a_function_of_the_notebook_that_is_called_like_one_that_reads_files_is_taken_along(answer_of):
    answer = answer_of("def load(): return 3", "K = load()", USES_K)
    assert (ran(answer.text, 4), answer.notes) == (7, ())


def test_an_earlier_definition_under_another_name_is_said(answer_of):
    answer = answer_of("def softmax(x): return x", "_old = softmax", "def softmax(x): return _old(x)")
    assert answer.notes == (
        "uses the `softmax` of cell 1 under another name, but only its last definition is copied: give the earlier "
        "one a different name",
    )


def test_a_stub_beside_star_imports_is_not_started(answer_of, book):
    answer = answer_of("from math import *\nfrom __future__ import annotations", stub_of(book, book.koan("softmax")))
    assert not answer.started and answer.notes == ()


def test_a_star_import_that_nothing_needs_stays_behind(answer_of):
    answer = answer_of("from utils import *\nfrom IPython.display import *", "def softmax(x): return len(x)")
    assert "import *" not in answer.text
    assert ran(answer.text, "abcd") == 4


def test_functions_of_other_koans_are_imported_as_they_are_in_a_file(answer_of):
    line = "from exercises.ch06_numerics.exp_overflow import exp_overflow"
    answer = answer_of(line, "def softmax(x):\n    return exp_overflow(x)")
    assert line in answer.text and answer.notes == ()
    own = "from exercises.ch06_numerics.softmax import softmax"
    assert answer_of(own, "softmax(3)") is None
    assert answer_of("from exercises.ch06_numerics import softmax", "softmax.softmax(3)") is None
    answer = answer_of("def softmax(x):\n    return x", own)
    assert own not in answer.text and ran(answer.text, 3) == 3


def test_the_later_definition_of_a_cell_or_a_wrapper_is_no_second_answer(outlines):
    def others(*cells):
        found, _ = answers.answers([Cell(f"cell {n}", text) for n, text in enumerate(cells, 1)], outlines)
        return [one.others for one in found]

    assert others("def softmax(x): return x\ndef softmax(x): return x + 1") == [()]
    assert others("def softmax(x): return x", "softmax = cache(softmax)") == [()]
    assert others("def softmax(x): return 2", "def softmax(x): return x", "softmax = cache(softmax)") == [("cell 1",)]


def test_a_cell_is_named_for_each_line_also_where_the_order_is_changed(answer_of):
    answer = answer_of("# a comment\n@cache\ndef softmax(x):\n    return x", "import math\nfrom functools import cache")
    lines = dict(zip(answer.origin, answer.text.splitlines(), strict=True))
    assert lines["cell 1", 1] == "# a comment" and lines["cell 1", 4] == "    return x"
    assert lines["cell 2", 2] == "from functools import cache" and ("cell 2", 1) not in lines


def test_a_later_definition_that_does_not_parse_is_said(outlines):
    found, _ = answers.answers([Cell("cell 1", "def softmax(x): return x"), Cell("cell 2", "def softmax(x:")], outlines)
    assert found[0].notes == ("cell 2 does not parse (line 1: '(' was never closed), so cell 1 counts",)


UNWRITTEN = "def softmax(x, dim=-1):\n    " + STUB
LSE = "def logsumexp(x, dim=-1):\n    return x"
BESIDE = f"def softmax(x, dim=-1):\n    return x + 1\n\n\n{LSE}"


@pytest.mark.parametrize(
    "cells, gives, others",
    [
        ([UNWRITTEN, LSE.replace("return x", STUB), BESIDE], 5, ()),
        (["def softmax(x):\n    return x", BESIDE], 5, ("cell 1",)),
        ([BESIDE, "def softmax(x):\n    return x"], 4, ("cell 1",)),
    ],
)
def test_the_last_definition_counts_also_beside_a_function_of_another_koan(answer_of, cells, gives, others):
    answer = answer_of(*cells)
    assert (ran(answer.text, 4), answer.others, answer.started) == (gives, others, True)


def test_a_stub_below_an_answer_counts_in_a_kernel_that_ran_it_last_and_not_in_a_file(book, outlines):
    cells = [Cell("cell 1", BESIDE), Cell("cell 2", stub_of(book, book.koan("softmax")))]
    of_file, of_kernel = ({a.koan: a for a in answers.answers(cells, outlines, live=live)[0]} for live in (False, True))
    koan = "ch06_numerics/softmax"
    assert (of_file[koan].started, of_file[koan].cells, of_file[koan].others) == (True, ("cell 1",), ())
    assert (of_kernel[koan].started, of_kernel[koan].cells, of_kernel[koan].others) == (False, ("cell 2",), ("cell 1",))


@pytest.mark.parametrize("live", [False, True])
def test_a_changed_helper_in_a_cell_of_another_koan_is_an_answer_only_if_the_koan_has_no_other(book, live):
    outlines = answers.outlines(book, "ch05_tokens")
    stubs = {name: stub_of(book, book.koan(name)) for name in ("encode", "fertility")}
    helper = "def encode(text, merges):\n    return [1]\n\n\ndef fertility(words, merges):\n    return 1.0"
    own = "def encode(text, merges):\n    return [2]"

    def found(*texts):
        cells = [Cell(f"cell {n}", text) for n, text in enumerate(texts, 1)]
        return {a.koan: a for a in answers.answers(cells, outlines, live=live)[0]}.get("ch05_tokens/encode")

    assert found(stubs["fertility"]) is None
    assert (found(own, helper).cells, found(own, helper).others) == (("cell 1",), ())
    assert found(stubs["encode"], helper).cells == ("cell 2",)


SCORES, MASK = "ch07_attention/scores", "ch07_attention/causal_mask"


def test_what_passed_in_a_notebook_is_listed_so_until_it_comes_home(play):
    book = play.workbook
    koan = book.koan("scores")

    def listed(width=80):
        out = io.StringIO()
        Console(file=out, width=width).print(listing(book, progress.standings(book), [koan], width))
        return out.getvalue()

    with Progress(play.root) as progress:
        progress.record(Verdict(SCORES, NOTEBOOK, Status.passed), "mine = 1\n")
        assert "not started (passed in a notebook)" in listed() and "`koans notebook import FILE.ipynb`" in listed()
        play.write("scores", "mine = 1\n")
        assert "passed  scores" in listed() and "notebook" not in listed()
        progress.record(Verdict(SCORES, "learner", Status.passed), "mine = 2\n")
        assert "passed  scores" in listed() and "notebook" not in listed()  # each of the two texts has passed
        play.write("scores", "mine = 3\n")
        assert "failed (changed since it passed)" in listed() and "notebook" not in listed()


def test_a_koan_that_is_imported_has_passed_if_the_imported_text_has(play):
    book = play.workbook
    verdict = Verdict(MASK, NOTEBOOK, Status.failed, imports=(SCORES,))
    with Progress(play.root) as progress:

        def notes(others=None):
            return record_attempt(book, progress, book.koan(MASK), verdict, "text", others).verdict.notes

        play.write("scores", "home = 1\n")
        begin = (f"it imports {SCORES}, which has not passed: fix that koan first",)
        assert notes() == begin
        progress.record(Verdict(SCORES, "learner", Status.passed), exercise_text(book, book.koan(SCORES)))
        progress.record(Verdict(SCORES, NOTEBOOK, Status.passed), "cell = 1\n")
        assert notes() == notes({SCORES: "cell = 1\n"}) == ()
        assert notes({SCORES: "cell = 2\n"}) == begin


def test_an_answer_that_passed_beside_another_cells_answer_has_passed_when_both_come_home(play):
    book = play.workbook
    line = "from exercises.ch07_attention.scores import scores\n"
    with Progress(play.root) as progress:
        verdict = Verdict(MASK, NOTEBOOK, Status.passed, imports=(SCORES,))
        record_attempt(book, progress, book.koan(MASK), verdict, line, {SCORES: "cell = 1\n"})
        play.write("causal_mask", line)
        assert progress.standings(book)[MASK].in_notebook
        play.write("scores", "cell = 1\n")
        assert progress.standings(book)[MASK].status == Status.passed
