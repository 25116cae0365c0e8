"""The first word is right, and then the text falls apart

A small engine writes a text. It reads the prompt in one pass, keeps the keys and values of every layer, and then reads
one token per pass. The first token after a prompt is always the right one. Soon after it the text makes no sense, also
with a model that writes well elsewhere. No error is raised.
"""

import torch
from jaxtyping import Float32
from torch import Tensor

from exercises.ch08_block.apply_rope import apply_rope
from exercises.ch08_block.rms_norm import rms_norm
from exercises.ch08_block.rope_angles import rope_angles
from exercises.ch08_block.swiglu import swiglu
from exercises.ch15_model.embed_and_head import embed, head

Cache = tuple[Float32[Tensor, "b kv_heads n width"], Float32[Tensor, "b kv_heads n width"]]


def hunt_falls_apart(
    prompt: list[int], weights: dict[str, Tensor], heads: int, kv_heads: int, most: int
) -> tuple[list[int], Float32[Tensor, " most"]]:
    """(the `most` tokens after the prompt, the natural logarithm of the probability of each).

    Each token is the most probable one after all tokens before it, by the logits that `model_logits` gives at the last
    place of the whole text so far. Its probability is from these logits, too. The cache saves time and changes nothing.
    If logits are equal, the smaller id wins. `weights` are float32 and have the names of Llama's checkpoints. The
    prompt has a token or more, and `most` is at least 1.

        A model without layers, embed_tokens [[1., 0.], [2., 2.], [0., 5.]] and norm [1., 1.], prompt [0], most = 2:
        logits [1.41, 2.83, 0.] and token 1, then logits [1., 4., 5.] and token 2  ->  [1, 2], [-0.2641, -0.3266]
    """
    table = weights["model.embed_tokens.weight"]
    layers = sum(name.endswith("q_proj.weight") for name in weights)
    cache: list[Cache | None] = [None] * layers
    new: list[int] = []
    logs = []
    for step in range(most):
        ids = new[-1:] if step else prompt
        x = embed(torch.tensor([ids]), table)
        for i in range(layers):
            w = {name.split(".")[-2]: t for name, t in weights.items() if name.startswith(f"model.layers.{i}.")}
            width = len(w["q_proj"]) // heads
            ### BEGIN BUG
            angles = rope_angles(len(ids), width, start=cache[i][0].shape[2] if cache[i] else 0)
            ### PLANTED
            # angles = rope_angles(len(ids), width, start=step)
            ### END BUG
            mixed, cache[i] = _attend(rms_norm(x, w["input_layernorm"]), w, angles, cache[i], heads, kv_heads)
            x = x + mixed
            x = x + swiglu(rms_norm(x, w["post_attention_layernorm"]), w["gate_proj"], w["up_proj"], w["down_proj"])
        log_p = torch.log_softmax(head(rms_norm(x[:, -1:], weights["model.norm.weight"]), table)[0, 0], dim=-1)
        new.append(int(log_p.argmax()))
        logs.append(log_p[new[-1]])
    return new, torch.stack(logs)


def _attend(
    x: Tensor, w: dict[str, Tensor], angles: Tensor, cache: Cache | None, heads: int, kv_heads: int
) -> tuple[Tensor, Cache]:
    """(what attention adds for the new tokens, the longer keys and values). The new tokens stand behind the cache."""
    groups = {"q_proj": heads, "k_proj": kv_heads, "v_proj": kv_heads}
    q, k, v = ((x @ w[name].T).unflatten(-1, (count, -1)).transpose(1, 2) for name, count in groups.items())
    q, k = apply_rope(q, angles), apply_rope(k, angles)
    if cache:
        k, v = torch.cat([cache[0], k], dim=2), torch.cat([cache[1], v], dim=2)
    m, n = q.shape[2], k.shape[2]
    future = torch.ones(m, n, dtype=torch.bool).triu(n - m + 1)
    keys, values = (t.repeat_interleave(heads // kv_heads, dim=1) for t in (k, v))
    scores = (q @ keys.mT / q.shape[-1] ** 0.5).masked_fill(future, -torch.inf)
    return (torch.softmax(scores, dim=-1) @ values).transpose(1, 2).flatten(2) @ w["o_proj"].T, (k, v)
