"""Every query looks everywhere

The attention of a Llama block, ported from a checkpoint, with an instrument: the entropy of each query's weights. The
shapes fit and nothing is NaN. But the weights are spread more evenly over the tokens than in the original, and the
model writes worse. Find the mistake, and mend it.
"""

import torch
from jaxtyping import Float32
from torch import Tensor

from exercises.ch02_forward.linear import linear
from exercises.ch06_numerics.softmax import softmax
from exercises.ch07_attention.causal_mask import causal_mask
from exercises.ch07_attention.repeat_kv import repeat_kv
from exercises.ch07_attention.split_heads import merge_heads, split_heads
from exercises.ch08_block.apply_rope import apply_rope
from exercises.ch08_block.rope_angles import rope_angles


def hunt_blurred_attention(
    x: Float32[Tensor, "b n d"], w: dict[str, Float32[Tensor, "..."]], heads: int, kv_heads: int
) -> tuple[Float32[Tensor, "b n d"], Float32[Tensor, "b heads n"]]:
    """(the result of attention for each token, the entropy of each query's weights), both in float32.

    This is the attention of `llama_block` with a base of 10000, without the norm before it and the addition after it:
    queries, keys and values of each head; RoPE; the weights of `attention`, where a query sees its own token and the
    tokens before it; their sum of the values; o_proj. `w` has the matrices q_proj, k_proj, v_proj and o_proj, each
    (out, in). The heads need not be as wide as d / heads.

    The entropy of weights p is −Σ p ln p, in nats. It is 0 if a query looks at one token only, and ln(i + 1) if the
    query of token i looks at all of its tokens alike.

        one head of width 2, all matrices [[1., 0.], [0., 1.]], x = [[[1., 0.], [0., 1.]]]
        ->  [[[1., 0.], [0.2138, 0.7862]]] and [[[0., 0.5190]]]
    """
    q, k, v = (linear(x, w[name]) for name in ("q_proj", "k_proj", "v_proj"))
    q = q * q.shape[-1] ** -0.5
    q, k, v = split_heads(q, heads), split_heads(k, kv_heads), split_heads(v, kv_heads)
    angles = rope_angles(q.shape[2], q.shape[3])
    q, k = apply_rope(q, angles), apply_rope(k, angles)
    scores = q @ repeat_kv(k, heads).mT + causal_mask(q.shape[2], k.shape[2])
    weights = softmax(scores)
    mixed = weights @ repeat_kv(v, heads)
    return linear(merge_heads(mixed), w["o_proj"]), _entropy(weights)


def _entropy(weights: Tensor) -> Tensor:
    """In nats, along the last axis. A weight of 0 adds nothing."""
    return torch.special.entr(weights).sum(-1)
