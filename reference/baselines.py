"""What torch does instead of a koan's kernels: what they are raced against on a GPU, and what `koans bench` times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reference import Oracle, Work

BACKENDS = {"flash": "FLASH_ATTENTION", "cudnn": "CUDNN_ATTENTION"}  # of torch's fused attention, as it names them


def naive(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention as one writes it: a table of scores, a softmax, a product. All in the dtype of the inputs."""
    return torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, -1) @ v


def naive_causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    n, m = q.shape[-2], k.shape[-2]
    hidden = torch.ones(n, m, dtype=torch.bool, device=q.device).triu(m - n + 1)
    scores = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).masked_fill(hidden, -torch.inf)
    return torch.softmax(scores, -1) @ v


def einsum(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    weights = torch.softmax(torch.einsum("hqd,hkd->hqk", q, k) * q.shape[-1] ** -0.5, -1)
    return torch.einsum("hqk,hkd->hqd", weights, v)


def einsum_causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    hidden = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device).triu(1)
    scores = (torch.einsum("hqd,hkd->hqk", q, k) * q.shape[-1] ** -0.5).masked_fill(hidden, -torch.inf)
    return torch.einsum("hqk,hkd->hqd", torch.softmax(scores, -1), v)


def loops(q: Tensor, k: Tensor, v: Tensor, causal: bool = False) -> Callable[[], Tensor]:
    """One query after the other, all heads at once. Given back as a function, so that it is timed as Python runs it."""

    def run() -> Tensor:
        out = torch.empty_like(q)
        for i in range(q.shape[1]):
            end = i + 1 if causal else k.shape[1]
            scores = k[:, :end] @ q[:, i, :, None] * q.shape[-1] ** -0.5
            out[:, i] = (torch.softmax(scores, 1).transpose(1, 2) @ v[:, :end])[:, 0]
        return out

    return run


def loops_causal(q: Tensor, k: Tensor, v: Tensor) -> Callable[[], Tensor]:
    return loops(q, k, v, causal=True)


def sdpa(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """torch's fused attention, with the backend that it picks."""
    return functional.scaled_dot_product_attention(q[None], k[None], v[None])[0]


def sdpa_causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """With as many keys as queries: is_causal has the diagonal at the top left, as is_causal does."""
    return functional.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]


def backward(attention: Callable[..., Tensor]) -> Callable[..., Callable[[], Any]]:
    """The backward pass alone: the forward pass is prepared."""

    def prepared(q: Tensor, k: Tensor, v: Tensor, grad: Tensor) -> Callable[[], Any]:
        leaves = [x.detach().requires_grad_() for x in (q, k, v)]
        out = attention(*leaves)
        return lambda: torch.autograd.grad(out, leaves, grad, retain_graph=True)

    return prepared


def through(backend: str, attention: Callable[..., Any]) -> Callable[..., Any]:
    """The same by one of torch's backends. It raises RuntimeError where that backend cannot do it."""

    def chosen(*inputs: Tensor) -> Any:
        from torch.nn.attention import SDPBackend, sdpa_kernel

        with sdpa_kernel(getattr(SDPBackend, BACKENDS[backend])):
            return attention(*inputs)

    return chosen


def fused(
    oracle: Oracle[..., Any],
    attention: Callable[..., Any],
    around: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda attention: attention,
) -> None:
    """Register torch's fused attention: with the backend that torch picks (sdpa), and with each by its name
    (sdpa-flash, sdpa-cudnn). `around` makes something else of each, its backward pass for one."""
    oracle.baseline("sdpa")(around(attention))
    for backend in BACKENDS:
        oracle.baseline(f"sdpa-{backend}")(around(through(backend, attention)))


def attention_work(q: Tensor, k: Tensor, v: Tensor, causal: bool = False) -> Work:
    """Two products of n · m · d for each head (half of them with a mask), q, k and v read once."""
    heads, (n, d), m = q.shape[:-2].numel(), q.shape[-2:], k.shape[-2]
    seen = n * m - n * (n - 1) // 2 if causal else n * m
    return Work(4 * heads * seen * d, q.nbytes + k.nbytes + v.nbytes, apart=True)


def causal_work(q: Tensor, k: Tensor, v: Tensor) -> Work:
    return attention_work(q, k, v, causal=True)
