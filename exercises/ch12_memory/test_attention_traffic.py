"""Bytes that attention moves, fused and unfused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch12_memory.attention_traffic import attention_traffic
from grader.checks import agrees
from reference.ch12_memory.attention_traffic import attention_traffic as oracle


def test_one_head_by_hand():
    agrees(attention_traffic, 1, 4, 4, 2, 2, 2, with_=oracle, gives={"unfused": 192, "fused": 96})


@pytest.mark.card("unfused-attention-moves-the-table")
def test_16k_tokens_of_width_128_in_bf16():
    megabytes = {"unfused": 2048 + 16, "fused": 1024 + 8}
    gives = {name: size * 2**20 for name, size in megabytes.items()}
    agrees(attention_traffic, 1, 16384, 16384, 128, 128, 2, with_=oracle, gives=gives)


@pytest.mark.parametrize("block", [1, 64, 128, 1000])
@pytest.mark.parametrize(("n", "m"), [(100, 300), (300, 100), (1, 5000)])
def test_queries_and_keys_of_different_number(n, m, block):
    agrees(attention_traffic, 8, n, m, 64, block, 2, with_=oracle)


@pytest.mark.parametrize("block", [0, -64])
def test_a_block_needs_a_query(block):
    agrees(attention_traffic, 8, 10, 10, 64, block, 2, with_=oracle)


@given(st.tuples(*[st.integers(1, 300)] * 3), st.integers(1, 16), st.integers(1, 130), st.sampled_from([1, 2, 4]))
def test_any_sizes(sizes, heads, block, itemsize):
    agrees(attention_traffic, heads, *sizes, block, itemsize, with_=oracle)
