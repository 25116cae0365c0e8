"""Memory for the weights and for the KV cache."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch11_model_cards.model_bytes import model_bytes
from grader.checks import agrees
from reference.ch11_model_cards.model_bytes import model_bytes as oracle

# Llama-3.1-8B: all in bf16, and as llama.cpp's Q4_K_M stores it
SIX = 16 * (1024 + 14336) * 4096 + 128_256 * 4096
ALL = 8_030_261_248
BF16 = [(ALL, "BF16")]
Q4_K_M = [(ALL - SIX - 65 * 4096, "Q4_K"), (SIX, "Q6_K"), (65 * 4096, "F32")]


def test_two_tensors_by_hand():
    gives = {"weights": 328, "cache": 96, "total": 424}
    agrees(model_bytes, [(512, "Q4_K"), (10, "F32")], 2, 1, 4, 3, 1, with_=oracle, gives=gives)


@pytest.mark.card("q4-k-m-serving")
def test_llama_3_1_8b_in_bf16_with_8192_tokens():
    gives = {"weights": 16_060_522_496, "cache": 1_073_741_824, "total": 17_134_264_320}
    agrees(model_bytes, BF16, 32, 8, 128, 8192, 1, with_=oracle, gives=gives)


@pytest.mark.card("q4-k-m-serving")
def test_llama_3_1_8b_in_q4_k_m_with_8192_tokens():
    gives = {"weights": 4_912_898_048, "cache": 1_073_741_824, "total": 5_986_639_872}
    agrees(model_bytes, Q4_K_M, 32, 8, 128, 8192, 1, with_=oracle, gives=gives)


@pytest.mark.card("cache-does-not-shrink")
def test_at_131_072_tokens_the_cache_is_three_quarters_of_it():
    gives = {"weights": 4_912_898_048, "cache": 17_179_869_184, "total": 22_092_767_232}
    agrees(model_bytes, Q4_K_M, 32, 8, 128, 131_072, 1, with_=oracle, gives=gives)


@pytest.mark.parametrize("name", ["F32", "F16", "BF16", "Q8_0", "Q6_K", "Q4_K", "Q4_0"])
def test_a_tensor_of_every_format(name):
    agrees(model_bytes, [(256, "F16"), (1024, name)], 3, 2, 16, 7, 5, with_=oracle)


def test_without_tensors_or_without_tokens():
    agrees(model_bytes, [], 3, 2, 16, 7, 5, with_=oracle)
    agrees(model_bytes, [(64, "Q8_0")], 3, 2, 16, 0, 5, with_=oracle)


@pytest.mark.parametrize("tensor", [(100, "Q4_K"), (128, "Q6_K"), (48, "Q8_0")], ids=str)
def test_a_rest_is_a_value_error(tensor):
    agrees(model_bytes, [(256, "F16"), tensor], 1, 1, 1, 1, 1, with_=oracle)


def test_two_rests_that_would_make_a_block_are_a_value_error():
    agrees(model_bytes, [(16, "Q4_0"), (16, "Q4_0")], 1, 1, 1, 1, 1, with_=oracle)


@settings(max_examples=12)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["F32", "Q8_0", "Q6_K", "Q4_K"])), max_size=3),
    st.tuples(*[st.integers(1, 9)] * 5),
)
def test_any_model(tensors, cache):
    agrees(model_bytes, [(256 * n, name) for n, name in tensors], *cache, with_=oracle)
