"""`koans hint --why`: what fails as data, for a person or a tutor."""

import json

import msgspec
import pytest
import torch

from grader import grade_one
from grader.book.verdict import LONGEST_PART, Evidence, Status, Verdict
from grader.checks import Disagreement, agrees
from grader.judge.runner import Runner
from grader.learn import attempts
from grader.learn.progress import Progress
from reference import Oracle

SOFTMAX = "ch06_numerics/softmax"
NO_MAX = ("e = torch.exp(x)", "return e / e.sum(dim, keepdim=True)")
FIRST_TEST = "scores of twelve do not overflow"
NOTHING = {
    "function": None,
    "call": None,
    "arguments": {},
    "smaller": False,
    "expected": None,
    "actual": None,
    "worst": None,
    "table": [],
    "misconception": None,
}


def why(play, name="softmax"):
    run = play.says("hint", name, "--why")
    assert (run.returncode, run.stderr) == (0, "")
    return json.loads(run.stdout)


def attempted(play, name="softmax"):
    with Progress(play.root) as progress:
        koan = play.workbook.koan(name)
        return progress.standings(play.workbook, koan)[koan.id].attempts


def without_running(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the koan was run")

    monkeypatch.setattr(Runner, "run", refuse)


def test_a_wrong_answer_comes_with_its_call_its_values_and_its_misconception(play):
    play.body("softmax", *NO_MAX)
    shown = play.says("run", "softmax").stdout
    found = why(play)
    lines, message = found.pop("lines"), found.pop("message")
    assert found == {
        "koan": SOFTMAX,
        "title": "Softmax that survives large scores",
        "status": "failed",
        "tests": found["tests"],
        "fast": None,
        "fast_tests": {"passed": 0, "total": 0},
        "test": f"{FIRST_TEST} [float16]",
        "what": "softmax: 3 of 3 elements differ",
        "function": "softmax",
        "call": "softmax(x)",
        "arguments": {"x": "tensor([12., 11., 10.], dtype=float16)"},
        "smaller": False,
        "expected": "tensor([0.66504, 0.24475, 0.09003], dtype=float16)",
        "actual": "tensor([nan, 0., 0.], dtype=float16)",
        "worst": {"index": [0], "expected": "0.665241", "actual": "nan", "difference": "nan"},
        "table": [],
        "misconception": {
            "names": ["no_max"],
            "text": "exp before subtracting the row maximum: large scores overflow",
        },
        "notes": [],
        "seed": 0,
        "hints": {"seen": 0, "total": 3, "next": 1},
        "assistants": "tutor",
        "next": f"koans hint {SOFTMAX}",
    }
    assert f"{found['tests']['passed']} of {found['tests']['total']} tests pass" in shown
    assert [(line["file"], line["text"][:12]) for line in lines] == [(f"exercises/{SOFTMAX}.py", "def softmax(")]
    assert message.splitlines()[0] in shown


def test_an_error_comes_with_the_line_that_raised_it(play):
    play.body("softmax", "y = x", "return y.tanh(1)")
    found = why(play)
    assert (found["what"], found["misconception"]) == ("softmax: raised TypeError", None)
    assert found["actual"] == "TypeError: TensorBase.tanh() takes no arguments (1 given)"
    assert [line["text"] for line in found["lines"]] == ["return y.tanh(1)"]
    text = play.workbook.exercise(play.workbook.koan("softmax")).read_text().splitlines()
    assert text[found["lines"][0]["line"] - 1].strip() == "return y.tanh(1)"


def test_a_test_that_pytest_itself_runs_has_the_same_evidence(play):
    """Most tests are called directly. One with a fixture goes through pytest's protocol."""
    play.body("softmax", *NO_MAX)
    found = why(play)
    test = play.workbook.test_file(play.workbook.koan("softmax"))
    test.write_text(test.read_text() + "\n\n@pytest.fixture(autouse=True)\ndef beside():\n    yield\n")
    play.body("softmax", *NO_MAX, "# saved again")
    assert why(play) == found


def test_a_stub_says_where_to_begin_and_is_no_attempt(play):
    found = why(play)
    assert {name: found[name] for name in NOTHING} == NOTHING
    assert (found["status"], found["test"], found["lines"]) == ("not started", FIRST_TEST, [])
    assert found["next"] == "koans read ch06_numerics"
    assert attempted(play) == 0


def test_a_broken_file_comes_with_its_line(play):
    play.write("softmax", "import torch\n\n\ndef softmax(x, dim=-1)\n    return x\n")
    found = why(play)
    assert {name: found[name] for name in NOTHING} == NOTHING
    assert (found["status"], found["what"]) == ("broken", "SyntaxError in softmax.py, line 4: expected ':'")
    assert [(line["line"], line["text"]) for line in found["lines"]] == [(4, "def softmax(x, dim=-1)")]
    assert found["next"] == f"koans run {SOFTMAX}"


def test_a_crash_and_a_timeout_name_the_test_that_ran(play):
    play.body("softmax", "import os", "os._exit(3)")
    found = why(play)
    assert (found["status"], found["test"]) == ("crashed", f"{FIRST_TEST} [float16]")
    assert found["what"] == f"the process ended with exit code 3 in: {FIRST_TEST} [float16]"
    assert {name: found[name] for name in NOTHING} == NOTHING

    play.body("softmax", "while True:", "    pass")
    assert "timed out" in play.says("run", "softmax", "--timeout", "2").stdout
    found = why(play)
    assert (found["status"], found["test"]) == ("timed out", f"{FIRST_TEST} [float16]")
    assert found["what"] == f"no answer within 2 s in: {FIRST_TEST} [float16]"


def test_a_passed_koan_leads_to_the_next_one(play):
    play.solve("softmax")
    found = why(play)
    assert {name: found[name] for name in NOTHING} == NOTHING
    assert (found["status"], found["what"], found["test"], found["lines"]) == ("passed", "every test passes", None, [])
    assert found["tests"]["passed"] == found["tests"]["total"] > 0
    assert found["next"] == "koans run"
    assert attempted(play) == 1


def test_the_koan_is_run_only_if_its_file_has_changed(play, monkeypatch):
    play.body("softmax", *NO_MAX)
    first = why(play)
    with monkeypatch.context() as patch:
        without_running(patch)
        assert why(play) == first
    assert attempted(play) == 1
    play.body("softmax", "return x")
    assert why(play)["actual"] == "tensor([12., 11., 10.], dtype=float16)"
    assert attempted(play) == 2


def test_a_hint_is_counted_and_why_is_not(play, monkeypatch):
    play.body("softmax", *NO_MAX)
    assert why(play)["hints"] == why(play)["hints"] == {"seen": 0, "total": 3, "next": 1}
    play.says("hint", "softmax")
    assert why(play)["hints"] == {"seen": 1, "total": 3, "next": 2}
    play.says("hint", "softmax")
    play.says("hint", "softmax")
    found = why(play)
    assert found["hints"] == {"seen": 3, "total": 3, "next": None}
    assert found["next"] == f"koans debug {SOFTMAX}"


def test_a_verdict_of_an_earlier_version_is_made_again(play):
    """It has no evidence."""
    play.body("softmax", *NO_MAX)
    koan = play.workbook.koan("softmax")
    with Progress(play.root) as progress:
        text = attempts.exercise_text(play.workbook, koan)
        old = Verdict(koan.id, "learner", Status.failed, "softmax: old", "softmax: old")
        attempts.record_attempt(play.workbook, progress, koan, old, text)
    assert why(play)["call"] == "softmax(x)"
    assert attempted(play) == 2


def test_a_note_on_another_koan_goes_away_when_that_koan_passes(play, monkeypatch):
    play.solve("softmax")
    play.body(
        "causal_mask", "from exercises.ch06_numerics.softmax import softmax", "return softmax(torch.ones(n_q, n_k))"
    )
    note = f"it imports {SOFTMAX}, which has not passed: fix that koan first"
    assert note in why(play, "causal_mask")["notes"]
    assert "passed" in play.says("run", "softmax").stdout
    without_running(monkeypatch)
    assert note not in why(play, "causal_mask")["notes"]


def test_the_policy_is_in_it_and_a_wrong_one_is_one_line(play):
    file = play.root / "pyproject.toml"
    text = file.read_text()
    file.write_text(text.replace("[tool.koans]", '[tool.koans]\nassistants = "off"'))
    assert why(play)["assistants"] == "off"
    file.write_text(text.replace("[tool.koans]", '[tool.koans]\nassistants = "maybe"'))
    run = play.says("hint", "softmax", "--why")
    known = '"off", "tutor", "open"'
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"koans: {file}: [tool.koans]: assistants is 'maybe', but can only be one of {known}\n"


def test_texts_of_the_learners_code_are_safe_to_print_and_not_long(play):
    play.body("softmax", f"raise RuntimeError('\\x1b[31mred\\u202e' + 'x' * {2 * LONGEST_PART})")
    actual = why(play)["actual"]
    assert actual.startswith("RuntimeError: red�xxx")
    assert len(actual) == LONGEST_PART and actual.endswith("x…")


def test_the_evidence_is_what_the_message_shows():
    """A tensor that the message abbreviates stays abbreviated, and nothing is in it that the message lacks."""

    @Oracle
    def double(x, scale=2.0):
        return {"double": x * scale, "shape": list(x.shape)}

    def wrong(x, scale=2.0):
        return {"double": x * scale + (x.numel() > 500), "shape": list(x.shape)}

    x = torch.arange(1200.0).reshape(30, 40)
    with pytest.raises(Disagreement) as raised:
        agrees(wrong, x.T, scale=3.0, with_=double)
    message = raised.value.message
    evidence = message.evidence
    assert (evidence.function, evidence.call, evidence.what) == ("double", "double(x, scale)", message.sentence)
    assert evidence.smaller
    assert f"  {evidence.call}  - a smaller form of the test's input" in message.text.splitlines()
    assert evidence.arguments["scale"] == "3.0"
    assert "..." in evidence.arguments["x"]
    for text in (*evidence.arguments.values(), evidence.expected, evidence.actual):
        assert _squeezed(text) in _squeezed(message.text)
        assert len(text.splitlines()) <= 7


def _squeezed(text):
    return " ".join(text.split())


@pytest.mark.needs("sandbox")
def test_a_grade_keeps_no_evidence(small, tmp_path):
    """What grading draws from its secret seed is in the message as before, and nowhere else."""
    name = next(iter(small.workbook.koans.values())).name
    small.body(name, "return None")
    at_home = why(small, name)
    assert at_home["status"] == "failed" and at_home["arguments"]
    grade = grade_one(small.hand_in(tmp_path / "ada"), 2**40 + 1, root=small.root)
    failed = [koan.verdict for koan in grade.koans if koan.verdict.status == Status.failed]
    assert [verdict.koan for verdict in failed] == [at_home["koan"]]
    assert failed[0].evidence is msgspec.UNSET
    assert b'"evidence"' not in msgspec.json.encode(grade)


def test_a_verdict_with_evidence_comes_back_from_json_whole():
    evidence = Evidence(test="a test", what="f: the value differs", function="f", arguments={"x": "1"}, expected="2")
    verdict = Verdict("ch01_a/f", "learner", Status.failed, evidence=evidence)
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
