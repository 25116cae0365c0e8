"""One score for each query, key and query head."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch07_attention.score_matrix_bytes import score_matrix_bytes
from grader.checks import agrees
from reference.ch07_attention.score_matrix_bytes import score_matrix_bytes as oracle

GIB, BF16 = 2**30, torch.bfloat16


def config(layers, heads, kv_heads, d_model):
    return {
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "hidden_size": d_model,
    }


TINY = config(3, 2, 1, 14)
LLAMA_8B = config(32, 32, 8, 4096)


def test_three_queries_and_five_keys_by_hand():
    agrees(score_matrix_bytes, TINY, 3, 5, torch.float32, with_=oracle, gives=120)


@pytest.mark.card("naive-attention-is-quadratic")
@pytest.mark.parametrize("length, gives", [(8192, 4 * GIB), (16_384, 16 * GIB), (131_072, 1024 * GIB)])
def test_twice_the_length_takes_four_times_the_bytes(length, gives):
    agrees(score_matrix_bytes, LLAMA_8B, length, length, BF16, with_=oracle, gives=gives)


@pytest.mark.card("decoding-holds-one-row")
@pytest.mark.parametrize("cached, gives", [(65_536, 2**22), (131_072, 2**23)])
def test_one_new_token_against_a_cache_has_one_row_a_head(cached, gives):
    agrees(score_matrix_bytes, LLAMA_8B, 1, cached, BF16, with_=oracle, gives=gives)


def test_a_piece_of_a_long_prompt_meets_all_keys_before_it():
    agrees(score_matrix_bytes, LLAMA_8B, 500, 3000, BF16, with_=oracle)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float8_e4m3fn])
def test_scores_may_be_held_in_any_dtype(dtype):
    agrees(score_matrix_bytes, LLAMA_8B, 11, 13, dtype, with_=oracle)


def test_every_sequence_of_a_batch_has_its_own():
    agrees(score_matrix_bytes, LLAMA_8B, 11, 13, BF16, batch=7, with_=oracle)


@pytest.mark.parametrize(("n_q", "n_k"), [(0, 13), (13, 0)])
def test_no_queries_or_no_keys_hold_nothing(n_q, n_k):
    agrees(score_matrix_bytes, LLAMA_8B, n_q, n_k, BF16, with_=oracle)


@given(st.integers(1, 100), st.integers(1, 16), st.integers(1, 8), st.integers(0, 900), st.integers(0, 10**6))
def test_any_model_and_any_lengths(layers, kv_heads, group, n_q, n_k):
    heads = kv_heads * group
    agrees(score_matrix_bytes, config(layers, heads, kv_heads, 64 * heads), n_q, n_k, BF16, batch=3, with_=oracle)
