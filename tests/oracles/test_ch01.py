"""The oracles of chapter 1 against torch, numpy and ml_dtypes.

What has one right answer must be equal. Floats are compared in float64, within the roundings that two ways of summing n
terms can make: n of the sum of their sizes, for each.
"""

import itertools
import math

import ml_dtypes
import numpy as np
import pytest
import torch
from torch import Tensor

from reference.ch01_tensors.broadcast_shape import broadcast_shape
from reference.ch01_tensors.dot import dot
from reference.ch01_tensors.element_at import element_at
from reference.ch01_tensors.l2_norm import l2_norm
from reference.ch01_tensors.matmul import matmul, matmul_by_loops
from reference.ch01_tensors.rank_and_size import rank_and_size
from reference.ch01_tensors.row_major_strides import row_major_strides
from reference.ch01_tensors.tensor_bytes import cast_changes, tensor_bytes
from reference.ch01_tensors.transpose_view import transpose_view

EPS = torch.finfo(torch.float64).eps
SHAPES = [shape for rank in range(4) for shape in itertools.product((1, 2, 3), repeat=rank)]
WITH_ZERO = [shape for rank in range(4) for shape in itertools.product((0, 1, 2), repeat=rank)]

# Every floating dtype of the chapter as numpy or ml_dtypes has it.
FORMATS = {
    torch.float64: np.float64,
    torch.float32: np.float32,
    torch.bfloat16: ml_dtypes.bfloat16,
    torch.float16: np.float16,
    torch.float8_e5m2: ml_dtypes.float8_e5m2,
    torch.float8_e4m3fn: ml_dtypes.float8_e4m3fn,
}


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def within(actual: Tensor, expected: Tensor, roundings: float, size: Tensor | float) -> bool:
    """Whether two float64 tensors differ by no more than so many roundings of a number of this size."""
    assert actual.dtype == expected.dtype == torch.float64 and actual.shape == expected.shape
    return bool(((actual - expected).abs() <= torch.as_tensor(roundings * EPS * size)).all())


@pytest.mark.parametrize("n", [0, 1, 2, 37, 1000])
@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_l2_norm_is_torchs_numpys_and_pythons(n, size):
    u = size * randn(n)
    norm = l2_norm(u)
    assert within(norm, torch.linalg.vector_norm(u), 2 * n + 4, norm)
    assert within(norm, torch.tensor(np.linalg.norm(u.numpy()), dtype=torch.float64), 2 * n + 4, norm)
    assert within(norm, torch.tensor(math.hypot(*u.tolist()), dtype=torch.float64), 2 * n + 4, norm)


@pytest.mark.parametrize("n", [0, 1, 2, 37, 1000])
def test_dot_is_torchs_and_numpys(n):
    u, v = randn(n), randn(n, seed=1)
    assert within(dot(u, v), torch.inner(u, v), 2 * n, (u * v).abs().sum())
    assert within(dot(u, v), torch.tensor(np.vdot(u.numpy(), v.numpy())), 2 * n, (u * v).abs().sum())


@pytest.mark.parametrize("n, m", [(3, 2), (3, 1), (1, 3), (0, 1)])
def test_dot_refuses_what_torchs_dot_refuses(n, m):
    with pytest.raises(RuntimeError):
        torch.dot(randn(n), randn(m))
    with pytest.raises(ValueError, match="length"):
        dot(randn(n), randn(m))


@pytest.mark.parametrize("i, j, k", [(1, 1, 1), (2, 3, 4), (5, 1, 2), (0, 3, 2), (2, 0, 3), (7, 64, 5)])
def test_matmul_is_torchs_and_numpys(i, j, k):
    a, b = randn(i, j), randn(j, k, seed=1)
    assert within(matmul(a, b), torch.mm(a, b), 2 * j, a.abs() @ b.abs())
    assert within(matmul(a, b), torch.from_numpy(a.numpy() @ b.numpy()), 2 * j, a.abs() @ b.abs())


def test_matmul_by_loops_is_numpys_exact_for_integers():
    generator = np.random.default_rng(0)
    for i, j, k in itertools.product((1, 2, 4), repeat=3):
        a, b = generator.integers(-1000, 1000, (i, j)), generator.integers(-1000, 1000, (j, k))
        assert matmul_by_loops(a.tolist(), b.tolist()) == (a @ b).tolist()


def test_both_matmuls_refuse_what_torchs_mm_refuses():
    for j, other in itertools.product((1, 2, 3), repeat=2):
        a, b = randn(2, j), randn(other, 2)
        if j == other:
            continue
        with pytest.raises(RuntimeError):
            torch.mm(a, b)
        with pytest.raises(ValueError, match="inner"):
            matmul(a, b)
        with pytest.raises(ValueError, match="rows"):
            matmul_by_loops(a.tolist(), b.tolist())


def test_rank_and_size_are_dim_and_numel():
    for shape in SHAPES + WITH_ZERO:
        x = torch.empty(shape)
        assert rank_and_size(shape) == (x.dim(), x.numel())


def test_broadcast_shape_is_that_of_a_sum_in_torch_and_numpy_and_fails_where_they_fail():
    made = refused = 0
    for a, b in itertools.product(SHAPES + WITH_ZERO, repeat=2):
        try:
            expected = np.broadcast_shapes(a, b)
        except ValueError:
            refused += 1
            with pytest.raises(ValueError, match="do not fit"):
                broadcast_shape(a, b)
            with pytest.raises(RuntimeError):
                torch.broadcast_shapes(a, b)
        else:
            made += 1
            assert broadcast_shape(a, b) == expected == tuple(torch.broadcast_shapes(a, b))
    assert made > 1000 and refused > 1000


def test_row_major_strides_are_torchs_and_numpys():
    for shape in [*SHAPES, (8, 32, 128, 64)]:
        strides = row_major_strides(shape)
        assert strides == torch.empty(shape, device="meta").stride()
        assert tuple(8 * stride for stride in strides) == np.empty(shape).strides


def test_transpose_view_is_what_torch_says_of_every_view():
    for shape in SHAPES:
        for x in (torch.empty(shape), torch.empty((*shape, 2))[..., 0], torch.empty((1,) * len(shape)).expand(shape)):
            for a, b in itertools.product(range(-x.dim(), x.dim()), repeat=2):
                y = x.transpose(a, b)
                assert transpose_view(x.shape, x.stride(), a, b) == (tuple(y.shape), y.stride(), y.is_contiguous())


@pytest.mark.parametrize("a, b", [(2, 0), (0, 2), (-3, 0)])
def test_transpose_view_refuses_the_axes_that_torch_refuses(a, b):
    with pytest.raises(IndexError):
        torch.empty(4, 6).transpose(a, b)
    with pytest.raises(IndexError):
        transpose_view((4, 6), (6, 1), a, b)


VIEWS = {
    "fresh": lambda x: x,
    "transposed": lambda x: x.transpose(2, 0, 1),
    "sliced": lambda x: x[1:, ::2, 1:3],
    "reversed": lambda x: x[::-1, :, ::-2],
    "repeated": lambda x: np.broadcast_to(x[1, 0], (2, 3, 4)),
    "one number": lambda x: x[1, 2, 3, ...],
}


@pytest.mark.parametrize("view", VIEWS)
def test_element_at_reads_what_numpy_reads(view):
    x = np.arange(24.0).reshape(2, 3, 4)
    y = VIEWS[view](x)
    offset = (y.__array_interface__["data"][0] - x.__array_interface__["data"][0]) // x.itemsize
    strides = tuple(stride // x.itemsize for stride in y.strides)
    for index in itertools.product(*(range(-n - 1, n + 1) for n in y.shape)):
        try:
            expected = y[index]
        except IndexError:
            with pytest.raises(IndexError):
                element_at(x.ravel().tolist(), y.shape, strides, offset, index)
        else:
            assert element_at(x.ravel().tolist(), y.shape, strides, offset, index) == expected


@pytest.mark.parametrize("dtype", [*FORMATS, torch.int8, torch.int64, torch.bool, torch.complex64], ids=str)
def test_tensor_bytes_are_those_of_a_storage(dtype):
    for shape in [*WITH_ZERO, (5, 7)]:
        assert tensor_bytes(shape, dtype) == torch.zeros(shape, dtype=dtype).untyped_storage().nbytes()


def test_cast_changes_are_those_of_numpys_and_ml_dtypes_limits():
    for source, target in itertools.product(FORMATS, repeat=2):
        before, after = FORMATS[source], FORMATS[target]
        reach = [math.frexp(float(ml_dtypes.finfo(dtype).max))[1] for dtype in (before, after)]
        ratio = np.dtype(after).itemsize / np.dtype(before).itemsize
        assert cast_changes(source, target) == (ratio, reach[1] - reach[0])
