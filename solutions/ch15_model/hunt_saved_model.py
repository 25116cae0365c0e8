"""The saved model is worse than the trained one

A small language model with tied embeddings trains well. The model that is loaded from its file is much worse on the
same text, and nobody has touched the file.
"""

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from exercises.ch08_block.next_token_loss import next_token_loss
from exercises.ch15_model.embed_and_head import embed, head

EMBED, MIX = "model.embed_tokens.weight", "mix.weight"
Weights = dict[str, Float32[Tensor, "..."]]


class Model(torch.nn.Module):
    """The model whose file is `weights`. It predicts each token from the two tokens before it."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(weights[EMBED].clone())
        self.mix = torch.nn.Parameter(weights[MIX].clone())
        ### BEGIN BUG
        self.head = self.table
        ### PLANTED
        # self.head = torch.nn.Parameter(weights[EMBED].clone())
        ### END BUG

    def loss(self, ids: Int64[Tensor, "b n"]) -> Float[Tensor, ""]:
        """The mean loss of the tokens from the third on."""
        x = embed(ids, self.table)
        pairs = torch.cat([x[:, :-1], x[:, 1:]], dim=-1)
        hidden = torch.tanh(pairs @ self.mix.T)
        return next_token_loss(head(hidden, self.head), ids[:, 1:])

    def saved(self) -> Weights:
        """What the file holds."""
        return {EMBED: self.table.detach().clone(), MIX: self.mix.detach().clone()}


def hunt_saved_model(
    ids: Int64[Tensor, "b n"], weights: Weights, steps: int, lr: float
) -> tuple[Float32[Tensor, "steps"], int, Weights, Float32[Tensor, ""]]:
    """(the loss before each step, the number of trained parameters, the saved weights, the loss of the saved model).

    `weights` is what the file holds, before training and after it: the table "model.embed_tokens.weight", (v, d), and
    "mix.weight", (d, 2d). The embeddings are tied: one table is embedding and head. So it has one gradient, the sum
    of both uses, and it counts once. Every step is a step of plain SGD with the learning rate `lr` on all of `ids`.

    The loss of the saved model is the loss on `ids` with the weights from the file. The inputs are not changed.
    """
    model = Model(weights)
    parameters = list(model.parameters())
    losses = []
    for _ in range(steps):
        loss = model.loss(ids)
        losses.append(loss.detach())
        for p, grad in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            p.data = p.data - lr * grad
    saved = model.saved()
    loaded = Model(saved)
    return torch.stack(losses), sum(p.numel() for p in parameters), saved, loaded.loss(ids).detach()
