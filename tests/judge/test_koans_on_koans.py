"""Koans build on koans: a file may import what its owner wrote for another koan, at home and when graded alike."""

import pytest

from grader.book.stubs import strip_markers, stub_of
from grader.book.workbook import Workbook
from grader.course.grade import grade_all
from grader.course.intake.submission import Submission
from grader.judge.runner import Runner
from grader.learn.attempts import attempt
from grader.learn.progress import Progress
from tests.conftest import ROOT, Play, copy_workbook

BOOK = Workbook(ROOT)
SOFTMAX, SCORES, ATTENTION = "ch06_numerics/softmax", "ch07_attention/scores", "ch07_attention/attention"
LOGSUMEXP, ACCUMULATE, KERNEL = "ch06_numerics/logsumexp", "ch06_numerics/accumulate", "ch13_triton/vector_add"


def solved(*koans):
    return {koan: strip_markers(BOOK.solution(BOOK.koans[koan]).read_text()) for koan in koans}


def attention(imports, softmax="softmax", scores="scores", within=""):
    return f"""import torch
{imports}
def attention(q, k, v, hidden=None):
    {within}
    s = {scores}(q.float(), k)
    if hidden is not None:
        s = s.masked_fill(hidden, -torch.inf)
    weights = {softmax}(s, -1)
    if hidden is not None:
        weights = weights.masked_fill(hidden, 0.0)
    return torch.einsum("bhqk,bhke->bhqe", weights, v.float()).to(q.dtype)
"""


BY_NAME = (
    f"from exercises.{SOFTMAX.replace('/', '.')} import softmax\nfrom exercises.ch07_attention.scores import scores\n"
)
WITH_DOTS = "from .scores import scores\nfrom ..ch06_numerics import softmax as numerics\n"
AS_MODULES = "import exercises.ch06_numerics.softmax as s6\nimport exercises.ch07_attention.scores\n"
BOTH = (SOFTMAX, SCORES)
# The files, the koan that is looked at, its status, a part of its message, the koans it imports, and those of them that
# have not passed.
CASES = {
    "by name": ({**solved(*BOTH), ATTENTION: attention(BY_NAME)}, ATTENTION, "passed", "", BOTH, ()),
    "with dots": (
        {**solved(*BOTH), ATTENTION: attention(WITH_DOTS, "numerics.softmax")},
        *(ATTENTION, "passed", "", (SCORES, SOFTMAX), ()),
    ),
    "as modules": (
        {**solved(*BOTH), ATTENTION: attention(AS_MODULES, "s6.softmax", "exercises.ch07_attention.scores.scores")},
        *(ATTENTION, "passed", "", BOTH, ()),
    ),
    "within the function": (
        {**solved(*BOTH), ATTENTION: attention("", within=BY_NAME.strip().replace("\n", "; "))},
        *(ATTENTION, "passed", "", BOTH, ()),
    ),
    "each other": (
        {
            **solved(SOFTMAX),
            SCORES: solved(SCORES)[SCORES] + "\ndef more(*x):\n    from .attention import attention\n",
            ATTENTION: attention(BY_NAME),
        },
        *(ATTENTION, "passed", "", BOTH, ()),
    ),
    "a stub": (
        {**solved(SCORES), ATTENTION: attention(BY_NAME)},
        *(ATTENTION, "failed", f"it calls {SOFTMAX}, which is not written yet", BOTH, (SOFTMAX,)),
    ),
    "a wrong answer": (
        {**solved(SCORES), SOFTMAX: "def softmax(x, dim=-1):\n    return x / 0\n", ATTENTION: attention(BY_NAME)},
        *(ATTENTION, "failed", "attention: ", BOTH, (SOFTMAX,)),
    ),
    "an exception": (
        {**solved(SCORES), SOFTMAX: "def softmax(x, dim=-1):\n    return 1 / 0\n", ATTENTION: attention(BY_NAME)},
        *(ATTENTION, "failed", "at attention.py:10: weights = softmax(s, -1)\n  at softmax.py:2: return 1 / 0"),
        *(BOTH, (SOFTMAX,)),
    ),
    "a file that does not parse": (
        {**solved(SCORES), SOFTMAX: "\ndef softmax(:\n", ATTENTION: attention(BY_NAME)},
        *(ATTENTION, "broken", "SyntaxError in softmax.py, line 2", BOTH, (SOFTMAX,)),
    ),
    "a name that is not there": (
        {**solved(*BOTH), ATTENTION: attention(BY_NAME.replace("import softmax", "import smax as softmax"))},
        *(ATTENTION, "broken", f"exercises/{ATTENTION}.py imports {SOFTMAX}: cannot import name 'smax'", BOTH, ()),
    ),
    "kernels": (
        {KERNEL: "", ATTENTION: f"from exercises.{KERNEL.replace('/', '.')} import add\n"},
        *(ATTENTION, "broken", f"{KERNEL} holds kernels, which cannot be imported", (KERNEL,), (KERNEL,)),
    ),
    "an own function with a forbidden name": (
        {**solved(SOFTMAX), LOGSUMEXP: "from .softmax import softmax\n" + solved(LOGSUMEXP)[LOGSUMEXP]},
        *(LOGSUMEXP, "passed", "", (SOFTMAX,), ()),
    ),
    "a forbidden function in another file": (
        {
            ACCUMULATE: "import torch\n\ndef cheat(x, dim):\n    return torch.logsumexp(x, dim)\n",
            LOGSUMEXP: "from .accumulate import cheat\n\ndef logsumexp(x, dim=-1):\n    return cheat(x, dim)\n",
        },
        *(LOGSUMEXP, "failed", f"found in exercises/{ACCUMULATE}.py, which this file imports, line 4"),
        *((ACCUMULATE,), (ACCUMULATE,)),
    ),
}


@pytest.fixture(scope="module")
def at_home(tmp_path_factory):
    """The verdict on each case as `koans run` gives it, after the files that it imports were run."""
    play = Play(copy_workbook(tmp_path_factory.mktemp("home")))
    book, verdicts = play.workbook, {}
    with Runner(book, share=False) as runner:
        for what, (texts, koan, *_) in CASES.items():
            for name in (SOFTMAX, SCORES, ATTENTION, LOGSUMEXP, ACCUMULATE):
                play.write(name, texts.get(name) or stub_of(book, book.koans[name]))
            with Progress(book.root) as progress:
                for name in texts:
                    step = attempt(book, progress, runner, book.koans[name])
                    verdicts[what] = step.verdict if name == koan else verdicts.get(what)
    return verdicts


@pytest.fixture(scope="module")
def in_class():
    """The verdict on each case as `koans grade` gives it."""
    submissions = [Submission(what, what, what, texts=texts) for what, (texts, *_) in CASES.items()]
    with Runner(BOOK, isolated=True) as runner:
        grades = {grade.id: grade for grade in grade_all(BOOK, submissions, runner, seed=0)}
    return {
        what: next(graded.verdict for graded in grades[what].koans if graded.verdict.koan == CASES[what][1])
        for what in CASES
    }


@pytest.mark.parametrize("place", ["at_home", pytest.param("in_class", marks=pytest.mark.needs("sandbox"))])
@pytest.mark.parametrize("what", CASES)
def test_a_file_that_imports_another_koans_file_is_judged_with_it(request, what, place):
    verdict = request.getfixturevalue(place)[what]
    _, _, status, message, imports, unmet = CASES[what]
    assert verdict.status == status, verdict.message
    assert message in verdict.message
    assert verdict.notes == tuple(f"it imports {koan}, which has not passed: fix that koan first" for koan in unmet)
    assert verdict.imports == imports
