"""One model, one text, two losses

This code measures the loss of a model on a held-out text. Two people run it on the same checkpoint and the same text,
one with a batch of 4 windows and one with a batch of 8. They get two losses. Find the mistake, and mend it.
"""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from exercises.ch08_block.next_token_loss import next_token_loss
from exercises.ch15_model.model_logits import model_logits

IGNORED = -100  # the label of padding


def hunt_two_losses(
    ids: Int64[Tensor, "n"],
    weights: dict[str, Float32[Tensor, "..."]],
    heads: int,
    kv_heads: int,
    window: int,
    batch: int,
) -> dict[str, Float32[Tensor, ""] | int]:
    """How well a model predicts a text of at least two ids: {"loss": ..., "perplexity": ..., "tokens": ...}.

    The text is cut into windows of `window` ids, and the last one may be shorter. `window` is at least 2. In each
    window the model predicts every token but the first, from the tokens before it in the window. `batch` windows are
    computed at a time: more might not fit into memory. This decides how much memory the computation takes, and nothing
    else.

    "loss" is the mean of −ln p over all predicted tokens of the text, in nats a token. "perplexity" is e^loss. Both are
    float32 tensors without an axis. "tokens" is the number of predicted tokens, a Python int.

        weights = {"model.embed_tokens.weight": [[1., 1.], [-1., -1.]], "model.norm.weight": [1., 1.]}: no layers
        the logits are [2., -2.] after token 0 and [-2., 2.] after token 1, so that a repetition is likely
        ids = [0, 0, 1], window 3, batch 1: 0 after 0 costs ln(1 + e⁻⁴) = 0.0181, and 1 after 0 costs 4.0181
        ->  {"loss": 2.0181, "perplexity": 7.5243, "tokens": 2}
    """
    losses, counts = [], []
    windows = ids.split(window)
    for start in range(0, len(windows), batch):
        rows = windows[start : start + batch]
        inputs = pad_sequence(rows, batch_first=True)
        labels = pad_sequence(rows, batch_first=True, padding_value=IGNORED)
        logits = model_logits(inputs, weights, heads, kv_heads)
        losses.append(next_token_loss(logits, labels, IGNORED))
        counts.append(int((labels[:, 1:] != IGNORED).sum()))
    loss = torch.stack(losses).mean()
    return {"loss": loss, "perplexity": loss.exp(), "tokens": sum(counts)}
