"""Nearly no loss, and a text of rubbish

A small model trains on sentences, and its loss soon is far below the entropy of the language. When it writes, one token
after the other, the text makes no sense. The trainer and the writer are right. The mistake is in this file.
"""

import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from exercises.ch08_block.rms_norm import rms_norm

Tensors = dict[str, Float32[Tensor, "..."]]


def hunt_rubbish(
    sentences: list[list[int]], weights: Tensors, layers: int, heads: int
) -> tuple[Float32[Tensor, ""], Tensors]:
    """(loss, gradients by name) of one batch of sentences of different lengths.

    Each sentence has at least one id, and at least one sentence has two ids or more.

    The loss is the mean of -log p over all tokens of all sentences but the first of each, in nats. p is the probability
    that the model gives to a token when it writes: it reads one token after the other, and keeps the keys and values of
    the tokens that it has read. `weights` has:

        token (v, d) and position (n, d)      added, they are the input; `token` is the head as well
        0.attention_norm (d,), 0.qkv (3d, d), 0.out (d, d)      of layer 0: gain, queries over keys over values, result
        0.ffn_norm (d,), 0.up (4d, d), 0.down (d, 4d)           of layer 0: gain, SiLU between two matrices
        norm (d,)                             the last gain

    All norms are `rms_norm` with its own eps. Both branches of a layer read the normalized stream and add to the stream
    itself. Attention has `heads` heads and the scale 1/√(d / heads). The inputs are not changed.
    """
    n = max(len(sentence) for sentence in sentences)
    ids = torch.tensor([sentence + [0] * (n - len(sentence)) for sentence in sentences])
    real = torch.tensor([[True] * len(sentence) + [False] * (n - len(sentence)) for sentence in sentences])
    leaves = {name: w.detach().requires_grad_() for name, w in weights.items()}
    log_p = torch.log_softmax(_logits(ids, real, leaves, layers, heads), dim=-1)
    of_next = log_p[:, :-1].gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    loss = -of_next[real[:, 1:]].mean()
    return loss.detach(), dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def _logits(
    ids: Int64[Tensor, "b n"], real: Bool[Tensor, "b n"], w: Tensors, layers: int, heads: int
) -> Float32[Tensor, "b n v"]:
    """The logits at every position. `real` is False at padding."""
    x = w["token"][ids] + w["position"][: ids.shape[1]]
    for i in range(layers):
        seen = rms_norm(x, w[f"{i}.attention_norm"])
        x = x + _attention(seen, real, w[f"{i}.qkv"], heads) @ w[f"{i}.out"].T
        up = rms_norm(x, w[f"{i}.ffn_norm"]) @ w[f"{i}.up"].T
        x = x + (up * torch.sigmoid(up)) @ w[f"{i}.down"].T
    return rms_norm(x, w["norm"]) @ w["token"].T


def _attention(
    x: Float32[Tensor, "b n d"], real: Bool[Tensor, "b n"], qkv: Float32[Tensor, "3d d"], heads: int
) -> Float32[Tensor, "b n d"]:
    """The values, mixed by each head. Keys that are padding are hidden from every query."""
    b, n, d = x.shape
    q, k, v = (x @ qkv.T).view(b, n, 3, heads, d // heads).permute(2, 0, 3, 1, 4)
    scores = q @ k.mT / (d // heads) ** 0.5
    hidden = ~real[:, None, None, :]
    ### BEGIN BUG
    hidden = hidden | torch.ones(n, n, dtype=torch.bool).triu(1)
    ### PLANTED
    ### END BUG
    return (torch.softmax(scores.masked_fill(hidden, -torch.inf), dim=-1) @ v).transpose(1, 2).flatten(2)
