"""Count all fields of a block, and all tensors of a file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch11_model_cards.bits_per_weight import bits_per_weight, mixed_bits
from grader.checks import agrees
from reference.ch11_model_cards.bits_per_weight import bits_per_weight as oracle
from reference.ch11_model_cards.bits_per_weight import mixed_bits as mixed_oracle

Q4_K = {"scale": (1, 16), "minimum": (1, 16), "scales": (8, 6), "minima": (8, 6), "codes": (256, 4)}
Q6_K = {"low bits": (256, 4), "high bits": (256, 2), "scales": (16, 8), "scale": (1, 16)}

# Llama-3.1-8B as llama.cpp's Q4_K_M stores it: Q6_K for the head and, in 16 of 32 layers, for value and down matrices
VALUE, DOWN, HEAD = 1024 * 4096, 14336 * 4096, 128_256 * 4096
LAYER = 2 * 4096 * 4096 + 2 * VALUE + 3 * DOWN
SIX = 16 * (VALUE + DOWN) + HEAD
LLAMA = [(32 * LAYER + 2 * HEAD - SIX, 4.5), (SIX, 6.5625), (65 * 4096, 32.0)]


def test_q4_0_by_hand():
    agrees(bits_per_weight, 32, {"scale": (1, 16), "codes": (32, 4)}, with_=oracle, gives=4.5)


def test_fields_lie_bit_by_bit():
    agrees(bits_per_weight, 16, {"scales": (3, 6), "codes": (16, 4)}, with_=oracle, gives=5.125)


@pytest.mark.card("q4-block")
def test_a_minimum_for_every_block_of_32_makes_it_five():
    agrees(bits_per_weight, 32, {"scale": (1, 16), "minimum": (1, 16), "codes": (32, 4)}, with_=oracle, gives=5.0)


@pytest.mark.card("q4-k-bits")
def test_q4_k_has_four_and_a_half():
    agrees(bits_per_weight, 256, Q4_K, with_=oracle, gives=4.5)


@pytest.mark.card("q4-k-m-is-a-mix")
def test_q6_k_and_q8_0():
    agrees(bits_per_weight, 256, Q6_K, with_=oracle, gives=6.5625)
    agrees(bits_per_weight, 32, {"scale": (1, 16), "codes": (32, 8)}, with_=oracle, gives=8.5)


def test_shorter_blocks_cost_more_bits():
    agrees(bits_per_weight, 16, {"scale": (1, 16), "codes": (16, 4)}, with_=oracle, gives=5.0)
    agrees(bits_per_weight, 64, {"scales": (4, 8), "scale": (1, 32), "codes": (64, 4)}, with_=oracle, gives=5.0)


@pytest.mark.parametrize("weights", [0, -32])
def test_a_block_without_weights_is_a_value_error(weights):
    agrees(bits_per_weight, weights, {"scale": (1, 16)}, with_=oracle)


def test_two_tensors_by_hand():
    agrees(mixed_bits, [(300, 4.5), (100, 6.5)], with_=mixed_oracle, gives=5.0)
    agrees(mixed_bits, [(100, 4.0), (100, 8.0)], with_=mixed_oracle, gives=6.0)


@pytest.mark.card("q4-k-m-is-a-mix")
def test_llama_3_1_8b_in_q4_k_m():
    agrees(mixed_bits, LLAMA, with_=mixed_oracle, gives=4.8944)


def test_a_tensor_without_weights_counts_for_nothing():
    agrees(mixed_bits, [(0, 32.0), (8, 4.0)], with_=mixed_oracle, gives=4.0)


@pytest.mark.parametrize("tensors", [[], [(0, 4.5)]], ids=str)
def test_a_file_without_weights_is_a_value_error(tensors):
    agrees(mixed_bits, tensors, with_=mixed_oracle)


NUMBERS = st.tuples(st.integers(0, 300), st.integers(1, 32))


@settings(max_examples=12)
@given(st.integers(1, 300), st.dictionaries(st.sampled_from("abcd"), NUMBERS, min_size=1))
def test_any_layout_and_any_mix(weights, fields):
    agrees(bits_per_weight, weights, fields, with_=oracle)
    agrees(mixed_bits, [(count, bits / 2) for count, bits in fields.values()], with_=mixed_oracle)
