"""The gradient of the sum of all tokens' losses, divided once by the number of tokens."""

from collections.abc import Callable

import torch
from torch import Tensor

from reference import LOW_PRECISION, oracle, promoted

Gradients = dict[str, Tensor]


def _checked(micro: list[Gradients], counts: list[int]) -> int:
    """The number of tokens of the batch."""
    if len(micro) != len(counts) or any(count < 0 for count in counts) or not any(counts):
        raise ValueError("no such batch")
    return sum(counts)


@oracle
def accumulate_gradients(micro: list[Gradients], counts: list[int]) -> Gradients:
    tokens = _checked(micro, counts)
    result = {}
    for name in micro[0]:
        wide = promoted(*[grads[name] for grads in micro])
        whole = torch.zeros_like(wide[0])
        for grad, count in zip(wide, counts, strict=True):
            if count:
                whole = whole + count * grad
        result[name] = (whole / tokens).to(micro[0][name].dtype)
    return result


Combine = Callable[[list[Tensor], list[int]], Tensor]


def _wide(grad: Tensor) -> Tensor:
    return grad.to(torch.promote_types(grad.dtype, torch.float32))


def _by_name(micro: list[Gradients], counts: list[int], combine: Combine) -> Gradients:
    """`combine`, of the gradients of a parameter in float32 or float64 and the counts, for each name."""
    return {
        name: combine([_wide(grads[name]) for grads in micro], counts).to(first.dtype)
        for name, first in micro[0].items()
    }


def _weighted(grads: list[Tensor], weights: list[float]) -> Tensor:
    """The weighted sum, without the micro-batches of weight 0."""
    parts = [weight * grad for grad, weight in zip(grads, weights, strict=True) if weight]
    return torch.stack(parts).sum(0)


@accumulate_gradients.right("a running mean: each micro-batch moves it by its share of the tokens so far")
def running_mean(micro: list[Gradients], counts: list[int]) -> Gradients:
    _checked(micro, counts)

    def combine(grads: list[Tensor], counts: list[int]) -> Tensor:
        mean, seen = torch.zeros_like(grads[0]), 0
        for grad, count in zip(grads, counts, strict=True):
            seen += count
            if count:
                mean = mean + (grad - mean) * (count / seen)
        return mean

    return _by_name(micro, counts, combine)


@accumulate_gradients.right(
    "a product of the shares with the stacked gradients, NaN replaced where there are no tokens"
)
def by_matmul(micro: list[Gradients], counts: list[int]) -> Gradients:
    tokens = _checked(micro, counts)

    def combine(grads: list[Tensor], counts: list[int]) -> Tensor:
        stacked = torch.stack(grads)
        shares = torch.tensor(counts, dtype=stacked.dtype) / tokens
        stacked[shares == 0] = 0.0
        return torch.tensordot(shares, stacked, dims=1)

    return _by_name(micro, counts, combine)


@accumulate_gradients.wrong(
    "every micro-batch had the same weight, whatever its tokens: this is a mean of means; weight by the counts"
)
def mean_of_means(micro: list[Gradients], counts: list[int]) -> Gradients:
    _checked(micro, counts)
    return _by_name(micro, counts, lambda grads, counts: torch.stack(grads).mean(0))


@accumulate_gradients.wrong(
    "every micro-batch that has tokens had the same weight: this is a mean of means; weight by the counts"
)
def mean_of_means_with_tokens(micro: list[Gradients], counts: list[int]) -> Gradients:
    _checked(micro, counts)
    used = sum(count > 0 for count in counts)
    return _by_name(
        micro, counts, lambda grads, counts: _weighted(grads, [1 / used if count else 0.0 for count in counts])
    )


@accumulate_gradients.wrong(
    "the gradients were added and not divided, as .grad does over several backward passes: the step grows with them"
)
def summed(micro: list[Gradients], counts: list[int]) -> Gradients:
    _checked(micro, counts)
    return _by_name(micro, counts, lambda grads, counts: _weighted(grads, [float(count > 0) for count in counts]))


@accumulate_gradients.wrong("the weighted sum was not divided by the number of tokens: it is a gradient of their sum")
def sum_of_losses(micro: list[Gradients], counts: list[int]) -> Gradients:
    _checked(micro, counts)
    return _by_name(micro, counts, lambda grads, counts: _weighted(grads, [float(count) for count in counts]))


@accumulate_gradients.wrong(
    "the mean over tokens was divided by the number of micro-batches too: the counts already add up to 1"
)
def divided_twice(micro: list[Gradients], counts: list[int]) -> Gradients:
    share = _checked(micro, counts) * len(micro)
    return _by_name(micro, counts, lambda grads, counts: _weighted(grads, [count / share for count in counts]))


@accumulate_gradients.wrong("the weighted sum was divided by the number of micro-batches: divide it by the tokens")
def divided_by_micro_batches(micro: list[Gradients], counts: list[int]) -> Gradients:
    _checked(micro, counts)
    return _by_name(micro, counts, lambda grads, counts: _weighted(grads, [count / len(micro) for count in counts]))


@accumulate_gradients.wrong("the mean was halved with each micro-batch, so the last one weighs most: use the counts")
def halved_each_time(micro: list[Gradients], counts: list[int]) -> Gradients:
    _checked(micro, counts)

    def combine(grads: list[Tensor], counts: list[int]) -> Tensor:
        used = [grad for grad, count in zip(grads, counts, strict=True) if count]
        mean = used[0]
        for grad in used[1:]:
            mean = (mean + grad) / 2
        return mean

    return _by_name(micro, counts, combine)


@accumulate_gradients.wrong("the gradients were weighted by 1/count: a mean over more tokens must weigh more")
def inverse_weights(micro: list[Gradients], counts: list[int]) -> Gradients:
    _checked(micro, counts)
    whole = sum(1 / count for count in counts if count)
    weights = [1 / count / whole if count else 0.0 for count in counts]
    return _by_name(micro, counts, lambda grads, counts: _weighted(grads, weights))


@accumulate_gradients.wrong("only the last micro-batch counted: the gradients before it were overwritten")
def last_only(micro: list[Gradients], counts: list[int]) -> Gradients:
    _checked(micro, counts)
    return _by_name(micro, counts, lambda grads, counts: grads[-1])


@accumulate_gradients.wrong("a micro-batch of 0 tokens made everything NaN: 0 · NaN is NaN, so leave it out")
def zero_times_nan(micro: list[Gradients], counts: list[int]) -> Gradients:
    tokens = _checked(micro, counts)

    def combine(grads: list[Tensor], counts: list[int]) -> Tensor:
        return torch.stack([count / tokens * grad for grad, count in zip(grads, counts, strict=True)]).sum(0)

    return _by_name(micro, counts, combine)


@accumulate_gradients.wrong("NaN was replaced by 0 in every micro-batch: this hides a run that diverges")
def hides_nan(micro: list[Gradients], counts: list[int]) -> Gradients:
    tokens = _checked(micro, counts)

    def combine(grads: list[Tensor], counts: list[int]) -> Tensor:
        return _weighted([grad.nan_to_num() for grad in grads], [count / tokens for count in counts])

    return _by_name(micro, counts, combine)


@accumulate_gradients.wrong(LOW_PRECISION)
def low_precision_inside(micro: list[Gradients], counts: list[int]) -> Gradients:
    tokens = _checked(micro, counts)
    result = {}
    for name, first in micro[0].items():
        whole = torch.zeros_like(first)
        for grads, count in zip(micro, counts, strict=True):
            if count:
                whole = whole + (count / tokens * grads[name]).to(first.dtype)
        result[name] = whole
    return result


@accumulate_gradients.wrong("returned in float32: each gradient keeps the dtype that it has in the first micro-batch")
def returns_fp32(micro: list[Gradients], counts: list[int]) -> Gradients:
    return accumulate_gradients.fn([{n: g.float() for n, g in grads.items()} for grads in micro], counts)


@accumulate_gradients.wrong("the gradients of the first micro-batch were changed in place: work on a copy")
def in_place(micro: list[Gradients], counts: list[int]) -> Gradients:
    for name, grad in accumulate_gradients.fn(micro, counts).items():
        micro[0][name].copy_(grad)
    return micro[0]


@accumulate_gradients.wrong(
    "lists of different lengths were accepted: zip stops at the shorter one and drops gradients"
)
def shorter_list(micro: list[Gradients], counts: list[int]) -> Gradients:
    both = min(len(micro), len(counts))
    return accumulate_gradients.fn(micro[:both], counts[:both])


@accumulate_gradients.wrong("a negative count was accepted: its gradients would be subtracted")
def any_count(micro: list[Gradients], counts: list[int]) -> Gradients:
    if len(micro) != len(counts) or sum(counts) <= 0:
        raise ValueError("no such batch")
    share = sum(counts)
    return _by_name(micro, counts, lambda grads, counts: _weighted(grads, [count / share for count in counts]))


@accumulate_gradients.wrong("a batch without tokens gave zeros: it has no mean, so raise ValueError")
def zeros_of_nothing(micro: list[Gradients], counts: list[int]) -> Gradients:
    if len(micro) == len(counts) and micro and not any(counts):
        return {name: torch.zeros_like(grad) for name, grad in micro[0].items()}
    return accumulate_gradients.fn(micro, counts)
