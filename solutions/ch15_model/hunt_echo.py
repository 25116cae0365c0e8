"""Almost no loss, and one word forever

This finetuning run looks perfect: the loss falls to almost nothing. Then the model gets a prompt, and it writes the
same word again and again. One line is missing or wrong. Find and mend it.
"""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from exercises.ch04_optimization.adamw_step import adamw_step
from exercises.ch15_model.model_logits import model_logits

Tensors = dict[str, Float32[Tensor, "..."]]
IGNORE = -100  # the label of a position that does not count


def hunt_echo(
    dialogs: list[tuple[list[int], list[int]]],
    prompt: list[int],
    weights: Tensors,
    heads: int,
    kv_heads: int,
    steps: int,
    rate: float,
    most: int,
) -> tuple[Float32[Tensor, " steps"], list[int]]:
    """(losses, text): finetune a model on answers, then let it continue a prompt.

    `dialogs` holds pairs (question, answer) of at least one id each. All of them make one batch, which each step uses.
    The model learns to write the answers: it predicts each token of an answer from all tokens before it. Nothing else
    is predicted, neither questions nor padding.

    losses[i] is the mean of -log p over all tokens of all answers, before the update of step i. An update is a step of
    AdamW for every weight, with the learning rate `rate` and without decay. `text` has the `most` ids that follow
    `prompt` after the last update, each the most probable one. The inputs are not changed.
    """
    ids, labels = _batch(dialogs)
    params = dict(weights)
    m = {name: torch.zeros_like(w) for name, w in params.items()}
    v, losses = dict(m), []
    for step in range(1, steps + 1):
        leaves = {name: w.detach().requires_grad_() for name, w in params.items()}
        loss = _mean_loss(model_logits(ids, leaves, heads, kv_heads), labels)
        grads = torch.autograd.grad(loss, list(leaves.values()))
        for name, grad in zip(leaves, grads, strict=True):
            params[name], m[name], v[name] = adamw_step(params[name], grad, m[name], v[name], step, lr=rate, decay=0.0)
        losses.append(loss.detach())
    text = list(prompt)
    for _ in range(most):
        logits = model_logits(torch.tensor([text]), params, heads, kv_heads)
        text.append(int(logits[0, -1].argmax()))
    return torch.stack(losses), text[len(prompt) :]


def _batch(dialogs: list[tuple[list[int], list[int]]]) -> tuple[Int64[Tensor, "b n"], Int64[Tensor, "b n"]]:
    """(ids, labels) of all dialogs, one row each. Short rows end in zeros, and only answers have labels."""
    n = max(len(question) + len(answer) for question, answer in dialogs)
    ids = torch.zeros(len(dialogs), n, dtype=torch.int64)
    labels = torch.full_like(ids, IGNORE)
    for row, (question, answer) in enumerate(dialogs):
        start, end = len(question), len(question) + len(answer)
        ids[row, :end] = torch.tensor(question + answer)
        labels[row, start:end] = torch.tensor(answer)
    return ids, labels


def _mean_loss(logits: Float32[Tensor, "b n v"], labels: Int64[Tensor, "b n"]) -> Float32[Tensor, ""]:
    """The mean cross-entropy, in nats, over the labels that count."""
    ### BEGIN BUG
    logits, labels = logits[:, :-1], labels[:, 1:]
    ### PLANTED
    ### END BUG
    counts = labels != IGNORE
    of_label = logits.gather(-1, labels.masked_fill(~counts, 0).unsqueeze(-1)).squeeze(-1)
    losses = torch.logsumexp(logits, dim=-1) - of_label
    return losses[counts].mean()
