"""LoRA: a small adapter beside a frozen weight

Full fine-tuning of a 4096 by 4096 weight trains 16.8 million numbers. LoRA freezes the weight and adds the product of
two thin matrices, A and B, of rank r. With r = 16 they have 131,072 numbers, only 0.8 % of 16.8 million.
"""

from jaxtyping import Float
from torch import Tensor


def lora_linear(
    x: Float[Tensor, "tokens d_in"],
    w: Float[Tensor, "d_out d_in"],
    a: Float[Tensor, "r d_in"],
    b: Float[Tensor, "d_out r"],
    alpha: float,
) -> Float[Tensor, "tokens d_out"]:
    """W x + alpha/r · B (A x) for each token x, in the dtype of `x`, whatever dtypes the others have.

    r is the number of rows of `a`. Compute in float32 inside, and round once.

        x = [[1., 2.]], w = [[1., 0.], [0., 1.]], a = [[1., 1.]], b = [[0.], [2.]], alpha = 3.
        W x = [1, 2]; A x = [3], B (A x) = [0, 6], times 3/1   ->   [[1., 20.]]

    With b = 0, as at the start of training, the result is exactly the result of the frozen layer.
    """
    ### BEGIN SOLUTION
    wide = x.float()
    detour = (wide @ a.float().T) @ b.float().T
    return (wide @ w.float().T + alpha / a.shape[0] * detour).to(x.dtype)
    ### END SOLUTION


def lora_gradients(
    x: Float[Tensor, "tokens d_in"],
    a: Float[Tensor, "r d_in"],
    b: Float[Tensor, "d_out r"],
    alpha: float,
    dy: Float[Tensor, "tokens d_out"],
) -> tuple[Float[Tensor, "r d_in"], Float[Tensor, "d_out r"]]:
    """The gradients of a loss for `a` and `b`, given `dy`, its gradient for the result of `lora_linear`.

    Both are sums over the tokens. Compute them in float32 and return them in the dtype of `x`, whatever dtypes the
    others have.

        x, a, b, alpha as above, dy = [[1., 1.]]
        of b: dyᵀ (A x) · 3 = [[9.], [9.]]; of a: (dy B)ᵀ x · 3 = [[6., 12.]]   ->   ([[6., 12.]], [[9.], [9.]])

    If b is 0, the gradient of a is 0, but the gradient of b is not. If both a and b are 0, neither ever changes.
    """
    ### BEGIN SOLUTION
    wide, dy = x.float(), alpha / a.shape[0] * dy.float()
    by_a = (dy @ b.float()).T @ wide
    by_b = dy.T @ (wide @ a.float().T)
    return by_a.to(x.dtype), by_b.to(x.dtype)
    ### END SOLUTION
