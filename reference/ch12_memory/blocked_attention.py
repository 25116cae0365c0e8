"""The whole score matrix. The scores of a query of zeros are all 0, so one row serves all such queries."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from reference import oracle, promoted

Answer = tuple[Tensor, Tensor]
INF = torch.inf


@oracle
def blocked_attention(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    dtype = q.dtype
    q, k, v, _ = promoted(q, k, v, torch.empty(0))
    zero = (q == 0).all(1)
    rows = torch.cat([q[~zero], torch.zeros(1, q.shape[1], dtype=q.dtype)])
    scores = rows @ k.T / math.sqrt(q.shape[1])
    top = scores.amax(1, keepdim=True)
    e = torch.exp(scores - top)
    total = e.sum(1, keepdim=True)
    out, lse = e @ v / total, (top + torch.log(total)).squeeze(1)
    place = torch.where(zero, len(rows) - 1, torch.cumsum(~zero, 0) - 1)
    return out[place].to(dtype), lse[place]


State = tuple[Tensor, Tensor, Tensor]  # maximum, sum, weighted sum
Step = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], State]  # from the state, scores, values
End = Callable[[Tensor, Tensor, Tensor], Answer]


def _step(m: Tensor, total: Tensor, acc: Tensor, scores: Tensor, values: Tensor) -> State:
    new = torch.maximum(m, scores.amax(1))
    p, shrink = torch.exp(scores - new[:, None]), torch.exp(m - new)
    return new, total * shrink + p.sum(1), acc * shrink[:, None] + p @ values


def _end(m: Tensor, total: Tensor, acc: Tensor) -> Answer:
    return acc / total[:, None], m + torch.log(total)


def _blocked(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    block: int,
    step: Step = _step,
    end: End = _end,
    *,
    scale: float | None = None,
    start: float = -INF,
    columns: int | None = None,
) -> Answer:
    """In blocks of queries and, if not given otherwise, as wide blocks of keys."""
    scale = q.shape[1] ** -0.5 if scale is None else scale
    keys, values = torch.split(k.float(), columns or block), torch.split(v.float(), columns or block)
    parts = []
    for queries in torch.split(q.float(), block):
        n = len(queries)
        state = (torch.full((n,), start), torch.zeros(n), torch.zeros(n, v.shape[1]))
        for some, theirs in zip(keys, values, strict=True):
            state = step(*state, queries @ some.T * scale, theirs)
        parts.append(end(*state))
    return torch.cat([p[0] for p in parts]).to(q.dtype), torch.cat([p[1] for p in parts])


@blocked_attention.right("the parts of a block of queries are merged by their log-sum-exps")
def by_merging(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    wide = torch.promote_types(q.dtype, torch.float32)  # so that its noise can be measured in float64
    outs, logs = [], []
    for queries in torch.split(q.to(wide), block):
        out, lse = torch.zeros(len(queries), v.shape[1]), torch.full((len(queries),), -INF)
        for keys, values in zip(torch.split(k.to(wide), block), torch.split(v.to(wide), block), strict=True):
            scores = queries @ keys.T / math.sqrt(q.shape[1])
            own = torch.logsumexp(scores, 1)
            new = torch.logaddexp(lse, own)
            out = out * torch.exp(lse - new)[:, None] + torch.exp(scores - new[:, None]) @ values
            lse = new
        outs.append(out)
        logs.append(lse)
    return torch.cat(outs).to(q.dtype), torch.cat(logs)


@blocked_attention.right("the keys are in the outer loop, and the statistics of all queries are kept")
def keys_outside(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    n = len(q)
    m, total, acc = torch.full((n,), -INF), torch.zeros(n), torch.zeros(n, v.shape[1])
    for j in range(0, len(k), block):
        for i in range(0, n, block):
            rows = slice(i, i + block)
            scores = q[rows].float() @ k[j : j + block].float().T * q.shape[1] ** -0.5
            state = _step(m[rows], total[rows], acc[rows], scores, v[j : j + block].float())
            m[rows], total[rows], acc[rows] = state
    out, lse = _end(m, total, acc)
    return out.to(q.dtype), lse


@blocked_attention.right("the weighted sum is divided by l after each block and multiplied back before the next")
def divided_as_it_goes(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    def step(m: Tensor, total: Tensor, acc: Tensor, scores: Tensor, values: Tensor) -> State:
        new, grown, summed = _step(m, total, acc * total[:, None], scores, values)
        return new, grown, summed / grown[:, None]

    return _blocked(q * 1.0, k, v, block, step, lambda m, total, acc: (acc, m + torch.log(total)))


@blocked_attention.wrong("l was not rescaled when the maximum grew: its terms are still relative to the old maximum")
def sum_not_rescaled(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    def step(m: Tensor, total: Tensor, acc: Tensor, scores: Tensor, values: Tensor) -> State:
        new, _, summed = _step(m, total, acc, scores, values)
        return new, total + torch.exp(scores - new[:, None]).sum(1), summed

    return _blocked(q, k, v, block, step)


@blocked_attention.wrong("the weighted sum was not rescaled when the maximum grew: it needs the same factor as l")
def values_not_rescaled(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    def step(m: Tensor, total: Tensor, acc: Tensor, scores: Tensor, values: Tensor) -> State:
        new, grown, _ = _step(m, total, acc, scores, values)
        return new, grown, acc + torch.exp(scores - new[:, None]) @ values

    return _blocked(q, k, v, block, step)


@blocked_attention.wrong("nothing was rescaled when the maximum grew: both sums are still relative to the old maximum")
def nothing_rescaled(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    def step(m: Tensor, total: Tensor, acc: Tensor, scores: Tensor, values: Tensor) -> State:
        new = torch.maximum(m, scores.amax(1))
        p = torch.exp(scores - new[:, None])
        return new, total + p.sum(1), acc + p @ values

    return _blocked(q, k, v, block, step)


@blocked_attention.wrong(
    "each block of keys got its own softmax, and the results were added: the weights then add up to more than 1"
)
def softmax_each_block(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    def step(m: Tensor, total: Tensor, acc: Tensor, scores: Tensor, values: Tensor) -> State:
        new, grown, _ = _step(m, total, acc, scores, values)
        return new, grown, acc + torch.softmax(scores, 1) @ values

    return _blocked(q, k, v, block, step, lambda m, total, acc: (acc, m + torch.log(total)))


@blocked_attention.wrong("the maximum of the block was used as the running maximum: keep the larger of the two")
def forgets_the_maximum(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    def step(m: Tensor, total: Tensor, acc: Tensor, scores: Tensor, values: Tensor) -> State:
        new = scores.amax(1)
        p, shrink = torch.exp(scores - new[:, None]), torch.exp(m - new)
        return new, total * shrink + p.sum(1), acc * shrink[:, None] + p @ values

    return _blocked(q, k, v, block, step)


@blocked_attention.wrong("no maximum was subtracted: exp overflows for large scores")
def no_maximum(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    def step(m: Tensor, total: Tensor, acc: Tensor, scores: Tensor, values: Tensor) -> State:
        p = torch.exp(scores)
        return m, total + p.sum(1), acc + p @ values

    return _blocked(q, k, v, block, step, start=0.0)


@blocked_attention.wrong(
    "the maximum starts at 0: where all scores are very negative, every exp becomes 0; start at −inf"
)
def starts_at_zero(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    return _blocked(q, k, v, block, start=0.0)


@blocked_attention.wrong(
    "the weighted sum was divided by l after every block and not multiplied back: divide once, at the end"
)
def divided_each_time(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    def step(m: Tensor, total: Tensor, acc: Tensor, scores: Tensor, values: Tensor) -> State:
        new, grown, summed = _step(m, total, acc, scores, values)
        return new, grown, summed / grown[:, None]

    return _blocked(q, k, v, block, step, lambda m, total, acc: (acc, m + torch.log(total)))


@blocked_attention.wrong("the weighted sum was not divided by l at the end: the weights must add up to 1")
def not_divided(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    return _blocked(q, k, v, block, end=lambda m, total, acc: (acc, m + torch.log(total)))


@blocked_attention.wrong("the scores were not divided by √d")
def unscaled(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    return _blocked(q, k, v, block, scale=1.0)


@blocked_attention.wrong("the scores were divided by d: divide by √d")
def by_d(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    return _blocked(q, k, v, block, scale=1 / q.shape[1])


@blocked_attention.wrong("the scores were divided by the root of the values' width: d is the width of queries and keys")
def by_width_of_values(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    return _blocked(q, k, v, block, scale=v.shape[1] ** -0.5)


@blocked_attention.wrong("the scores were divided by the root of the block size: d is the width of a query")
def by_block(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    return _blocked(q, k, v, block, scale=block**-0.5)


@blocked_attention.wrong(
    "the last keys were dropped because `block` does not divide their number: they are a smaller block"
)
def drops_keys(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    n = len(k) - len(k) % block or len(k)
    return _blocked(q, k[:n], v[:n], block)


@blocked_attention.wrong(
    "the last queries were dropped because `block` does not divide their number: they are a smaller block"
)
def drops_queries(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    n = len(q) - len(q) % block
    out, lse = torch.zeros(len(q), v.shape[1], dtype=q.dtype), torch.zeros(len(q))
    if n:
        out[:n], lse[:n] = _blocked(q[:n], k, v, block)
    return out, lse


@blocked_attention.wrong(
    "a short last block was padded with keys of zeros: their score is 0, so they get a weight; their score must be −inf"
)
def padded_with_zeros(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    pad = -len(k) % block
    return _blocked(
        q, torch.cat([k, k.new_zeros(pad, k.shape[1])]), torch.cat([v, v.new_zeros(pad, v.shape[1])]), block
    )


@blocked_attention.wrong("each block of queries met only one block of keys: every query must meet every key")
def diagonal_only(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    parts = []
    for i in range(0, max(len(q), 1), block):
        j = min(i, (len(k) - 1) // block * block)
        parts.append(_blocked(q[i : i + block], k[j : j + block], v[j : j + block], block))
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


@blocked_attention.wrong(
    "each block of queries met all keys at once: the memory for scores then grows with the number of keys"
)
def rows_whole(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    return _blocked(q, k, v, block, columns=len(k))


@blocked_attention.right("all queries met each block of keys at once: the memory then grows with the number of queries")
def columns_whole(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    return _blocked(q, k, v, max(len(q), 1), columns=block)


@blocked_attention.wrong("log l was returned without the maximum: l is relative to the maximum, so add it")
def log_without_maximum(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    return _blocked(q, k, v, block, end=lambda m, total, acc: (acc / total[:, None], torch.log(total)))


@blocked_attention.wrong("m + l was returned: add the logarithm of l to the maximum")
def no_log(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    return _blocked(q, k, v, block, end=lambda m, total, acc: (acc / total[:, None], m + total))


@blocked_attention.wrong("the maximum was returned as the log-sum-exp: add log l to it")
def maximum_for_log(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    return _blocked(q, k, v, block, end=lambda m, total, acc: (acc / total[:, None], m))


@blocked_attention.wrong("only the result was returned: return the log-sum-exp too")
def no_log_sum_exp(q: Tensor, k: Tensor, v: Tensor, block: int) -> Tensor:
    return _blocked(q, k, v, block)[0]


@blocked_attention.wrong("the sums were kept in the dtype of the input: keep them in float32")
def low_precision(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    def step(m: Tensor, total: Tensor, acc: Tensor, scores: Tensor, values: Tensor) -> State:
        new, grown, summed = _step(m, total, acc, scores, values)
        return new, grown.to(q.dtype).float(), summed.to(q.dtype).float()

    return _blocked(q, k, v, block, step)


@blocked_attention.wrong("the scores were rounded to the dtype of the input: upcast q and k before the product")
def rounded_scores(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    scale = q.shape[1] ** -0.5

    def step(m: Tensor, total: Tensor, acc: Tensor, scores: Tensor, values: Tensor) -> State:
        return _step(m, total, acc, scores.to(q.dtype).float() * scale, values)

    return _blocked(q, k.to(q.dtype), v, block, step, scale=1.0)


blocked_attention.standard_wrongs(
    "returns_fp32", says="the result is float32: return it in the dtype of `q`", formula=keys_outside
)


@blocked_attention.wrong("the result has the dtype of `v`: `q` decides the dtype")
def dtype_of_values(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    out, lse = _blocked(q.float(), k, v, block)
    return out.to(v.dtype), lse


@blocked_attention.wrong("the log-sum-exp was rounded to the dtype of `q`: return it in float32")
def rounds_the_log(q: Tensor, k: Tensor, v: Tensor, block: int) -> Answer:
    out, lse = _blocked(q, k, v, block)
    return out, lse.to(q.dtype)
