"""A loss that is suddenly NaN

A search model learns which passage answers which question. The loss falls for a while. Then it is inf, and from
the next step on it is NaN.
"""

import torch
from jaxtyping import Float16, Float32, Int64
from torch import Tensor


def match_loss(scores: Float16[Tensor, "b b"]) -> Float16[Tensor, ""]:
    """The mean over the rows of -log softmax(row)[i] for row i, in fp16."""
    ### BEGIN BUG
    scores = scores - scores.amax(dim=1, keepdim=True)
    total = torch.exp(scores).sum(dim=1)
    ### PLANTED
    # total = torch.exp(scores).sum(dim=1)
    ### END BUG
    log_p = scores.diagonal() - torch.log(total)
    return -log_p.mean()


def score(
    questions: Float16[Tensor, "b d"], passages: Float16[Tensor, "b d"], weight: Float16[Tensor, "d d"]
) -> Float16[Tensor, "b b"]:
    """The scores of every question (row) with every passage (column): question · weight · passage."""
    return questions @ weight @ passages.T


def hunt_sudden_nan(
    questions: Float16[Tensor, "n d"],
    passages: Float16[Tensor, "n d"],
    weight: Float32[Tensor, "d d"],
    order: Int64[Tensor, "steps b"],
    lr: float,
) -> tuple[Float32[Tensor, "steps"], Float32[Tensor, "d d"]]:
    """(the loss before each step, the weight after the last step).

    Passage i answers question i. Step t takes the questions and the passages `order[t]`. Its loss is the mean over the
    questions of -log softmax(scores)[right passage], where a question is scored with every passage of the batch. Scores
    and loss are computed in fp16, and the loss is finite for all finite scores. SGD steps the float32 weight with the
    learning rate `lr`.

    The inputs are not changed.
    """
    losses = []
    for batch in order:
        half = weight.half().requires_grad_()
        loss = match_loss(score(questions[batch], passages[batch], half))
        losses.append(loss.detach().float())
        (grad,) = torch.autograd.grad(loss, half)
        weight = weight - lr * grad.float()
    return torch.stack(losses), weight
