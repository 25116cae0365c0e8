"""One query, many keys

A generated token has only one query for each head, but a long cache of keys. One program for each head would leave most
of a GPU idle, so the keys are split into at least 2 parts. Each part returns its own weighted average and the
log-sum-exp of its scores. These two are enough to merge the parts.
"""

import triton
import triton.language as tl

CONFIG = {"SPLITS": 4, "num_warps": 4}
# A GPU may try these instead, and takes the fastest. Each must be right.
TUNE = [{"SPLITS": 2}, {"SPLITS": 8}, {"num_warps": 8}]


@triton.jit
def split_kernel(
    q_ptr,
    k_ptr,
    v_ptr,
    part_ptr,
    lse_ptr,
    m,
    length,
    scale,
    BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
    D: tl.constexpr,
):
    """Attention of one query to one part of its keys: part s has up to `length` keys from s · length on, all below m.

    Given: `v`, and `scores` in float32, with -inf in each lane without a key. Compute `out`, (D,), the average of this
    part's values weighted by the softmax over its own scores, and `lse`, log Σ exp(score). Both are finite for every
    finite score. A part may have no key at all. Then `out` is 0, and `lse` is so low (-1e30 or -inf) that the part gets
    no weight.
    With the scores [0, ln 3] and the values 0 and 4, out is 3 and lse is ln 4.
    """
    split, head = tl.program_id(0), tl.program_id(1)
    dims, lane = tl.arange(0, D), tl.arange(0, BLOCK)
    keys = split * length + lane
    inside = (lane < length) & (keys < m)
    at = head * m * D + keys[:, None] * D + dims[None, :]
    q = tl.load(q_ptr + head * D + dims).to(tl.float32)
    k = tl.load(k_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    v = tl.load(v_ptr + at, mask=inside[:, None], other=0).to(tl.float32)
    scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1) * scale, float("-inf"))
    ### BEGIN SOLUTION
    top = tl.maximum(tl.max(scores, axis=0), -1e30)
    p = tl.exp(scores - top)
    total = tl.sum(p, axis=0)
    out = tl.sum(p[:, None] * v, axis=0) / tl.maximum(total, 1e-30)
    lse = top + tl.log(total)
    ### END SOLUTION
    tl.store(part_ptr + (head * SPLITS + split) * D + dims, out)
    tl.store(lse_ptr + head * SPLITS + split, lse)


@triton.jit
def merge_kernel(part_ptr, lse_ptr, out_ptr, SPLITS: tl.constexpr, D: tl.constexpr):
    """The attention of one head, merged from its parts. Given: `part`, (SPLITS, D), `lse`, (SPLITS,). Compute `out`."""
    head = tl.program_id(0)
    split, dims = tl.arange(0, SPLITS), tl.arange(0, D)
    lse = tl.load(lse_ptr + head * SPLITS + split)
    part = tl.load(part_ptr + (head * SPLITS + split)[:, None] * D + dims[None, :])
    ### BEGIN SOLUTION
    weight = tl.exp(lse - tl.max(lse, axis=0))
    out = tl.sum(weight[:, None] * part, axis=0) / tl.sum(weight, axis=0)
    ### END SOLUTION
    tl.store(out_ptr + head * D + dims, out)
