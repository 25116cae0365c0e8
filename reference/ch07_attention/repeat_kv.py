"""One query head at a time, by the number of the group it belongs to."""

import torch
from torch import Tensor

from reference import oracle


@oracle
def repeat_kv(x: Tensor, heads: int) -> Tensor:
    kv = x.shape[1]
    if heads < kv or heads % kv:
        raise ValueError(f"{heads} query heads do not make {kv} groups of equal size, one head at least in each")
    return torch.stack([x[:, h // (heads // kv)] for h in range(heads)], dim=1)


def _checked(x: Tensor, heads: int) -> int:
    if heads < x.shape[1] or heads % x.shape[1]:
        raise ValueError("query heads must be a multiple of key heads")
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


@repeat_kv.wrong("the whole row of heads repeated, 0, 1, 0, 1: neighbours share a head, so it is 0, 0, 1, 1")
def tiled(x: Tensor, heads: int) -> Tensor:
    return x.repeat(1, _checked(x, heads), 1, 1)


@repeat_kv.wrong("each head repeated `heads` times: `heads` is the number of them in the end, not of copies")
def times_heads(x: Tensor, heads: int) -> Tensor:
    _checked(x, heads)
    return x.repeat_interleave(heads, dim=1)


@repeat_kv.wrong("the tokens repeated, not the heads: the heads are axis 1")
def along_tokens(x: Tensor, heads: int) -> Tensor:
    return x.repeat_interleave(_checked(x, heads), dim=2)


@repeat_kv.wrong("the batch repeated, not the heads: the heads are axis 1")
def along_batch(x: Tensor, heads: int) -> Tensor:
    return x.repeat_interleave(_checked(x, heads), dim=0)


@repeat_kv.wrong("repeated beside the tokens and reshaped: a reshape moves no values, so tokens and heads mix")
def scrambled(x: Tensor, heads: int) -> Tensor:
    group = _checked(x, heads)
    b, kv, n, d = x.shape
    return x.unsqueeze(3).expand(b, kv, n, group, d).reshape(b, heads, n, d)


@repeat_kv.wrong("the first head given to every query: that is multi-query attention, the other heads are lost")
def first_for_all(x: Tensor, heads: int) -> Tensor:
    _checked(x, heads)
    return x[:, :1].repeat(1, heads, 1, 1)


@repeat_kv.wrong("the missing heads filled with zeros: each query head needs the keys of its group")
def padded(x: Tensor, heads: int) -> Tensor:
    _checked(x, heads)
    b, kv, n, d = x.shape
    return torch.cat([x, x.new_zeros(b, heads - kv, n, d)], dim=1)


@repeat_kv.wrong("the group's size rounded down: where heads do not divide evenly, raise ValueError")
def rounded_down(x: Tensor, heads: int) -> Tensor:
    if heads < x.shape[1]:
        raise ValueError("fewer query heads than key heads")
    return x.repeat_interleave(heads // x.shape[1], dim=1)


@repeat_kv.wrong("groups of unequal size made where heads do not divide evenly: raise ValueError")
def uneven_groups(x: Tensor, heads: int) -> Tensor:
    return x[:, torch.arange(heads) * x.shape[1] // heads]


@repeat_kv.wrong("fewer query heads than key heads accepted: a group has one at least, so raise ValueError")
def divides_either_way(x: Tensor, heads: int) -> Tensor:
    kv = x.shape[1]
    if heads < kv and kv % heads == 0:
        return x[:, :: kv // heads]
    return x.repeat_interleave(_checked(x, heads), dim=1)


@repeat_kv.wrong("checked by `assert`: the contract asks for ValueError, and `python -O` drops asserts")
def asserts(x: Tensor, heads: int) -> Tensor:
    kv = x.shape[1]
    assert heads >= kv and heads % kv == 0
    return x.repeat_interleave(heads // kv, dim=1)


@repeat_kv.wrong("no query heads accepted: 0 % kv is 0, but a group has one head at least, so raise ValueError")
def accepts_none(x: Tensor, heads: int) -> Tensor:
    if heads % x.shape[1]:
        raise ValueError("query heads must be a multiple of key heads")
    return x.repeat_interleave(heads // x.shape[1], dim=1)


@repeat_kv.wrong("the division not checked: reshape raises its own RuntimeError, and a ValueError is asked for")
def unchecked(x: Tensor, heads: int) -> Tensor:
    b, kv, n, d = x.shape
    return x.unsqueeze(2).expand(b, kv, heads // kv, n, d).reshape(b, heads, n, d)


@repeat_kv.wrong(
    "repeat_interleave without `dim`: it flattens and repeats every number where it stands, not every head"
)
def each_number(x: Tensor, heads: int) -> Tensor:
    group, (b, _, n, d) = _checked(x, heads), x.shape
    return x.repeat_interleave(group).reshape(b, heads, n, d)


@repeat_kv.wrong("a negative number of query heads accepted: −2 % 2 is 0 too, so ask for at least kv of them")
def accepts_negative(x: Tensor, heads: int) -> Tensor:
    if heads == 0 or heads % x.shape[1]:
        raise ValueError("query heads must be a multiple of key heads")
    return x.repeat_interleave(heads // x.shape[1], dim=1)


repeat_kv.standard_wrongs("returns_fp32", of="`x`")
