"""The bits decide the bytes, the exponent decides the range."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch01_tensors.tensor_bytes import cast_changes, tensor_bytes
from grader.checks import agrees
from reference.ch01_tensors.tensor_bytes import cast_changes as cast_oracle
from reference.ch01_tensors.tensor_bytes import tensor_bytes as bytes_oracle

F64, F32, F16, BF16 = torch.float64, torch.float32, torch.float16, torch.bfloat16
E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
FLOATS = [F64, F32, F16, BF16, E4M3, E5M2, torch.float8_e4m3fnuz]


@pytest.mark.card("bytes-of-dtypes")
def test_twenty_four_numbers_in_fp32_and_in_bf16():
    agrees(tensor_bytes, (4, 6), F32, with_=bytes_oracle, gives=96)
    agrees(tensor_bytes, (4, 6), BF16, with_=bytes_oracle, gives=48)


@pytest.mark.card("bytes-of-dtypes")
@pytest.mark.parametrize("dtype", [F64, F32, F16, BF16, E4M3, E5M2], ids=str)
def test_floats_of_any_width(dtype):
    agrees(tensor_bytes, (3, 5, 7), dtype, with_=bytes_oracle)


@pytest.mark.card("bytes-of-dtypes")
@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.uint8, torch.int64, torch.complex64], ids=str)
def test_integers_booleans_and_complex_numbers(dtype):
    agrees(tensor_bytes, (3, 5), dtype, with_=bytes_oracle)


@pytest.mark.card("bytes-of-dtypes")
def test_the_embedding_of_llama_3_8b_is_a_gigabyte():
    agrees(tensor_bytes, (128_256, 4096), BF16, with_=bytes_oracle, gives=1_050_673_152)


def test_bytes_that_no_float_holds():
    agrees(tensor_bytes, (3**17, 3**17), torch.int8, with_=bytes_oracle, gives=16_677_181_699_666_569)


def test_a_number_has_bytes_and_an_empty_tensor_none():
    agrees(tensor_bytes, (), F32, with_=bytes_oracle, gives=4)
    agrees(tensor_bytes, (5, 0), F64, with_=bytes_oracle, gives=0)


@pytest.mark.card("wider-and-larger")
def test_from_fp32_to_float64_bytes_and_range_grow():
    agrees(cast_changes, F32, F64, with_=cast_oracle, gives=[2.0, 896])


@pytest.mark.card("wider-and-larger")
def test_from_fp16_to_fp32_bytes_and_range_grow_too():
    agrees(cast_changes, F16, F32, with_=cast_oracle, gives=[2.0, 112])


@pytest.mark.card("range-without-bytes")
def test_from_fp16_to_bf16_only_the_range_grows():
    agrees(cast_changes, F16, BF16, with_=cast_oracle, gives=[1.0, 112])
    agrees(cast_changes, BF16, F16, with_=cast_oracle, gives=[1.0, -112])


@pytest.mark.card("bytes-without-range")
def test_between_bf16_and_fp32_only_the_bytes_change():
    agrees(cast_changes, BF16, F32, with_=cast_oracle, gives=[2.0, 0])
    agrees(cast_changes, F32, BF16, with_=cast_oracle, gives=[0.5, 0])


@pytest.mark.card("bytes-without-range")
def test_from_fp16_to_e5m2_only_the_bytes_change_and_to_e4m3_both():
    agrees(cast_changes, F16, E5M2, with_=cast_oracle, gives=[0.5, 0])
    agrees(cast_changes, F16, E4M3, with_=cast_oracle, gives=[0.5, -7])


def test_from_fp8_to_float64_everything_grows():
    agrees(cast_changes, E4M3, F64, with_=cast_oracle, gives=[8.0, 1015])


def test_a_dtype_without_change():
    agrees(cast_changes, E5M2, E5M2, with_=cast_oracle, gives=[1.0, 0])


def test_a_dtype_that_the_docstring_does_not_name():
    agrees(cast_changes, F32, torch.float8_e4m3fnuz, with_=cast_oracle)


@pytest.mark.parametrize("source, target", [(F32, torch.int32), (torch.int8, F16), (torch.bool, F32)], ids=str)
def test_a_dtype_without_fractions_is_a_type_error(source, target):
    agrees(cast_changes, source, target, with_=cast_oracle)


@pytest.mark.parametrize("source, target", [(F32, torch.complex64), (torch.complex128, F64)], ids=str)
def test_a_complex_dtype_is_a_type_error(source, target):
    agrees(cast_changes, source, target, with_=cast_oracle)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 50), max_size=4).map(tuple), st.sampled_from([*FLOATS, torch.int16, torch.bool]))
def test_any_shape_in_any_dtype(shape, dtype):
    agrees(tensor_bytes, shape, dtype, with_=bytes_oracle)


@settings(max_examples=15)
@given(st.sampled_from(FLOATS), st.sampled_from(FLOATS))
def test_any_cast(source, target):
    agrees(cast_changes, source, target, with_=cast_oracle)
