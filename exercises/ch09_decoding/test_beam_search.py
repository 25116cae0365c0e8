"""The best of several texts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch09_decoding.beam_search import beam_search
from grader.checks import agrees, randn
from reference.ch09_decoding.beam_search import beam_search as oracle

TWO = torch.tensor([[0.6, 0.4], [0.5, 0.5]]).log()
# From 0 token 1 looks best (0.5), but what follows it is spread out; after 2 (0.4), 3 is nearly certain.
REGRET = torch.tensor(
    [[0.05, 0.5, 0.4, 0.05], [0.3, 0.25, 0.25, 0.2], [0.02, 0.02, 0.01, 0.95], [0.25, 0.25, 0.25, 0.25]]
).log()


@pytest.mark.card("beam-length-penalty")
@pytest.mark.parametrize("alpha, gives", [(0.0, ([1], -0.9163)), (1.0, ([0, 0], -0.5108))])
def test_two_steps_by_hand(alpha, gives):
    agrees(beam_search, TWO, 0, 1, 2, 2, alpha, with_=oracle, gives=gives)


@pytest.mark.card("beam-search-looks-back")
@pytest.mark.parametrize("beams, gives", [(1, ([1, 0], -1.8971)), (2, ([2, 3], -0.9676))])
def test_a_second_beam_finds_what_greedy_missed(beams, gives):
    agrees(beam_search, REGRET, 0, 3, beams, 2, 0.0, with_=oracle, gives=gives)


def ahead(n, seed, dtype=torch.float32):
    """A table in which a larger token follows. Texts that go in circles may be made of the same steps in another order:
    then rounding decides which of them is more probable."""
    return 2 * randn(n, n, dtype=dtype, seed=seed) - 1e4 * torch.ones(n, n, dtype=dtype).tril()


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("beams", [1, 2, 3, 5])
def test_random_tables(beams, alpha, seed):
    agrees(beam_search, ahead(6, seed), 0, 5, beams, 6, alpha, with_=oracle)
    agrees(beam_search, ahead(8, seed + 9), 1, 7, beams, 9, alpha, with_=oracle)


def test_a_finished_text_frees_its_place_for_the_next_step(seed):
    for i in range(6):
        table = ahead(7, seed + i)
        table[:, 6] += 1
        agrees(beam_search, table, 0, 6, 2, 7, 1.0, with_=oracle)


@pytest.mark.card("beam-search-in-log-space")
def test_eight_hundred_tokens_do_not_underflow(seed):
    table = randn(7, 7, seed=seed) / 4
    table[:, 6] -= 9
    for token in range(6):
        table[token, (token + 1) % 6] += 1  # the most probable text has no equal
    agrees(beam_search, table, 0, 6, 2, 800, 0.7, with_=oracle)


def test_logits_have_no_absolute_size(seed):
    agrees(beam_search, ahead(6, seed) + 20 * randn(6, 1, seed=seed + 1), 0, 5, 3, 6, 1.0, with_=oracle)


def test_among_equals_the_first_wins():
    agrees(beam_search, torch.zeros(3, 3), 0, 2, 2, 3, 1.0, with_=oracle)
    agrees(beam_search, torch.zeros(3, 3), 0, 1, 3, 3, 0.0, with_=oracle, gives=([1], -1.0986))
    agrees(beam_search, torch.zeros(3, 3), 0, 2, 3, 2, 2.0, with_=oracle, gives=([0, 2], -0.5493))


def test_start_may_be_end_and_the_only_token(seed):
    agrees(beam_search, ahead(4, seed).flip(0, 1), 3, 3, 2, 4, 1.0, with_=oracle)
    agrees(beam_search, torch.zeros(1, 1), 0, 0, 2, 3, 1.0, with_=oracle, gives=([0], 0.0))


def test_nothing_is_live_when_all_have_ended():
    table = torch.tensor([[0.0, 30.0], [0.0, 0.0]])
    agrees(beam_search, table, 0, 1, 1, 9, 1.0, with_=oracle)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_tables(dtype, seed):
    agrees(beam_search, ahead(6, seed, dtype), 0, 5, 3, 6, 1.0, with_=oracle)


@settings(max_examples=15)
@given(
    st.integers(2, 5), st.integers(1, 4), st.integers(1, 5), st.sampled_from([0.0, 0.6, 1.0, 2.0]), st.integers(0, 99)
)
def test_any_table(n, beams, most, alpha, seed):
    agrees(beam_search, ahead(n, seed), 0, n - 1, beams, most, alpha, with_=oracle)
