"""KV heads shared by groups of query heads

Grouped-query attention has fewer KV heads than query heads: Llama-3.1-8B has 8 KV heads for 32 query heads. Plain
attention needs one KV head for each query head. So each KV head is repeated for the group of neighboring query heads
that share it.
"""

from jaxtyping import Shaped
from torch import Tensor


def repeat_kv(x: Shaped[Tensor, "b kv n d"], heads: int) -> Shaped[Tensor, "b heads n d"]:
    """The keys (or values) `x` with one head for each of `heads` query heads, same values, same dtype.

    The first heads/kv query heads share the first head of `x`, the next heads/kv share the second, and so on.

        x with a batch of 1, 2 heads, 1 token, width 1: [[[[10.]], [[20.]]]], heads = 4
        ->  [[[[10.]], [[10.]], [[20.]], [[20.]]]]

    Raises ValueError unless `heads` query heads form kv groups of equal size, with at least one head in each.
    """
    ### BEGIN SOLUTION
    kv = x.shape[1]
    if heads < kv or heads % kv:
        raise ValueError(f"{heads} query heads cannot share {kv} KV heads evenly")
    return x.repeat_interleave(heads // kv, dim=1)
    ### END SOLUTION
