"""`Check`: every function is called, right answers agree, and the first wrong result is named with its place."""

import pytest
import torch

from grader.model import tour
from grader.model.comparing import apart
from grader.model.path import PATH
from grader.model.protocol import Call, Check
from grader.model.requests.checking import blamed

TEXT = "cab, a bad dad"


def calls(events) -> list[Call]:
    return [event for event in events if isinstance(event, Call)]


@pytest.fixture(scope="module")
def healthy(folder):
    from grader.model import requests
    from grader.model.protocol import Source
    from tests.conftest import ROOT

    events = []
    requests.answer(Check(Source(str(ROOT), str(folder)), TEXT), events.append, lambda functions: None)
    return calls(events)


def test_the_tour_calls_every_function_on_the_path(healthy):
    called = {(call.koan, call.function) for call in healthy}
    wanted = {(koan.koan, name) for koan in PATH.values() for name in koan.functions}
    assert wanted - called == {("ch15_model/checkpoint", "save")}  # its format is the learner's own
    assert called <= wanted


def test_our_functions_agree_with_themselves_at_every_call(healthy):
    assert blamed(healthy) is None and not any(call.difference for call in healthy)


def test_layers_are_counted_from_the_embedding_to_the_head(healthy):
    parts = [name for name, _ in tour.parts()]
    places = list(dict.fromkeys(call.place for call in healthy))
    forward = places.index("embedding")
    assert places[forward : forward + 4] == ["embedding", "layer 0", "layer 1", "head"]
    assert set(places) - {"embedding", "layer 0", "layer 1", "head"} == set(parts) - {"forward"}


@pytest.mark.parametrize(
    ("koan", "mistake", "place"),
    [
        ("ch08_block/apply_rope", "interleaved", "layer 0"),
        ("ch08_block/rms_norm", "centred", "layer 0"),
        ("ch07_attention/attention", "by_d", "layer 0"),
        ("ch06_numerics/int8_matmul", "truncated", "int8"),
        ("ch15_model/pretokenize", "three_digits", "tokenizer"),
    ],
)
def test_the_function_with_a_mistake_is_to_blame(asked, koan, mistake, place):
    found = blamed(calls(asked(Check, whose={koan: f"wrong:{mistake}"}, text=TEXT)))
    assert found is not None and (found.koan, found.place, found.whose) == (koan, place, f"wrong:{mistake}")


@pytest.mark.parametrize(
    ("koan", "answer"),
    [("ch06_numerics/softmax", "by_logsumexp"), ("ch08_block/rms_norm", "by_length")],
)
def test_a_right_answer_by_another_route_agrees(asked, koan, answer):
    every = calls(asked(Check, whose={koan: f"right:{answer}"}, text=TEXT))
    assert blamed(every) is None
    assert any(call.difference for call in every if call.koan == koan), "it rounds in another way"


@pytest.mark.parametrize(
    ("theirs", "problem"),
    [
        (torch.zeros(2, 3), "its result has the shape (2, 3), and ours (3,)"),
        (torch.zeros(3).double(), "its result is in float64, and ours in float32"),
        (torch.tensor([0.0, torch.nan, 0.0]), "its result has NaN where ours has numbers"),
        (torch.tensor([0.0, torch.inf, 0.0]), "infinities or NaN are at other places than in ours"),
        ([0.0, 0.0, 0.0], "it returns a list, and ours a tensor"),
        (torch.tensor([0.0, 0.5, 0.0]), ""),
    ],
)
def test_results_of_another_kind_are_told_in_words(theirs, problem):
    assert apart(theirs, torch.zeros(3)).problem == problem


def test_the_largest_difference_is_found_in_nested_results():
    one, other = {"a": [torch.ones(2), 3.0]}, {"a": [torch.ones(2), 3.5]}
    assert apart(one, other) == ("", 0.5, 3.5)
    assert apart({"b": 1}, {"a": 1}).problem == "the names in its dict differ from ours"
