"""What a learner wrote becomes an example without a name: short, without comments, and as it was written otherwise."""

import pytest

from grader.course.answer import MOST_CHARACTERS, MOST_LINES, excerpt

STUB = '''
import torch
from jaxtyping import Float
from torch import Tensor


def softmax(x: Float[Tensor, "*batch n"], dim: int = -1) -> Float[Tensor, "*batch n"]:
    """Probabilities along `dim`."""
    raise NotImplementedError("your turn")


def given(x):
    return x + 1
'''


def written(*lines: str, before: str = "") -> str:
    own = "\n".join(f"    {line}" for line in lines)
    return before + STUB.replace('    raise NotImplementedError("your turn")', own)


def test_the_function_is_shown_without_comments_docstring_and_annotations():
    text = written("# Ada, 3 a.m.", "e = torch.exp(x)  # why?", '"""a note"""', "return e / e.sum(dim, keepdim=True)")
    assert excerpt(text, STUB, ["softmax"], []) == (
        "def softmax(x, dim=-1):\n    e = torch.exp(x)\n    return e / e.sum(dim, keepdim=True)"
    )


def test_numbers_stay_as_they_are_written():
    text = written("é = 'ü'; bits = x & 0x7FFF", "return bits + 1e-05 * 1_000 - 0b11 + True")
    assert excerpt(text, STUB, ["softmax"], []).splitlines()[2:] == [
        "    bits = x & 0x7FFF",
        "    return bits + 1e-05 * 1_000 - 0b11 + True",
    ]


def test_the_function_that_failed_comes_first_and_what_was_given_is_left_out():
    text = written("return helper(x)", before="def helper(x):\n    return x\n")
    assert (
        excerpt(text, STUB, ["softmax"], [])
        == "def softmax(x, dim=-1):\n    return helper(x)\n\n\ndef helper(x):\n    return x"
    )
    assert excerpt(text, STUB, [], []).startswith("def helper(x):")


def test_a_kernel_keeps_its_annotations():
    kernel = "@triton.jit\ndef add(x_ptr, n: tl.constexpr):\n    pass\n"
    assert excerpt(kernel, STUB, [], []) == kernel.rstrip()


def test_names_of_people_are_replaced_where_the_learner_chose_them():
    text = written(
        "lovelace_max = x.amax(dim)", "raise ValueError('Ada L. says: ' + f'ask ada {lovelace_max}')", "return max(x)"
    )
    assert excerpt(text, STUB, ["softmax"], ["Ada Max Lovelace", "u12"]).splitlines()[1:] == [
        "    someone_someone = x.amax(dim)",
        "    raise ValueError('someone L. says: ' + f'ask someone {someone_someone}')",
        "    return max(x)",
    ]


def test_names_that_the_exercise_gives_stay():
    text = written("return softmax(x, dim)")
    assert excerpt(text, STUB, [], ["Dim Softmax"]) == "def softmax(x, dim=-1):\n    return softmax(x, dim)"


@pytest.mark.parametrize(
    "lines", [[f"x = x + {i}" for i in range(50)], [f"x = '{i}' + '{'y' * 200}'" for i in range(18)]]
)
def test_a_long_answer_is_cut_at_the_end_of_a_line(lines):
    shown = excerpt(written(*lines), STUB, ["softmax"], [])
    assert len(shown.splitlines()) <= MOST_LINES and len(shown) <= MOST_CHARACTERS
    *kept, end = shown.splitlines()
    assert end == "…" and kept == ["def softmax(x, dim=-1):", *(f"    {line}" for line in lines)][: len(kept)]


@pytest.mark.parametrize("text", ["def softmax(:", "x\0y", "x = " + "(" * 5000 + ")" * 5000, "", "\ud800"])
def test_a_text_that_is_no_program_gives_nothing(text):
    assert excerpt(text, STUB, [], []) == ""
