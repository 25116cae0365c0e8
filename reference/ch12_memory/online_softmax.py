"""Not online at all: every prefix of the rows is computed from its beginning."""

from collections.abc import Callable

import torch
from torch import Tensor

from reference import oracle

Statistics = tuple[Tensor, Tensor]
INF = torch.inf


@oracle
def online_softmax(blocks: list[Tensor]) -> Statistics:
    maxima, sums = [], []
    for n in range(1, len(blocks) + 1):
        seen = torch.cat(blocks[:n], 1)
        seen = seen.to(torch.promote_types(seen.dtype, torch.float32))
        top = seen.sort(1).values[:, -1:]
        e = torch.where(seen == -INF, torch.zeros_like(seen), torch.exp(seen - top))
        maxima.append(top)
        sums.append(e.sum(1, keepdim=True))
    return torch.cat(maxima, 1), torch.cat(sums, 1)


State = tuple[Tensor, Tensor]
Step = Callable[[Tensor, Tensor, Tensor], State]


def _exp(x: Tensor) -> Tensor:
    """exp, with what −inf − −inf makes taken for −inf."""
    return torch.exp(x).nan_to_num(0.0, INF)


def _scan(blocks: list[Tensor], step: Step, start: float = -INF) -> Statistics:
    """m and l after each block, by `step` from m, l and the block's scores in float32."""
    m = torch.full(blocks[0].shape[:1], start)
    total = torch.zeros(m.shape)
    states = []
    for block in blocks:
        m, total = step(m, total, block.float())
        states.append((m, total))
    return torch.stack([s[0] for s in states], 1), torch.stack([s[1] for s in states], 1)


def _step(m: Tensor, total: Tensor, scores: Tensor) -> State:
    new = torch.maximum(m, scores.amax(1))
    return new, total * _exp(m - new) + _exp(scores - new[:, None]).sum(1)


@online_softmax.right("the maximum and sum of the block alone, then merged with the running ones")
def merged(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        own = scores.amax(1)
        new = torch.maximum(m, own)
        return new, total * _exp(m - new) + _exp(own - new) * _exp(scores - own[:, None]).sum(1)

    return _scan(blocks, step)


@online_softmax.right("one score after another")
def one_by_one(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        for score in scores.unbind(1):
            m, total = _step(m, total, score[:, None])
        return m, total

    return _scan(blocks, step)


@online_softmax.right("with a running logarithm of the sum")
def by_logs(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        new = torch.maximum(m, scores.amax(1))
        shift = new.masked_fill(new == -INF, 0.0)
        log = torch.logaddexp(total.log() + (m - shift).nan_to_num(-INF), (scores - shift[:, None]).logsumexp(1))
        return new, log.exp()

    return _scan(blocks, step)


@online_softmax.wrong("the sum was not rescaled when the maximum grew: it is still relative to the old maximum")
def no_rescale(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        new = torch.maximum(m, scores.amax(1))
        return new, total + _exp(scores - new[:, None]).sum(1)

    return _scan(blocks, step)


@online_softmax.wrong(
    "the sum was rescaled by exp(new − old): use exp(old − new), because the old sum shrinks when the maximum grows"
)
def upside_down(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        new = torch.maximum(m, scores.amax(1))
        factor = torch.exp(new - m).masked_fill(total == 0, 0.0)
        return new, total * factor + _exp(scores - new[:, None]).sum(1)

    return _scan(blocks, step)


@online_softmax.wrong("the new block was rescaled too: it is already relative to the new maximum")
def rescales_everything(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        new = torch.maximum(m, scores.amax(1))
        factor = torch.where(m == -INF, 1.0, torch.exp(m - new).nan_to_num(1.0))
        return new, (total + _exp(scores - new[:, None]).sum(1)) * factor

    return _scan(blocks, step)


@online_softmax.wrong("the maximum starts at 0: in rows of negative scores it stays 0; start at −inf")
def starts_at_zero(blocks: list[Tensor]) -> Statistics:
    return _scan(blocks, _step, 0.0)


@online_softmax.wrong("the maximum starts at a large negative number: a hidden row needs −inf")
def starts_finite(blocks: list[Tensor]) -> Statistics:
    return _scan(blocks, _step, -1e30)


@online_softmax.wrong("−inf − (−inf) was computed in a row that is hidden so far: this is NaN, and l stays NaN")
def nan_rows(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        new = torch.maximum(m, scores.amax(1))
        return new, total * torch.exp(m - new) + torch.exp(scores - new[:, None]).sum(1)

    return _scan(blocks, step)


@online_softmax.wrong("the maximum of the block replaced the running maximum: keep the larger of the two")
def forgets_the_maximum(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        new = scores.amax(1)
        safe = new.masked_fill(new == -INF, 0.0)
        return new, total * torch.exp(m - safe) + torch.exp(scores - safe[:, None]).sum(1)

    return _scan(blocks, step)


@online_softmax.wrong("the sum was set to 0 at every block: keep the running sum")
def forgets_the_sum(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        new = torch.maximum(m, scores.amax(1))
        return new, _exp(scores - new[:, None]).sum(1)

    return _scan(blocks, step)


@online_softmax.wrong("each block was added relative to its own maximum: make it relative to the running maximum first")
def own_maximum(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        own = scores.amax(1)
        new = torch.maximum(m, own)
        return new, total * _exp(m - new) + _exp(scores - own[:, None]).sum(1)

    return _scan(blocks, step)


@online_softmax.wrong(
    "the old maximum was subtracted from the new block: exp overflows where the new scores are much larger"
)
def shifted_by_the_old(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        new = torch.maximum(m, scores.amax(1))
        base = torch.where(m == -INF, new, m)
        return new, total * _exp(m - new) + _exp(scores - base[:, None]).sum(1)

    return _scan(blocks, step)


@online_softmax.wrong("one maximum was used for all rows: in rows of small scores every exp becomes 0")
def global_maximum(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        new = torch.maximum(m, scores.amax(1)).amax().expand(m.shape)
        return new, total * _exp(m - new) + _exp(scores - new[:, None]).sum(1)

    return _scan(blocks, step)


@online_softmax.wrong("exp was taken without subtracting the maximum: large scores overflow")
def no_shift(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        return torch.maximum(m, scores.amax(1)), total + torch.exp(scores).sum(1)

    m, total = _scan(blocks, step)
    return m, total * _exp(-m)


@online_softmax.wrong("the scores were added up: add up exp(score − m)")
def sums_scores(blocks: list[Tensor]) -> Statistics:
    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        return torch.maximum(m, scores.amax(1)), total + scores.sum(1)

    return _scan(blocks, step)


@online_softmax.wrong("only the last m and l were returned: return them after every block")
def last_only(blocks: list[Tensor]) -> Statistics:
    m, total = _scan(blocks, _step)
    return m[:, -1:], total[:, -1:]


@online_softmax.wrong("the blocks are along the first axis of the result: the rows come first")
def blocks_first(blocks: list[Tensor]) -> Statistics:
    m, total = _scan(blocks, _step)
    return m.T, total.T


@online_softmax.wrong("the log-sum-exp was returned as l: return the sum itself")
def log_of_the_sum(blocks: list[Tensor]) -> Statistics:
    m, total = _scan(blocks, _step)
    return m, m + total.log()


@online_softmax.wrong("exp was computed in the dtype of the scores: convert them to float32 first")
def low_exp(blocks: list[Tensor]) -> Statistics:
    dtype = blocks[0].dtype

    def step(m: Tensor, total: Tensor, scores: Tensor) -> State:
        new = torch.maximum(m, scores.amax(1))
        return new, total * _exp(m - new) + _exp((scores - new[:, None]).to(dtype)).float().sum(1)

    return _scan(blocks, step)


@online_softmax.wrong("m and l were kept in the dtype of the scores: a sum of thousands of terms needs float32")
def low_precision(blocks: list[Tensor]) -> Statistics:
    m, total = blocks[0].new_full(blocks[0].shape[:1], -INF), blocks[0].new_zeros(blocks[0].shape[:1])
    states = []
    for block in blocks:
        m, total = _step(m, total, block)
        states.append((m, total))
    return torch.stack([s[0] for s in states], 1).float(), torch.stack([s[1] for s in states], 1).float()


@online_softmax.wrong("m and l were returned in the dtype of the scores: return float32")
def rounds_at_the_end(blocks: list[Tensor]) -> Statistics:
    m, total = _scan(blocks, _step)
    return m.to(blocks[0].dtype), total.to(blocks[0].dtype)
