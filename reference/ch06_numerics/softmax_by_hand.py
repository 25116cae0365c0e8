"""Without dividing by the sum of powers: 1 / p is the sum of exp(other − this) over all scores."""

import math

import torch
from torch import Tensor

from reference import oracle


@oracle
def softmax_by_hand(x: Tensor, dim: int) -> Tensor:
    along = x.movedim(dim, -1)
    differences = along.unsqueeze(-2) - along.unsqueeze(-1)
    return (1 / torch.exp(differences).sum(-1)).movedim(-1, dim).contiguous()  # strides would be shown


@softmax_by_hand.right("the library's")
def library(x: Tensor, dim: int) -> Tensor:
    return torch.softmax(x, dim)


@softmax_by_hand.right("one row at a time, with Python's math")
def slice_by_slice(x: Tensor, dim: int) -> Tensor:
    rows = x.movedim(dim, -1)
    slices = []
    for row in rows.reshape(math.prod(rows.shape[:-1]), rows.shape[-1]).tolist():
        powers = [math.exp(score) for score in row]
        slices.append([p / sum(powers) for p in powers])
    return torch.tensor(slices).reshape(rows.shape).movedim(-1, dim)


@softmax_by_hand.right("exp(x − log of the sum of powers)")
def by_log(x: Tensor, dim: int) -> Tensor:
    return torch.exp(x - torch.exp(x).sum(dim, keepdim=True).log())


@softmax_by_hand.wrong("the powers were divided by the sum over all axes: each row along `dim` has its own sum")
def over_everything(x: Tensor, dim: int) -> Tensor:
    x.sum(dim)
    return torch.exp(x) / torch.exp(x).sum()


@softmax_by_hand.wrong("the sum lost its axis (no keepdim), so broadcasting aligned it with the last axis")
def no_keepdim(x: Tensor, dim: int) -> Tensor:
    return torch.exp(x) / torch.exp(x).sum(dim)


@softmax_by_hand.wrong("`dim` was ignored: the sum always ran along the last axis")
def always_last(x: Tensor, dim: int) -> Tensor:
    x.sum(dim)
    return torch.softmax(x, -1)


@softmax_by_hand.wrong("the two axes of a matrix were swapped: the sum runs along `dim`, not along the other axis")
def axes_swapped(x: Tensor, dim: int) -> Tensor:
    x.sum(dim)
    return torch.softmax(x, 1 - dim % 2 if x.dim() == 2 else dim)


@softmax_by_hand.wrong("a vector was treated as a matrix of one row: along dim 0 each entry is then alone and gets 1")
def vector_as_row(x: Tensor, dim: int) -> Tensor:
    return torch.softmax(x.reshape(1, x.numel()) if x.dim() < 2 else x, dim).reshape(x.shape)


@softmax_by_hand.wrong("no error for a missing axis: a vector has no dim 1, and using dim 0 instead hides a mistake")
def no_error(x: Tensor, dim: int) -> Tensor:
    return torch.softmax(x, min(max(dim, -x.dim()), x.dim() - 1))


@softmax_by_hand.wrong("a ValueError for a missing axis: the contract asks for the IndexError that torch raises")
def value_error(x: Tensor, dim: int) -> Tensor:
    if not -x.dim() <= dim < x.dim():
        raise ValueError(f"no axis {dim}")
    return torch.softmax(x, dim)


@softmax_by_hand.wrong("the scores were divided by their sum, without exp: negative scores then give negative shares")
def no_exp(x: Tensor, dim: int) -> Tensor:
    return x / x.sum(dim, keepdim=True)


@softmax_by_hand.wrong("the powers were divided by the largest power, not by their sum: the results do not add up to 1")
def by_largest(x: Tensor, dim: int) -> Tensor:
    return torch.exp(x) / torch.exp(x).amax(dim, keepdim=True)


@softmax_by_hand.wrong("powers of 2 were used, not powers of e: before exp2, multiply the scores by log2(e) = 1.4427")
def powers_of_two(x: Tensor, dim: int) -> Tensor:
    return torch.exp2(x) / torch.exp2(x).sum(dim, keepdim=True)


@softmax_by_hand.wrong("the logarithms of the probabilities were returned, not the probabilities")
def logarithms(x: Tensor, dim: int) -> Tensor:
    return torch.log_softmax(x, dim)


@softmax_by_hand.wrong("e^x was written into the input: the caller loses the scores")
def in_place(x: Tensor, dim: int) -> Tensor:
    powers = x.exp_()
    return powers / powers.sum(dim, keepdim=True)


@softmax_by_hand.wrong("a small number was added to the sum: if the powers are small, the results do not add up to 1")
def epsilon_below(x: Tensor, dim: int) -> Tensor:
    powers = torch.exp(x)
    return powers / (powers.sum(dim, keepdim=True) + 1e-6)


@softmax_by_hand.wrong("the axis was moved to the end and not moved back: the result must have the shape of `x`")
def not_moved_back(x: Tensor, dim: int) -> Tensor:
    return torch.softmax(x.movedim(dim, -1), -1)


@softmax_by_hand.wrong("the sign of a negative `dim` was dropped: −1 is the last axis, not axis 1")
def sign_of_dim_lost(x: Tensor, dim: int) -> Tensor:
    x.sum(dim)
    return torch.softmax(x, abs(dim) if abs(dim) < x.dim() else x.dim() - 1)
