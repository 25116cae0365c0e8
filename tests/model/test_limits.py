"""The model's process has limits: a function that hangs, eats memory, prints or exits ends it, and is named."""

import pytest

from grader.model.client import run
from grader.model.figures import Sampling
from grader.model.protocol import Done, Failed, Said, Say, Source, Text

SOFTMAX = "ch06_numerics/softmax"
PATIENCE = 1.0


@pytest.fixture
def ended(alone, folder):
    """A function that lets the model write with this body of softmax, and returns the events."""

    def end(*lines, text=None):
        if text is None:
            alone.body("softmax", *lines)
        else:
            alone.write("softmax", text)
        source = Source(str(alone.root), str(folder), {SOFTMAX: "learner"})
        return list(run(Say(source, ("abc",), Sampling(most=3)), patience=PATIENCE))

    return end


def line_of(alone, text):
    file = alone.workbook.exercise(alone.workbook.koan("softmax"))
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("while True:", "    x = x + 1"), "softmax did not return within 1 seconds"),
        pytest.param(
            ("sum(range(10**12))",),
            "softmax did not return, and let nothing else run",
            marks=pytest.mark.needs("signals"),
        ),
        pytest.param(
            ("return torch.zeros(1 << 34)",), "softmax raised RuntimeError", marks=pytest.mark.needs("limits")
        ),
        pytest.param(("return [0] * (1 << 34)",), "softmax raised MemoryError", marks=pytest.mark.needs("limits")),
        (("raise SystemExit(3)",), "softmax raised SystemExit: 3"),
    ],
)
def test_a_function_that_does_harm_ends_with_its_koan_and_line(ended, alone, lines, message):
    *_, last = ended(*lines)
    assert isinstance(last, Failed)
    assert last.message.startswith(message)
    assert (last.koan, last.whose) == (SOFTMAX, "learner")
    assert last.line in {line_of(alone, lines[0]), line_of(alone, lines[-1])}


def test_a_function_that_ends_the_process_is_named(ended):
    *_, last = ended("import os", "os._exit(0)")
    assert last == Failed("the model's process ended with exit code 0 while softmax ran", SOFTMAX, whose="learner")


def test_what_a_function_prints_or_writes_to_the_output_is_no_event(ended):
    events = ended(
        "import os",
        "print('x' * 100_000)",
        "os.write(1, b'y' * 100_000)",
        "return (x - x.amax(dim, keepdim=True)).exp() / (x - x.amax(dim, keepdim=True)).exp().sum(dim, keepdim=True)",
    )
    assert {type(event) for event in events} == {Text, Said, Done}


@pytest.mark.needs("file limits")
def test_no_more_than_a_limit_is_written(ended):
    *_, last = ended("import sys", "while True:", "    print('x' * 10_000_000, flush=True)")
    assert isinstance(last, Failed) and last.koan == SOFTMAX and "File too large" in last.message


def test_a_file_that_cannot_be_imported_is_named_with_the_line(ended):
    *_, last = ended(text="import torch\n\nraise RuntimeError('not now')\n")
    assert last == Failed("the file cannot be imported: RuntimeError: not now", SOFTMAX, "", "learner", 3)
    *_, last = ended(text="def softmax(:\n")
    assert (last.koan, last.line) == (SOFTMAX, 1)


def test_a_result_that_no_other_function_can_use_ends_it_with_a_reason(ended):
    *_, last = ended("return None")
    assert last.whose == "learner" and last.message.startswith("the model stopped with TypeError: ")
