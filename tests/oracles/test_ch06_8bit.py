"""The oracles of the 8-bit koans against ml_dtypes' casts and numpy's integers, as test_oracles.py has it for the others."""

import ml_dtypes
import numpy as np
import pytest
import torch

from reference.ch06_numerics.fp8_round import fp8_round
from reference.ch06_numerics.hunt_noisy_int8 import hunt_noisy_int8
from reference.ch06_numerics.int8_matmul import int8_matmul

FORMATS = {"e4m3": ml_dtypes.float8_e4m3fn, "e5m2": ml_dtypes.float8_e5m2}
EPS = np.finfo(np.float64).eps


def saturated(x: np.ndarray, fmt: str) -> np.ndarray:
    """What ml_dtypes makes of `x`, with too large a value at the largest: the cast alone gives inf or NaN there."""
    largest = float(ml_dtypes.finfo(FORMATS[fmt]).max)
    with np.errstate(invalid="ignore"):  # a NaN
        return np.clip(x, -largest, largest).astype(FORMATS[fmt]).astype(np.float32)


def same_bits(actual: torch.Tensor, expected: np.ndarray) -> bool:
    """Equal to the bit as float32, the sign of zero included; any NaN is like any other."""
    a, nan = actual.numpy(), np.isnan(expected)
    assert a.dtype == expected.dtype == np.float32
    return np.array_equal(np.isnan(a), nan) and np.array_equal(a[~nan].view(np.int32), expected[~nan].view(np.int32))


@pytest.mark.parametrize("fmt", FORMATS)
def test_fp8_round_gives_back_every_number_of_the_format(fmt):
    with np.errstate(invalid="ignore"):
        numbers = np.arange(256, dtype=np.uint8).view(FORMATS[fmt]).astype(np.float32)
    numbers = numbers[~np.isinf(numbers)]
    assert same_bits(fp8_round(torch.from_numpy(numbers), fmt), numbers)


@pytest.mark.parametrize("fmt", FORMATS)
def test_fp8_round_rounds_each_half_and_its_neighbours_in_float32_as_ml_dtypes_does(fmt):
    numbers = np.arange(128, dtype=np.uint8).view(FORMATS[fmt]).astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    halves = np.float32((numbers[1:] + numbers[:-1]) / 2)
    x = np.concatenate([np.nextafter(halves, np.float32(0)), halves, np.nextafter(halves, np.float32(np.inf))])
    x = np.concatenate([x, -x])
    assert same_bits(fp8_round(torch.from_numpy(x), fmt), saturated(x, fmt))


@pytest.mark.parametrize("fmt", FORMATS)
def test_fp8_round_rounds_float32_of_every_size_as_ml_dtypes_does(fmt):
    upper = np.arange(2**16, dtype=np.uint32) << 16  # each sign, exponent and 7 bits of fraction
    for low in (0, 1, 0xFFFF):
        x = (upper | low).view(np.float32)
        assert same_bits(fp8_round(torch.from_numpy(x), fmt), saturated(x, fmt))


@pytest.mark.parametrize("fmt", FORMATS)
def test_fp8_round_clamps_where_ml_dtypes_overflows(fmt):
    largest = float(ml_dtypes.finfo(FORMATS[fmt]).max)
    x = np.float32([largest * 1.2, -largest * 1.2, 3e38, np.inf, -np.inf])
    assert not np.isfinite(x.astype(FORMATS[fmt]).astype(np.float32)).any()
    assert fp8_round(torch.from_numpy(x), fmt).tolist() == [largest, -largest, largest, largest, -largest]


def integers(n: int, k: int, seed: int) -> np.ndarray:
    """Rows of int8 from -127 to 127; 127 or -127 is in each, so that a scale of its own brings it back."""
    rows = np.random.default_rng(seed).integers(-127, 128, (n, k))
    rows[:, 0] = np.where(np.arange(n) % 2, 127, -127)
    return rows


@pytest.mark.parametrize("k", [1, 16, 2048])
def test_int8_matmul_of_integers_times_powers_of_two_is_numpys_int64_product_times_both_scales(k):
    x, w = integers(5, k, seed=0), integers(7, k, seed=1)
    scale_x, scale_w = 2.0 ** np.arange(-3, 2)[:, None], 2.0 ** np.arange(-4, 3)[:, None]
    expected = (x.astype(np.int64) @ w.astype(np.int64).T) * scale_x * scale_w.T
    assert np.array_equal(int8_matmul(torch.from_numpy(x * scale_x), torch.from_numpy(w * scale_w)), expected)


def test_int8_matmul_quantizes_as_numpy_does_in_int64_within_the_roundings_of_the_scales():
    generator = np.random.default_rng(2)
    x, w = generator.standard_normal((6, 300)), generator.standard_normal((8, 300)) * 50
    scale_x, scale_w = (np.abs(rows).max(1, keepdims=True) / 127 for rows in (x, w))
    total = np.rint(x / scale_x).astype(np.int64) @ np.rint(w / scale_w).astype(np.int64).T
    expected = total * scale_x * scale_w.T
    actual = int8_matmul(torch.from_numpy(x), torch.from_numpy(w)).numpy()
    # two scales and two products, each rounded once on either side
    assert actual.dtype == np.float64
    assert (np.abs(actual - expected) <= 4 * EPS * np.abs(expected)).all()


def test_int8_matmul_of_rows_of_zeros_is_zero():
    x, w = torch.zeros(2, 3, dtype=torch.float64), torch.ones(4, 3, dtype=torch.float64)
    assert torch.equal(int8_matmul(x, w), x @ w.T)
    assert torch.equal(int8_matmul(w, x), w @ x.T)


def test_hunt_noisy_int8_loads_what_torchs_fake_quantization_gives():
    generator = torch.Generator().manual_seed(0)
    w = {"up": torch.randn(7, 5, generator=generator), "down": torch.randn(5, 7, generator=generator)}
    w["up"][2] *= 100
    w["down"][0] *= 0.01
    x = torch.randn(3, 5, generator=generator)
    loaded = {}
    for name, weights in w.items():
        zeros = torch.zeros(len(weights), dtype=torch.int32)
        scales = weights.abs().amax(1) / 127
        loaded[name] = torch.fake_quantize_per_channel_affine(weights, scales, zeros, 0, -128, 127)
    result, errors = hunt_noisy_int8(x, w)
    expected = torch.nn.functional.gelu(x @ loaded["up"].T) @ loaded["down"].T
    # some hundred roundings of float32, on numbers of this size
    assert (result - expected).abs().max() <= 100 * torch.finfo(torch.float32).eps * expected.abs().max()
    for name, weights in w.items():
        lost = (loaded[name] - weights).norm(dim=1) / weights.norm(dim=1)
        assert (errors[name] - lost).abs().max() <= 100 * torch.finfo(torch.float32).eps
