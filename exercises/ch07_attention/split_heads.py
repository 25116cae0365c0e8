"""Split into heads and merge back

A projection gives each token one vector of width d_model. Attention needs h vectors of width d_model / h, and the head
axis must come before the token axis. Both layouts hold the same numbers, so a wrong step can give the right shape with
the wrong contents.
"""

from jaxtyping import Shaped
from torch import Tensor


def split_heads(x: Shaped[Tensor, "b n d_model"], h: int) -> Shaped[Tensor, "b h n d"]:
    """Head i gets columns i·d to (i + 1)·d of every token, with d = d_model / h. Values and dtype do not change.

        x = [[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]], h = 2      three tokens of width 4
        ->  [[[[1, 2], [5, 6], [9, 10]], [[3, 4], [7, 8], [11, 12]]]]   two heads of three tokens of width 2

    `h` is 1 or more. Raises ValueError if it does not divide d_model.
    """
    raise NotImplementedError("your turn")


def merge_heads(x: Shaped[Tensor, "b h n d"]) -> Shaped[Tensor, "b n h*d"]:
    """The reverse step: the vectors of a token from all heads stand side by side, head 0 first.

    x = [[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]]  ->  [[[1, 2, 3, 4], [5, 6, 7, 8]]]
    """
    raise NotImplementedError("your turn")
