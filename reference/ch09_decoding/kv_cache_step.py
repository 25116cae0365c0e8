"""Token by token: each sees the keys up to its own, so no mask is needed."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import LOW_PRECISION, lowp, oracle

Step = tuple[Tensor, Tensor, Tensor]


def _check(x: Tensor, keys: Tensor, positions: Tensor) -> None:
    if keys.shape[1] + x.shape[1] > len(positions):
        raise ValueError("beyond the last position")


@oracle
def kv_cache_step(
    x: Tensor, keys: Tensor, values: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, positions: Tensor
) -> Step:
    _check(x, keys, positions)
    n, out = keys.shape[1], []
    all_keys, all_values = keys, values
    for i, token in enumerate(x.unbind(1)):
        h = token + positions[n + i]
        q, k, v = h @ w_q.T, h @ w_k.T, h @ w_v.T
        keys, values = torch.cat([keys, k[:, None]], 1), torch.cat([values, v[:, None]], 1)
        all_keys, all_values = torch.cat([all_keys, lowp(k)[:, None]], 1), torch.cat([all_values, lowp(v)[:, None]], 1)
        scores = (all_keys @ q[:, :, None])[:, :, 0] / math.sqrt(q.shape[-1])
        e = torch.exp(scores - scores.amax(-1, keepdim=True))
        out.append((e[:, None] @ all_values)[:, 0] / e.sum(-1, keepdim=True))
    return torch.stack(out, 1), keys, values


def _past_and_self(m: int, n: int) -> Tensor:
    """Which of n + m keys the m new queries may see."""
    return torch.ones(m, n + m, dtype=torch.bool).tril(n)


def _step(
    x: Tensor,
    keys: Tensor,
    values: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    positions: Tensor,
    start: int | None = None,
    seen: Callable[[int, int], Tensor] = _past_and_self,
    scale: float | None = None,
    to_key: bool = True,
    to_value: bool = True,
) -> Step:
    """One step in float32. The last five arguments say what a wrong answer does differently."""
    _check(x, keys, positions)
    n, m = keys.shape[1], x.shape[1]
    first = n if start is None else start
    plain = x.float()
    h = plain + positions[first : first + m].float()
    q = h @ w_q.float().T
    k = (h if to_key else plain) @ w_k.float().T
    v = (h if to_value else plain) @ w_v.float().T
    keys, values = torch.cat([keys, k.to(x.dtype)], 1), torch.cat([values, v.to(x.dtype)], 1)
    scores = q @ keys.float().mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    weights = torch.softmax(scores.masked_fill(~seen(m, n), -torch.inf), -1)
    return (weights @ values.float()).to(x.dtype), keys, values


Args = Tensor


@kv_cache_step.right("the library's attention with a mask that ends where the cache ends")
def library(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    _check(x, keys, positions)
    n, m = keys.shape[1], x.shape[1]
    h = x.float() + positions[n : n + m].float()
    q, k, v = (F.linear(h, w.float()) for w in (w_q, w_k, w_v))
    long_k, long_v = torch.cat([keys.float(), k], 1), torch.cat([values.float(), v], 1)
    out = F.scaled_dot_product_attention(q, long_k, long_v, attn_mask=_past_and_self(m, n))
    return out.to(x.dtype), long_k.to(x.dtype), long_v.to(x.dtype)


@kv_cache_step.right("the new tokens one after the other, each in a step of its own")
def one_by_one(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    _check(x, keys, positions)
    out = []
    for token in torch.split(x, 1, 1):
        y, keys, values = _step(token, keys, values, w_q, w_k, w_v, positions)
        out.append(y)
    return torch.cat(out, 1), keys, values


@kv_cache_step.wrong("positions were counted from 0 again: the new tokens come after the n tokens of the cache")
def positions_restart(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    return _step(x, keys, values, w_q, w_k, w_v, positions, start=0)


@kv_cache_step.wrong(
    "positions are one too low: the cache ends at position n − 1, so the first new token has position n"
)
def one_place_early(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    return _step(x, keys, values, w_q, w_k, w_v, positions, start=max(0, keys.shape[1] - 1))


@kv_cache_step.wrong("positions are one too high: the first new token has position n, since positions start at 0")
def one_place_late(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    _check(x, keys, positions)
    longer = torch.cat([positions, positions[-1:]])
    return _step(x, keys, values, w_q, w_k, w_v, longer, start=keys.shape[1] + 1)


@kv_cache_step.wrong("no positions were added: without positions a token looks the same at every place")
def no_positions(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    return _step(x, keys, values, w_q, w_k, w_v, torch.zeros_like(positions))


@kv_cache_step.wrong(
    "positions were added only to the query: compute key and value from the token plus its position, too"
)
def query_only(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    return _step(x, keys, values, w_q, w_k, w_v, positions, to_key=False, to_value=False)


@kv_cache_step.wrong(
    "the value was computed without the position: RoPE works like that, but here the row is added to the token"
)
def value_without_position(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    return _step(x, keys, values, w_q, w_k, w_v, positions, to_value=False)


@kv_cache_step.wrong(
    "the causal mask was aligned at the first key: with one query it hides the whole cache but one token"
)
def mask_top_left(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    def seen(m: int, n: int) -> Tensor:
        return torch.ones(m, n + m, dtype=torch.bool).tril()

    return _step(x, keys, values, w_q, w_k, w_v, positions, seen=seen)


@kv_cache_step.wrong("there is no mask: with several new tokens the earlier ones see the later ones")
def no_mask(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    def seen(m: int, n: int) -> Tensor:
        return torch.ones(m, n + m, dtype=torch.bool)

    return _step(x, keys, values, w_q, w_k, w_v, positions, seen=seen)


@kv_cache_step.wrong(
    "later tokens were hidden with −10,000: visible scores may be lower, and then the future gets the weight"
)
def finite_mask(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    _, long_k, long_v = _step(x, keys, values, w_q, w_k, w_v, positions)
    n, m = keys.shape[1], x.shape[1]
    q = (x.float() + positions[n : n + m].float()) @ w_q.float().T
    scores = (q @ long_k.float().mT * q.shape[-1] ** -0.5).masked_fill(~_past_and_self(m, n), -1e4)
    return (torch.softmax(scores, -1) @ long_v.float()).to(x.dtype), long_k, long_v


@kv_cache_step.wrong("the last position was not accepted: n + m rows are enough for n + m tokens")
def last_place_refused(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    if keys.shape[1] + x.shape[1] >= len(positions):
        raise ValueError("beyond the last position")
    return _step(x, keys, values, w_q, w_k, w_v, positions)


@kv_cache_step.wrong(
    "token plus position was rounded to the dtype of the input before the weights: keep the sum in float32"
)
def rounded_sum(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    _check(x, keys, positions)
    n, m = keys.shape[1], x.shape[1]
    h = (x + positions[n : n + m]).float()
    q, k, v = (h @ w.float().T for w in (w_q, w_k, w_v))
    long_k, long_v = torch.cat([keys, k.to(x.dtype)], 1), torch.cat([values, v.to(x.dtype)], 1)
    scores = (q @ long_k.float().mT / q.shape[-1] ** 0.5).masked_fill(~_past_and_self(m, n), -torch.inf)
    return (torch.softmax(scores, -1) @ long_v.float()).to(x.dtype), long_k, long_v


@kv_cache_step.wrong("a token does not see itself: its own key and value count too")
def not_itself(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    def seen(m: int, n: int) -> Tensor:
        return torch.ones(m, n + m, dtype=torch.bool).tril(n - 1)

    return _step(x, keys, values, w_q, w_k, w_v, positions, seen=seen)


@kv_cache_step.wrong("only the new tokens were attended to: the cache holds the text so far")
def cache_unread(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    def past(m: int, n: int) -> Tensor:
        return _past_and_self(m, n) & (torch.arange(n + m) >= n)

    return _step(x, keys, values, w_q, w_k, w_v, positions, seen=past)


@kv_cache_step.wrong("only the new keys and values were returned: the next step needs the old ones as well")
def only_the_new(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    out, long_k, long_v = _step(x, keys, values, w_q, w_k, w_v, positions)
    return out, long_k[:, keys.shape[1] :], long_v[:, keys.shape[1] :]


@kv_cache_step.wrong("the cache was returned unchanged: append the new keys and values")
def cache_not_extended(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    return _step(x, keys, values, w_q, w_k, w_v, positions)[0], keys.clone(), values.clone()


@kv_cache_step.wrong("the new tokens were put before the cache: they come after it")
def prepended(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    out, long_k, long_v = _step(x, keys, values, w_q, w_k, w_v, positions)
    return out, long_k.roll(x.shape[1], 1), long_v.roll(x.shape[1], 1)


@kv_cache_step.wrong("the scores were not divided by √w")
def unscaled(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    return _step(x, keys, values, w_q, w_k, w_v, positions, scale=1.0)


@kv_cache_step.wrong("the scores were divided by √d, the width of a token: use w, the width of a query")
def scaled_by_d(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    return _step(x, keys, values, w_q, w_k, w_v, positions, scale=x.shape[-1] ** -0.5)


@kv_cache_step.wrong("the weights were not transposed: they are stored (out, in)")
def not_transposed(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    return _step(x, keys, values, w_q.mT, w_k.mT, w_v.mT, positions)


@kv_cache_step.wrong("the cache was returned in float32: it keeps its dtype, or it doubles in size")
def cache_in_fp32(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    out, long_k, long_v = _step(x, keys, values, w_q, w_k, w_v, positions)
    return out, long_k.float(), long_v.float()


@kv_cache_step.wrong(LOW_PRECISION)
def low_precision_inside(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    _check(x, keys, positions)
    n, m = keys.shape[1], x.shape[1]
    h = x + positions[n : n + m]
    keys, values = torch.cat([keys, h @ w_k.T], 1), torch.cat([values, h @ w_v.T], 1)
    scores = (h @ w_q.T) @ keys.mT / w_q.shape[0] ** 0.5
    return torch.softmax(scores.masked_fill(~_past_and_self(m, n), -torch.inf), -1) @ values, keys, values


@kv_cache_step.wrong("a position beyond the last was accepted: a slice raises no error, so raise ValueError yourself")
def past_the_table(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    n, m = keys.shape[1], x.shape[1]
    if n + m <= len(positions):
        return _step(x, keys, values, w_q, w_k, w_v, positions)
    h = x.float() + positions[n : n + m].float()
    long_k = torch.cat([keys, (h @ w_k.float().T).to(x.dtype)], 1)
    long_v = torch.cat([values, (h @ w_v.float().T).to(x.dtype)], 1)
    return (h @ w_q.float().T).to(x.dtype), long_k, long_v


@kv_cache_step.wrong("the given cache was changed: make a longer one and leave it unchanged")
def in_place(x: Args, keys: Args, values: Args, w_q: Args, w_k: Args, w_v: Args, positions: Args) -> Step:
    out, long_k, long_v = _step(x, keys, values, w_q, w_k, w_v, positions)
    if keys.shape[1]:
        keys.copy_(long_k[:, -keys.shape[1] :])
        values.copy_(long_v[:, -keys.shape[1] :])
    return out, long_k, long_v
