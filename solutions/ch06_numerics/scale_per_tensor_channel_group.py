"""One outlier, three scales

To store numbers in 8 bits, divide them by a scale that maps the largest number to the largest value of the format. All
values that share a scale with an outlier lose digits. These may be the whole tensor, one channel, or a few neighbors.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def scale_per_tensor_channel_group(
    x: Float[Tensor, "tokens channels"], group: int, dtype: torch.dtype
) -> dict[str, Float[Tensor, "channels"]]:
    """The relative error of each channel when `x` is stored in 8 bits and read back, for three ways to share a scale.

        "tensor"    one scale for all of x
        "channel"   one scale for each column
        "group"     one scale for each token and each `group` neighboring channels (128 in DeepSeek-V3's 1×128 tiles)

    A scale is the largest |x| of the values that share it, divided by 127 for torch.int8 or 448 for
    torch.float8_e4m3fn. Divide by it. Round: to the nearest integer for int8, and with a cast for fp8. Multiply by the
    scale again. If all values under a scale are 0, nothing is lost. The loss of a channel is √Σ(back − x)² / √Σx² over
    its tokens, and 0 if the channel holds only zeros. Compute in float32 and round the three results to the dtype of
    `x`.

        x = [[127., 0.4, 0.6, 0.8]], group = 2, int8
          scale 1 for the tensor             ->  back [127., 0., 1., 1.]            loss [0., 1., 0.67, 0.25]
          scales 1 and 0.8/127 for groups    ->  back [127., 0., 0.598, 0.8]        loss [0., 1., 0.0026, 0.]
          a scale for each channel           ->                                     loss [0., 0., 0., 0.]

    Raises ValueError if the number of channels is not a multiple of `group`.
    """
    ### BEGIN SOLUTION
    tokens, channels = x.shape
    if channels % group:
        raise ValueError(f"{channels} channels cannot be divided into groups of {group}")
    wide = x.float()
    size = wide.abs()
    tiles = size.reshape(tokens, channels // group, group).amax(-1).repeat_interleave(group, -1)
    largest = {"tensor": size.amax(), "channel": size.amax(0), "group": tiles}
    losses = {}
    for name, top in largest.items():
        scale = torch.where(top == 0, 1.0, top / (127 if dtype == torch.int8 else 448))
        small = wide / scale
        small = torch.round(small) if dtype == torch.int8 else small.to(dtype).float()
        error = (small * scale - wide).norm(dim=0)
        losses[name] = (error / wide.norm(dim=0).clamp(min=1e-38)).to(x.dtype)
    return losses
    ### END SOLUTION
