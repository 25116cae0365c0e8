"""A very low loss, and short answers

A model is finetuned on texts of unequal length. The loss falls faster than it ever did, most of all in batches with one
long text. But the model now stops in the middle of its sentences. Find the mistake, and mend it.
"""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from exercises.ch08_block.next_token_loss import next_token_loss
from exercises.ch15_model.model_logits import model_logits

Weights = dict[str, Float32[Tensor, "..."]]


def hunt_short_answers(
    texts: list[list[int]], weights: Weights, heads: int, kv_heads: int, pad: int, batch: int, lr: float
) -> tuple[Float32[Tensor, "steps"], Weights]:
    """(the loss of each step, before it; the weights after the last step), all in float32.

    A step takes the next `batch` texts, in their order, and the last step takes those that are left. Each text has at
    least two ids. The loss is the mean of −ln p over the predicted tokens of these texts: in each text every token but
    the first, from the tokens before it. Then each weight moves by −lr · gradient. `weights` are not changed.

    Shorter texts are filled up with `pad` at their end. Padding only fills the tensor: with another id for `pad` the
    results are the same. `pad` may also be a token of the texts, such as the end of a text. There it is a token like
    any other.

        weights = {"model.embed_tokens.weight": [[1., 1.], [-1., -1.]], "model.norm.weight": [1., 1.]}: no layers
        the logits are [2., -2.] after token 0: another 0 costs ln(1 + e⁻⁴) = 0.0181, and a 1 costs 4.0181
        texts = [[0, 0, 0], [0, 1]], batch 2   ->   a loss of (0.0181 + 0.0181 + 4.0181) / 3 = 1.3515
    """
    losses = []
    for start in range(0, len(texts), batch):
        ids, labels = _padded(texts[start : start + batch], pad)
        leaves = {name: w.detach().requires_grad_() for name, w in weights.items()}
        loss = next_token_loss(model_logits(ids, leaves, heads, kv_heads), labels)
        gradients = torch.autograd.grad(loss, list(leaves.values()))
        weights = {name: w.detach() - lr * g for (name, w), g in zip(leaves.items(), gradients, strict=True)}
        losses.append(loss.detach())
    return torch.stack(losses), weights


def _padded(texts: list[list[int]], pad: int) -> tuple[Int64[Tensor, "b n"], Int64[Tensor, "b n"]]:
    """The texts as ids and as labels, as long as the longest text."""
    ids = torch.full((len(texts), max(map(len, texts))), pad)
    ### BEGIN BUG
    labels = torch.full_like(ids, -100)
    ### PLANTED
    # labels = torch.full_like(ids, pad)
    ### END BUG
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
        labels[row, : len(text)] = torch.tensor(text)
    return ids, labels
