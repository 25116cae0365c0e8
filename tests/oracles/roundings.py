"""Float64 numbers at random, and whether two differ by no more than so many roundings."""

import torch
from torch import Tensor

EPS = torch.finfo(torch.float64).eps
TINY = torch.finfo(torch.float64).smallest_normal


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def within(actual: Tensor, expected: Tensor, roundings: Tensor | float, size: Tensor | float = 1.0) -> bool:
    """Whether two float64 tensors differ by no more than so many roundings of a number of this size."""
    assert actual.dtype == expected.dtype == torch.float64 and actual.shape == expected.shape
    bound = torch.as_tensor(roundings * EPS * size).clamp(min=TINY)
    return bool(((actual - expected).abs() <= bound).logical_or(actual == expected).all())
