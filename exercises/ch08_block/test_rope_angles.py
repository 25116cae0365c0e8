"""The position of a token, as angles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch08_block.rope_angles import rope_angles
from grader.checks import agrees
from reference.ch08_block.rope_angles import rope_angles as oracle


@pytest.mark.card("rope-frequencies")
def test_two_pairs_by_hand():
    agrees(rope_angles, 3, 4, with_=oracle, gives=[[0, 0], [1, 0.01], [2, 0.02]])


@pytest.mark.card("rope-positions-with-a-cache")
def test_after_a_cache_of_three_tokens_positions_go_on():
    agrees(rope_angles, 2, 4, start=3, with_=oracle, gives=[[3, 0.03], [4, 0.04]])


@pytest.mark.card("rope-frequencies")
def test_another_base():
    agrees(rope_angles, 2, 6, 1000.0, with_=oracle, gives=[[0, 0, 0], [1, 0.1, 0.01]])


@pytest.mark.card("rope-does-not-extrapolate")
@pytest.mark.parametrize("base", [1e4, 5e5])
def test_heads_of_width_128_at_the_ends_of_long_contexts(base):
    for end in (4096, 8192, 131_072):
        agrees(rope_angles, 2, 128, base, start=end - 1, with_=oracle)


def test_the_smallest_tables():
    agrees(rope_angles, 3, 2, start=1, with_=oracle, gives=[[1], [2], [3]])
    agrees(rope_angles, 0, 4, with_=oracle)


@pytest.mark.parametrize("width", [1, 5])
def test_an_odd_width_is_a_value_error(width):
    agrees(rope_angles, 2, width, with_=oracle)


@given(st.integers(1, 9), st.integers(1, 20), st.floats(2, 1e6, width=32), st.integers(0, 10_000))
def test_any_table(n, pairs, base, start):
    agrees(rope_angles, n, 2 * pairs, base, start, with_=oracle)
