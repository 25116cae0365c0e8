"""Keeps every h. The lengths of the segments give what checkpointing would hold and run again."""

from typing import Any

import torch
from torch import Tensor

from reference import oracle, promoted

Answer = dict[str, Any]


@oracle
def checkpointed_grads(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    if every < 1:
        raise ValueError("no segment")
    wide, start, upstream = promoted(weights, x, dy)
    hs = [start]
    for w in wide:
        hs.append(torch.tanh(w * hs[-1]))
    slopes = [1 - h * h for h in hs[1:]]
    above = [upstream]
    for w, slope in zip(reversed(wide), reversed(slopes), strict=True):
        above.append(above[-1] * slope * w)
    above.reverse()
    dweights = torch.stack([d * s * h for d, s, h in zip(above[1:], slopes, hs[:-1], strict=True)])
    lengths = _lengths(len(weights), every)
    peak = max(earlier + 1 + length for earlier, length in enumerate(lengths))
    dx, dweights = above[0].to(x.dtype), dweights.to(x.dtype)
    return {"dx": dx, "dweights": dweights, "peak": peak, "recomputed": sum(lengths)}


def _lengths(layers: int, every: int) -> list[int]:
    """Layers in each segment."""
    if every < 1:
        raise ValueError("no segment")
    return [every] * (layers // every) + ([layers % every] if layers % every else [])


def _segments(weights: Tensor, every: int) -> list[Tensor]:
    return [weights[start : start + every] for start in range(0, len(weights), every)]


def _gradients(weights: Tensor, x: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
    """dx and dweights in the dtype of the inputs, layer by layer."""
    hs, dweights = [x], torch.zeros_like(weights)
    for w in weights:
        hs.append(torch.tanh(w * hs[-1]))
    for i in reversed(range(len(weights))):
        dz = (1 - hs[i + 1] * hs[i + 1]) * dy
        dweights[i], dy = dz * hs[i], dz * weights[i]
    return dy, dweights


def _answer(weights: Tensor, x: Tensor, dy: Tensor, every: int, **other: Any) -> Answer:
    """The right answer, with some entries replaced."""
    lengths = _lengths(len(weights), every)
    dx, dweights = _gradients(weights.float(), x.float(), dy.float())
    peak = max(i + 1 + n for i, n in enumerate(lengths))
    answer = {"dx": dx.to(x.dtype), "dweights": dweights.to(x.dtype), "peak": peak, "recomputed": len(weights)}
    return answer | other


@checkpointed_grads.right("segment by segment, in lists")
def segment_by_segment(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    _lengths(len(weights), every)
    wide, gradient, peak, run = weights.float(), dy.float(), 0, 0
    segments = _segments(wide, every)
    checkpoints = [x.float()]
    for segment in segments[:-1]:
        h = checkpoints[-1]
        for w in segment:
            h = torch.tanh(w * h)
        checkpoints.append(h)
    found = []
    for segment in reversed(segments):
        hs = [checkpoints.pop()]
        for w in segment:
            hs.append(torch.tanh(w * hs[-1]))
            run += 1
        peak = max(peak, len(checkpoints) + len(hs))
        for w in reversed(segment):
            dz = (1 - hs.pop().square()) * gradient
            found.append(dz * hs[-1])
            gradient = dz * w
    dweights = torch.stack(found[::-1])
    return {"dx": gradient.to(x.dtype), "dweights": dweights.to(x.dtype), "peak": peak, "recomputed": run}


@checkpointed_grads.right("the gradients by autograd, the counts by hand")
def by_autograd(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    leaves = [t.detach().float().requires_grad_() for t in (weights, x)]
    h = leaves[1]
    for w in leaves[0]:
        h = torch.tanh(w * h)
    dweights, dx = torch.autograd.grad(h, leaves, dy.float())
    return _answer(weights, x, dy, every, dx=dx.to(x.dtype), dweights=dweights.to(x.dtype))


@checkpointed_grads.wrong("every h of the forward pass was kept: hold only the input of each segment")
def keeps_all(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    return _answer(weights, x, dy, every, peak=len(weights) + 1, recomputed=0)


@checkpointed_grads.wrong("each segment was run again from x: start from the segment's own checkpoint")
def from_the_start(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    lengths = _lengths(len(weights), every)
    ends = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    return _answer(weights, x, dy, every, recomputed=sum(ends))


@checkpointed_grads.wrong("each layer ran again from the checkpoint: one run gives all h's of a segment, so hold them")
def once_per_layer(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    lengths = _lengths(len(weights), every)
    peak = max(i + 1 + min(n, 2) for i, n in enumerate(lengths))
    return _answer(weights, x, dy, every, peak=peak, recomputed=sum(n * (n + 1) // 2 for n in lengths))


@checkpointed_grads.wrong(
    "all checkpoints and the longest segment were added: a checkpoint is dropped when its segment is done"
)
def never_dropped(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    lengths = _lengths(len(weights), every)
    return _answer(weights, x, dy, every, peak=len(lengths) + max(lengths))


@checkpointed_grads.wrong("the last h was held as a checkpoint too: it is not the input of any segment")
def last_output_held(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    answer = _answer(weights, x, dy, every)
    return answer | {"peak": answer["peak"] + (len(weights) % every == 0)}


@checkpointed_grads.wrong("a segment's checkpoint was counted twice: it is the first h of the segment and is held once")
def checkpoint_twice(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    answer = _answer(weights, x, dy, every)
    return answer | {"peak": answer["peak"] + 1}


@checkpointed_grads.wrong("only the checkpoints were counted: the h's of the current segment are held too")
def checkpoints_only(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    return _answer(weights, x, dy, every, peak=len(_lengths(len(weights), every)))


@checkpointed_grads.wrong(
    "only the current segment was counted: the checkpoints of the earlier segments are held at the same time"
)
def segment_only(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    return _answer(weights, x, dy, every, peak=max(_lengths(len(weights), every)) + 1)


@checkpointed_grads.wrong("x was not counted: h_0 is the first checkpoint and is held until the end")
def without_x(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    answer = _answer(weights, x, dy, every)
    return answer | {"peak": answer["peak"] - 1}


@checkpointed_grads.wrong(
    "the peak was taken at the last segment: if this segment is short, the segment before it holds more"
)
def at_the_last_segment(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    lengths = _lengths(len(weights), every)
    return _answer(weights, x, dy, every, peak=len(lengths) + lengths[-1])


@checkpointed_grads.wrong(
    "the last layer of a segment was not run again: its h was the next checkpoint, which was already dropped"
)
def all_but_the_last(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    lengths = _lengths(len(weights), every)
    return _answer(weights, x, dy, every, recomputed=len(weights) - len(lengths) + 1)


@checkpointed_grads.wrong(
    "no segment ran its last layer again, and its last h was kept instead: each segment runs all its layers again"
)
def never_the_last(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    lengths = _lengths(len(weights), every)
    return _answer(weights, x, dy, every, recomputed=len(weights) - len(lengths))


@checkpointed_grads.wrong(
    "the last segment was not run again: the forward pass held only its checkpoint, as for the other segments"
)
def last_segment_kept(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    return _answer(weights, x, dy, every, recomputed=len(weights) - _lengths(len(weights), every)[-1])


@checkpointed_grads.wrong("the layers after the last full segment were left out: the last segment may be shorter")
def tail_dropped(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    layers = len(weights) // max(1, every) * every
    if layers in (0, len(weights)):
        return _answer(weights, x, dy, every)
    answer = _answer(weights[:layers], x, dy, every)
    rest = torch.zeros_like(weights[layers:], dtype=x.dtype)
    return answer | {"dweights": torch.cat([answer["dweights"], rest])}


@checkpointed_grads.wrong("every segment started from dy: start from the gradient that the segment after it computed")
def not_carried_over(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    lengths = _lengths(len(weights), every)
    h, found, dx = x.float(), [], dy.float()
    for i, segment in enumerate(_segments(weights.float(), every)):
        gradient, dweights = _gradients(segment, h, dy.float())
        dx = gradient if i == 0 else dx
        found.append(dweights)
        for w in segment:
            h = torch.tanh(w * h)
    assert len(found) == len(lengths)
    return _answer(weights, x, dy, every, dx=dx.to(x.dtype), dweights=torch.cat(found).to(x.dtype))


def _otherwise(weights: Tensor, x: Tensor, dy: Tensor, every: int, slip: str) -> Answer:
    """One slip in the backward step of a layer."""
    wide, gradient, hs = weights.float(), dy.float(), [x.float()]
    for w in wide:
        hs.append(torch.tanh(w * hs[-1]))
    dweights = torch.zeros_like(wide)
    for i in reversed(range(len(wide))):
        slope = {"input": 1 - hs[i] ** 2, "none": torch.ones_like(hs[i])}.get(slip, 1 - hs[i + 1] ** 2)
        dz = slope * gradient
        dweights[i] = dz * hs[i + 1 if slip == "output" else i]
        gradient = dz if slip == "unweighted" else dz * wide[i]
    return _answer(weights, x, dy, every, dx=gradient.to(x.dtype), dweights=dweights.to(x.dtype))


@checkpointed_grads.wrong("the slope was computed from the layer's input: it is 1 − h², where h is the layer's output")
def slope_of_the_input(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    return _otherwise(weights, x, dy, every, "input")


@checkpointed_grads.wrong("the slope of tanh was left out: dz is (1 − h²) · dh")
def without_slope(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    return _otherwise(weights, x, dy, every, "none")


@checkpointed_grads.wrong(
    "dz was multiplied by the layer's output: the gradient with respect to w_i is dz times the input, h_(i-1)"
)
def times_the_output(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    return _otherwise(weights, x, dy, every, "output")


@checkpointed_grads.wrong("w_i was left out of the gradient of the input: dh_(i-1) is dz · w_i")
def without_weight(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    return _otherwise(weights, x, dy, every, "unweighted")


@checkpointed_grads.wrong(
    "dweights is in the order of the backward pass: row i belongs to layer i, so reverse the list"
)
def last_layer_first(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    answer = _answer(weights, x, dy, every)
    return answer | {"dweights": answer["dweights"].flip(0)}


@checkpointed_grads.wrong("`every` was not checked: for 0 and negative numbers the contract asks for a ValueError")
def unchecked(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    if every < 0:
        return {"dx": dy, "dweights": torch.zeros_like(weights), "peak": 0, "recomputed": len(weights)}
    return _answer(weights, x, dy, every, peak=0 % every) if every == 0 else _answer(weights, x, dy, every)


@checkpointed_grads.wrong("`every` = 0 was taken as one segment of all layers: the contract asks for a ValueError")
def zero_is_all(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    return _answer(weights, x, dy, every or len(weights))


checkpointed_grads.standard_wrongs("low_precision_inside")


@checkpointed_grads.wrong(
    "the checkpoints were rounded to the dtype of the input: the second run then starts from other numbers"
)
def rounded_checkpoints(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    _lengths(len(weights), every)
    h, gradient, found, starts = x.float(), dy.float(), [], []
    segments = _segments(weights.float(), every)
    for segment in segments:
        starts.append(h.to(x.dtype).float())
        for w in segment:
            h = torch.tanh(w * h)
    for segment, start in zip(reversed(segments), reversed(starts), strict=True):
        gradient, dweights = _gradients(segment, start, gradient)
        found.append(dweights)
    dweights = torch.cat(found[::-1]).to(x.dtype)
    return _answer(weights, x, dy, every, dx=gradient.to(x.dtype), dweights=dweights)


checkpointed_grads.standard_wrongs("returns_fp32", says="gradients returned in float32, not in the dtype of the input")


@checkpointed_grads.wrong("dweights has the dtype of the weights: both gradients have the dtype of `x`")
def as_wide_as_the_weights(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    _lengths(len(weights), every)
    _, dweights = _gradients(weights.float(), x.float(), dy.float())
    return _answer(weights, x, dy, every, dweights=dweights.to(weights.dtype))


@checkpointed_grads.wrong(
    "the weights and dy were first rounded to the dtype of `x`: compute in float32 and round once, at the end"
)
def rounded_first(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    return _answer(weights.to(x.dtype), x, dy.to(x.dtype), every)


@checkpointed_grads.wrong("dx has the dtype of dy: both gradients have the dtype of `x`")
def dx_as_wide_as_dy(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    _lengths(len(weights), every)
    dx, _ = _gradients(weights.float(), x.float(), dy.float())
    return _answer(weights, x, dy, every, dx=dx.to(dy.dtype))


@checkpointed_grads.wrong(
    "`every` above the number of layers was refused: it is allowed and means one segment of all layers"
)
def refuses_long_segments(weights: Tensor, x: Tensor, dy: Tensor, every: int) -> Answer:
    if every > len(weights):
        raise ValueError("no such segment")
    return _answer(weights, x, dy, every)
