import math

import torch
from torch import Tensor

from reference import oracle


@oracle
def alibi_bias(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    dtype = torch.get_default_dtype()
    slopes = torch.exp(torch.tensor([-8 * (h + 1) / heads for h in range(heads)], dtype=dtype) * math.log(2))
    rows = [[i + n_k - n_q - j if j <= i + n_k - n_q else math.inf for j in range(n_k)] for i in range(n_q)]
    return -slopes.reshape(-1, 1, 1) * torch.tensor(rows, dtype=dtype).reshape(1, n_q, n_k)


def _check(heads: int) -> None:
    if heads < 1 or heads & (heads - 1):
        raise ValueError("a power of two")


def _slopes(heads: int) -> Tensor:
    return torch.tensor([2.0 ** (-8 * (h + 1) / heads) for h in range(heads)]).view(-1, 1, 1)


def _distance(n_q: int, n_k: int) -> Tensor:
    return (torch.arange(n_q) + n_k - n_q).unsqueeze(1) - torch.arange(n_k)


def _hide(bias: Tensor, n_q: int, n_k: int) -> Tensor:
    return bias.masked_fill(_distance(n_q, n_k) < 0, -torch.inf)


@alibi_bias.right("the slopes as powers of the first, as in the paper's code")
def by_ratio(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    first = 2.0 ** (-8 / heads)
    slopes = torch.tensor([first * first**h for h in range(heads)]).view(-1, 1, 1)
    return _hide(slopes * -_distance(n_q, n_k).float(), n_q, n_k)


@alibi_bias.wrong("the sign is positive: this favors tokens that are far away")
def positive(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    return _hide(_slopes(heads) * _distance(n_q, n_k), n_q, n_k)


@alibi_bias.wrong("the slopes are off by one: the first head has 2^(−8/heads), not 1")
def slopes_from_one(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    return _hide(-_slopes(heads) * 2.0 ** (8 / heads) * _distance(n_q, n_k), n_q, n_k)


@alibi_bias.wrong("the last head got the steepest slope: head 0 has the steepest")
def reversed_slopes(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    return _hide(-_slopes(heads).flip(0) * _distance(n_q, n_k), n_q, n_k)


@alibi_bias.wrong(
    "the slopes are 1/2, 1/4, 1/8, … for any number of heads: this is right only for 8; the last is always 2^−8"
)
def halving(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    slopes = torch.tensor([2.0 ** -(h + 1) for h in range(heads)]).view(-1, 1, 1)
    return _hide(-slopes * _distance(n_q, n_k), n_q, n_k)


@alibi_bias.wrong("the slopes are evenly spaced: each slope is the one before, times the same factor")
def linear_slopes(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    slopes = torch.tensor([(heads - h) / heads for h in range(heads)]).view(-1, 1, 1)
    return _hide(-slopes * _distance(n_q, n_k), n_q, n_k)


@alibi_bias.wrong("all heads have the first head's slope: each head has its own")
def one_slope(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    return _hide((-_slopes(heads)[:1] * _distance(n_q, n_k)).repeat(heads, 1, 1), n_q, n_k)


@alibi_bias.wrong("the first query was placed at the first key: with a cache the last query belongs to the last key")
def top_left(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    distance = torch.arange(n_q).unsqueeze(1) - torch.arange(n_k)
    return (-_slopes(heads) * distance).masked_fill(distance < 0, -torch.inf)


@alibi_bias.wrong("future keys are not hidden: there −slope · (i − j) is even positive, so they are favored")
def sees_the_future(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    return -_slopes(heads) * _distance(n_q, n_k)


@alibi_bias.wrong("future keys get a penalty by distance: they must be hidden with −inf")
def both_ways(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    return -_slopes(heads) * _distance(n_q, n_k).abs()


@alibi_bias.wrong(
    "slope · position of the key, as in BLOOM: softmax gives the same weights, but this koan wants the distance"
)
def by_key_position(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    return _hide((_slopes(heads) * torch.arange(n_k)).expand(heads, n_q, n_k), n_q, n_k)


@alibi_bias.wrong("the distance was squared: the penalty is linear (the L in ALiBi)")
def squared(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    return _hide(-_slopes(heads) * _distance(n_q, n_k) ** 2, n_q, n_k)


@alibi_bias.wrong("any number of heads is accepted: raise ValueError unless it is a power of two")
def any_heads(heads: int, n_q: int, n_k: int) -> Tensor:
    return _hide(-_slopes(heads) * _distance(n_q, n_k), n_q, n_k)


@alibi_bias.wrong("−inf was multiplied by a mask of zeros and ones: 0 · −inf is NaN")
def multiplied(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    distance = _distance(n_q, n_k)
    return -_slopes(heads) * distance + (distance < 0) * -torch.inf


@alibi_bias.wrong("the shift n_k − n_q was clamped at 0: with more queries than keys the first queries see no key")
def shift_from_zero(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    distance = (torch.arange(n_q) + max(0, n_k - n_q)).unsqueeze(1) - torch.arange(n_k)
    return (-_slopes(heads) * distance).masked_fill(distance < 0, -torch.inf)


@alibi_bias.wrong("0 heads are accepted: 0 & −1 is 0, but 0 is no power of two; raise ValueError")
def no_heads(heads: int, n_q: int, n_k: int) -> Tensor:
    if heads & (heads - 1):
        raise ValueError("a power of two")
    return _hide(-_slopes(heads) * _distance(n_q, n_k), n_q, n_k)


@alibi_bias.wrong("any even number of heads is accepted: raise ValueError unless it is a power of two")
def even_heads(heads: int, n_q: int, n_k: int) -> Tensor:
    if heads < 1 or (heads > 1 and heads % 2):
        raise ValueError("a power of two")
    return _hide(-_slopes(heads) * _distance(n_q, n_k), n_q, n_k)


@alibi_bias.wrong("the diagonal is hidden: a token sees itself, at distance 0")
def hides_itself(heads: int, n_q: int, n_k: int) -> Tensor:
    _check(heads)
    distance = _distance(n_q, n_k)
    return (-_slopes(heads) * distance).masked_fill(distance <= 0, -torch.inf)


@alibi_bias.wrong("the result is float64: the bias must be float32")
def in_float64(heads: int, n_q: int, n_k: int) -> Tensor:
    return any_heads(heads, n_q, n_k).double()
