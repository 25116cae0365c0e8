"""The angles of RoPE

RoPE tells attention the position of a token: it turns pairs of values in the token's query and key. Each pair has its
own speed, from one radian per token down to almost nothing. So there is one angle for each position and pair.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def rope_angles(n: int, width: int, base: float = 10000.0, start: int = 0) -> Float32[Tensor, "n width/2"]:
    """Angles in radians, in float32: position · base^(-2i / width) for pair i of a head of this width.

    Row 0 belongs to position `start`: with `start` tokens in a cache, the next token has this position. Do not reduce
    the angles to one turn.

        rope_angles(2, 4, start=3)  ->  [[3., 0.03],
                                         [4., 0.04]]      frequencies 10000^0 = 1 and 10000^(-2/4) = 0.01

    Raises ValueError if `width` is odd.
    """
    ### BEGIN SOLUTION
    if width % 2:
        raise ValueError(f"a head of width {width} does not split into pairs")
    frequencies = base ** (-torch.arange(0, width, 2, dtype=torch.float32) / width)
    positions = torch.arange(start, start + n, dtype=torch.float32)
    return torch.outer(positions, frequencies)
    ### END SOLUTION
