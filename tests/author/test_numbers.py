"""Every number that a chapter's texts state is computed beside them, or says where it comes from."""

import ast
import re

import pytest

from grader.author import numbers
from grader.book.workbook import Workbook
from tests.conftest import ROOT

SCRIPTS = numbers.scripts(ROOT)


def test_every_chapter_computes_its_numbers(book):
    assert [script.parent.name for script in SCRIPTS] == [chapter.id for chapter in book.chapters]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.parent.name)
def test_every_number_of_a_chapter_is_what_its_script_computes(script):
    book = Workbook(ROOT)
    assert list(numbers.problems(book, book.chapter(script.parent.name), numbers.phrases(script))) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.parent.name)
def test_a_script_yields_no_number_that_is_written_into_its_text(script):
    yielded = [node.value for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.Yield)]
    texts = [node.value for node in yielded if isinstance(node, ast.Constant)]
    assert [text for text in texts if re.search(r"\d", text)] == []


def test_a_number_in_no_phrase_is_found_and_code_names_and_years_are_not_numbers():
    text = "Llama-3-8B has 8 heads of `x[0, 1000]`, 54,410 tokens in 2024, 0.17 % of 300; fp16, arXiv:2002.04745, 2⁻⁸."
    found = [text[a:b] for a, b in numbers.uncovered(text, ["0.17 % of 300"])]
    assert found == ["54,410", "2⁻⁸"]


def test_a_phrase_does_not_end_within_a_number():
    assert numbers.uncovered("It takes 435.25 s.", ["takes 435"]) == [(9, 15)]


def test_a_changed_text_and_a_changed_result_are_problems(tmp_path, play):
    (play.root / "content/ch14_budget/numbers.py").write_text(
        'GIVEN = {"20 ms": "a step at 50 Hz", "77 ms": "nowhere"}\n\n\ndef numbers():\n    yield f"{1 + 1} halves"\n'
    )
    book = Workbook(play.root)
    own = numbers.phrases(play.root / "content/ch14_budget/numbers.py")
    found = list(numbers.problems(book, book.chapter("ch14"), own))
    assert [p.message for p in found if p.where == "numbers.py"] == [
        "no text of the chapter says: 2 halves",
        "no text of the chapter says: 77 ms",
    ]
