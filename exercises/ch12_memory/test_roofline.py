"""The lowest ceiling decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch12_memory.roofline import roofline
from grader.checks import agrees
from reference.ch12_memory.roofline import roofline as oracle

SPEEDS = {"HBM": 10.0, "SRAM": 60.0}
# A100 80 GB: data sheet for the peak (bf16) and HBM, the FlashAttention paper's estimate for SRAM
PEAK, A100 = 312e12, {"HBM": 2.0e12, "SRAM": 19e12}


def test_the_memory_that_brings_too_little_by_hand():
    agrees(roofline, 40, {"HBM": 8, "SRAM": 20}, 100.0, SPEEDS, with_=oracle, gives=(50.0, "HBM"))


def test_enough_bytes_for_the_peak():
    agrees(roofline, 400, {"HBM": 8, "SRAM": 20}, 100.0, SPEEDS, with_=oracle, gives=(100.0, "compute"))


@pytest.mark.card("sram-can-be-the-ceiling")
def test_a_fast_memory_that_moves_far_more_is_the_ceiling():
    agrees(roofline, 40, {"HBM": 8, "SRAM": 80}, 100.0, SPEEDS, with_=oracle, gives=(30.0, "SRAM"))


@pytest.mark.card("sram-against-dram")
@pytest.mark.parametrize("level, gives", [("HBM", 2e12), ("SRAM", 19e12)])
def test_one_flop_for_each_byte_from_dram_and_from_sram(level, gives):
    agrees(roofline, 2**30, {level: 2**30}, PEAK, A100, with_=oracle, gives=(gives, level))


@pytest.mark.card("ridge-point")
@pytest.mark.parametrize("flops, gives", [(155, (310e12, "HBM")), (156, (312e12, "compute"))])
def test_an_a100_wants_156_flops_for_each_byte_of_hbm(flops, gives):
    agrees(roofline, flops * 2**20, {"HBM": 2**20}, PEAK, A100, with_=oracle, gives=gives)


@pytest.mark.card("fusion-moves-the-ceiling", "naive-attention-waits")
def test_attention_with_scores_and_weights_in_hbm_and_without():
    s, d = 8192, 128
    flops, inputs, table = 4 * s * s * d, 4 * s * d * 2, s * s * 2
    agrees(roofline, flops, {"HBM": inputs + 4 * table}, PEAK, A100, with_=oracle, gives=(126.0308e12, "HBM"))
    agrees(roofline, flops, {"HBM": inputs}, PEAK, A100, with_=oracle, gives=(312e12, "compute"))


@pytest.mark.card("one-of-five-reaches-the-peak")
@pytest.mark.parametrize(
    "flops, moved, gives",
    [
        pytest.param(2 * 4096**3, 3 * 4096**2 * 2, (312e12, "compute"), id="a product of 4,096-square matrices"),
        pytest.param(2 * 8192**2 * 128, (2 * 8192 * 128 + 8192**2) * 2, (248.2424e12, "HBM"), id="scores of one head"),
        pytest.param(5 * 8192**2, 2 * 8192**2 * 2, (2.5e12, "HBM"), id="softmax"),
        pytest.param(4 * 8192 * 4096, 2 * 8192 * 4096 * 2, (2e12, "HBM"), id="RMS norm"),
        pytest.param(8192 * 4096, 3 * 8192 * 4096 * 2, (0.3333333e12, "HBM"), id="residual add"),
    ],
)
def test_the_five_operations_of_a_forward_pass_each_through_hbm(flops, moved, gives):
    agrees(roofline, flops, {"HBM": moved}, PEAK, A100, with_=oracle, gives=gives)


def test_ties_go_to_compute_and_then_to_the_first():
    agrees(roofline, 8, {"a": 2, "b": 2}, 4.0, {"a": 1.0, "b": 1.0}, with_=oracle, gives=(4.0, "compute"))
    agrees(roofline, 8, {"b": 4, "a": 4}, 4.0, {"a": 1.0, "b": 1.0}, with_=oracle, gives=(2.0, "b"))


def test_levels_that_move_nothing_and_no_levels():
    agrees(roofline, 40, {"HBM": 0, "SRAM": 80}, 100.0, SPEEDS, with_=oracle, gives=(30.0, "SRAM"))
    agrees(roofline, 40, {"HBM": 0}, 100.0, SPEEDS, with_=oracle, gives=(100.0, "compute"))
    agrees(roofline, 40, {}, 100.0, SPEEDS, with_=oracle, gives=(100.0, "compute"))


@pytest.mark.parametrize("flops", [0, -1])
def test_no_operations_raise(flops):
    agrees(roofline, flops, {"HBM": 8}, 100.0, SPEEDS, with_=oracle)


def test_a_level_without_a_bandwidth_raises():
    agrees(roofline, 40, {"HBM": 8, "L2": 1}, 100.0, SPEEDS, with_=oracle)
    agrees(roofline, 40, {"HBM": 8, "L2": 0}, 100.0, SPEEDS, with_=oracle)


POWERS = st.integers(0, 40).map(lambda n: 2**n)


@given(POWERS, st.lists(POWERS | st.just(0), max_size=4), POWERS, st.lists(POWERS, min_size=4, max_size=4))
def test_any_device(flops, moved, peak, speeds):
    names = ["registers", "SRAM", "L2", "HBM"]
    rates = {name: float(speed) for name, speed in zip(names, speeds, strict=True)}
    agrees(roofline, flops, dict(zip(names, moved, strict=False)), float(peak), rates, with_=oracle)
