"""Every koan passes the gate, and the gate finds each kind of fault."""

import json

import pytest

from grader.author import gate
from grader.book.oracles import oracles
from grader.book.workbook import Workbook
from grader.judge.runner import Runner
from tests.conftest import ROOT


@pytest.mark.timeout(1500)
def test_every_koan_passes_the_gate(book):
    with Runner(book, gate.LIMITS, isolated=True) as runner:
        report = gate.verify(book, list(book.koans.values()), runner, seeds=1)
    assert [f"{p.where}: {p.message}" for p in report.problems] == []
    assert report.caught == report.wrong
    assert report.named == report.wrong
    assert report.misnamed == 0
    assert report.isolated > report.wrong


def test_the_readme_says_how_many_wrong_answers_there_are(book):
    wrong = sum(len(oracle.wrongs) for koan in book.koans.values() for oracle in oracles(koan).values())
    assert f"all {wrong:,} wrong answers" in (ROOT / "README.md").read_text("utf-8").replace("\n  ", " ")


def _replace(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def _problems(play, *names):
    """The problems that the gate finds, in a process of its own, because this one may have imported the real oracles."""
    report = json.loads(play.koans("verify", *names, "--seeds", "1", "--json").stdout)
    return [f"{p['where']}: {p['says']}" for p in report["problems"]]


REFERENCE, TESTS = "reference/ch07_attention/causal_mask.py", "exercises/ch07_attention/test_causal_mask.py"


@pytest.fixture(scope="module")
def found(lasting):
    """The problems of one koan that has a fault of every kind."""
    try:
        _spoil(lasting.play)
        return _problems(lasting.play, "causal_mask")
    finally:
        lasting.restore()


def _spoil(play):
    reference, tests = play.root / REFERENCE, play.root / TESTS
    _replace(
        reference, "triu(n_k - n_q)", "triu(n_k - n_q + 1)"
    )  # in the wrong answer hides_itself, which becomes right
    _replace(
        reference,
        '.triu(n_k - n_q + 1)\n\n\n@causal_mask.wrong("the diag',
        '.triu(1)\n\n\n@causal_mask.wrong("the diag',
    )
    reference.write_text(
        reference.read_text()
        + '\n\n@causal_mask.wrong("the same once more")\ndef finite_too(n_q, n_k):\n    return finite(n_q, n_k)\n'
        + '\n\n@causal_mask.right("by what is on disk")\ndef by_the_disk(n_q, n_k):\n'
        + f"    return open({str(reference)!r}).read() and hides_itself(n_q, n_k)\n"
    )
    _replace(play.root / "solutions/ch07_attention/causal_mask.py", "j > i", "j >= i")
    tests.write_text(tests.read_text() + "\n\ndef test_nothing():\n    pass\n")


def test_nothing_but_the_faults_is_reported(found):
    assert len(found) == 7, found


def test_a_wrong_answer_that_passes_is_reported(found):
    says = "this wrong answer passes: add an input that shows the mistake"
    assert f"ch07_attention/causal_mask wrong:hides_itself: {says}" in found


def test_a_wrong_answer_that_looks_like_another_is_reported(found):
    problems = [p for p in found if "wrong:finite" in p or "wrong:finite_too" in p]
    assert len(problems) == 2
    assert all("but not named; it looks like: finite or finite_too" in p for p in problems)


def test_a_solution_that_fails_is_reported(found):
    (problem,) = [p for p in found if "solutions" in p]
    assert "causal_mask solutions seed 0: the solution must pass, but is 'failed' in 'three tokens by hand'" in problem


def test_a_right_answer_that_fails_is_reported(found):
    (problem,) = [p for p in found if "right:by_triu" in p]
    assert "right:by_triu seed 0: a right answer must pass, but is 'failed'" in problem


def test_an_answer_that_the_sandbox_makes_another_is_reported(found):
    """The answer reads a file of the workbook, which no submission can."""
    (problem,) = [p for p in found if "right:by_the_disk" in p]
    assert problem.startswith(
        "ch07_attention/causal_mask right:by_the_disk: isolated it is 'failed' [], else 'passed' []"
    )


def test_a_test_that_the_stub_passes_is_reported(found):
    assert "ch07_attention/causal_mask stub: the stub passes 'nothing': that test checks nothing" in found


def test_a_stub_that_differs_from_its_solution_is_reported(play):
    file = play.root / "exercises/ch07_attention/causal_mask.py"
    file.write_text(file.read_text().replace("to the last column", "to the first column"))
    assert _static(play) == [
        "exercises/ch07_attention/causal_mask.py: is not the stub of its solution; `koans stubs --overwrite` writes it"
    ]


def _static(play):
    return [f"{p.where}: {p.message}" for p in gate.static_problems(Workbook(play.root))]


def test_cards_markers_hints_and_needs_must_resolve(play):
    _replace(
        play.root / "exercises/ch07_attention/test_causal_mask.py",
        'card("causal-mask")',
        'card("no-such-card")',
    )
    (play.root / "content/ch07_attention/scores.md").write_text("# Hint 1\n\nLook.\n")
    toml = play.root / "content/ch13_triton/chapter.toml"
    toml.write_text(toml.read_text().replace('needs = ["', 'needs = ["ch13_triton/nothing", "', 1))
    problems = "\n".join(_static(play))
    assert 'cards.toml: causal-mask: no test is marked @pytest.mark.card("causal-mask")' in problems
    assert "no card is called 'no-such-card'" in problems
    assert "section '# Hint 2' is missing or empty" in problems
    assert "needs 'ch13_triton/nothing', which is not a koan" in problems


def test_a_landed_id_must_not_go_and_a_new_one_must_be_locked(play):
    _replace(play.root / "content/ch13_triton/cards.toml", 'id = "kernel-tail-mask"', 'id = "kernel-tail"')
    _replace(
        play.root / "exercises/ch13_triton/test_vector_add.py",
        'card("kernel-tail-mask")',
        'card("kernel-tail")',
    )
    assert _static(play) == [
        "content/ids.lock: card kernel-tail-mask has been released, so it must not be removed or renamed",
        "content/ids.lock: card kernel-tail is new: `koans verify --lock` adds it",
    ]


def test_a_new_koan_has_its_five_files_and_is_caught_until_it_is_finished(play):
    made = play.koans("new", "ch06_numerics/doubling")
    assert made.returncode == 0
    assert "solutions/ch06_numerics/doubling.py" in made.stdout
    checked = play.koans("verify", "doubling")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    second = play.koans("new", "ch06_numerics/doubling")
    assert second.returncode == 2
    assert "exists already" in second.stderr
