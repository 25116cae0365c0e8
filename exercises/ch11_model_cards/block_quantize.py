"""Four bits, a scale and a minimum

A block format stores a few neighbouring weights as small whole numbers, and what turns them back into weights once for
the block. This one is GGUF's Q4_1 before packing: codes from 0 to 15, a scale and a minimum in fp16.
"""

import torch
from jaxtyping import Float16, Float32, UInt8
from torch import Tensor


def block_quantize(
    x: Float32[Tensor, "n"], block: int = 32
) -> tuple[UInt8[Tensor, "blocks block"], Float16[Tensor, "blocks"], Float16[Tensor, "blocks"]]:
    """Codes, scales and minima of consecutive blocks of `block` weights.

    The minimum is the smallest weight of the block, the scale is (largest − smallest) / 15, both in float32. A code is
    (x − minimum) / scale rounded to the nearest whole number, halves upwards: the floor of that plus 0.5. Scale and
    minimum are rounded to fp16 at the end; the codes do not know of that. Where all weights are equal, scale and codes
    are 0.

        x = [-1., 2., 0.4, 14.], block = 4  ->  codes [[0, 3, 1, 15]], scale [1.], minimum [-1.]

    Raises ValueError if x does not divide into blocks.
    """
    raise NotImplementedError("your turn")


def block_dequantize(
    codes: UInt8[Tensor, "blocks block"], scale: Float16[Tensor, "blocks"], low: Float16[Tensor, "blocks"]
) -> Float32[Tensor, "n"]:
    """The weights that the codes stand for, scale · code + minimum, in float32.

    codes [[0, 3, 1, 15]], scale [1.], minimum [-1.]  ->  [-1., 2., 0., 14.]
    """
    raise NotImplementedError("your turn")
