"""Key heads shared by groups of query heads

Grouped-query attention projects fewer key and value heads than query heads: 8 for 32 in Llama-3.1-8B. Before
a plain attention can use them, each is handed to the group of neighbouring query heads that share it.
"""

from jaxtyping import Shaped
from torch import Tensor


def repeat_kv(x: Shaped[Tensor, "b kv n d"], heads: int) -> Shaped[Tensor, "b heads n d"]:
    """The keys (or values) `x` with one head for each of `heads` query heads, same values, same dtype.

    The first heads/kv query heads share the first head of `x`, the next heads/kv the second, and so on.

        x of one batch row, 2 heads, 1 token, width 1: [[[[10.]], [[20.]]]], heads = 4
        ->  [[[[10.]], [[10.]], [[20.]], [[20.]]]]

    Raises ValueError unless `heads` makes kv groups of equal size with one query head at least in each.
    """
    ### BEGIN SOLUTION
    kv = x.shape[1]
    if heads < kv or heads % kv:
        raise ValueError(f"{heads} query heads cannot share {kv} key heads evenly")
    return x.repeat_interleave(heads // kv, dim=1)
    ### END SOLUTION
