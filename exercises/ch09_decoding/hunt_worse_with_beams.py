"""Four beams find a worse text than one

With more beams, a search looks at more texts, so the text that it finds should hardly ever be less probable. Here it
often is. The log-probabilities that the search reports are wrong, too: a pass over the whole text gives others. With
one beam everything is right.
"""

import torch
from jaxtyping import Float32
from torch import Tensor

from exercises.ch09_decoding.kv_cache_step import kv_cache_step

Cache = list[dict[str, Float32[Tensor, "1 n d"]]]  # keys and values of each layer


def hunt_worse_with_beams(
    prompt: list[int], model: dict[str, Float32[Tensor, "..."]], beams: int, most: int
) -> tuple[list[list[int]], Float32[Tensor, " beams"]]:
    """(the texts that a beam search finds, the most probable first; their log-probabilities).

    A text has `most` tokens, which follow the prompt. In each step every text grows by each token of the vocabulary,
    and the `beams` most probable results stay (of equal results, first the result of the earlier text, then the lower
    new id). With fewer results, all stay. The log-probability of a text is the sum over its tokens of the natural
    logarithm of the softmax of the logits, given the prompt and all tokens before it in this text.

    `model` is float32: "table" (v, d) and "positions" (rows, d), and for each layer i from 0 "i.q", "i.k" and "i.v"
    (d, d). A layer adds to each token the result of `kv_cache_step` for it. The logits are the products of the last
    token with all rows of the table. A cache for each text saves time, and changes nothing.

        no layers, table [[0., 1.], [1., 0.5]], prompt [0], beams = 2, most = 1
        logits [1., 0.5], probabilities [0.6225, 0.3775]   ->   [[0], [1]], [-0.4741, -0.9741]
    """
    size, d = model["table"].shape
    layers = sum(name.endswith(".q") for name in model)
    empty = torch.zeros(1, 0, d)
    texts: list[list[int]] = [[]]
    totals = torch.zeros(1)
    caches: list[Cache] = [[{"keys": empty, "values": empty} for _ in range(layers)]]
    for _ in range(most):
        log_p = torch.stack(
            [_read(text[-1:] or prompt, model, cache) for text, cache in zip(texts, caches, strict=True)]
        )
        grown = (totals.unsqueeze(1) + log_p).flatten()
        totals, places = (kept[:beams] for kept in torch.sort(grown, descending=True, stable=True))
        parents, tokens = (places // size).tolist(), (places % size).tolist()
        texts = [[*texts[parent], token] for parent, token in zip(parents, tokens, strict=True)]
        caches = [caches[parent].copy() for parent in parents]
    return texts, totals


def _read(ids: list[int], model: dict[str, Tensor], cache: Cache) -> Float32[Tensor, " v"]:
    """Log-probabilities of the next token after `ids`, which stand behind the cache. The cache then holds them, too."""
    x = model["table"][ids].unsqueeze(0)
    for i, layer in enumerate(cache):
        weights = (model[f"{i}.{name}"] for name in "qkv")
        out, layer["keys"], layer["values"] = kv_cache_step(
            x, layer["keys"], layer["values"], *weights, model["positions"]
        )
        x = x + out
    return torch.log_softmax(x[0, -1] @ model["table"].T, dim=-1)
