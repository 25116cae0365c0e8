"""Silence comes out as loud as speech

This encoder block for sound adds to the residual stream and takes the norm of the sum in one step, as fused kernels do.
On speech it agrees with the block that it was ported from. Silent clips should stay silent, and they do not. Find the
mistake, and mend it.
"""

import torch
from jaxtyping import Float32
from torch import Tensor

from exercises.ch07_attention.multi_head_attention import multi_head_attention
from exercises.ch08_block.rms_norm import rms_norm
from exercises.ch08_block.swiglu import swiglu


def hunt_quiet_rows(
    x: Float32[Tensor, "b n d"], w: dict[str, Float32[Tensor, "..."]], heads: int, eps: float = 1e-6
) -> tuple[Float32[Tensor, "b n d"], Float32[Tensor, "2 b"]]:
    """(the rows after one block, how loud each clip of the batch is inside), all in float32.

    The block is h = x + attention(norm(x)), then h + ffn(norm(h)). Attention is `multi_head_attention`; each row sees
    all rows of its clip. The feed-forward layer is `swiglu`. Both norms are `rms_norm`, with this `eps`. `w` has the
    names that `llama_block` has, with as many heads of keys and values as of queries.

    How loud a clip is: the root of the mean of the squares of all its rows, first of h, then of the result.

        one row x = [[[3., 4.]]], all matrices [[1., 0.], [0., 1.]], gains [1., 1.], one head
        ->  [[[4.3528, 6.0993]]] and [[4.5356], [5.2986]]
    """
    normed = rms_norm(x, w["input_layernorm"], eps)
    branch = multi_head_attention(normed, w["q_proj"], w["k_proj"], w["v_proj"], w["o_proj"], heads)
    stream, normed = _add_and_norm(x, branch, w["post_attention_layernorm"], eps)
    inside = [_loudness(stream)]
    branch = swiglu(normed, w["gate_proj"], w["up_proj"], w["down_proj"])
    stream = stream + branch
    inside.append(_loudness(stream))
    return stream, torch.stack(inside)


def _add_and_norm(stream: Tensor, branch: Tensor, gain: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The stream with the branch added, and its norm for the next layer."""
    total = stream + branch
    mean_square = total.square().mean(-1, keepdim=True)
    ### BEGIN BUG
    size = torch.sqrt(mean_square + eps)
    ### PLANTED
    # size = torch.sqrt(mean_square) + eps
    ### END BUG
    return total, total / size * gain


def _loudness(stream: Tensor) -> Tensor:
    """One number for each clip of the batch."""
    return stream.square().mean((1, 2)).sqrt()
