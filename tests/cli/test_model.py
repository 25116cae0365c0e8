"""`koans model`: what it says, and the exit codes."""

import json

import pytest

from grader.book.verdict import Status, Verdict
from grader.learn.attempts import exercise_text
from grader.learn.model_functions import own_model, yours
from grader.learn.progress import Progress
from grader.model.client import folder_of_ours
from grader.model.path import PATH
from tests.model.conftest import folder, merges, ours, small, small_tokenizer  # noqa: F401

TOTAL = len(PATH)


@pytest.fixture
def model(play, folder):  # noqa: F811
    """A workbook with a small model of random weights, in which some koans have passed."""
    for file in folder.iterdir():
        (folder_of_ours(play.root) / file.name).write_bytes(file.read_bytes())
    return play


def passes(play, *names):
    with Progress(play.root) as progress:
        for name in names:
            play.solve(name)
            koan = play.workbook.koan(name)
            progress.record(Verdict(koan.id, "learner", Status.passed), exercise_text(play.workbook, koan))


def test_what_has_passed_and_is_unchanged_is_the_learners(play):
    passes(play, "softmax", "scores", "exp_overflow", "rms_norm")
    play.write("scores", "# changed\n")
    with Progress(play.root) as progress:
        own = yours(play.workbook, progress)
    assert own.names == ("rms_norm", "softmax") and own.count == f"2 of {TOTAL}"
    assert set(own.whose.values()) == {"learner"}


def test_say_tells_whose_functions_run_and_writes(model):
    passes(model, "softmax")
    result = model.says("model", "say", "abc", "--tokens", "5", "--greedy")
    first, _, text, *_ = result.stdout.splitlines()
    assert (result.returncode, result.stderr) == (0, "")
    assert first == f"1 of {TOTAL} functions are yours: softmax"
    assert text.startswith("abc")
    again = model.says("model", "say", "abc", "--tokens", "5", "--greedy", "--json")
    data = json.loads(again.stdout)
    assert data["yours"] == ["ch06_numerics/softmax"] and len(data["tokens"][0]) == sum(data["passes"]) == 5


def test_a_function_that_fails_is_named_with_its_line_and_what_to_do(model):
    passes(model, "softmax")
    model.write("softmax", "def softmax(x, dim=-1):\n    return x[17:1, 2, 3, 4, 5, 6]\n")
    with Progress(model.root) as progress:
        text = exercise_text(model.workbook, model.workbook.koan("softmax"))
        progress.record(Verdict("ch06_numerics/softmax", "learner", Status.passed), text)
    result = model.says("model", "say", "abc")
    assert result.returncode == 1
    first, second = result.stderr.splitlines()
    assert first.startswith("koans: your softmax raised IndexError: too many indices")
    assert first.endswith("(exercises/ch06_numerics/softmax.py, line 2)")
    assert second.strip() == "`koans run softmax` tests it; --ours runs the model without your functions"
    assert model.says("model", "say", "abc", "--ours", "--tokens", "2").returncode == 0


def test_check_blames_the_first_function_that_differs(model):
    passes(model, "softmax", "rms_norm")
    healthy = model.says("model", "check")
    assert healthy.returncode == 0 and "Each result is ours, or as near to ours as float32 allows." in healthy.stdout
    model.write("rms_norm", "def rms_norm(x, gain, eps=1e-6):\n    return x * gain\n")
    with Progress(model.root) as progress:
        text = exercise_text(model.workbook, model.workbook.koan("rms_norm"))
        progress.record(Verdict("ch08_block/rms_norm", "learner", Status.passed), text)
    wrong = model.says("model", "check")
    assert wrong.returncode == 1
    assert "✗ layer 0: your rms_norm is the first to differ: it differs by" in wrong.stdout
    assert json.loads(model.says("model", "check", "--json").stdout)["blamed"]["koan"] == "ch08_block/rms_norm"


def test_without_mistake_break_lists_them(model):
    lines = model.says("model", "break").stdout.splitlines()
    assert len([line for line in lines if line.startswith("ch")]) == TOTAL
    listed = model.says("model", "break", "scores").stdout
    assert "unscaled" in listed and "try one: koans model break scores:" in listed


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ("scores:unscald", "scores has no mistake 'unscald': did you mean unscaled?"),
        ("scores:xyz", "scores has no mistake 'xyz': `koans model break scores` lists them"),
        ("scors", "no koan is called 'scors': did you mean scores?"),
        ("exp_overflow:x", "the model does not call exp_overflow; `koans model break` lists the koans that it runs on"),
    ],
)
def test_an_unknown_mistake_is_refused_with_similar_names(model, mistake, says):
    result = model.says("model", "break", mistake)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"koans: {says}\n")


def test_break_shows_both_texts_and_losses(model):
    result = model.says("model", "break", "rms_norm:centred", "--prompt", "abc", "--tokens", "5", "--train", "2")
    assert result.returncode == 0
    for part in ("healthy", "with the mistake", "loss, nats a token", "the same top token", "after training"):
        assert part in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ("say --mine", "there is no model of yours yet: `koans model train` trains one"),
        ("say --drafts 2 --no-cache", "--drafts needs the cache: remove --no-cache"),
        ("train --resume --fresh", "give --resume or --fresh, not both"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(model, args, says):
    result = model.says("model", *args.split())
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"koans: {says}\n")


def test_a_training_that_was_stopped_must_be_resumed_or_begun_anew(model):
    own_model(model.root).mkdir(parents=True)
    (own_model(model.root) / "checkpoint").write_bytes(b"x")
    result = model.says("model", "train")
    assert (result.returncode, result.stderr) == (
        2,
        "koans: a training was stopped before its end: --resume goes on, and --fresh starts again\n",
    )


def test_a_pass_on_the_path_says_how_many_functions_run_in_the_model(model):
    passes(model, "scores")
    model.solve("causal_mask")
    first = model.says("run", "causal_mask")
    assert f"your causal_mask runs in the model now: 2 of {TOTAL}" in first.stdout
    assert "runs in the model" not in model.says("run", "causal_mask").stdout


def test_damaged_files_of_a_model_are_refused(model):
    (folder_of_ours(model.root) / "model.safetensors").write_bytes(b"x")
    result = model.says("model", "say")
    assert result.returncode == 2 and "model.safetensors: " in result.stderr
