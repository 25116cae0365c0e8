"""The one layer that equals a stack

Linear layers with nothing between them are one linear layer. Compute its weight and its bias, so that one product gives
the same result as the whole stack. This is why networks need activations. LoRA weights are merged for serving in the
same way.
"""

from jaxtyping import Float
from torch import Tensor


def collapse_linears(
    layers: list[tuple[Float[Tensor, "d_out d_in"], Float[Tensor, "d_out"]]],
) -> tuple[Float[Tensor, "d_last d_first"], Float[Tensor, "d_last"]]:
    """Weight and bias of the single layer that equals `layers`, applied in their order.

    A layer is (w, b) and computes w x + b. For every dtype, compute in float32 inside, and round once at the end to the
    dtype of the layers. All layers have the same dtype. Do not change the layers themselves.

        first x → 2x + 1, then x → 4x + 5:   4(2x + 1) + 5 = 8x + 9
        collapse_linears([([[2.]], [1.]), ([[4.]], [5.])])  ->  ([[8.]], [9.])

    Raises ValueError if there are no layers.
    """
    ### BEGIN SOLUTION
    if not layers:
        raise ValueError("no layers to collapse")
    weight, bias = layers[0][0].float(), layers[0][1].float()
    for w, b in layers[1:]:
        weight, bias = w.float() @ weight, w.float() @ bias + b.float()
    dtype = layers[0][0].dtype
    return weight.to(dtype), bias.to(dtype)
    ### END SOLUTION
