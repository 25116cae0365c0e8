"""From a prompt to a text, with a cache

The model's forward pass is given. It takes new tokens, their place in the text, and a cache of keys and values of all
tokens before them. First it reads the whole prompt, then one token at a time: the token that it has just chosen.
"""

import torch
from jaxtyping import Float, Float32
from torch import Tensor

Cache = list[tuple[Tensor, Tensor]]  # the turned keys and the values of each layer, (kv_heads, tokens so far, width)


def generate(
    prompt: list[int], weights: dict[str, Tensor], heads: int, kv_heads: int, stop: int, most: int
) -> list[int]:
    """The tokens that follow the prompt, each the most probable one given all tokens before it.

    Use `forward` below. Give it each token once, at the token's own position, and `weights` as they are. Generation
    ends before the first token that equals `stop`, or after `most` new tokens. The result holds new tokens only: no
    token of the prompt, and no `stop`. A `stop` in the prompt ends nothing. If two logits are equal, the smaller id
    wins.

        A model without layers, embed_tokens [[1., 0.], [2., 2.], [0., 5.]] and norm [1., 1.]: the logits after a token
        are the products of its normalized row, [1.41, 0.] for token 0 and [1., 1.] for token 1, with all three rows.
        prompt [0]  logits [1.41, 2.83, 0.]  ->  token 1
        then [1]    logits [1., 4., 5.]      ->  token 2
        So stop 2 and most 9 give [1], and stop 9 and most 2 give [1, 2].

    Raises ValueError if the prompt is empty, also if `most` is 0.
    """
    raise NotImplementedError("your turn")


# Given: the forward pass of `model_logits`, for new tokens after a cache. `[]` is the cache before the first token.


def forward(
    ids: list[int], start: int, cache: Cache, weights: dict[str, Tensor], heads: int, kv_heads: int
) -> tuple[Float32[Tensor, "m v"], Cache]:
    """(logits after each of the m tokens `ids`, which stand at positions start, start + 1, ...; the longer cache)."""
    table = weights["model.embed_tokens.weight"].float()
    x, longer = table[torch.tensor(ids)], []
    for i in range(sum(name.endswith("q_proj.weight") for name in weights)):
        w = {name: t.float() for name, t in weights.items() if name.startswith(f"model.layers.{i}.")}
        w = {name.split(".")[-2]: t for name, t in w.items()}
        seen = _norm(x, w["input_layernorm"])
        q, k, v = (seen @ w[f"{name}_proj"].T for name in "qkv")
        q, k = _turned(_split(q, heads), start), _turned(_split(k, kv_heads), start)
        v = _split(v, kv_heads)
        if cache:
            k, v = torch.cat([cache[i][0], k], dim=1), torch.cat([cache[i][1], v], dim=1)
        longer.append((k, v))
        x = x + _attend(q, k, v) @ w["o_proj"].T
        seen = _norm(x, w["post_attention_layernorm"])
        gated = seen @ w["gate_proj"].T
        x = x + (gated * torch.sigmoid(gated) * (seen @ w["up_proj"].T)) @ w["down_proj"].T
    return _norm(x, weights["model.norm.weight"].float()) @ table.T, longer


def _norm(x: Tensor, gain: Tensor) -> Tensor:
    """RMS norm of each token, times the gain."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * gain


def _split(x: Tensor, heads: int) -> Tensor:
    """(m, heads · width) into (heads, m, width)."""
    return x.unflatten(-1, (heads, -1)).transpose(0, 1)


def _turned(x: Tensor, start: int) -> Tensor:
    """RoPE with base 10000 at positions start, start + 1, ...: pair i holds the values i and i + width/2."""
    m, width = x.shape[1:]
    angles = torch.outer(torch.arange(start, start + m), 10000.0 ** (-torch.arange(0, width, 2) / width))
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], dim=-1)


def _attend(q: Float[Tensor, "heads m d"], k: Tensor, v: Tensor) -> Float[Tensor, "m heads*d"]:
    """Attention of the last m tokens over all tokens. Each head of k and v serves a group of query heads."""
    k, v = (t.repeat_interleave(len(q) // len(t), dim=0) for t in (k, v))
    m, n = q.shape[1], k.shape[1]
    future = torch.ones(m, n, dtype=torch.bool).triu(n - m + 1)
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(future, -torch.inf)
    return (torch.softmax(scores, dim=-1) @ v).transpose(0, 1).flatten(1)
