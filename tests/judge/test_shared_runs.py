"""One process tests many submissions and keeps the examples of property tests: no verdict shows it."""

import pytest

from grader.book.stubs import strip_markers
from grader.book.verdict import Status
from grader.book.workbook import Workbook
from grader.judge.runner import Runner
from grader.judge.targets import Target
from tests.conftest import ROOT

PROPERTY = "test_any_list_of_finite_scores_works"
LATE = "    print(x.tolist())\n    if x.ndim == 1 and x.numel() > 4:\n        return x * 2\n"
EXITS = "    if x.ndim == 1 and x.numel() > 4:\n        import os\n        os._exit(3)\n"
ONCE = """    seen = globals().setdefault("SEEN", [])
    if x.ndim == 1 and x.numel() > 4 and not seen:
        seen.append(1)
        return x * 2
"""
BOOK = Workbook(ROOT)


def _text(after="    print(x.tolist())\n"):
    """The solution of softmax, with lines at the beginning of its body."""
    text = strip_markers(BOOK.solution(BOOK.koan("softmax")).read_text())
    head, docstring, body = text.partition('    """\n')
    assert docstring
    return f"{head}{docstring}{after}{body}"


@pytest.fixture(scope="module")
def runner():
    with Runner(BOOK, isolated=True) as runner:
        yield runner


@pytest.fixture
def grade(runner):
    def grade(*texts, seed=7):
        """The verdicts on the texts, which are graded in one batch, one after another."""
        koan = BOOK.koan("softmax")
        pairs = [(koan, Target("text", f"s{i}", text)) for i, text in enumerate(texts)]
        return sorted(runner.run_many(pairs, seed=seed, parallel=1), key=lambda verdict: verdict.target)

    return grade


def _outputs(verdict):
    return {test.name: test.output for test in verdict.tests}


def test_each_submission_of_a_batch_gets_the_examples_that_it_would_get_alone(grade):
    text = _text()
    first, second, third = grade(text, text, text)
    alone = grade(text)[0]
    assert first.passed and second.passed and third.passed and alone.passed
    assert _outputs(alone)[PROPERTY].count("\n") > 20
    assert _outputs(first) == _outputs(second) == _outputs(third) == _outputs(alone)


def test_another_seed_draws_other_examples(grade):
    text = _text()
    assert _outputs(grade(text, seed=7)[0])[PROPERTY] != _outputs(grade(text, seed=8)[0])[PROPERTY]


def test_a_mistake_that_only_an_example_shows_is_reported_as_if_nobody_had_been_graded_before(grade):
    right, wrong = _text(""), _text(LATE)
    passed, after, again = grade(right, wrong, wrong)
    alone = grade(wrong)[0]
    assert passed.passed
    assert [test.name for test in alone.tests if test.status == Status.failed] == [PROPERTY]
    for verdict in (after, again):
        assert [(t.name, t.status, t.message, t.output) for t in verdict.tests] == [
            (t.name, t.status, t.message, t.output) for t in alone.tests
        ]


def test_code_that_fails_only_once_has_failed_whatever_was_graded_before(grade):
    passed, after = grade(_text(""), _text(ONCE))
    alone = grade(_text(ONCE))[0]
    assert (passed.status, after.status, alone.status) == (Status.passed, Status.failed, Status.failed)


HOSTILE = {
    "ends in an example": (EXITS, Status.crashed),
    "changes its inputs": ("    x.fill_(0)\n", Status.failed),
    "returns what no koan may return": ("    return [[object()] * 100] * 100\n", Status.failed),
    "returns other types in each call": ("    return [type(f'T{i}', (), {})() for i in range(900)]\n", Status.failed),
    "patches torch": ("    torch.exp = torch.Tensor.sum = lambda *a, **k: torch.zeros(())\n", Status.failed),
    "changes settings": (
        "    torch.set_default_dtype(torch.float16)\n    torch.manual_seed(1)\n    torch.set_grad_enabled(False)\n"
        "    return x * 2\n",
        Status.failed,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_submission_harms_only_itself(grade, name):
    lines, status = HOSTILE[name]
    right = _text()
    verdicts = grade(right, _text(lines), right)
    assert [verdict.status for verdict in verdicts] == [Status.passed, status, Status.passed]
    assert _outputs(verdicts[0]) == _outputs(verdicts[2])
