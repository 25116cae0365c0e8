"""The forward pass of the small model, from the functions of the koans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grader.model.figures import Precision as Precision
from grader.model.functions import Functions
from grader.model.path import Route
from grader.model.weights import EMBEDDING, FINAL_NORM, Config, Weights, layer_name


@dataclass
class Cache:
    """Keys and values of each layer, (b, kv_heads, n, width), and `padding`: how many tokens at the left of each row
    are padding."""

    padding: tuple[int, ...] = ()
    layers: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    @property
    def length(self) -> int:
        """How many tokens it holds, padding included."""
        return self.layers[0][0].shape[2] if self.layers else 0

    def cut(self, length: int) -> None:
        """Forget the tokens from this position on."""
        self.layers = [(k[:, :, :length], v[:, :, :length]) for k, v in self.layers]


@dataclass(frozen=True)
class Model:
    """A model's shape and weights, and the functions that run it."""

    functions: Functions
    config: Config
    weights: Weights
    precision: Precision = "float32"

    def logits(self, ids: Tensor, cache: Cache | None = None, route: Route = "attention") -> Tensor:
        """Logits (b, n, vocab) for token ids (b, n). With a cache the tokens follow those in it, and are added to it.

        The route "whole" ignores the cache. "added" cannot hide padding: with padding it is "masked".
        """
        f, w, config = self.functions, self.weights, self.config
        heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
        if route == "whole":
            return _tensor(f.model_logits(ids, w, heads, kv_heads, config.rope_theta))
        x = f.embed(ids, w[EMBEDDING])
        start = cache.length if cache is not None else 0
        padding = cache.padding if cache is not None else ()
        angles = _angles(self, start, ids.shape[1], padding)
        for layer in range(config.num_hidden_layers):
            part = {name: w[layer_name(layer, name)] for name in _PARTS}
            seen = f.rms_norm(x, part["input_layernorm"], config.rms_norm_eps)
            q = f.split_heads(self._product(seen, part["q_proj"]), heads)
            k = f.split_heads(self._product(seen, part["k_proj"]), kv_heads)
            v = f.split_heads(self._product(seen, part["v_proj"]), kv_heads)
            q, k = _turned(f, q, angles), _turned(f, k, angles)
            if cache is not None:
                if layer < len(cache.layers):
                    k = torch.cat([cache.layers[layer][0], k], dim=2)
                    v = torch.cat([cache.layers[layer][1], v], dim=2)
                    cache.layers[layer] = k, v
                else:
                    cache.layers.append((k, v))
            mixed = _attend(f, q, f.repeat_kv(k, heads), f.repeat_kv(v, heads), padding, route)
            x = x + self._product(f.merge_heads(mixed), part["o_proj"])
            x = x + self._feed_forward(f.rms_norm(x, part["post_attention_layernorm"], config.rms_norm_eps), part)
        x = f.rms_norm(x, w[FINAL_NORM], config.rms_norm_eps)
        return _tensor(f.head(x, w[EMBEDDING]))

    def _product(self, x: Tensor, w: Tensor) -> Tensor:
        """x times w transposed, in int8 if the model has this precision."""
        if self.precision != "int8":
            return _tensor(self.functions.linear(x, w))
        return _tensor(self.functions.int8_matmul(x.flatten(0, -2), w)).reshape(*x.shape[:-1], len(w))

    def _feed_forward(self, x: Tensor, part: Weights) -> Tensor:
        if self.precision != "int8":
            return _tensor(self.functions.swiglu(x, part["gate_proj"], part["up_proj"], part["down_proj"]))
        gated = torch.nn.functional.silu(self._product(x, part["gate_proj"]))
        return self._product(gated * self._product(x, part["up_proj"]), part["down_proj"])


_PARTS = (
    *("input_layernorm", "q_proj", "k_proj", "v_proj", "o_proj"),
    *("post_attention_layernorm", "gate_proj", "up_proj", "down_proj"),
)


def _tensor(value: Any) -> Tensor:
    """A koan's result as what its contract promises."""
    if not isinstance(value, Tensor):
        raise TypeError(f"a function on the path returned {type(value).__name__}, and not a tensor")
    return value


def _angles(model: Model, start: int, n: int, padding: Sequence[int]) -> list[Tensor]:
    """RoPE's angles of the new tokens: one table for all rows, or one for each row if their padding differs.

    The first token that is not padding has position 0.
    """
    width, base = model.config.head_width, model.config.rope_theta
    tables: dict[int, Tensor] = {}
    for pad in padding or (0,):
        if pad not in tables:
            first = max(start - pad, 0)
            real = max(min(n, start + n - pad), 0)
            angles = model.functions.rope_angles(real, width, base, first)
            tables[pad] = torch.cat([torch.zeros(n - real, width // 2), angles]) if real < n else angles
    return [tables[pad] for pad in padding] if len(tables) > 1 else list(tables.values())


def _turned(f: Functions, x: Tensor, angles: list[Tensor]) -> Tensor:
    if len(angles) == 1:
        return _tensor(f.apply_rope(x, angles[0]))
    return torch.stack([_tensor(f.apply_rope(row, table)) for row, table in zip(x, angles, strict=True)])


def _attend(f: Functions, q: Tensor, k: Tensor, v: Tensor, padding: Sequence[int], route: Route) -> Tensor:
    """Causal attention of the new tokens over all tokens: (b, heads, m, width)."""
    mask = f.causal_mask(q.shape[2], k.shape[2])
    if route == "added" and not any(padding):
        return _tensor(f.softmax(f.scores(q, k) + mask, -1)) @ v
    hidden = mask == -torch.inf
    if any(padding):
        places = torch.arange(k.shape[2])
        hidden = hidden | (places < torch.tensor(padding).reshape(-1, 1, 1, 1))
    if route == "attention":
        return _tensor(f.attention(q, k, v, hidden))
    return _tensor(f.apply_mask(f.scores(q, k), hidden)) @ v


def quantized(functions: Functions, weights: Weights, block: int = 32) -> Weights:
    """The weights as they come back from 4 bits with a scale and a minimum for each block. Vectors stay as they are."""
    return {
        name: tensor
        if tensor.dim() < 2
        else functions.block_dequantize(*functions.block_quantize(tensor.flatten(), block)).reshape(tensor.shape)
        for name, tensor in weights.items()
    }
