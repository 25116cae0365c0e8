"""One block of Llama

A block normalizes, attends and adds. Then it normalizes, feeds forward and adds. Both results are added to the stream
itself, never to its normalized copy. The parts are given below. Connect them.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def llama_block(
    x: Float[Tensor, "b n d_model"], w: dict[str, Tensor], heads: int, kv_heads: int, base: float = 10000.0
) -> Float[Tensor, "b n d_model"]:
    """The tokens after one block, in the dtype of `x`: h = x + attention(norm(x)), then h + ffn(norm(h)).

    `w` holds the weights by the names of Llama's checkpoints, each (out, in): q_proj, k_proj, v_proj, o_proj,
    gate_proj, up_proj, down_proj, and the gains of two RMS norms. input_layernorm is the norm before attention. The
    norm before the ffn is called post_attention_layernorm. Keys and values have `kv_heads` heads. RoPE turns queries
    and keys by their positions 0, 1, 2, ..., after the split into heads. Compute in float32 inside and round once, at
    the end, to the dtype of `x`, whatever dtypes the weights have.

        one token x = [[[3., 4.]]], all matrices [[1., 0.], [0., 1.]], gains [1., 1.], one head
        norm(x) = [0.8485, 1.1314]; a single token attends only to itself, so h = [3.8485, 5.1314]
        norm(h) = [0.8485, 1.1314], and the ffn turns it into [0.5043, 0.9679]   ->   [[[4.3528, 6.0993]]]
    """
    raise NotImplementedError("your turn")


# The parts, as you wrote them before. They keep the dtype of their input.


def _norm(x: Tensor, gain: Tensor) -> Tensor:
    """RMS norm of each token, times the gain."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * gain


def _split(x: Tensor, heads: int) -> Tensor:
    """(b, n, heads · width) into (b, heads, n, width)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _merge(x: Tensor) -> Tensor:
    """(b, heads, n, width) back into (b, n, heads · width)."""
    return x.transpose(1, 2).flatten(2)


def _rope(x: Tensor, base: float) -> Tensor:
    """(b, heads, n, width) turned by the positions 0 to n - 1."""
    n, width = x.shape[-2:]
    angles = torch.outer(torch.arange(n), base ** (-torch.arange(0, width, 2) / width))
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], dim=-1)


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention. There are fewer heads of k and v, and a group of query heads shares each of them."""
    k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], dim=1) for t in (k, v))
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1) @ v


def _ffn(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """SwiGLU."""
    gated = x @ gate.T
    return (gated * torch.sigmoid(gated) * (x @ up.T)) @ down.T
