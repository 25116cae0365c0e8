"""Every license of the lineage applies."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch11_model_cards.lineage_license import lineage_license
from grader.checks import agrees
from reference.ch11_model_cards.lineage_license import lineage_license as oracle

TERMS = {
    "mit": ["keep notice"],
    "apache-2.0": ["keep notice", "state changes"],
    "llama2": ["keep notice", "pass on the agreement", "under 700M users"],
    "cc-by-nc-4.0": ["attribution", "no commercial use"],
}
PARENTS = {"chat": ["tuned"], "tuned": ["base"], "chat-gguf": ["chat"], "merge": ["tuned", "other"], "other": ["base"]}
LICENSES = {
    "chat": "mit",
    "tuned": "apache-2.0",
    "base": "llama2",
    "chat-gguf": "mit",
    "other": "cc-by-nc-4.0",
    "merge": "apache-2.0",
}


def test_a_chain_of_three_by_hand():
    terms = {"mit": ["keep notice"], "apache-2.0": ["keep notice", "state changes"], "llama2": ["under 700M users"]}
    gives = {"obligations": ["keep notice", "state changes", "under 700M users"], "unknown": []}
    agrees(lineage_license, "chat", PARENTS, LICENSES, terms, with_=oracle, gives=gives)


@pytest.mark.card("licences-add-up")
def test_a_quantised_copy_under_mit_is_still_bound_by_the_base():
    gives = {
        "obligations": ["keep notice", "pass on the agreement", "state changes", "under 700M users"],
        "unknown": [],
    }
    agrees(lineage_license, "chat-gguf", PARENTS, LICENSES, TERMS, with_=oracle, gives=gives)


@pytest.mark.card("merges-inherit-from-all")
def test_a_merge_is_derived_from_all_its_parents():
    agrees(lineage_license, "merge", PARENTS, LICENSES, TERMS, with_=oracle)


def test_a_base_has_its_own_terms_only():
    agrees(lineage_license, "base", PARENTS, LICENSES, TERMS, with_=oracle)


@pytest.mark.card("no-licence-is-no-permission")
def test_what_has_no_licence_is_named():
    licenses = {"chat-gguf": "mit", "base": "llama2"}
    gives = {"obligations": ["keep notice", "pass on the agreement", "under 700M users"], "unknown": ["chat", "tuned"]}
    agrees(lineage_license, "chat-gguf", PARENTS, licenses, TERMS, with_=oracle, gives=gives)


@pytest.mark.card("no-licence-is-no-permission")
def test_a_licence_whose_terms_are_not_listed_is_unknown_as_well():
    agrees(lineage_license, "chat", PARENTS, LICENSES | {"tuned": "other"}, TERMS, with_=oracle)
    agrees(lineage_license, "chat", PARENTS, LICENSES | {"base": "custom", "chat": "other"}, TERMS, with_=oracle)


def test_a_model_nobody_has_heard_of():
    agrees(lineage_license, "nobody", PARENTS, LICENSES, TERMS, with_=oracle)


def test_obligations_of_a_licence_without_any():
    agrees(lineage_license, "chat", PARENTS, LICENSES | {"base": "cc0-1.0"}, TERMS | {"cc0-1.0": []}, with_=oracle)


@pytest.mark.parametrize("circle", [{"base": ["tuned"]}, {"chat": ["chat"]}, {"base": ["chat"]}], ids=str)
def test_a_circle_is_a_value_error(circle):
    agrees(lineage_license, "chat", PARENTS | circle, LICENSES, TERMS, with_=oracle)


@settings(max_examples=20)
@given(
    st.lists(st.lists(st.integers(0, 4), max_size=2, unique=True), min_size=5, max_size=5),
    st.dictionaries(st.sampled_from("abcde"), st.sampled_from([*TERMS, "other"])),
)
def test_any_lineage(parents, licenses):
    graph = {"abcde"[i]: ["abcde"[j] for j in all_ if j < i] for i, all_ in enumerate(parents)}
    agrees(lineage_license, "e", graph, licenses, TERMS, with_=oracle)
