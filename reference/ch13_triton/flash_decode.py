from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from reference import Example, Moves, Work, lowp, oracle, unwritten
from reference.baselines import fused, naive
from reference.launching import cdiv, next_power_of_2

if TYPE_CHECKING:
    import triton.language as tl  # the kernels below are read as text, never run


@oracle
def flash_decode(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = k @ q.unsqueeze(-1) / q.shape[-1] ** 0.5
    e = torch.exp(scores - scores.amax(1, keepdim=True))
    return (lowp(e / e.sum(1, keepdim=True)) * v).sum(1)


@flash_decode.launcher
def launch(kernels: Any, config: Mapping[str, Any], q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """One program for each of SPLITS parts of the keys of every head. Then one program for each head merges them."""
    heads, m, d = k.shape
    splits = config["SPLITS"]
    if splits < 2:
        raise ValueError("CONFIG needs SPLITS of at least 2: a single part leaves nothing to merge")
    part, lse = unwritten(heads, splits, d, dtype=torch.float32), unwritten(heads, splits, dtype=torch.float32)
    out = unwritten(heads, d, dtype=q.dtype)
    length = cdiv(m, splits)
    tile = {"BLOCK": next_power_of_2(length), "SPLITS": splits, "D": d}
    options = {name: value for name, value in config.items() if name != "SPLITS"}
    q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
    kernels.split_kernel[(splits, heads)](q, k, v, part, lse, m, length, d**-0.5, **tile, **options)
    kernels.merge_kernel[(heads,)](part, lse, out, SPLITS=splits, D=d, **options)
    return out


@flash_decode.example
def example(config: Mapping[str, Any]) -> Example:
    """Two heads, with fifteen keys for each split and fewer keys in the last split."""
    m = 15 * config["SPLITS"] - 7
    return Example((torch.ones(2, 32), torch.ones(2, m, 32), torch.ones(2, m, 32)))


@flash_decode.traffic
def moves(config: Mapping[str, Any], q: Tensor, k: Tensor, v: Tensor) -> Moves:
    """K and V are read once, q once for each split. The partial results are written once and read once."""
    heads, _, d = k.shape
    part = heads * config["SPLITS"] * d * 4
    loads = {
        "q_ptr": q.nbytes * config["SPLITS"],
        "k_ptr": k.nbytes,
        "v_ptr": v.nbytes,
        "part_ptr": part,
        "lse_ptr": part // d,
    }
    return Moves(loads, {"part_ptr": part, "lse_ptr": part // d, "out_ptr": q.nbytes})


@flash_decode.least
def least(q: Tensor, k: Tensor, v: Tensor) -> Work:
    """The ordinary units do all of it, and tensor cores nothing. The cache is read once."""
    return Work(0, q.nbytes + k.nbytes + v.nbytes, apart=True)


@flash_decode.baseline("naive")
def batched(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return naive(q[:, None], k, v)[:, 0]


def one_query(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(q[None, :, None], k[None], v[None])[0, :, 0]


fused(flash_decode, one_query)


@flash_decode.right("sums and maxima kept separately, merged with the largest log-sum-exp", replaces="merge_kernel")
def softmax_of_lse(part_ptr: Any, lse_ptr: Any, out_ptr: Any, SPLITS: tl.constexpr, D: tl.constexpr) -> None:
    split, dims = tl.arange(0, SPLITS), tl.arange(0, D)
    head = tl.program_id(0)
    lse = tl.load(lse_ptr + head * SPLITS + split)
    part = tl.load(part_ptr + (head * SPLITS + split)[:, None] * D + dims[None, :])
    weight = tl.exp(lse - tl.max(lse, axis=0))
    weight = weight / tl.sum(weight, axis=0)
    tl.store(out_ptr + head * D + dims, tl.sum(weight[:, None] * part, axis=0))


@flash_decode.right("a loop over the splits that rescales, as in flash_forward", replaces="merge_kernel")
def one_after_the_other(part_ptr: Any, lse_ptr: Any, out_ptr: Any, SPLITS: tl.constexpr, D: tl.constexpr) -> None:
    head, dims = tl.program_id(0), tl.arange(0, D)
    top = float("-inf")
    total = 0.0
    acc = tl.zeros((D,), tl.float32)
    for split in range(SPLITS):
        lse = tl.load(lse_ptr + head * SPLITS + split)
        new = tl.maximum(top, lse)
        acc = acc * tl.exp(top - new)
        acc += tl.exp(lse - new) * tl.load(part_ptr + (head * SPLITS + split) * D + dims)
        total = total * tl.exp(top - new) + tl.exp(lse - new)
        top = new
    tl.store(out_ptr + head * D + dims, acc / total)


@flash_decode.right("exp2 and log2, converted at the end", replaces="split_kernel")
def smaller_base(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = tl.maximum(tl.max(scores, axis=0), -1e30)
    p = tl.exp2((scores - top) * 1.4426950408889634)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, top + tl.log2(total) * 0.6931471805599453)


@flash_decode.wrong(
    "the plain average of the parts was taken: weight each part with the sum of the exponentials of its scores",
    replaces="merge_kernel",
)
def plain_average(part_ptr: Any, lse_ptr: Any, out_ptr: Any, SPLITS: tl.constexpr, D: tl.constexpr) -> None:
    head = tl.program_id(0)
    split, dims = tl.arange(0, SPLITS), tl.arange(0, D)
    lse = tl.load(lse_ptr + head * SPLITS + split)
    part = tl.load(part_ptr + (head * SPLITS + split)[:, None] * D + dims[None, :])
    out = tl.sum(part, axis=0) / SPLITS
    tl.store(out_ptr + head * D + dims, out)


@flash_decode.wrong(
    "the parts were weighted with the log-sum-exp itself: take its exponential", replaces="merge_kernel"
)
def weighted_by_lse(part_ptr: Any, lse_ptr: Any, out_ptr: Any, SPLITS: tl.constexpr, D: tl.constexpr) -> None:
    head = tl.program_id(0)
    split, dims = tl.arange(0, SPLITS), tl.arange(0, D)
    lse = tl.load(lse_ptr + head * SPLITS + split)
    part = tl.load(part_ptr + (head * SPLITS + split)[:, None] * D + dims[None, :])
    weight = tl.where(lse > -1e29, lse, 0.0)
    out = tl.sum(weight[:, None] * part, axis=0) / tl.sum(weight, axis=0)
    tl.store(out_ptr + head * D + dims, out)


@flash_decode.wrong(
    "exp was applied to the log-sum-exp itself: above 88 the result is inf, so subtract the largest one first",
    replaces="merge_kernel",
)
def merge_without_maximum(part_ptr: Any, lse_ptr: Any, out_ptr: Any, SPLITS: tl.constexpr, D: tl.constexpr) -> None:
    head = tl.program_id(0)
    split, dims = tl.arange(0, SPLITS), tl.arange(0, D)
    lse = tl.load(lse_ptr + head * SPLITS + split)
    part = tl.load(part_ptr + (head * SPLITS + split)[:, None] * D + dims[None, :])
    weight = tl.exp(lse)
    out = tl.sum(weight[:, None] * part, axis=0) / tl.sum(weight, axis=0)
    tl.store(out_ptr + head * D + dims, out)


@flash_decode.wrong("the weighted parts were added but not divided by the sum of the weights", replaces="merge_kernel")
def parts_not_divided(part_ptr: Any, lse_ptr: Any, out_ptr: Any, SPLITS: tl.constexpr, D: tl.constexpr) -> None:
    head = tl.program_id(0)
    split, dims = tl.arange(0, SPLITS), tl.arange(0, D)
    lse = tl.load(lse_ptr + head * SPLITS + split)
    part = tl.load(part_ptr + (head * SPLITS + split)[:, None] * D + dims[None, :])
    weight = tl.exp(lse - tl.max(lse, axis=0))
    out = tl.sum(weight[:, None] * part, axis=0)
    tl.store(out_ptr + head * D + dims, out)


@flash_decode.wrong("the maximum of a part was not subtracted: exp of a score above 88 is inf", replaces="split_kernel")
def no_maximum(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = 0.0
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, top + tl.log(total))


@flash_decode.wrong(
    "the log-sum-exp lacks the maximum: log(sum) belongs to the shifted scores, so add the maximum back",
    replaces="split_kernel",
)
def lse_without_maximum(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = tl.maximum(tl.max(scores, axis=0), -1e30)
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, tl.log(total))


@flash_decode.wrong(
    "the maximum was stored instead of the log-sum-exp: a part with many keys then gets no more weight than one key",
    replaces="split_kernel",
)
def maximum_for_lse(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = tl.maximum(tl.max(scores, axis=0), -1e30)
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, top + tl.log(total) * 0.0)


@flash_decode.wrong("the sum was stored instead of its logarithm", replaces="split_kernel")
def sum_for_lse(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = tl.maximum(tl.max(scores, axis=0), -1e30)
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, total)


@flash_decode.wrong(
    "a part without keys gave NaN, from -inf - (-inf) or 0 / 0: keep its maximum finite and its divisor above 0",
    replaces="split_kernel",
)
def empty_part_is_nan(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = tl.max(scores, axis=0)
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, top + tl.log(total))


@flash_decode.wrong(
    "a part was not divided by its own sum: the merge multiplies it by this sum again, through the log-sum-exp",
    replaces="split_kernel",
)
def part_not_divided(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = tl.maximum(tl.max(scores, axis=0), -1e30)
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, top + tl.log(total))


@flash_decode.wrong(
    "a part used BLOCK keys, but only `length` keys belong to it: some keys are counted twice", replaces="split_kernel"
)
def parts_overlap(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = keys < m
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = tl.maximum(tl.max(scores, axis=0), -1e30)
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, top + tl.log(total))


@flash_decode.wrong("the last part did not stop at m: it reads the keys of the next head", replaces="split_kernel")
def reads_into_next_head(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = lane < length
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = tl.maximum(tl.max(scores, axis=0), -1e30)
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, top + tl.log(total))


@flash_decode.wrong(
    "keys past the end had the score 0 and got weight: their scores must be -inf", replaces="split_kernel"
)
def padding_scores_zero(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.sum(q[None, :] * k, axis=1) * scale
    top = tl.maximum(tl.max(scores, axis=0), -1e30)
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, top + tl.log(total))


@flash_decode.wrong("the scores were not multiplied by scale", replaces="split_kernel")
def no_scale(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1), float("-inf"))
    top = tl.maximum(tl.max(scores, axis=0), -1e30)
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, top + tl.log(total))


@flash_decode.wrong("every part used the first keys: part s starts at key s * length", replaces="split_kernel")
def first_keys_only(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * 0 + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = tl.maximum(tl.max(scores, axis=0), -1e30)
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, top + tl.log(total))


@flash_decode.wrong("K was loaded twice: use the loaded tile again", replaces="split_kernel")
def k_read_again(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = tl.maximum(tl.max(scores, axis=0), -1e30)
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, top + tl.log(total))


@flash_decode.wrong(
    "the maximum was kept above -10,000: if all scores are lower, no key of the part has weight; use -1e30",
    replaces="split_kernel",
)
def floor_of_ten_thousand(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = tl.maximum(tl.max(scores, axis=0), -1e4)
    p = tl.exp2((scores - top) * 1.4426950408889634)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, top + tl.log2(total) * 0.6931471805599453)


@flash_decode.wrong(
    "the merge subtracted 0 if all log-sum-exps are negative: below −88 all weights become 0; subtract the largest one",
    replaces="merge_kernel",
)
def merge_from_zero(part_ptr: Any, lse_ptr: Any, out_ptr: Any, SPLITS: tl.constexpr, D: tl.constexpr) -> None:
    head = tl.program_id(0)
    split, dims = tl.arange(0, SPLITS), tl.arange(0, D)
    lse = tl.load(lse_ptr + head * SPLITS + split)
    part = tl.load(part_ptr + (head * SPLITS + split)[:, None] * D + dims[None, :])
    weight = tl.exp(lse - tl.maximum(tl.max(lse, axis=0), 0.0))
    out = tl.sum(weight[:, None] * part, axis=0) / tl.sum(weight, axis=0)
    tl.store(out_ptr + head * D + dims, out)


@flash_decode.wrong(
    "a part without keys got the log-sum-exp 0 and so had weight: it must be far below every score",
    replaces="split_kernel",
)
def empty_part_at_zero(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = tl.maximum(tl.max(scores, axis=0), -1e30)
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, tl.where(total > 0, top + tl.log(total), 0.0))


@flash_decode.right("Python's max of two numbers", replaces="split_kernel")
def python_max(
    q_ptr: Any,
    k_ptr: Any,
    v_ptr: Any,
    part_ptr: Any,
    lse_ptr: Any,
    m: Any,
    length: Any,
    scale: Any,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
) -> None:
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    top = max(tl.max(scores, axis=0), -1e30)
    p = tl.exp2((scores - top) * 1.4426950408889634)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / max(total, 1e-30)
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, top + tl.log2(total) * 0.6931471805599453)


@flash_decode.wrong(
    "the kernel always used 4 parts: with another SPLITS, parts are missing or do not exist", replaces="merge_kernel"
)
def fixed_splits(part_ptr: Any, lse_ptr: Any, out_ptr: Any, SPLITS: tl.constexpr, D: tl.constexpr) -> None:
    split, dims = tl.arange(0, 4), tl.arange(0, D)
    head = tl.program_id(0)
    lse = tl.load(lse_ptr + head * SPLITS + split)
    part = tl.load(part_ptr + (head * SPLITS + split)[:, None] * D + dims[None, :])
    weight = tl.exp(lse - tl.max(lse, axis=0))
    weight = weight / tl.sum(weight, axis=0)
    tl.store(out_ptr + head * D + dims, tl.sum(weight[:, None] * part, axis=0))


@flash_decode.right("methods of tiles", replaces="merge_kernel")
def methods(part_ptr: Any, lse_ptr: Any, out_ptr: Any, SPLITS: tl.constexpr, D: tl.constexpr) -> None:
    split, dims = tl.arange(0, SPLITS), tl.arange(0, D)
    head = tl.program_id(0)
    lse = tl.load(lse_ptr + head * SPLITS + split)
    part = tl.load(part_ptr + (head * SPLITS + split)[:, None] * D + dims[None, :])
    weight = (lse - lse.max(axis=0)).exp()
    weight = weight / weight.sum(axis=0)
    tl.store(out_ptr + head * D + dims, (weight[:, None] * part).sum(axis=0))
