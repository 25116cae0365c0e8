"""A special token is a piece of its own, whatever stands beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch15_model.special_tokens import special_tokens
from grader.checks import agrees
from reference.ch15_model.special_tokens import special_tokens as oracle

END, PAD = "<|end|>", "<|pad|>"


@pytest.mark.card("special-tokens-before-merges")
def test_one_special_token_by_hand():
    agrees(special_tokens, "one<|end|> two", [END], with_=oracle, gives=["one", END, " two"])


@pytest.mark.card("special-tokens-before-merges")
def test_special_tokens_at_both_ends_and_in_a_row():
    agrees(special_tokens, "<|end|>a<|pad|><|pad|>", [END, PAD], with_=oracle, gives=[END, "a", PAD, PAD])
    agrees(special_tokens, "<|end|><|end|>", [END], with_=oracle, gives=[END, END])


@pytest.mark.card("special-tokens-before-merges")
def test_every_special_token_counts_wherever_it_stands():
    text = "a<|end|>b<|end|>c <|pad|> d<|end|>"
    agrees(special_tokens, text, [END, PAD], with_=oracle, gives=["a", END, "b", END, "c ", PAD, " d", END])


@pytest.mark.card("special-tokens-longest")
def test_the_longest_at_a_place_is_taken():
    pieces = ["a", "<|end|>b", "c", "<|end|>"]
    agrees(special_tokens, "a<|end|>bc<|end|>", ["<|end|>b", END], with_=oracle, gives=pieces)
    agrees(special_tokens, "aaaaa", ["aaa", "aa", "a"], with_=oracle, gives=["aaa", "aa"])


@pytest.mark.card("special-tokens-longest")
def test_the_order_of_the_list_does_not_count():
    pieces = ["a", "<|end|>b", "c", "<|end|>"]
    agrees(special_tokens, "a<|end|>bc<|end|>", [END, "<|end|>b"], with_=oracle, gives=pieces)
    agrees(special_tokens, "aaaaa", ["a", "aaa", "aa"], with_=oracle, gives=["aaa", "aa"])


@pytest.mark.card("special-tokens-longest")
def test_of_two_that_overlap_the_first_in_the_text_is_taken():
    agrees(special_tokens, "xabcdx", ["ab", "bcd"], with_=oracle, gives=["x", "ab", "cdx"])
    agrees(special_tokens, "xabcdx", ["bcd", "ab"], with_=oracle, gives=["x", "ab", "cdx"])


def test_every_character_of_a_special_token_stands_for_itself():
    agrees(special_tokens, "the end of a|b and (c)", ["<|end|>"], with_=oracle, gives=["the end of a|b and (c)"])
    agrees(special_tokens, "axb a.b", ["a.b"], with_=oracle, gives=["axb ", "a.b"])
    agrees(special_tokens, "aab (+) [x]", ["a+", "(+)", "[x]"], with_=oracle, gives=["aab ", "(+)", " ", "[x]"])


def test_spaces_and_newlines_beside_it_stay():
    agrees(special_tokens, "a \n <|end|>  b", [END], with_=oracle, gives=["a \n ", END, "  b"])
    agrees(special_tokens, "<|end|> \n<|end|>", [END], with_=oracle, gives=[END, " \n", END])


def test_capitals_count():
    agrees(special_tokens, "a<|END|>b<|End|>", [END], with_=oracle, gives=["a<|END|>b<|End|>"])


def test_half_a_special_token_is_text():
    agrees(special_tokens, "<|end|<|end|>|end|>", [END], with_=oracle, gives=["<|end|", END, "|end|>"])


def test_a_special_token_may_hold_spaces_and_any_letters():
    agrees(special_tokens, "a<end of text>é文é", ["<end of text>", "文"], with_=oracle)


def test_a_text_without_special_tokens_is_one_piece():
    agrees(special_tokens, "no end", [END, PAD], with_=oracle, gives=["no end"])
    agrees(special_tokens, "a<|end|>b", [], with_=oracle, gives=["a<|end|>b"])


def test_an_empty_text_has_no_pieces():
    agrees(special_tokens, "", [END], with_=oracle, gives=[])
    agrees(special_tokens, "", [], with_=oracle, gives=[])


@given(st.text("ab|. ", max_size=10), st.lists(st.text("ab|.", min_size=1, max_size=3), max_size=3, unique=True))
def test_any_text_and_any_special_tokens(text, specials):
    agrees(special_tokens, text, specials, with_=oracle)
