"""Cuts the weights by heads, finds KV heads by index, and turns pairs like complex numbers."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import LOW_PRECISION, oracle, promoted

Weights = dict[str, Tensor]


@oracle
def llama_block(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    n, d = x.shape[1:]
    if {*map(len, (w["input_layernorm"], w["post_attention_layernorm"], w["down_proj"]))} != {d}:
        raise ValueError("the weights do not fit the width of x")
    dtype = x.dtype
    x, *ws = promoted(x, *w.values())
    w = dict(zip(w, ws, strict=True))
    width = w["q_proj"].shape[0] // heads
    group = torch.arange(heads) * kv_heads // heads
    position = torch.arange(n).to(x.dtype).unsqueeze(1)
    angles = position * torch.exp(-torch.arange(width // 2).to(x.dtype) * (2 / width * math.log(base)))
    cos, sin = angles.cos(), angles.sin()
    seen = _plain_norm(x, w["input_layernorm"]).unsqueeze(1)
    q = _turned(seen @ w["q_proj"].reshape(heads, width, d).transpose(1, 2), cos, sin)
    k = _turned(seen @ w["k_proj"].reshape(kv_heads, width, d)[group].transpose(1, 2), cos, sin)
    v = seen @ w["v_proj"].reshape(kv_heads, width, d)[group].transpose(1, 2)
    hidden = torch.ones(n, n, dtype=torch.bool).triu(1)
    scores = (q @ k.transpose(2, 3) / math.sqrt(width)).masked_fill(hidden, -torch.inf)
    e = torch.exp(scores - scores.amax(-1, keepdim=True))
    mixed = e / e.sum(-1, keepdim=True) @ v
    out = x + (mixed @ w["o_proj"].reshape(d, heads, width).permute(1, 2, 0)).sum(1)
    seen = _plain_norm(out, w["post_attention_layernorm"])
    gate = seen @ w["gate_proj"].T
    return (out + (gate / (1 + torch.exp(-gate)) * (seen @ w["up_proj"].T)) @ w["down_proj"].T).to(dtype)


def _plain_norm(x: Tensor, gain: Tensor) -> Tensor:
    return x / ((x * x).sum(-1, keepdim=True) / x.shape[-1] + 1e-6).sqrt() * gain


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def _norm(x: Tensor, gain: Tensor) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], gain, 1e-6)


def _rope(x: Tensor, base: float) -> Tensor:
    n, width = x.shape[-2:]
    angles = torch.outer(torch.arange(n).float(), base ** (-torch.arange(0, width, 2).float() / width))
    return _turned(x, angles.cos().to(x.dtype), angles.sin().to(x.dtype))


def _split(x: Tensor, heads: int) -> Tensor:
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)


def _same(x: Tensor, base: float) -> Tensor:
    return x


Turn = Callable[[Tensor, float], Tensor]


def _attention(
    seen: Tensor, w: Weights, heads: int, kv_heads: int, base: float, q_by: Turn, k_by: Turn, v_by: Turn
) -> Tensor:
    q = q_by(_split(F.linear(seen, w["q_proj"]), heads), base)
    k = k_by(_split(F.linear(seen, w["k_proj"]), kv_heads), base)
    v = v_by(_split(F.linear(seen, w["v_proj"]), kv_heads), base)
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return F.linear(out.transpose(1, 2).flatten(2), w["o_proj"])


def _ffn(seen: Tensor, w: Weights) -> Tensor:
    return F.linear(F.silu(F.linear(seen, w["gate_proj"])) * F.linear(seen, w["up_proj"]), w["down_proj"])


class _Parts:
    """The parts of one block in float32: `attention`, `ffn`, `first` and `second` norm."""

    def __init__(self, w: Weights, *config: Any, q_by: Turn = _rope, k_by: Turn = _rope, v_by: Turn = _same) -> None:
        self.w = {name: t.float() for name, t in w.items()}
        self.config, self.turns = config, (q_by, k_by, v_by)

    def attention(self, seen: Tensor) -> Tensor:
        heads, kv_heads, base = self.config
        return _attention(seen, self.w, heads, kv_heads, base, *self.turns)

    def ffn(self, seen: Tensor) -> Tensor:
        return _ffn(seen, self.w)

    def first(self, x: Tensor) -> Tensor:
        return _norm(x, self.w["input_layernorm"])

    def second(self, x: Tensor) -> Tensor:
        return _norm(x, self.w["post_attention_layernorm"])


def _wired(x: Tensor, p: _Parts) -> Tensor:
    h = x.float() + p.attention(p.first(x.float()))
    return (h + p.ffn(p.second(h))).to(x.dtype)


@llama_block.right("with PyTorch's rms_norm and scaled_dot_product_attention")
def library(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _wired(x, _Parts(w, heads, kv_heads, base))


@llama_block.wrong("the sum was normalized: that is post-norm; Llama never normalizes the stream itself")
def post_norm(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base)
    h = p.first(x.float() + p.attention(x.float()))
    return p.second(h + p.ffn(h)).to(x.dtype)


@llama_block.wrong("both branches were added to a normalized copy: add them to the stream, x and h as they are")
def norm_on_the_residual(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base)
    seen = p.first(x.float())
    seen = p.second(seen + p.attention(seen))
    return (seen + p.ffn(seen)).to(x.dtype)


@llama_block.wrong("attention's result was added to the normalized copy: add it to x as it is")
def first_residual_normed(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base)
    seen = p.first(x.float())
    h = seen + p.attention(seen)
    return (h + p.ffn(p.second(h))).to(x.dtype)


@llama_block.wrong("the ffn's result was added to the normalized copy: add it to h as it is")
def second_residual_normed(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base)
    seen = p.second(x.float() + p.attention(p.first(x.float())))
    return (seen + p.ffn(seen)).to(x.dtype)


@llama_block.wrong("input_layernorm was used twice: the ffn has its own norm")
def one_norm(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _wired(x, _Parts(w | {"post_attention_layernorm": w["input_layernorm"]}, heads, kv_heads, base))


@llama_block.wrong("the two gains are swapped: input_layernorm comes before attention")
def gains_exchanged(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    first, second = w["input_layernorm"], w["post_attention_layernorm"]
    return _wired(x, _Parts(w | {"input_layernorm": second, "post_attention_layernorm": first}, heads, kv_heads, base))


@llama_block.wrong(
    "post_attention_layernorm was applied to attention's result: despite its name it comes before the ffn"
)
def by_its_name(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base)
    h = x.float() + p.second(p.attention(p.first(x.float())))
    return (h + p.ffn(h)).to(x.dtype)


@llama_block.wrong("there is no norm before attention")
def no_first_norm(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base)
    h = x.float() + p.attention(x.float())
    return (h + p.ffn(p.second(h))).to(x.dtype)


@llama_block.wrong("there is no norm before the ffn")
def no_second_norm(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base)
    h = x.float() + p.attention(p.first(x.float()))
    return (h + p.ffn(h)).to(x.dtype)


@llama_block.wrong("attention's result was not added to x: without the residual the token itself is lost")
def no_first_residual(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base)
    h = p.attention(p.first(x.float()))
    return (h + p.ffn(p.second(h))).to(x.dtype)


@llama_block.wrong("the ffn's result was not added to the stream: there are two residual additions")
def no_second_residual(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base)
    return p.ffn(p.second(x.float() + p.attention(p.first(x.float())))).to(x.dtype)


@llama_block.wrong("the ffn's result was added to x, so attention's result is lost: add it to h")
def added_to_x(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base)
    return (x.float() + p.ffn(p.second(x.float() + p.attention(p.first(x.float()))))).to(x.dtype)


@llama_block.wrong("attention and ffn both read x, as in PaLM: Llama's ffn reads the stream after attention")
def parallel(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base)
    return (x.float() + p.attention(p.first(x.float())) + p.ffn(p.second(x.float()))).to(x.dtype)


@llama_block.wrong("the ffn comes before attention: attention comes first")
def ffn_first(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base)
    h = x.float() + p.ffn(p.second(x.float()))
    return (h + p.attention(p.first(h))).to(x.dtype)


@llama_block.wrong("the values were turned too: RoPE turns only queries and keys")
def values_turned(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _wired(x, _Parts(w, heads, kv_heads, base, v_by=_rope))


@llama_block.wrong("there is no RoPE: nothing tells attention where a token stands")
def no_rope(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _wired(x, _Parts(w, heads, kv_heads, base, q_by=_same, k_by=_same))


@llama_block.wrong(
    "queries were turned and keys were not: scores then depend on the query's position, not on the distance"
)
def keys_not_turned(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _wired(x, _Parts(w, heads, kv_heads, base, k_by=_same))


@llama_block.wrong("RoPE came before the split into heads: each head has its own pairs and angles")
def rope_before_the_split(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    def whole(t: Tensor, base: float) -> Tensor:
        return _split(_rope(t.transpose(1, 2).flatten(2), base), t.shape[1])

    return _wired(x, _Parts(w, heads, kv_heads, base, q_by=whole, k_by=whole))


@llama_block.wrong("the stream itself was turned, before the norm: RoPE belongs inside attention")
def stream_turned(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base, q_by=_same, k_by=_same)
    h = _rope(x.float(), base)
    h = h + p.attention(p.first(h))
    return (h + p.ffn(p.second(h))).to(x.dtype)


@llama_block.wrong("the base was ignored: 10000 is only the default")
def fixed_base(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _wired(x, _Parts(w, heads, kv_heads, 10000.0))


@llama_block.wrong("gate and up are swapped: SiLU acts on gate_proj")
def gate_and_up_exchanged(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _wired(x, _Parts(w | {"gate_proj": w["up_proj"], "up_proj": w["gate_proj"]}, heads, kv_heads, base))


@llama_block.wrong(LOW_PRECISION)
def low_precision_inside(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    def norm(t: Tensor, name: str) -> Tensor:
        return t * torch.rsqrt((t * t).mean(-1, keepdim=True) + 1e-6) * w[name]

    h = x + _attention(norm(x, "input_layernorm"), w, heads, kv_heads, base, _rope, _rope, _same)
    return h + _ffn(norm(h, "post_attention_layernorm"), w)


@llama_block.wrong("the stream was rounded between attention and ffn: round once, at the end")
def rounded_between(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p = _Parts(w, heads, kv_heads, base)
    h = (x.float() + p.attention(p.first(x.float()))).to(x.dtype).float()
    return (h + p.ffn(p.second(h))).to(x.dtype)


llama_block.standard_wrongs("returns_fp32", formula=library)


@llama_block.wrong("the result has the dtype of the weights: it must have the dtype of `x`")
def in_the_dtype_of_the_weights(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _wired(x.float(), _Parts(w, heads, kv_heads, base)).to(w["q_proj"].dtype)


@llama_block.wrong("query heads got KV heads in turn, 0, 1, 0, 1: neighboring query heads share one, 0, 0, 1, 1")
def keys_in_turn(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    tiled = {name: w[name].repeat(heads // kv_heads, 1) for name in ("k_proj", "v_proj")}
    return _wired(x, _Parts(w | tiled, heads, heads, base))


@llama_block.wrong("the caller's x was changed: .float() of a float32 tensor makes no copy, so do not add with +=")
def in_place(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    p, h = _Parts(w, heads, kv_heads, base), x.float()
    h += p.attention(p.first(h))
    h += p.ffn(p.second(h))
    return h.to(x.dtype)


@llama_block.wrong("o_proj was not transposed: it is stored (out, in) like the others")
def output_untransposed(x: Tensor, w: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _wired(x, _Parts(w | {"o_proj": w["o_proj"].T}, heads, kv_heads, base))
