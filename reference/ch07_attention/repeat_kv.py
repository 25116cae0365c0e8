"""One query head at a time, by the number of its group."""

import torch
from torch import Tensor

from reference import oracle


@oracle
def repeat_kv(x: Tensor, heads: int) -> Tensor:
    kv = x.shape[1]
    if heads < kv or heads % kv:
        raise ValueError(f"{heads} query heads do not make {kv} groups of equal size with at least one head in each")
    return torch.stack([x[:, h // (heads // kv)] for h in range(heads)], dim=1)


def _checked(x: Tensor, heads: int) -> int:
    if heads < x.shape[1] or heads % x.shape[1]:
        raise ValueError("the query heads must be a multiple of the KV heads")
    return heads // x.shape[1]


@repeat_kv.right("expanded along a new axis beside the heads, then reshaped")
def expanded(x: Tensor, heads: int) -> Tensor:
    group = _checked(x, heads)
    b, kv, n, d = x.shape
    return x.unsqueeze(2).expand(b, kv, group, n, d).reshape(b, heads, n, d)


@repeat_kv.right("indexed by the group of each query head")
def by_index(x: Tensor, heads: int) -> Tensor:
    group = _checked(x, heads)
    return x[:, torch.arange(heads) // group]


@repeat_kv.right("each head repeated, then concatenated")
def concatenated(x: Tensor, heads: int) -> Tensor:
    group = _checked(x, heads)
    return torch.cat([x[:, i : i + 1].expand(-1, group, -1, -1) for i in range(x.shape[1])], dim=1)


@repeat_kv.wrong("the whole axis of heads was repeated, 0, 1, 0, 1: neighbors share a head, so it must be 0, 0, 1, 1")
def tiled(x: Tensor, heads: int) -> Tensor:
    return x.repeat(1, _checked(x, heads), 1, 1)


@repeat_kv.wrong("each head was repeated `heads` times: `heads` is the number of heads in the result, not of copies")
def times_heads(x: Tensor, heads: int) -> Tensor:
    _checked(x, heads)
    return x.repeat_interleave(heads, dim=1)


@repeat_kv.wrong("the tokens were repeated, not the heads: the heads are axis 1")
def along_tokens(x: Tensor, heads: int) -> Tensor:
    return x.repeat_interleave(_checked(x, heads), dim=2)


@repeat_kv.wrong("the batch was repeated, not the heads: the heads are axis 1")
def along_batch(x: Tensor, heads: int) -> Tensor:
    return x.repeat_interleave(_checked(x, heads), dim=0)


@repeat_kv.wrong(
    "heads were repeated beside the tokens and reshaped: a reshape does not reorder, so tokens and heads mix"
)
def scrambled(x: Tensor, heads: int) -> Tensor:
    group = _checked(x, heads)
    b, kv, n, d = x.shape
    return x.unsqueeze(3).expand(b, kv, n, group, d).reshape(b, heads, n, d)


@repeat_kv.wrong("every query head got the first KV head: that is multi-query attention, and the other heads are lost")
def first_for_all(x: Tensor, heads: int) -> Tensor:
    _checked(x, heads)
    return x[:, :1].repeat(1, heads, 1, 1)


@repeat_kv.wrong("the missing heads were filled with zeros: each query head needs the keys of its group")
def padded(x: Tensor, heads: int) -> Tensor:
    _checked(x, heads)
    b, kv, n, d = x.shape
    return torch.cat([x, x.new_zeros(b, heads - kv, n, d)], dim=1)


@repeat_kv.wrong("the size of a group was rounded down: if heads do not divide evenly, raise ValueError")
def rounded_down(x: Tensor, heads: int) -> Tensor:
    if heads < x.shape[1]:
        raise ValueError("fewer query heads than KV heads")
    return x.repeat_interleave(heads // x.shape[1], dim=1)


@repeat_kv.wrong("groups of unequal size were made: if heads do not divide evenly, raise ValueError")
def uneven_groups(x: Tensor, heads: int) -> Tensor:
    return x[:, torch.arange(heads) * x.shape[1] // heads]


@repeat_kv.wrong(
    "fewer query heads than KV heads were accepted: a group has at least one query head, so raise ValueError"
)
def divides_either_way(x: Tensor, heads: int) -> Tensor:
    kv = x.shape[1]
    if heads < kv and kv % heads == 0:
        return x[:, :: kv // heads]
    return x.repeat_interleave(_checked(x, heads), dim=1)


@repeat_kv.wrong(
    "the heads were checked by `assert`: the contract asks for ValueError, and `python -O` removes asserts"
)
def asserts(x: Tensor, heads: int) -> Tensor:
    kv = x.shape[1]
    assert heads >= kv and heads % kv == 0
    return x.repeat_interleave(heads // kv, dim=1)


@repeat_kv.wrong(
    "0 query heads were accepted: 0 % kv is 0, but a group has at least one query head, so raise ValueError"
)
def accepts_none(x: Tensor, heads: int) -> Tensor:
    if heads % x.shape[1]:
        raise ValueError("the query heads must be a multiple of the KV heads")
    return x.repeat_interleave(heads // x.shape[1], dim=1)


@repeat_kv.wrong("the division was not checked: reshape raises RuntimeError, but the contract asks for ValueError")
def unchecked(x: Tensor, heads: int) -> Tensor:
    b, kv, n, d = x.shape
    return x.unsqueeze(2).expand(b, kv, heads // kv, n, d).reshape(b, heads, n, d)


@repeat_kv.wrong("repeat_interleave was called without `dim`: it flattens x and repeats every number, not every head")
def each_number(x: Tensor, heads: int) -> Tensor:
    group, (b, _, n, d) = _checked(x, heads), x.shape
    return x.repeat_interleave(group).reshape(b, heads, n, d)


@repeat_kv.wrong("a negative number of query heads was accepted: −2 % 2 is 0 too, so check that heads is at least kv")
def accepts_negative(x: Tensor, heads: int) -> Tensor:
    if heads == 0 or heads % x.shape[1]:
        raise ValueError("the query heads must be a multiple of the KV heads")
    return x.repeat_interleave(heads // x.shape[1], dim=1)


repeat_kv.standard_wrongs("returns_fp32", of="`x`")
