"""The oracles against what a user would trust: torch's own functions, numpy's and ml_dtypes' formats, torch's counter.

A koan is judged by its oracle, so nothing here comes from the workbook but the oracles. What has one right answer must be
equal. Floats are compared in float64, within the roundings that the two ways of computing can make, counted for each
formula: a sum of n terms makes n, and an error of δ in a score changes a softmax weight by a factor of up to 1 + 2δ.
"""

import math

import ml_dtypes
import numpy as np
import pytest
import torch

from reference.ch06_numerics.bf16_by_hand import bf16_by_hand
from reference.ch06_numerics.exp_overflow import exp_overflow
from reference.ch06_numerics.first_bad_tensor import first_bad_tensor
from reference.ch06_numerics.float_anatomy import decode, limits
from reference.ch06_numerics.gradient_underflow import gradient_underflow
from reference.ch06_numerics.logsumexp import logsumexp
from reference.ch06_numerics.overflow_survey import overflow_survey
from reference.ch06_numerics.softmax import softmax
from reference.ch06_numerics.softmax_by_hand import softmax_by_hand
from tests.oracles.roundings import randn, within

# What numpy and ml_dtypes call a format, by the widths and the `inf` of float_anatomy.
FORMATS = {
    (5, 10, True): np.float16,
    (8, 7, True): ml_dtypes.bfloat16,
    (4, 3, False): ml_dtypes.float8_e4m3fn,
    (5, 2, True): ml_dtypes.float8_e5m2,
    (4, 3, True): ml_dtypes.float8_e4m3,
    (3, 4, True): ml_dtypes.float8_e3m4,
}


def name_of(value: object) -> str | None:
    return np.dtype(value).name if isinstance(value, type) and issubclass(value, np.generic) else None


def same_values(actual: np.ndarray, expected: np.ndarray) -> bool:
    """Equal to the bit as float64, the sign of zero included; any NaN is like any other."""
    a, b = cast(actual, np.float64), cast(expected, np.float64)
    nan = np.isnan(b)
    return np.array_equal(np.isnan(a), nan) and np.array_equal(a[~nan].view(np.int64), b[~nan].view(np.int64))


def hard_float32() -> np.ndarray:
    """Every upper half of a float32 with the lower halves where rounding to fewer bits turns: 0, a half, and beside."""
    upper = np.arange(2**16, dtype=np.uint32) << 16
    return np.concatenate([upper | low for low in (0, 1, 0x0FFF, 0x1000, 0x1001, 0x7FFF, 0x8000, 0x8001, 0xFFFF)]).view(
        np.float32
    )


def cast(x: np.ndarray, dtype: type) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        return x.astype(dtype)


# Chapter 6: formats


@pytest.mark.parametrize(("widths", "dtype"), FORMATS.items(), ids=name_of)
def test_decode_reads_every_pattern_as_numpy_and_ml_dtypes_do(widths, dtype):
    width = 1 + widths[0] + widths[1]
    patterns = np.arange(2**width, dtype=np.uint16 if width == 16 else np.uint8)
    values = [decode(format(pattern, f"0{width}b"), *widths) for pattern in patterns.tolist()]
    assert same_values(np.array(values), patterns.view(dtype))


def test_decode_reads_patterns_of_fp32_as_numpy_does():
    numbers = hard_float32()[::37]
    values = [decode(format(pattern, "032b"), 8, 23) for pattern in numbers.view(np.uint32).tolist()]
    assert same_values(np.array(values), numbers)


@pytest.mark.parametrize(("widths", "dtype"), [*FORMATS.items(), ((8, 23, True), np.float32)], ids=name_of)
def test_limits_are_those_of_finfo_in_ml_dtypes(widths, dtype):
    info = ml_dtypes.finfo(dtype)
    expected = {"max": info.max, "smallest_normal": info.smallest_normal, "epsilon": info.eps}
    assert limits(*widths) == {name: float(value) for name, value in expected.items()}


@pytest.mark.parametrize(
    ("widths", "dtype"),
    [
        ((5, 10, True), torch.float16),
        ((8, 7, True), torch.bfloat16),
        ((8, 23, True), torch.float32),
        ((11, 52, True), torch.float64),
        ((4, 3, False), torch.float8_e4m3fn),
        ((5, 2, True), torch.float8_e5m2),
    ],
    ids=str,
)
def test_limits_are_those_of_finfo_in_torch(widths, dtype):
    info = torch.finfo(dtype)
    assert limits(*widths) == {"max": info.max, "smallest_normal": info.smallest_normal, "epsilon": info.eps}


def test_bf16_by_hand_rounds_every_hard_float32_to_the_bits_ml_dtypes_gives():
    x = hard_float32()
    y = bf16_by_hand(torch.from_numpy(x))
    assert y.dtype == torch.bfloat16
    assert same_values(y.double().numpy(), cast(x, ml_dtypes.bfloat16))


def test_overflow_survey_finds_what_the_casts_of_numpy_and_ml_dtypes_lose():
    x = hard_float32()
    report = overflow_survey(torch.from_numpy(x))
    assert list(report) == ["float16", "bfloat16"]
    for name, dtype in (("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16)):
        there = cast(x, dtype).astype(np.float64)
        overflowed, flushed = np.isinf(there) & np.isfinite(x), (there == 0) & (x != 0)
        kept = np.isfinite(x) & (x != 0) & ~overflowed & ~flushed
        wide = x[kept].astype(np.float64)
        assert np.array_equal(report[name]["overflowed"], overflowed)
        assert np.array_equal(report[name]["flushed"], flushed)
        assert report[name]["error"] == np.abs((there[kept] - wide) / wide).max()


@pytest.mark.parametrize("scale", [1, 1024, 65536])
def test_gradient_underflow_counts_the_zeros_that_casts_of_numpy_and_ml_dtypes_make(scale):
    x = hard_float32()
    x = x[np.isfinite(x) & (np.abs(x) < 1e30)]
    real = x[x != 0]
    lost = {
        "float16": cast(real, np.float16) == 0,
        "bfloat16": cast(real, ml_dtypes.bfloat16) == 0,
        "float16_scaled": cast(real * np.float32(scale), np.float16) == 0,
    }
    expected = {name: int(zeros.sum()) / len(real) for name, zeros in lost.items()}
    assert gradient_underflow(torch.from_numpy(x), scale) == expected


@pytest.mark.parametrize(("name", "dtype"), [("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16)])
def test_exp_overflow_is_the_last_of_all_numbers_of_a_16_bit_format_whose_exp_is_finite(name, dtype):
    numbers = cast(np.arange(2**15, dtype=np.uint16).view(dtype), np.float64)
    numbers = numbers[numbers < 700]
    survivors = numbers[np.isfinite(cast(np.exp(numbers), dtype))]
    assert exp_overflow(getattr(torch, name)) == survivors.max()


def test_exp_overflow_of_fp32_is_where_exp_rounded_to_numpys_float32_turns_infinite():
    x = np.float32(exp_overflow(torch.float32))
    beyond = np.nextafter(x, np.float32(np.inf))
    assert np.isfinite(cast(np.exp(np.float64([x, beyond])), np.float32)).tolist() == [True, False]


def test_exp_overflow_of_fp64_is_where_pythons_exp_overflows():
    x = exp_overflow(torch.float64)
    assert math.isfinite(math.exp(x))
    with pytest.raises(OverflowError):
        math.exp(math.nextafter(x, math.inf))


# Chapter 6: softmax


@pytest.mark.parametrize("size", [1e-3, 1.0, 100.0])
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_softmax_is_torchs(size, dim):
    x = randn(5, 7, 33) * size
    expected = torch.softmax(x, dim)
    # exp above and below the bar 4, the sums n, the quotients 1
    assert within(softmax(x, dim), expected, x.shape[dim] + 5, expected)


def test_softmax_is_torchs_where_some_scores_are_hidden_and_zero_where_torch_has_no_answer():
    x = randn(4, 9)
    x[0, ::2], x[3] = -torch.inf, -torch.inf
    expected = torch.softmax(x, -1)
    assert within(softmax(x)[:3], expected[:3], 9 + 5, expected[:3])
    assert expected[3].isnan().all()
    assert not softmax(x)[3].any()


@pytest.mark.parametrize("size", [1e-3, 1.0, 100.0, 1e5])
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_logsumexp_is_torchs(size, dim):
    x = randn(5, 7, 33, seed=1) * size
    expected = torch.logsumexp(x, dim)
    # exp 2, the sums n, log 2, the shift added back 1
    assert within(logsumexp(x, dim), expected, x.shape[dim] + 5, expected.abs().clamp(min=1))


def test_logsumexp_is_torchs_on_hidden_infinite_and_empty_rows():
    x = randn(3, 5)
    x[0], x[1, 2] = -torch.inf, torch.inf
    assert logsumexp(x)[:2].tolist() == torch.logsumexp(x, -1)[:2].tolist() == [-torch.inf, torch.inf]
    empty = torch.zeros(3, 0, dtype=torch.float64)
    assert torch.equal(logsumexp(empty), torch.logsumexp(empty, -1))


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -3])
def test_softmax_by_hand_is_torchs(dim):
    x = randn(4, 5, 6).clamp(-3, 3)
    expected = torch.softmax(x, dim)
    # as for softmax, and differences of up to 6 are rounded here, in each term and on both sides
    assert within(softmax_by_hand(x, dim), expected, x.shape[dim] + 5 + 2 * 6, expected)


@pytest.mark.parametrize("shape", [(3,), (3, 4)])
def test_softmax_by_hand_takes_the_axes_that_torchs_takes_and_raises_index_error_for_the_others(shape):
    x = randn(*shape).clamp(-3, 3)
    for dim in range(-4, 4):
        if -x.dim() <= dim < x.dim():
            expected = torch.softmax(x, dim)
            assert within(softmax_by_hand(x, dim), expected, x.shape[dim] + 5 + 2 * 6, expected)
        else:
            for function in (softmax_by_hand, torch.softmax):
                with pytest.raises(IndexError):
                    function(x, dim)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_first_bad_tensor_judges_single_numbers_as_the_casts_of_numpy_and_ml_dtypes(dtype):
    cast = {torch.float16: np.float16, torch.bfloat16: ml_dtypes.bfloat16}[dtype]
    largest, smallest = torch.finfo(dtype).max, torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
    near = [size * (1 + k * 2.0**-12) for size in (largest, smallest / 2) for k in range(-12, 13)]
    for number in [0.0, 1.0, smallest, *near]:
        with np.errstate(over="ignore"):
            there = float(np.float32(number).astype(cast))
        kind = "overflow" if there == math.inf else "underflow" if number and not there else None
        found = first_bad_tensor([("x", torch.tensor([number], dtype=torch.float32))], dtype)
        assert found == (kind and ("x", kind)), number
