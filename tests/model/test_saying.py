"""`Say`: text in pieces, one batch of several prompts, drafts, and the precision of the weights."""

import pytest

from grader.book.errors import KoansError
from grader.model.figures import Sampling
from grader.model.protocol import Note, Said, Say, Text
from grader.model.requests.emitting import Writer


def text(events, row=0):
    return "".join(event.text for event in events if isinstance(event, Text) and event.row == row)


def said(events) -> Said:
    assert isinstance(events[-1], Said)
    return events[-1]


def test_no_piece_of_text_ends_within_a_character(small_tokenizer):
    events = []
    writer = Writer(small_tokenizer, events.append)
    writer.add("né 東!".encode())
    writer.end()
    assert [event.text for event in events] == ["n", "é", " ", "東", "!"]


def test_bytes_that_are_no_character_come_out_all_the_same(small_tokenizer):
    events = []
    writer = Writer(small_tokenizer, events.append)
    writer.add(b"a\x80\x81\x82\x83b\xe6\x9d")
    writer.end()
    assert writer.text == "a" + 4 * "�" + "b" + "�"


def test_the_text_is_that_of_its_tokens(asked, small_tokenizer):
    events = asked(Say, prompts=("abc",), sampling=Sampling(most=12))
    ids = said(events).ids[0]
    assert said(events).tokens == len(ids) == sum(said(events).passes) > 0
    assert text(events) == small_tokenizer.decode(list(ids))


def test_several_prompts_get_the_texts_that_they_get_alone(asked):
    prompts = ("abc", "a longer one", "b")
    greedy = Sampling(temperature=0.0, top_p=1.0, most=8)
    together = said(asked(Say, prompts=prompts, sampling=greedy))
    alone = [said(asked(Say, prompts=(prompt,), sampling=greedy)).ids[0] for prompt in prompts]
    assert list(together.ids) == alone


@pytest.mark.parametrize(
    ("precision", "koan"),
    [("int8", "ch06_numerics/int8_matmul"), ("4bit", "ch11_model_cards/block_quantize")],
)
def test_lower_precision_is_the_work_of_its_koan(asked, precision, koan):
    entered = {wanted: set() for wanted in ("float32", precision)}

    for wanted, koans in entered.items():

        def watch(functions, koans=koans):
            functions.enter = koans.add

        asked(Say, watch=watch, prompts=("abc",), sampling=Sampling(most=2), precision=wanted)
    assert entered[precision] - entered["float32"] == {koan}


def test_drafts_change_no_greedy_text_and_each_pass_says_how_many_tokens_it_added(asked):
    greedy = Sampling(temperature=0.0, top_p=1.0, most=10)
    plain = said(asked(Say, prompts=("abc",), sampling=greedy))
    events = asked(Say, prompts=("abc",), sampling=Sampling(temperature=0.0, top_p=1.0, most=10, drafts=3))
    assert isinstance(events[0], Note)
    assert said(events).ids == plain.ids
    assert all(0 < added <= 4 for added in said(events).passes) and sum(said(events).passes) == 10


def test_a_prompt_that_fills_the_context_is_refused(asked):
    with pytest.raises(KoansError, match="the prompt has 71 tokens, and the model has a context of 64: shorten it"):
        asked(Say, prompts=("x" * 70,))
