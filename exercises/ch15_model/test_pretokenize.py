"""Each word has the space before it, and nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch15_model.pretokenize import pretokenize
from grader.checks import agrees
from reference.ch15_model.pretokenize import pretokenize as oracle


@pytest.mark.card("pretokenize-space-first")
def test_a_sentence_by_hand():
    agrees(pretokenize, "The cat's 12th!", with_=oracle, gives=["The", " cat", "'s", " 12", "th", "!"])


@pytest.mark.card("pretokenize-space-first")
def test_a_word_takes_one_space_and_the_run_keeps_the_others():
    agrees(pretokenize, "a  b", with_=oracle, gives=["a", " ", " b"])
    agrees(pretokenize, "   b    7     !", with_=oracle, gives=["  ", " b", "   ", " 7", "    ", " !"])


@pytest.mark.card("pretokenize-space-first")
def test_numbers_and_others_take_the_space_too():
    agrees(pretokenize, "a 7 - b", with_=oracle, gives=["a", " 7", " -", " b"])


@pytest.mark.card("pretokenize-lossless")
def test_spaces_at_both_ends_stay():
    agrees(pretokenize, " a", with_=oracle, gives=[" a"])
    agrees(pretokenize, "a ", with_=oracle, gives=["a", " "])
    agrees(pretokenize, "  a   ", with_=oracle, gives=[" ", " a", "   "])


@pytest.mark.card("pretokenize-lossless")
def test_whitespace_alone_is_one_word_and_nothing_has_none():
    agrees(pretokenize, " \n\t ", with_=oracle, gives=[" \n\t "])
    agrees(pretokenize, "", with_=oracle, gives=[])


@pytest.mark.card("pretokenize-lossless")
def test_no_word_takes_a_newline_or_a_tab():
    agrees(pretokenize, "a\nb", with_=oracle, gives=["a", "\n", "b"])
    agrees(
        pretokenize, "a\n\nb\t\t7\r\n!", with_=oracle, gives=["a", "\n", "\n", "b", "\t", "\t", "7", "\r", "\n", "!"]
    )
    agrees(pretokenize, "a\n b \nc", with_=oracle, gives=["a", "\n", " b", " ", "\n", "c"])


def test_seven_endings_are_words_of_their_own():
    text = "it's don't we're I've I'm she'll he'd"
    words = ["it", "'s", " don", "'t", " we", "'re", " I", "'ve", " I", "'m", " she", "'ll", " he", "'d"]
    agrees(pretokenize, text, with_=oracle, gives=words)


def test_no_ending_in_capitals():
    agrees(pretokenize, "IT'S I'M WE'RE 'Re", with_=oracle)
    agrees(pretokenize, "CAT'S", with_=oracle, gives=["CAT", "'", "S"])


def test_an_ending_is_cut_off_wherever_it_stands():
    agrees(pretokenize, "'something", with_=oracle, gives=["'s", "omething"])
    agrees(pretokenize, "o'really 't7'd!", with_=oracle)
    agrees(pretokenize, "''s", with_=oracle, gives=["''", "s"])


def test_no_ending_after_a_space_or_inside_a_run_of_others():
    agrees(pretokenize, "a 's", with_=oracle, gives=["a", " '", "s"])
    agrees(pretokenize, "wow!'s", with_=oracle, gives=["wow", "!'", "s"])


def test_a_curly_apostrophe_is_one_of_the_others():
    agrees(pretokenize, "it’s", with_=oracle, gives=["it", "’", "s"])


def test_letters_and_numbers_are_apart():
    agrees(pretokenize, "a1b22 c3", with_=oracle, gives=["a", "1", "b", "22", " c", "3"])
    agrees(pretokenize, "1234567 2026", with_=oracle, gives=["1234567", " 2026"])


def test_an_underscore_is_one_of_the_others():
    agrees(pretokenize, "my_name __x__", with_=oracle, gives=["my", "_", "name", " __", "x", "__"])


def test_a_run_of_others_is_one_word():
    agrees(pretokenize, "(a+b)!?... --", with_=oracle, gives=["(", "a", "+", "b", ")!?...", " --"])
    agrees(pretokenize, "a 🍓🍓!", with_=oracle, gives=["a", " 🍓🍓!"])


def test_letters_of_all_scripts_are_letters():
    agrees(pretokenize, "größer Ελλάδα 中文字 naïve", with_=oracle, gives=["größer", " Ελλάδα", " 中文字", " naïve"])


def test_numbers_of_all_kinds_are_numbers():
    agrees(pretokenize, "x² 1½ Ⅻa ٣٤", with_=oracle, gives=["x", "²", " 1½", " Ⅻ", "a", " ٣٤"])


@pytest.mark.card("pretokenize-lossless")
def test_an_accent_of_its_own_is_one_of_the_others():
    agrees(pretokenize, "cafe\u0301s", with_=oracle, gives=["cafe", "\u0301", "s"])


def test_a_no_break_space_is_whitespace_but_no_word_takes_it():
    agrees(pretokenize, "a\u00a0b", with_=oracle, gives=["a", "\u00a0", "b"])
    agrees(pretokenize, "a\u3000\u2009 \x85 b\u00a0", with_=oracle, gives=["a", "\u3000\u2009 \x85", " b", "\u00a0"])


def test_four_control_characters_are_no_whitespace():
    agrees(pretokenize, "a\x1c\x1fb \x1d", with_=oracle, gives=["a", "\x1c\x1f", "b", " \x1d"])


@pytest.mark.card("pretokenize-space-first")
def test_a_page_of_prose_and_code():
    text = "Once, a cat's owner said:\n\n  \"I'll pay 3.50 — or 40%!\"\n\ndef f(x_1):\n    return x_1 ** 2  # it’s x²\n"
    agrees(pretokenize, text, with_=oracle)


@given(st.text("  \n\t\u00a0''sStrelvdm1½é\u0301_-!", max_size=12))
def test_any_text(text):
    agrees(pretokenize, text, with_=oracle)
