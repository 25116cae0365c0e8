"""SwiGLU: one branch gates the other

The feed-forward layer of a Llama block has three matrices. Two of them widen the token's vector. SiLU is applied to one
of the two results, the gate. Then both results are multiplied element by element, and the third matrix maps the product
back to the token's width.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def swiglu(
    x: Float[Tensor, "*batch d"],
    gate: Float[Tensor, "ffn d"],
    up: Float[Tensor, "ffn d"],
    down: Float[Tensor, "d ffn"],
) -> Float[Tensor, "*batch d"]:
    """down (SiLU(gate x) ⊙ up x), with SiLU(z) = z · sigmoid(z), in the dtype of `x`, whatever dtypes the weights have.

    The weights are stored (out, in), as in nn.Linear: `gate x` is x times gate transposed. Compute in float32 inside,
    whatever the dtypes, and round once at the end.

        x = [1., 2.], gate = [[1., 0.], [0., 1.]], up = [[0., 1.], [1., 0.]], down = [[1., 1.], [0., 1.]]
        gate x = [1, 2], SiLU(gate x) = [0.7311, 1.7616], up x = [2, 1], their product [1.4621, 1.7616]
        ->  [3.2237, 1.7616]

    SiLU must work for any finite z: for -1000 it is 0, for 1000 it is 1000.
    """
    raise NotImplementedError("your turn")
