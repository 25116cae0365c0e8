"""The loss, from logits

To train a classifier or a language model means to make −log p of the right class small. A model gives logits, not
probabilities. The direct way, softmax and then log, fails for probabilities that are too small for a float. Compute the
loss without probabilities.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def cross_entropy(logits: Float[Tensor, "batch classes"], targets: Int64[Tensor, "batch"]) -> Float[Tensor, ""]:
    """The mean over the batch of −log softmax(logits)[target], natural log, as a scalar in the dtype of `logits`.

    The loss is finite for all finite logits, ±1e4 included, even if the probability of the target is too small for a
    float. Compute in float32, whatever the dtype of `logits`, and round once. A logit of −inf means that the class is
    impossible: its probability is 0, and as a target it gives a loss of inf. An empty batch gives NaN, because it has
    no mean.

        cross_entropy(tensor([[0., 0.]]), tensor([1]))       ->  tensor(0.6931)    −log(1/2)
        cross_entropy(tensor([[1000., 0.]]), tensor([1]))    ->  tensor(1000.)

    Raises IndexError if a target is below 0 (−1 and −100 too) or above the last class.
    """
    ### BEGIN SOLUTION
    classes = logits.shape[1]
    if ((targets < 0) | (targets >= classes)).any():
        raise IndexError(f"targets must be in 0..{classes - 1}")
    wide = logits.float()
    of_target = wide.gather(1, targets.unsqueeze(1)).squeeze(1)
    return (torch.logsumexp(wide, 1) - of_target).mean().to(logits.dtype)
    ### END SOLUTION
