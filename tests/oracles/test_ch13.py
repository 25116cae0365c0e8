"""The oracles of chapters 12 and 13 against torch."""

import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention.bias import causal_lower_right

from reference.ch12_memory.attention_traffic import attention_traffic
from reference.ch12_memory.matmul_traffic import matmul_traffic
from reference.ch13_triton.flash_backward_kernel import flash_backward_kernel
from reference.ch13_triton.flash_bf16 import flash_bf16
from reference.ch13_triton.flash_causal import flash_causal
from reference.ch13_triton.flash_decode import flash_decode
from reference.ch13_triton.flash_forward import flash_forward
from reference.ch13_triton.flash_gqa import flash_gqa
from reference.ch13_triton.fused_scale_bias_relu import fused_scale_bias_relu
from reference.ch13_triton.rms_norm_kernel import rms_norm_kernel
from reference.ch13_triton.row_softmax_kernel import row_softmax_kernel
from reference.ch13_triton.three_ways import three_ways


def randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def qkv(heads=3, n=7, m=11, d=8):
    return randn(heads, n, d), randn(heads, m, d, seed=1), randn(heads, m, d, seed=2)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_scale_bias_relu():
    x, scale, bias = randn(3, 5), randn(5, seed=1), randn(5, seed=2)
    close(fused_scale_bias_relu(x, scale, bias), F.relu(torch.addcmul(bias, x, scale)))


def test_softmax_of_rows():
    x = 100 * randn(4, 9)
    close(row_softmax_kernel(x), F.softmax(x, -1))


def test_rms_norm():
    x, gain = randn(4, 9), randn(9, seed=1)
    close(rms_norm_kernel(x, gain, 1e-3), F.rms_norm(x, (9,), gain, 1e-3))


@pytest.mark.parametrize("oracle", [flash_forward, flash_bf16])
def test_attention(oracle):
    q, k, v = qkv()
    close(oracle(q, k, v), F.scaled_dot_product_attention(q, k, v))


def test_causal_attention_aligned_at_the_end():
    q, k, v = qkv()
    mask = causal_lower_right(7, 11)
    close(flash_causal(q, k, v), F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask)[0])


def test_grouped_queries():
    q, k, v = randn(2, 6, 5, 8), randn(2, 3, 9, 8, seed=1), randn(2, 3, 9, 8, seed=2)
    close(flash_gqa(q, k, v), F.scaled_dot_product_attention(q, k, v, enable_gqa=True))


def test_one_query():
    q, k, v = qkv(n=1)
    close(flash_decode(q[:, 0], k, v), F.scaled_dot_product_attention(q, k, v)[:, 0])


def test_three_ways():
    q, k, v = qkv()
    want = F.scaled_dot_product_attention(q, k, v)
    for out in three_ways(q, k, v).values():
        close(out, want)


@pytest.mark.parametrize("formula", [flash_backward_kernel, *flash_backward_kernel.prescriptions])
def test_gradients_against_autograd(formula):
    q, k, v = (x.requires_grad_() for x in qkv())
    grad = randn(3, 7, 8, seed=3)
    want = torch.autograd.grad(F.scaled_dot_product_attention(q, k, v), (q, k, v), grad)
    for ours, theirs in zip(formula(q.detach(), k.detach(), v.detach(), grad), want, strict=True):
        close(ours, theirs)


def test_traffic_of_a_single_tile_is_the_bytes_of_the_matrices():
    a, b = torch.empty(30, 20, dtype=torch.bfloat16), torch.empty(20, 50, dtype=torch.bfloat16)
    want = {"a": a.nbytes, "b": b.nbytes, "out": (a @ b).nbytes}
    assert matmul_traffic(30, 50, 20, 64, 64, 2) == want
    q = torch.empty(2, 30, 16)
    assert attention_traffic(2, 30, 30, 16, 64, 4)["fused"] == 4 * q.nbytes
