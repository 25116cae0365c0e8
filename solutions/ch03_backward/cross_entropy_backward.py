"""The gradient that starts every backward pass

Cross-entropy is −log of the probability that softmax gives to the right class, averaged over the batch. In the backward
pass the slope of the logarithm and part of the slope of softmax cancel. A very short formula is left.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def cross_entropy_backward(
    logits: Float[Tensor, "batch classes"], targets: Int64[Tensor, "batch"]
) -> Float[Tensor, "batch classes"]:
    """The gradient of mean(−log softmax(logits)[i, targets[i]]) with respect to the logits, in their dtype.

    Logits of ±1e4 must work. For every dtype, compute in float32 and round once. `logits` is not changed.

        logits = [[0., 0.], [0., ln 3]], targets = [0, 0]   ->   [[−0.25, 0.25], [−0.375, 0.375]]
            softmax gives [½, ½] and [¼, ¾]; the target of both rows is class 0; the batch is 2

    Raises IndexError if a target is not one of 0 … classes − 1. Padding is often marked with −100 or −1: these indices
    must not count from the end.
    """
    ### BEGIN SOLUTION
    batch, classes = logits.shape
    if ((targets < 0) | (targets >= classes)).any():
        raise IndexError(f"every target must be one of 0 to {classes - 1}")
    gradient = torch.softmax(logits.float(), -1)
    gradient[torch.arange(batch), targets] -= 1
    return (gradient / batch).to(logits.dtype)
    ### END SOLUTION
