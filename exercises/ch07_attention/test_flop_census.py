"""Nearly all FLOPs are in matrix products."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch07_attention.flop_census import flop_census
from grader.checks import agrees
from reference.ch07_attention.flop_census import flop_census as oracle

LLAMA_8B = (4096, 32, 8, 14336)  # d_model, query heads, KV heads, ffn


def test_two_tokens_by_hand():
    flops = {"matmul": 88, "attention": 32, "softmax": 20, "norm": 32, "residual": 8, "activation": 10}
    agrees(flop_census, 2, 2, 1, 1, 1, with_=oracle, gives=[flops, 0.6316])


@pytest.mark.card("five-operations", "matmul-share-of-flops", "ffn-has-most-flops")
def test_a_llama_block_at_512_tokens():
    flops = {
        "matmul": 223_338_299_392,
        "attention": 4_294_967_296,
        "softmax": 41_943_040,
        "norm": 16_777_216,
        "residual": 4_194_304,
        "activation": 36_700_160,
    }
    agrees(flop_census, 512, *LLAMA_8B, with_=oracle, gives=[flops, 0.9996])


@pytest.mark.card("matmul-share-of-flops")
@pytest.mark.parametrize("length", [1, 8192, 131_072])
def test_the_same_block_at_other_lengths(length):
    agrees(flop_census, length, *LLAMA_8B, with_=oracle)


@pytest.mark.parametrize("kv_heads", [1, 2, 12])
def test_a_small_block_with_few_and_many_key_heads(kv_heads):
    agrees(flop_census, 1024, 768, 12, kv_heads, 2048, with_=oracle)


@pytest.mark.parametrize("d_model, heads, kv_heads", [(100, 8, 4), (96, 8, 3), (96, 4, 8)])
def test_heads_that_do_not_divide_are_a_value_error(d_model, heads, kv_heads):
    agrees(flop_census, 16, d_model, heads, kv_heads, 64, with_=oracle)


@given(st.integers(1, 10**5), st.integers(1, 8), st.integers(1, 8), st.integers(1, 200), st.integers(1, 10**5))
def test_any_block(length, kv_heads, group, width, ffn):
    heads = kv_heads * group
    agrees(flop_census, length, heads * width, heads, kv_heads, ffn, with_=oracle)
