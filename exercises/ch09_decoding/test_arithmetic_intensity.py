"""FLOPs for each byte that is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch09_decoding.arithmetic_intensity import arithmetic_intensity
from grader.checks import agrees
from reference.ch09_decoding.arithmetic_intensity import arithmetic_intensity as oracle

H100 = (989.4e12, 3.35e12)  # dense bf16 FLOP/s, bytes/s of the SXM model
EVEN, SLOW = (1e12, 1e12), (2e12, 1e12)


def config(layers, heads, kv_heads, d_model, ffn, vocab):
    return {
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "hidden_size": d_model,
        "intermediate_size": ffn,
        "vocab_size": vocab,
    }


TINY = config(1, 1, 1, 2, 1, 3)
SMALL = config(3, 4, 2, 12, 20, 50)
LLAMA_8B = config(32, 32, 8, 4096, 14336, 128_256)


def test_a_tiny_model_by_hand():
    gives = {"weights": 56, "cache": 24, "flops": 80, "intensity": 1.0, "bound": "weights"}
    agrees(arithmetic_intensity, TINY, 1, 2, 1, *SLOW, with_=oracle, gives=gives)


@pytest.mark.card("prefill-computes-decode-reads")
def test_prefill_of_2048_tokens_computes_and_the_next_token_reads():
    agrees(arithmetic_intensity, LLAMA_8B, 2048, 0, 1, *H100, with_=oracle)
    agrees(arithmetic_intensity, LLAMA_8B, 1, 2048, 1, *H100, with_=oracle)


@pytest.mark.card("decode-reads-weights-first")
@pytest.mark.parametrize("length, bound", [(2048, "weights"), (114_512, "weights"), (114_513, "cache")])
def test_the_cache_outgrows_the_weights_past_114512_tokens(length, bound):
    flops = 2 * 7_504_658_432 + 4 * 4096 * 32 * length
    read = {"weights": 2 * 7_504_658_432, "cache": 131_072 * length}
    gives = read | {"flops": flops, "intensity": flops / sum(read.values()), "bound": bound}
    agrees(arithmetic_intensity, LLAMA_8B, 1, length - 1, 1, *H100, with_=oracle, gives=gives)


@pytest.mark.card("a-batch-shares-weights-not-caches")
@pytest.mark.parametrize("batch", [32, 128, 512])
@pytest.mark.parametrize("cached", [0, 100, 4000])
def test_a_batch_shares_the_weights_and_not_the_caches(batch, cached):
    agrees(arithmetic_intensity, LLAMA_8B, 1, cached, batch, *H100, with_=oracle)


@pytest.mark.parametrize("new", [1, 100, 500])
def test_a_chunk_of_a_prompt_is_bound_by_what_the_device_says(new):
    agrees(arithmetic_intensity, LLAMA_8B, new, 1000, 1, *H100, with_=oracle)
    agrees(arithmetic_intensity, LLAMA_8B, new, 1000, 1, 1e15, 1e12, with_=oracle)
    agrees(arithmetic_intensity, LLAMA_8B, new, 1000, 1, 1e12, 1e13, with_=oracle)


def test_one_layer_more_and_one_sequence_more():
    agrees(arithmetic_intensity, SMALL, 3, 5, 2, *H100, with_=oracle)
    agrees(arithmetic_intensity, {**SMALL, "num_hidden_layers": 4}, 3, 5, 3, *H100, with_=oracle)


def test_flops_that_take_as_long_as_the_bytes_count_as_compute():
    agrees(arithmetic_intensity, TINY, 1, 2, 1, *EVEN, with_=oracle)


def test_as_many_bytes_of_cache_as_of_weights_count_as_weights():
    even = config(1, 1, 1, 2, 1, 3)
    agrees(arithmetic_intensity, even, 1, 6, 1, 1e15, 1e9, with_=oracle)
    agrees(arithmetic_intensity, even, 1, 7, 1, 1e15, 1e9, with_=oracle)


@given(st.integers(1, 9), st.integers(0, 99), st.integers(1, 9), st.integers(1, 4), st.integers(1, 3))
def test_any_step(new, cached, batch, layers, group):
    model = config(layers, 2 * group, 2, 6 * group, 7, 11)
    agrees(arithmetic_intensity, model, new, cached, batch, 3e12, 1e12, with_=oracle)
