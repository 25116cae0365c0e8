"""Four bits, a scale and a minimum

A block format stores each weight as a small whole number. For each small group of weights it also stores the numbers
that turn the codes back into weights. This format is GGUF's Q4_1 before packing: codes from 0 to 15, a scale and a
minimum in fp16.
"""

import torch
from jaxtyping import Float16, Float32, UInt8
from torch import Tensor


def block_quantize(
    x: Float32[Tensor, "n"], block: int = 32
) -> tuple[UInt8[Tensor, "blocks block"], Float16[Tensor, "blocks"], Float16[Tensor, "blocks"]]:
    """Codes, scales and minima of consecutive blocks of `block` weights.

    The minimum is the smallest weight of the block. The scale is (largest − smallest) / 15. Compute both in float32. A
    code is (x − minimum) / scale, rounded to the nearest whole number, and halves are rounded up: add 0.5 and take the
    floor. First compute the codes with the float32 scale and minimum. Then round scale and minimum to fp16. If all
    weights of a block are equal, its scale and its codes are 0.

        x = [-1., 2., 0.4, 14.], block = 4  ->  codes [[0, 3, 1, 15]], scale [1.], minimum [-1.]

    Raises ValueError if x does not divide into whole blocks.
    """
    ### BEGIN SOLUTION
    if len(x) % block:
        raise ValueError(f"{len(x)} weights do not make blocks of {block}")
    blocks = x.reshape(-1, block)
    low = blocks.amin(1, keepdim=True)
    scale = (blocks.amax(1, keepdim=True) - low) / 15
    codes = torch.floor((blocks - low) / scale.masked_fill(scale == 0, 1.0) + 0.5)
    return codes.to(torch.uint8), scale.squeeze(1).half(), low.squeeze(1).half()
    ### END SOLUTION


def block_dequantize(
    codes: UInt8[Tensor, "blocks block"], scale: Float16[Tensor, "blocks"], low: Float16[Tensor, "blocks"]
) -> Float32[Tensor, "n"]:
    """The weights that the codes stand for: scale · code + minimum, in float32.

    codes [[0, 3, 1, 15]], scale [1.], minimum [-1.]  ->  [-1., 2., 0., 14.]
    """
    ### BEGIN SOLUTION
    return (scale.float().unsqueeze(1) * codes.float() + low.float().unsqueeze(1)).reshape(-1)
    ### END SOLUTION
