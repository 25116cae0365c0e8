"""The oracles of chapter 12 against torch's attention, its autograd, softmax and matrix product.

Nothing here comes from the workbook but the oracles. Counts must be equal; floats are compared in float64, within the
roundings that the two ways of computing can make.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from reference.ch12_memory.blocked_attention import blocked_attention
from reference.ch12_memory.flash_backward import flash_backward
from reference.ch12_memory.low_precision_attention import low_precision_attention
from reference.ch12_memory.merge_partials import merge_partials
from reference.ch12_memory.online_softmax import online_softmax
from reference.ch12_memory.roofline import roofline
from reference.ch12_memory.tiled_matmul import tiled_matmul

EPS = torch.finfo(torch.float64).eps


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def qkv(n_q: int, n_k: int, d: int, e: int, size: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    return size * randn(n_q, d), randn(n_k, d, seed=1), randn(n_k, e, seed=2)


def within(actual: Tensor, expected: Tensor, roundings: float, size: Tensor | float = 1.0) -> bool:
    """Whether two float64 tensors differ by no more than so many roundings of a number of this size."""
    assert actual.dtype == expected.dtype == torch.float64 and actual.shape == expected.shape
    return bool(((actual - expected).abs() <= torch.as_tensor(roundings * EPS * size)).all())


@pytest.mark.parametrize("size", [1.0, 30.0])
@pytest.mark.parametrize(("n_q", "n_k", "d", "e"), [(7, 11, 8, 8), (1, 300, 16, 4), (40, 3, 5, 9)])
@pytest.mark.parametrize("fn", [lambda q, k, v: blocked_attention(q, k, v, 3), low_precision_attention])
def test_attention_is_torchs(fn, n_q, n_k, d, e, size):
    q, k, v = qkv(n_q, n_k, d, e, size)
    scores = q @ k.T / math.sqrt(d)
    out, lse = fn(q, k, v)
    roundings = 4 * (d + 1) * (1 + scores.abs().max().item()) + 2 * n_k
    assert within(out, F.scaled_dot_product_attention(q[None], k[None], v[None])[0], roundings, v.abs().max())
    assert within(lse, torch.logsumexp(scores, 1), roundings)


def test_queries_of_zeros_are_torchs_as_well():
    q, k, v = qkv(6, 9, 4, 3)
    q[[0, 2, 5]] = 0
    expected = F.scaled_dot_product_attention(q[None], k[None], v[None])[0]
    assert within(blocked_attention(q, k, v, 2)[0], expected, 200, v.abs().max())
    assert within(blocked_attention(q[[0, 2]], k, v, 2)[0], v.mean(0).expand(2, 3), 50, v.abs().max())


@pytest.mark.parametrize("silent", [[], [0, 3]])
@pytest.mark.parametrize(("n_q", "n_k", "d", "e"), [(7, 11, 8, 6), (5, 3, 4, 4), (1, 40, 16, 2)])
def test_the_gradients_are_autograds_through_torchs_attention(n_q, n_k, d, e, silent):
    q, k, v = (t.requires_grad_() for t in qkv(n_q, n_k, d, e))
    grad = randn(n_q, e, seed=3)
    grad[[i for i in silent if i < n_q]] = 0
    out = F.scaled_dot_product_attention(q[None], k[None], v[None])[0]
    expected = torch.autograd.grad(out, (q, k, v), grad)
    lse = torch.logsumexp(q @ k.T / math.sqrt(d), 1)
    inputs = [t.detach() for t in (q, k, v, out, lse, grad)]
    for actual, wanted in zip(flash_backward(*inputs, 4), expected, strict=True):
        assert within(actual, wanted, 2000, 1 + wanted.abs().max())


def test_the_last_statistics_make_torchs_softmax_and_every_prefix_has_its_own():
    x = 20 * randn(4, 12)
    x[1, :5] = -torch.inf
    m, total = online_softmax(list(x.split([5, 1, 6], 1)))
    assert torch.equal(m[:, -1], x.amax(1))
    assert within(torch.exp(x - m[:, -1:]) / total[:, -1:], torch.softmax(x, 1), 50)
    for i, n in enumerate([5, 6, 12]):
        lse = torch.logsumexp(x[:, :n], 1)
        assert torch.equal((m[:, i] + total[:, i].log()).isneginf(), lse.isneginf())
        seen = ~lse.isneginf()
        assert within((m[:, i] + total[:, i].log())[seen], lse[seen], 100, lse[seen].abs().max())
    assert total[1, 0] == 0 and m[1, 0] == -torch.inf


@pytest.mark.parametrize("cut", [0, 1, 5, 9])
def test_merged_parts_are_torchs_attention_over_all_keys(cut):
    q, k, v = qkv(6, 9, 4, 3, 3.0)
    scores = q @ k.T / 2
    parts = []
    for some in (slice(None, cut), slice(cut, None)):
        parts += [torch.softmax(scores[:, some], 1) @ v[some], torch.logsumexp(scores[:, some], 1)]
    out, lse = merge_partials(*parts)
    assert within(out, F.scaled_dot_product_attention(q[None], k[None], v[None])[0], 400, v.abs().max())
    assert within(lse, torch.logsumexp(scores, 1), 400)


@pytest.mark.parametrize("tile", [1, 2, 3, 7, 50])
@pytest.mark.parametrize(("n", "k", "m"), [(7, 6, 9), (8, 8, 8), (1, 20, 3)])
def test_the_tiled_product_is_torchs_and_its_loads_are_those_of_the_tiles(n, k, m, tile):
    a, b = randn(n, k), randn(k, m, seed=1)
    out, loaded = tiled_matmul(a, b, tile)
    assert within(out, a @ b, 2 * k, a.abs() @ b.abs())
    seen = [left.numel() for row in a.split(tile) for _ in b.split(tile, 1) for left in row.split(tile, 1)]
    seen += [right.numel() for _ in a.split(tile) for column in b.split(tile, 1) for right in column.split(tile)]
    assert loaded == sum(seen)


def test_the_roofline_meets_its_ridge_where_peak_over_bandwidth_says():
    peak, speed = 989e12, 3.35e12
    for flops in range(1, 600):
        rate, name = roofline(flops, {"HBM": 1}, peak, {"HBM": speed})
        assert name == ("compute" if flops >= peak / speed else "HBM")
        assert math.isclose(rate, min(peak, flops * speed), rel_tol=1e-15)
