"""Every product by its shape, one after the other, and every other operation by the numbers that it handles."""

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from reference import oracle

Census = tuple[dict[str, int], float]


def _product(m: int, k: int, n: int) -> int:
    return 2 * m * k * n


def _check(d_model: int, heads: int, kv_heads: int) -> None:
    if d_model % heads or heads % kv_heads:
        raise ValueError("KV heads must divide heads, and heads the width")


def _count(length: int, d_model: int, heads: int, kv_heads: int, ffn: int, width: int, **other: int) -> Census:
    """The census. `other` replaces an entry, or the share, as a wrong answer would."""
    projections = [d_model, kv_heads * width, kv_heads * width, d_model, ffn, ffn]
    flops = {
        "matmul": sum(_product(length, d_model, n) for n in projections) + _product(length, ffn, d_model),
        "attention": sum(_product(length, width, length) + _product(length, length, width) for _ in range(heads)),
        "softmax": heads * length * length * 5,
        "norm": length * d_model * 4 + length * d_model * 4,
        "residual": length * d_model + length * d_model,
        "activation": length * ffn * 5,
    }
    flops.update(other)
    return flops, (flops["matmul"] + flops["attention"]) / sum(flops.values())


@oracle
def flop_census(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    _check(d_model, heads, kv_heads)
    return _count(length, d_model, heads, kv_heads, ffn, d_model // heads)


@flop_census.right("the products counted by torch's FlopCounterMode on tensors without storage")
def by_counter(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    _check(d_model, heads, kv_heads)
    width = d_model // heads

    def empty(*shape: int) -> Tensor:
        return torch.empty(*shape, device="meta")

    x = empty(length, d_model)
    dense, inside = FlopCounterMode(display=False), FlopCounterMode(display=False)
    with dense:
        for n in (d_model, kv_heads * width, kv_heads * width, d_model, ffn, ffn):
            x @ empty(d_model, n)
        empty(length, ffn) @ empty(ffn, d_model)
    with inside:
        scores = torch.bmm(empty(heads, length, width), empty(heads, width, length))
        torch.bmm(scores, empty(heads, length, width))
    flops = {
        "matmul": dense.get_total_flops(),
        "attention": inside.get_total_flops(),
        "softmax": 5 * scores.numel(),
        "norm": 8 * x.numel(),
        "residual": 2 * x.numel(),
        "activation": 5 * empty(length, ffn).numel(),
    }
    rest = sum(flops[name] for name in ("softmax", "norm", "residual", "activation"))
    return flops, 1 - rest / sum(flops.values())


@flop_census.right("per token, then times the length")
def per_token(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    _check(d_model, heads, kv_heads)
    width = d_model // heads
    weights = 2 * d_model**2 + 2 * d_model * width * kv_heads + 3 * d_model * ffn
    token = [2 * weights, 4 * length * d_model, 5 * heads * length, 8 * d_model, 2 * d_model, 5 * ffn]
    names = ["matmul", "attention", "softmax", "norm", "residual", "activation"]
    return dict(zip(names, (length * n for n in token), strict=True)), sum(token[:2]) / sum(token)


def _with(length: int, d_model: int, heads: int, kv_heads: int, ffn: int, **other: int) -> Census:
    _check(d_model, heads, kv_heads)
    return _count(length, d_model, heads, kv_heads, ffn, d_model // heads, **other)


@flop_census.wrong("a multiplication and its addition were counted as one: they are two FLOPs")
def multiply_adds(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    flops, _ = _with(length, d_model, heads, kv_heads, ffn)
    halves = {name: flops[name] // 2 for name in ("matmul", "attention")}
    return _with(length, d_model, heads, kv_heads, ffn, **halves)


@flop_census.wrong("keys and values were projected for every query head: there are only `kv_heads` of them")
def full_keys(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    matmul = 2 * length * d_model * (4 * d_model + 3 * ffn)
    return _with(length, d_model, heads, kv_heads, ffn, matmul=matmul)


@flop_census.wrong("queries were projected for the KV heads only: every query head has its own part of w_q")
def few_queries(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    _check(d_model, heads, kv_heads)
    matmul = 2 * length * d_model * (d_model + 3 * kv_heads * (d_model // heads) + 3 * ffn)
    return _with(length, d_model, heads, kv_heads, ffn, matmul=matmul)


@flop_census.wrong("w_o was left out: attention has four products with weights")
def no_output(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    flops, _ = _with(length, d_model, heads, kv_heads, ffn)
    matmul = flops["matmul"] - 2 * length * d_model**2
    return _with(length, d_model, heads, kv_heads, ffn, matmul=matmul)


@flop_census.wrong("two products were counted in the ffn: a gated ffn has three, gate, up and down")
def two_in_the_ffn(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    flops, _ = _with(length, d_model, heads, kv_heads, ffn)
    matmul = flops["matmul"] - 2 * length * d_model * ffn
    return _with(length, d_model, heads, kv_heads, ffn, matmul=matmul)


@flop_census.wrong(
    "attention was counted by KV heads: sharing keys saves memory, but every query head computes its scores"
)
def attention_by_key_heads(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    _check(d_model, heads, kv_heads)
    attention = 4 * length**2 * kv_heads * (d_model // heads)
    return _with(length, d_model, heads, kv_heads, ffn, attention=attention)


@flop_census.wrong("only the scores were counted in attention: the weights times the values cost as much as the scores")
def scores_only(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    return _with(length, d_model, heads, kv_heads, ffn, attention=2 * length**2 * d_model)


@flop_census.wrong("d_model was used as the width of each head: all heads together are that wide")
def every_head_full(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    return _with(length, d_model, heads, kv_heads, ffn, attention=4 * length**2 * d_model * heads)


@flop_census.wrong(
    "attention was counted in proportion to the length: every query meets every key, so it grows with the square"
)
def linear_attention(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    return _with(length, d_model, heads, kv_heads, ffn, attention=4 * length * d_model)


@flop_census.wrong("attention was halved for the mask: a plain product computes the hidden scores too")
def causal_half(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    attention = 2 * length * (length + 1) * d_model
    return _with(length, d_model, heads, kv_heads, ffn, attention=attention)


@flop_census.wrong("one softmax was counted for all heads: each head has its own scores")
def one_softmax(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    return _with(length, d_model, heads, kv_heads, ffn, softmax=5 * length**2)


@flop_census.wrong("one norm was counted: a block has two, before attention and before the ffn")
def one_norm(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    return _with(length, d_model, heads, kv_heads, ffn, norm=4 * length * d_model)


@flop_census.wrong("one residual add was counted: a block has two, after attention and after the ffn")
def one_residual(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    return _with(length, d_model, heads, kv_heads, ffn, residual=length * d_model)


@flop_census.wrong("the activation was counted over d_model: it works on the ffn hidden units, which are more")
def narrow_activation(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    return _with(length, d_model, heads, kv_heads, ffn, activation=5 * length * d_model)


@flop_census.wrong("attention's products were left out of the share: they are matrix products like the others")
def dense_share(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    flops, _ = _with(length, d_model, heads, kv_heads, ffn)
    return flops, flops["matmul"] / sum(flops.values())


@flop_census.wrong("the share is in percent: it must be between 0 and 1")
def percent(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    flops, share = _with(length, d_model, heads, kv_heads, ffn)
    return flops, 100 * share


@flop_census.wrong("heads that do not divide the width were accepted: raise ValueError")
def ragged_width(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    if heads % kv_heads:
        raise ValueError("KV heads must divide heads")
    return _count(length, d_model, heads, kv_heads, ffn, d_model // heads)


@flop_census.wrong("KV heads that do not divide the heads were accepted: raise ValueError")
def ragged_groups(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> Census:
    if d_model % heads:
        raise ValueError("heads must divide the width")
    return _count(length, d_model, heads, kv_heads, ffn, d_model // heads)


@flop_census.wrong(
    "attention and softmax were counted by KV heads: every query head has its own scores, even if it shares keys"
)
def scores_by_key_heads(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> tuple[dict[str, int], float]:
    _check(d_model, heads, kv_heads)
    attention = 4 * length**2 * kv_heads * (d_model // heads)
    softmax = 5 * kv_heads * length**2
    return _with(length, d_model, heads, kv_heads, ffn, attention=attention, softmax=softmax)


@flop_census.wrong("one norm and one residual add were counted: a block has two of each, for attention and for the ffn")
def one_of_each(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> tuple[dict[str, int], float]:
    norm, residual = 4 * length * d_model, length * d_model
    return _with(length, d_model, heads, kv_heads, ffn, norm=norm, residual=residual)


@flop_census.wrong("d_model // kv_heads was used as the width of w_k and w_v: it is kv_heads · (d_model // heads)")
def keys_share_the_width(
    length: int, d_model: int, heads: int, kv_heads: int, ffn: int
) -> tuple[dict[str, int], float]:
    matmul = 2 * length * d_model * (2 * d_model + 2 * (d_model // kv_heads) + 3 * ffn)
    return _with(length, d_model, heads, kv_heads, ffn, matmul=matmul)
