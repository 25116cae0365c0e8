"""The saved model is worse than the trained one

A small language model with tied embeddings trains well. The model that is loaded from its file is much worse on the
same text, and nobody has touched the file.
"""

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from exercises.ch08_block.next_token_loss import next_token_loss
from exercises.ch15_model.embed_and_head import embed, head

EMBED, MIX, HEAD = "model.embed_tokens.weight", "mix.weight", "lm_head.weight"
Weights = dict[str, Float32[Tensor, "..."]]


def loss_of(model: Weights, ids: Int64[Tensor, "b n"]) -> Float[Tensor, ""]:
    """The mean loss of the tokens from the third on: each is predicted from the two tokens before it."""
    x = embed(ids, model[EMBED])
    pairs = torch.cat([x[:, :-1], x[:, 1:]], dim=-1)
    hidden = torch.tanh(pairs @ model[MIX].T)
    return next_token_loss(head(hidden, model[HEAD]), ids[:, 1:])


def hunt_saved_model(
    ids: Int64[Tensor, "b n"], weights: Weights, steps: int, lr: float
) -> tuple[Float32[Tensor, "steps"], int, Weights, Float32[Tensor, ""]]:
    """(the loss before each step, the number of trained parameters, the saved weights, the loss of the saved model).

    `weights` is what the file holds, before training and after it: the table "model.embed_tokens.weight", (v, d), and
    "mix.weight", (d, 2d). The embeddings are tied: one table is embedding and head. So it has one gradient, the sum
    of both uses, and it counts once. Every step is a step of plain SGD with the learning rate `lr` on all of `ids`.

    The loss of the saved model is the loss on `ids` with the weights from the file. The inputs are not changed.
    """
    model = {name: w.clone().requires_grad_() for name, w in weights.items()}
    ### BEGIN BUG
    model[HEAD] = model[EMBED]
    ### PLANTED
    # model[HEAD] = weights[EMBED].clone().requires_grad_()
    ### END BUG
    parameters = list({id(p): p for p in model.values()}.values())
    losses = []
    for _ in range(steps):
        loss = loss_of(model, ids)
        losses.append(loss.detach())
        for p, grad in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            p.data = p.data - lr * grad
    saved = {name: model[name].detach() for name in weights}
    loaded = {**saved, HEAD: saved[EMBED]}
    return torch.stack(losses), sum(p.numel() for p in parameters), saved, loss_of(loaded, ids)
