"""The weights are cut into heads, not the activations. The results of the heads are summed after w_o."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from reference import LOW_PRECISION, oracle, promoted


@oracle
def multi_head_attention(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    inner, d_model = w_q.shape
    if inner % heads:
        raise ValueError("heads must divide the rows of w_q")
    if not x.shape[1]:
        return torch.zeros_like(x)
    width, dtype = inner // heads, x.dtype
    x, w_q, w_k, w_v, w_o = promoted(x, w_q, w_k, w_v, w_o)
    q, k, v = (x.unsqueeze(1) @ w.reshape(heads, width, d_model).transpose(1, 2) for w in (w_q, w_k, w_v))
    scores = q @ k.transpose(-1, -2) / math.sqrt(width)
    if causal:
        scores = scores.masked_fill(_future(x.shape[1]), -torch.inf)
    e = torch.exp(scores - scores.amax(-1, keepdim=True))
    out = e / e.sum(-1, keepdim=True) @ v
    return (out @ w_o.reshape(d_model, heads, width).permute(1, 2, 0)).sum(1).to(dtype)


def _future(n: int) -> Tensor:
    return torch.ones(n, n, dtype=torch.bool).triu(1)


def _check(w_q: Tensor, heads: int) -> None:
    if w_q.shape[0] % heads:
        raise ValueError("heads must divide the rows of w_q")


def _split(t: Tensor, heads: int) -> Tensor:
    return t.reshape(*t.shape[:2], heads, -1).transpose(1, 2)


def _merge(t: Tensor) -> Tensor:
    return t.transpose(1, 2).reshape(t.shape[0], t.shape[2], -1)


def _softmax(scores: Tensor) -> Tensor:
    return torch.softmax(scores, -1)


def _hide(scores: Tensor, causal: bool) -> Tensor:
    return scores.masked_fill(_future(scores.shape[-1]), -torch.inf) if causal else scores


def _attend(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    heads: int,
    causal: bool,
    *,
    scale: float | None = None,
    split: Callable[[Tensor, int], Tensor] = _split,
    merge: Callable[[Tensor], Tensor] = _merge,
    hide: Callable[[Tensor, bool], Tensor] = _hide,
    softmax: Callable[[Tensor], Tensor] = _softmax,
) -> Tensor:
    """The right way in float32, one step of which a variant may replace."""
    _check(w_q, heads)
    x32, w_o = x.float(), w_o.float()
    q, k, v = (split(x32 @ w.float().T, heads) for w in (w_q, w_k, w_v))
    scale = (w_q.shape[0] // heads) ** -0.5 if scale is None else scale
    weights = softmax(hide(q @ k.mT * scale, causal))
    return (merge(weights @ v) @ w_o.T).to(x.dtype)


@multi_head_attention.right("activations split, with PyTorch's scaled_dot_product_attention for the middle")
def library(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False) -> Tensor:
    _check(w_q, heads)
    q, k, v = (_split(torch.nn.functional.linear(x.float(), w.float()), heads) for w in (w_q, w_k, w_v))
    out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return torch.nn.functional.linear(_merge(out), w_o.float()).to(x.dtype)


@multi_head_attention.right("head by head, with the results concatenated")
def by_heads(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False) -> Tensor:
    _check(w_q, heads)
    width, x32, results = w_q.shape[0] // heads, x.float(), []
    for h in range(heads):
        q, k, v = (x32 @ w[h * width : (h + 1) * width].float().T for w in (w_q, w_k, w_v))
        results.append(_softmax(_hide((q / width**0.5) @ k.mT, causal)) @ v)
    return (torch.cat(results, -1) @ w_o.float().T).to(x.dtype)


@multi_head_attention.right("one product for queries, keys and values together")
def fused_projection(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    _check(w_q, heads)
    qkv = x.float() @ torch.cat([w_q, w_k, w_v]).float().T
    q, k, v = (_split(t, heads) for t in qkv.chunk(3, -1))
    weights = _softmax(_hide(torch.einsum("bhqd,bhkd->bhqk", q, k) / math.sqrt(q.shape[-1]), causal))
    return (_merge(torch.einsum("bhqk,bhkd->bhqd", weights, v)) @ w_o.float().T).to(x.dtype)


@multi_head_attention.wrong("x was not split into heads: one softmax covered all of inner, but each head needs its own")
def one_head(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False) -> Tensor:
    _check(w_q, heads)
    return _attend(x, w_q, w_k, w_v, w_o, 1, causal)


@multi_head_attention.wrong("the scores of all heads were summed: h must stay in the result, bhqk")
def summed_scores(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(
        x,
        w_q,
        w_k,
        w_v,
        w_o,
        heads,
        causal,
        softmax=lambda s: _softmax(s.sum(1, keepdim=True)).expand(s.shape),
    )


@multi_head_attention.wrong("every head got the first head's rows of the weights: each head has its own rows")
def shared_heads(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    _check(w_q, heads)
    w_q, w_k, w_v = (w[: w.shape[0] // heads].repeat(heads, 1) for w in (w_q, w_k, w_v))
    return _attend(x, w_q, w_k, w_v, w_o, heads, causal)


@multi_head_attention.wrong("keys were used as values: values are a projection of their own, by w_v")
def keys_as_values(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(x, w_q, w_k, w_k, w_o, heads, causal)


@multi_head_attention.wrong("the scores were divided by √d_model: use the width of one head")
def by_d_model(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, scale=w_q.shape[1] ** -0.5)


@multi_head_attention.wrong(
    "the scores were divided by √(d_model / heads): w_q gives each head a width of inner / heads"
)
def by_assumed_width(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, scale=(w_q.shape[1] / heads) ** -0.5)


@multi_head_attention.wrong("the scores were divided by √inner: use the width of one head, not of all heads together")
def by_inner(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False) -> Tensor:
    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, scale=w_q.shape[0] ** -0.5)


@multi_head_attention.wrong("the scores were multiplied by 1/width: the scale is 1/√width")
def by_width(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False) -> Tensor:
    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, scale=heads / w_q.shape[0])


@multi_head_attention.wrong("the scores were not scaled")
def unscaled(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False) -> Tensor:
    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, scale=1.0)


@multi_head_attention.wrong("softmax was taken over the queries: take it over the keys, so that weights add up to 1")
def over_queries(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    def softmax(s: Tensor) -> Tensor:
        return torch.softmax(s, -2).nan_to_num(0.0)

    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, softmax=softmax)


@multi_head_attention.wrong("queries and keys were swapped: rows are queries, columns are keys")
def swapped(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False) -> Tensor:
    return _attend(x, w_k, w_q, w_v, w_o, heads, causal)


@multi_head_attention.wrong(
    "heads were split by a reshape alone: that cuts the tokens into groups, not the width; transpose after it"
)
def split_untransposed(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, split=lambda t, h: t.reshape(t.shape[0], h, t.shape[1], -1))


@multi_head_attention.wrong(
    "heads were merged by a reshape alone: that mixes the results of different tokens; transpose before it"
)
def merge_untransposed(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, merge=lambda t: t.reshape(t.shape[0], t.shape[2], -1))


@multi_head_attention.wrong(
    "heads were split and merged by reshapes alone: each 'head' is then a group of tokens; transpose both times"
)
def never_transposed(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(
        x,
        w_q,
        w_k,
        w_v,
        w_o,
        heads,
        causal,
        split=lambda t, h: t.reshape(t.shape[0], h, t.shape[1], -1),
        merge=lambda t: t.reshape(t.shape[0], t.shape[2], -1),
    )


@multi_head_attention.wrong("the heads were interleaved: a head is a block of neighboring rows, not every heads-th row")
def interleaved(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(
        x,
        w_q,
        w_k,
        w_v,
        w_o,
        heads,
        causal,
        split=lambda t, h: t.reshape(*t.shape[:2], -1, h).permute(0, 3, 1, 2),
        merge=lambda t: t.permute(0, 2, 3, 1).reshape(t.shape[0], t.shape[2], -1),
    )


@multi_head_attention.wrong("w_o was left out: without it the heads never mix")
def no_output(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(x, w_q, w_k, w_v, torch.eye(w_q.shape[0]), heads, causal)


@multi_head_attention.wrong("none of the four weights was transposed: they are stored (out, in)")
def untransposed_weights(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(x, w_q.T, w_k.T, w_v.T, w_o.T, heads, causal)


@multi_head_attention.wrong("`x` was added to the result: the residual add belongs to the block around attention")
def residual_added(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return (x.float() + _attend(x.float(), w_q, w_k, w_v, w_o, heads, causal)).to(x.dtype)


@multi_head_attention.wrong("`causal` was ignored: token i must not see later tokens")
def never_causal(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(x, w_q, w_k, w_v, w_o, heads, False)


@multi_head_attention.wrong("the future was hidden although `causal` is False")
def always_causal(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(x, w_q, w_k, w_v, w_o, heads, True)


@multi_head_attention.wrong("the past was hidden and the future shown")
def hides_the_past(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    def hide(s: Tensor, causal: bool) -> Tensor:
        return s.masked_fill(_future(s.shape[-1]).T, -torch.inf) if causal else s

    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, hide=hide)


@multi_head_attention.wrong("a token was hidden from itself: it may see itself and earlier tokens")
def hides_itself(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    def hide(s: Tensor, causal: bool) -> Tensor:
        return s.masked_fill(~_future(s.shape[-1]).T, -torch.inf) if causal else s

    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, hide=hide)


@multi_head_attention.wrong("keys were hidden after softmax: the remaining weights no longer add up to 1")
def masked_late(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    def softmax(s: Tensor) -> Tensor:
        return _softmax(s).masked_fill(_future(s.shape[-1]), 0.0) if causal else _softmax(s)

    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, hide=lambda s, causal: s, softmax=softmax)


@multi_head_attention.wrong(
    "inner was assumed to be d_model: w_q has inner rows, so the width of a head is inner / heads"
)
def assumes_inner(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    _check(w_q, heads)
    b, n, d = x.shape
    return _attend(
        x,
        w_q,
        w_k,
        w_v,
        w_o,
        heads,
        causal,
        split=lambda t, h: t.reshape(b, n, h, d // h).transpose(1, 2),
        merge=lambda t: t.transpose(1, 2).reshape(b, n, d),
    )


@multi_head_attention.wrong("hidden scores were set to 0: a score of 0 still gets weight, only −inf gets none")
def masked_by_zeros(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    def hide(s: Tensor, causal: bool) -> Tensor:
        return s.masked_fill(_future(s.shape[-1]), 0.0) if causal else s

    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, hide=hide)


@multi_head_attention.wrong("exp was taken without subtracting the row maximum: large scores overflow")
def no_max(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False) -> Tensor:
    def softmax(s: Tensor) -> Tensor:
        return torch.exp(s) / torch.exp(s).sum(-1, keepdim=True)

    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, softmax=softmax)


@multi_head_attention.wrong(LOW_PRECISION)
def low_precision_inside(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    _check(w_q, heads)
    q, k, v = (_split(x @ w.T, heads) for w in (w_q, w_k, w_v))
    weights = _softmax(_hide(q @ k.mT / q.shape[-1] ** 0.5, causal))
    return _merge(weights @ v) @ w_o.T


multi_head_attention.standard_wrongs("returns_fp32")


@multi_head_attention.wrong(
    "the division was not checked and reshape failed: raise ValueError before it if heads do not divide inner"
)
def unchecked(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    (x.float() @ w_q.float().T).reshape(*x.shape[:2], heads, w_q.shape[0] // heads)
    return _attend(x, w_q, w_k, w_v, w_o, heads, causal)


@multi_head_attention.wrong("the left-over rows were dropped: if heads do not divide inner, raise ValueError")
def drops_rows(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    rows = w_q.shape[0] // heads * heads
    return _attend(x, w_q[:rows], w_k[:rows], w_v[:rows], w_o[:, :rows], heads, causal)


@multi_head_attention.wrong("w_o was not transposed: it is stored (out, in) like the others")
def untransposed_output(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(x, w_q, w_k, w_v, w_o.T, heads, causal)


@multi_head_attention.wrong("the heads' results were rounded before w_o, and again after it: round once, at the end")
def rounded_before_w_o(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, merge=lambda t: _merge(t).to(x.dtype).float())


@multi_head_attention.wrong("the result has the dtype of the weights: it must have the dtype of `x`")
def in_the_dtype_of_the_weights(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    return _attend(x.float(), w_q, w_k, w_v, w_o, heads, causal).to(w_o.dtype)


@multi_head_attention.wrong(
    "a finite number was used for −inf: a visible score can be lower, and then hidden keys take its weight"
)
def finite_mask(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    def hide(s: Tensor, causal: bool) -> Tensor:
        return s.masked_fill(_future(s.shape[-1]), -1e9) if causal else s

    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, hide=hide)


@multi_head_attention.wrong(
    "the scores were divided by √(d_model // heads): w_q gives each head a width of inner / heads"
)
def by_whole_assumed_width(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    _check(w_q, heads)
    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, scale=max(1, w_q.shape[1] // heads) ** -0.5)


@multi_head_attention.wrong("mask · −inf was added to the scores: 0 · −inf is NaN")
def times_inf(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int, causal: bool = False
) -> Tensor:
    def hide(s: Tensor, causal: bool) -> Tensor:
        return s + _future(s.shape[-1]).float() * -torch.inf if causal else s

    return _attend(x, w_q, w_k, w_v, w_o, heads, causal, hide=hide)
