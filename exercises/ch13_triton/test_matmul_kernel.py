"""Tiles stay inside the matrices, sums stay in float32, and no byte is loaded without need."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch13_triton.matmul_kernel import matmul_kernel
from grader.checks import agrees, beyond_a_block, compiles, fast, randn, strided, traffic, tuned
from grader.gpu import like
from reference.ch13_triton.matmul_kernel import matmul_kernel as oracle

HALVES = [torch.float16, torch.bfloat16]


def test_a_column_by_hand():
    a, b = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0], [6.0]])
    agrees(matmul_kernel, a, b, with_=oracle, gives=[[17], [39]])


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(("m", "n", "k"), [(70, 65, 33), (1, 130, 50), (130, 3, 64)])
def test_sizes_that_no_tile_divides(m, n, k, dtype, seed):
    agrees(matmul_kernel, randn(m, k, dtype=dtype, seed=seed), randn(k, n, dtype=dtype, seed=seed + 1), with_=oracle)


@pytest.mark.card("fp32-accumulator-in-a-tile")
@pytest.mark.parametrize("dtype", HALVES)
def test_a_long_sum_is_kept_in_float32(dtype, seed):
    a, b = 1 + randn(3, 600, dtype=dtype, seed=seed).abs(), 1 + randn(600, 2, dtype=dtype, seed=seed + 1).abs()
    agrees(matmul_kernel, a, b, with_=oracle)


def test_a_partial_sum_beyond_fp16_that_comes_back(seed):
    a = torch.cat([torch.full((2, 64), 200.0), torch.full((2, 64), -200.0)], 1).half()
    agrees(matmul_kernel, a, torch.full((128, 3), 100.0).half(), with_=oracle)


def test_strided_and_empty(seed):
    agrees(matmul_kernel, strided(randn(5, 40, seed=seed)), strided(randn(40, 7, seed=seed)), with_=oracle)
    agrees(matmul_kernel, torch.empty(0, 4), torch.empty(4, 3), with_=oracle)


@settings(max_examples=10)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 40))
def test_any_sizes(m, n, k):
    traffic(matmul_kernel, randn(m, k).half(), randn(k, n, seed=1).half(), with_=oracle)


@pytest.mark.card("tile-size-sets-the-bytes")
def test_operands_are_read_once_for_each_tile_beside_them(seed):
    draws = {"BLOCK_M": seed, "BLOCK_N": seed // 64, "BLOCK_K": seed // 64**2}
    m, n, k = (beyond_a_block(matmul_kernel, name, draw) for name, draw in draws.items())
    traffic(matmul_kernel, randn(m, k, seed=seed).bfloat16(), randn(k, n, seed=seed + 1).bfloat16(), with_=oracle)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_fp8_is_multiplied_and_the_result_is_bfloat16(dtype, seed):
    a, b = randn(70, 33, seed=seed).to(dtype), randn(33, 5, seed=seed + 1).to(dtype)
    agrees(matmul_kernel, a, b, with_=oracle)


def test_every_choice_of_tune_is_right(seed):
    tuned(matmul_kernel, randn(130, 70, seed=seed), randn(70, 260, seed=seed + 1), with_=oracle)


def test_on_an_h100_the_tensor_cores_do_it_and_nothing_spills():
    compiles(matmul_kernel, torch.ones(256, 256).bfloat16(), torch.ones(256, 256).bfloat16(), with_=oracle, wgmma=True)


@pytest.mark.card("fp8-before-hopper")
@pytest.mark.parametrize(("arch", "operands"), [("sm_89", "e4m3"), ("sm_80", None)])
def test_e4m3_is_multiplied_on_an_rtx_4090_and_refused_for_an_a100(arch, operands):
    tile = torch.ones(128, 128).to(torch.float8_e4m3fn)
    refused = None if operands else "type fp8e4nv not supported"
    compiles(matmul_kernel, tile, tile, with_=oracle, arch=arch, spills=None, operands=operands, refused=refused)


@pytest.mark.card("fp8-before-hopper")
def test_e5m2_goes_by_way_of_fp16_on_an_a100():
    tile = torch.ones(128, 128).to(torch.float8_e5m2)
    compiles(matmul_kernel, tile, tile, with_=oracle, arch="sm_80", spills=None, operands="f16")


@pytest.mark.gpu
def test_fast_beside_cublas():
    fast(matmul_kernel, like(4096, 4096), like(4096, 4096), with_=oracle, at_least={"torch": 0.5})
