"""A launch, then arithmetic or memory traffic, whichever is slower."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch14_budget.latency_sheet import latency_sheet
from grader.checks import agrees
from reference.ch14_budget.latency_sheet import latency_sheet as oracle

H100 = (989e12, 3.35e12)  # data sheet: bf16 without sparsity, HBM3


def llama_block(tokens, width=4096, keys=1024, ffn=14_336, heads=32):
    """The five operations of a block of Llama-3-8B in bf16, unfused: (name, FLOPs, bytes)."""
    numbers, weights = tokens * width, 2 * width * width + 2 * width * keys + 3 * width * ffn
    moved = weights + 4 * (numbers + tokens * ffn)  # each product reads its input and writes its output (roughly)
    scores = heads * tokens * tokens
    return [
        ("matmul", 2.0 * tokens * weights, 2.0 * moved),
        ("attention", 4.0 * tokens * numbers, 2.0 * (4 * numbers + 2 * scores)),
        ("softmax", 5.0 * scores, 2.0 * 2 * scores),
        ("norm", 8.0 * numbers, 2.0 * 4 * numbers),
        ("residual", 2.0 * numbers, 2.0 * 6 * numbers),
    ]


def test_two_ops_by_hand():
    ops = [("matmul", 4e9, 1e6), ("softmax", 1e6, 8e6)]
    gives = ([("matmul", 6.0, "compute"), ("softmax", 10.0, "memory")], 16.0)
    agrees(latency_sheet, ops, 1e15, 1e12, 2.0, with_=oracle, gives=gives)


def test_a_small_op_is_all_launch():
    gives = ([("add", 5.001, "launch")], 5.001)
    agrees(latency_sheet, [("add", 1e3, 1e3)], 1e15, 1e12, 5.0, with_=oracle, gives=gives)


def test_ops_of_one_name_in_the_order_given():
    ops = [("norm", 0.0, 1e6), ("matmul", 4e9, 0.0), ("norm", 0.0, 2e6)]
    gives = ([("norm", 1.0, "memory"), ("matmul", 4.0, "compute"), ("norm", 2.0, "memory")], 7.0)
    agrees(latency_sheet, ops, 1e15, 1e12, 0.0, with_=oracle, gives=gives)


def test_ties_go_to_compute_then_to_memory():
    ops = [("a", 2.0, 2.0), ("b", 1.0, 2.0)]
    gives = ([("a", 4_000_000.0, "compute"), ("b", 4_000_000.0, "memory")], 8_000_000.0)
    agrees(latency_sheet, ops, 1.0, 1.0, 2e6, with_=oracle, gives=gives)


def test_a_launch_is_compared_with_the_longer_of_the_two_not_with_their_sum():
    gives = ([("op", 5.0, "launch")], 5.0)
    agrees(latency_sheet, [("op", 2e9, 2e6)], 1e15, 1e12, 3.0, with_=oracle, gives=gives)


def test_a_launch_of_more_than_half_the_work_is_not_yet_what_takes_longest():
    gives = ([("a", 7_000_000.0, "compute"), ("b", 7_000_000.0, "memory")], 14_000_000.0)
    agrees(latency_sheet, [("a", 4.0, 1.0), ("b", 1.0, 4.0)], 1.0, 1.0, 3e6, with_=oracle, gives=gives)


@pytest.mark.card("five-operations-by-time")
def test_the_five_operations_of_a_block_at_512_tokens():
    gives = (
        [
            ("matmul", 225.8223, "compute"),
            ("attention", 15.0238, "memory"),
            ("softmax", 10.0162, "memory"),
            ("norm", 5.008, "memory"),
            ("residual", 7.512, "memory"),
        ],
        263.3823,
    )
    agrees(latency_sheet, llama_block(512), *H100, 0.0, with_=oracle, gives=gives)


@pytest.mark.card("one-token-is-memory")
def test_one_token_waits_for_the_weights():
    ops = llama_block(1)[:1]
    agrees(latency_sheet, ops, *H100, 0.0, with_=oracle, gives=([("matmul", 130.2552, "memory")], 130.2552))


@pytest.mark.card("launches-add-up")
def test_two_hundred_launches_of_five_microseconds():
    gives = ([("op", 6.0, "launch")] * 200, 1200.0)
    agrees(latency_sheet, [("op", 0.0, 1e6)] * 200, 1e15, 1e12, 5.0, with_=oracle, gives=gives)


def test_no_ops_take_no_time():
    agrees(latency_sheet, [], 1e15, 1e12, 5.0, with_=oracle, gives=([], 0.0))


POWERS = st.integers(0, 40).map(lambda n: 2.0**n)


@given(st.lists(st.tuples(st.sampled_from("abc"), POWERS, POWERS), max_size=4), POWERS, POWERS)
def test_any_sheet(ops, peak, bandwidth):
    agrees(latency_sheet, ops, peak, bandwidth, 0.0, with_=oracle)
