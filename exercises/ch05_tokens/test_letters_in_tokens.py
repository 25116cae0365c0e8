"""A token shows its letter only if it holds exactly one."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch05_tokens.letters_in_tokens import letters_in_tokens
from grader.checks import agrees
from reference.ch05_tokens.letters_in_tokens import letters_in_tokens as oracle


def test_one_r_alone_and_one_hidden():
    agrees(letters_in_tokens, [b"ra", b"r"], with_=oracle, gives={"r": (1, 1), "a": (0, 1)})


@pytest.mark.card("strawberry-hides-its-r")
def test_strawberry_hides_all_three_r():
    gives = {"s": (0, 1), "t": (0, 1), "r": (0, 3), "a": (0, 1), "w": (0, 1), "b": (0, 1), "e": (0, 1), "y": (0, 1)}
    agrees(letters_in_tokens, [b"str", b"aw", b"berry"], with_=oracle, gives=gives)
    agrees(letters_in_tokens, [b"st", b"raw", b"berry"], with_=oracle, gives=gives)
    agrees(letters_in_tokens, [b"straw", b"berry"], with_=oracle, gives=gives)


@pytest.mark.card("spelled-out-letters-show")
def test_spelled_out_they_can_be_counted():
    spelled = [bytes([b]) for b in b"strawberry"]
    agrees(letters_in_tokens, spelled, with_=oracle)
    agrees(letters_in_tokens, [b"b", b"-", b"err", b"-", b"y"], with_=oracle)


def test_a_token_elsewhere_in_the_text_does_not_help():
    agrees(letters_in_tokens, [b"r", b"berry", b"r"], with_=oracle)


def test_a_letter_at_the_start_of_a_longer_token_is_hidden():
    agrees(letters_in_tokens, [b"on", b"o", b"no"], with_=oracle, gives={"o": (1, 2), "n": (0, 2)})


def test_a_letter_of_two_bytes_may_be_a_token():
    agrees(letters_in_tokens, ["é".encode(), b"t", "té".encode()], with_=oracle, gives={"é": (1, 1), "t": (1, 1)})


@pytest.mark.card("letters-over-two-tokens")
def test_a_letter_spread_over_two_tokens_is_hidden():
    agrees(letters_in_tokens, [b"\xc3", b"\xa9"], with_=oracle, gives={"é": (0, 1)})


@pytest.mark.card("letters-over-two-tokens")
def test_a_letter_whose_second_half_is_in_a_longer_token():
    agrees(letters_in_tokens, [b"x", b"\xe2\x82", b"\xac", b"y"], with_=oracle)
    agrees(letters_in_tokens, [b"a\xc3", b"\xa9b", b"a"], with_=oracle)


def test_spaces_and_capitals_are_characters_like_others():
    agrees(letters_in_tokens, [b"R", b"ar", b" ", b"r", b" are"], with_=oracle)
    agrees(letters_in_tokens, [b"Ah", b"a", b"A"], with_=oracle, gives={"A": (1, 1), "h": (0, 1), "a": (1, 0)})


def test_a_text_is_taken_as_it_is():
    agrees(letters_in_tokens, [b"e\xcc\x81"], with_=oracle)  # an accent is a character of its own
    agrees(letters_in_tokens, [b"\xef\xbb\xbf", b"a"], with_=oracle)  # so is a byte order mark


def test_no_tokens_have_no_letters():
    agrees(letters_in_tokens, [], with_=oracle, gives={})


@pytest.mark.parametrize(
    "tokens", [[b"a", b"\xc3"], [b"\xa9", b"b"], [b"a\xff"]], ids=["cut off", "a second half", "255"]
)
def test_what_is_not_utf_8_is_a_value_error(tokens):
    agrees(letters_in_tokens, tokens, with_=oracle)


@given(st.text("ré R€", max_size=6), st.sets(st.integers(1, 12)))
def test_any_text_cut_anywhere(text, cuts):
    data = text.encode()
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    tokens = [data[a:b] for a, b in itertools.pairwise(places) if a < b]
    agrees(letters_in_tokens, tokens, with_=oracle)
