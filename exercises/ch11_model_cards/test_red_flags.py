"""Questions about what a card does not say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch11_model_cards.red_flags import red_flags
from grader.checks import agrees
from reference.ch11_model_cards.red_flags import red_flags as oracle

OWN, OTHERS = {"metrics": [{"value": 71.2}]}, {"metrics": [{"value": 68.9}], "source": {"url": "https://example.org"}}
GOOD = {"license": "mit", "datasets": ["c4"]}


def results(*all_: dict) -> dict:
    return {"model-index": [{"name": "m", "results": list(all_)}]}


def test_one_question_by_hand():
    agrees(red_flags, {"license": "mit", **results(OTHERS)}, {}, with_=oracle, gives=["training data"])


def test_an_empty_list_of_data_sets_is_missing():
    for datasets in ([], None):
        card = {"license": "mit", "datasets": datasets, **results(OTHERS)}
        agrees(red_flags, card, {}, with_=oracle, gives=["training data"])


def test_a_base_model_that_says_everything():
    agrees(red_flags, {**GOOD, "license": "apache-2.0", **results(OTHERS)}, {"rope_theta": 1e6}, with_=oracle, gives=[])


@pytest.mark.card("questions-to-a-card")
def test_a_quantised_chat_model_that_says_nothing():
    card = {"tags": ["GGUF"], "base_model_relation": "quantized", **results(OWN)}
    config = {"rope_scaling": {"factor": 32.0}}
    gives = ["licence", "base", "evaluation", "training data", "quantisation", "context"]
    agrees(red_flags, card, config, with_=oracle, gives=gives)


@pytest.mark.card("questions-to-a-card")
@pytest.mark.parametrize("licence", [{}, {"license": None}, {"license": ""}, {"license": "mit"}], ids=str)
def test_a_licence_that_is_empty_is_missing(licence):
    agrees(red_flags, {"datasets": ["c4"], **licence}, {}, with_=oracle)


@pytest.mark.parametrize("link", [{}, {"license_link": ""}, {"license_link": "LICENSE"}], ids=str)
def test_another_licence_needs_a_link(link):
    agrees(red_flags, {**GOOD, "license": "other", **link}, {}, with_=oracle)


@pytest.mark.parametrize(
    "base", [{}, {"base_model": "a/b"}, {"base_model": ["a/b", "c/d"]}, {"base_model": []}], ids=str
)
def test_what_is_derived_names_its_base(base):
    agrees(red_flags, {**GOOD, "base_model_relation": "finetune", **base}, {}, with_=oracle)
    agrees(red_flags, {**GOOD, "tags": ["text-generation", "LoRA"], **base}, {}, with_=oracle)


@pytest.mark.parametrize("tags", [["dpo"], ["Merge"], ["emergent", "sft-free"], [], None], ids=str)
def test_tags_tell_what_is_derived(tags):
    agrees(red_flags, {**GOOD, "tags": tags}, {}, with_=oracle)


@pytest.mark.card("who-measured")
def test_one_result_of_the_authors_own_is_enough():
    agrees(red_flags, {**GOOD, **results(OTHERS, OWN)}, {}, with_=oracle, gives=["evaluation"])
    agrees(red_flags, {**GOOD, **results({"source": None})}, {}, with_=oracle, gives=["evaluation"])


def test_results_of_all_entries_count():
    index = [{"results": [OTHERS]}, {"name": "second", "results": [OWN]}]
    agrees(red_flags, {**GOOD, "model-index": index}, {}, with_=oracle)
    agrees(red_flags, {"license": "mit", "model-index": None}, {}, with_=oracle, gives=[])
    agrees(red_flags, {"license": "mit", "model-index": [{"results": None}, {}]}, {}, with_=oracle, gives=[])


@pytest.mark.parametrize("relation", ["quantized", "finetune", None], ids=str)
@pytest.mark.parametrize("found", [{}, results(), results(OTHERS)], ids=["no index", "no results", "results"])
def test_scores_of_a_quantised_model(relation, found):
    agrees(red_flags, {**GOOD, "base_model": "a/b", "base_model_relation": relation, **found}, {}, with_=oracle)


@pytest.mark.card("context-that-was-stretched")
@pytest.mark.parametrize(
    "scaling", [None, {}, {"factor": None}, {"factor": 1.0}, {"factor": 1.5}, {"factor": 8.0}], ids=str
)
def test_a_window_that_was_stretched(scaling):
    agrees(red_flags, GOOD, {"max_position_embeddings": 131072, "rope_scaling": scaling}, with_=oracle)


CARDS = st.fixed_dictionaries(
    {},
    optional={
        "license": st.sampled_from(["mit", "other", "", None]),
        "license_link": st.sampled_from(["LICENSE", None]),
        "base_model": st.sampled_from(["a/b", [], None]),
        "base_model_relation": st.sampled_from(["quantized", "merge", None]),
        "tags": st.lists(st.sampled_from(["chat", "gguf", "SFT"]), max_size=2),
        "datasets": st.sampled_from([["c4"], [], None]),
        "model-index": st.lists(st.just({"results": [OWN]}) | st.just({"results": [OTHERS]}), max_size=2),
    },
)


@settings(max_examples=25)
@given(CARDS, st.sampled_from([{}, {"rope_scaling": {"factor": 4.0}}]))
def test_any_card(card, config):
    agrees(red_flags, card, config, with_=oracle)
