"""One gradient from unequal micro-batches

A batch that does not fit into memory is cut into micro-batches, and their gradients are combined. Micro-batches have
different numbers of tokens, because padding does not count. The result must be the gradient of the whole batch, so
every token must have the same weight.
"""

import torch
from jaxtyping import Float
from torch import Tensor

Gradients = dict[str, Float[Tensor, "..."]]


def accumulate_gradients(micro: list[Gradients], counts: list[int]) -> Gradients:
    """The gradient of the mean loss over all tokens of a batch, by parameter name.

    `micro[i]` is the gradient of the MEAN loss of micro-batch i, which has `counts[i]` tokens. All micro-batches have
    the same names. A micro-batch of 0 tokens adds nothing: the mean of no losses is 0/0, so its gradients may be NaN.

        micro = [{"w": [1.0]}, {"w": [4.0]}], counts = [1, 2]   ->   {"w": [3.0]}      (1 · 1 + 2 · 4) / 3

    Compute in float32, whatever the dtypes, and round once, to the dtype that the first micro-batch has for this name.
    The inputs are not changed.

    Raises ValueError if the lists differ in length, if a count is negative, or if there are no tokens at all.
    """
    ### BEGIN SOLUTION
    total = sum(counts)
    if len(micro) != len(counts) or any(count < 0 for count in counts) or total == 0:
        raise ValueError(f"{len(micro)} micro-batches cannot have the counts {counts}")
    result = {}
    for name, first in micro[0].items():
        parts = [count / total * grads[name].float() for grads, count in zip(micro, counts, strict=True) if count]
        result[name] = torch.stack(parts).sum(0).to(first.dtype)
    return result
    ### END SOLUTION
