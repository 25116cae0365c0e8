"""All gradients as one long vector. It is divided by norm / max_norm if that is more than 1."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from reference import oracle

Clipped = tuple[list[Tensor], float]


def _finite(norm: float) -> float:
    if math.isinf(norm) or math.isnan(norm):
        raise ValueError("no norm")
    return norm


@oracle
def clip_by_global_norm(grads: list[Tensor], max_norm: float) -> Clipped:
    flat = torch.cat([torch.zeros(1), *[g.reshape(-1).to(torch.get_default_dtype()) for g in grads]])
    norm = _finite(torch.sqrt((flat * flat).sum()).item())
    if norm <= max_norm:
        return [g.clone() for g in grads], norm
    return [(g / (norm / max_norm)).to(g.dtype) if max_norm else torch.zeros_like(g) for g in grads], norm


def _norm(grads: Sequence[Tensor]) -> float:
    return math.sqrt(sum(g.float().square().sum().item() for g in grads))


def _scaled(grads: list[Tensor], scale: float) -> list[Tensor]:
    return [(g.float() * scale).to(g.dtype) for g in grads]


def _clipped(grads: list[Tensor], max_norm: float, norm: float) -> Clipped:
    """The right answer for this norm."""
    return _scaled(grads, max_norm / norm if _finite(norm) > max_norm else 1.0), norm


@clip_by_global_norm.right("the norm of the norms, as in torch")
def norm_of_norms(grads: list[Tensor], max_norm: float) -> Clipped:
    norms = torch.stack([torch.zeros(()), *[torch.linalg.vector_norm(g.float()) for g in grads]])
    return _clipped(grads, max_norm, torch.linalg.vector_norm(norms).item())


@clip_by_global_norm.right("scaled by a tensor clamped at 1")
def clamped_scale(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = torch.tensor(_finite(_norm(grads)))
    scale = (max_norm / norm).clamp(max=1.0)  # a norm of 0 gives inf, which is clamped too
    return [(g.float() * scale).to(g.dtype) for g in grads], norm.item()


@clip_by_global_norm.wrong("each tensor was clipped by its own norm: that changes the direction; use one scale for all")
def per_tensor(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _finite(_norm(grads))
    return [_clipped([g], max_norm, _norm([g]))[0][0] for g in grads], norm


@clip_by_global_norm.wrong("each value was clamped: that changes the direction; scale the whole gradient")
def by_value(grads: list[Tensor], max_norm: float) -> Clipped:
    return [g.clamp(-max_norm, max_norm) for g in grads], _finite(_norm(grads))


@clip_by_global_norm.wrong("small gradients were scaled up: if the norm is below `max_norm`, leave them as they are")
def always_scaled(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _finite(_norm(grads))
    return _scaled(grads, max_norm / norm if norm else 1.0), norm


@clip_by_global_norm.wrong("the gradients were scaled to norm 1: scale them to `max_norm`")
def to_unit_length(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _finite(_norm(grads))
    return _scaled(grads, 1 / norm if norm > max_norm else 1.0), norm


@clip_by_global_norm.wrong("the root was left out: the sum of the squares is the square of the norm")
def no_root(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, _norm(grads) ** 2)


@clip_by_global_norm.wrong("the norms of the tensors were added: add their squares, then take the root")
def sum_of_norms(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, math.fsum(_norm([g]) for g in grads))


@clip_by_global_norm.wrong("the largest norm of a tensor was used: add the squares of all tensors")
def largest_norm(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, max([0.0, *[_norm([g]) for g in grads]]))


@clip_by_global_norm.wrong("the absolute values were added: add the squares and take the root")
def l1_norm(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, float(sum(g.float().abs().sum().item() for g in grads)))


@clip_by_global_norm.wrong("the largest absolute value was used as the norm: add all squares and take the root")
def largest_value(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, max([0.0, *[g.float().abs().max().item() for g in grads if g.numel()]]))


@clip_by_global_norm.wrong(
    "the mean of the squares was used: with their mean a large model is never clipped, so use their sum"
)
def root_mean_square(grads: list[Tensor], max_norm: float) -> Clipped:
    count = max(1, sum(g.numel() for g in grads))
    return _clipped(grads, max_norm, _norm(grads) / math.sqrt(count))


@clip_by_global_norm.wrong(
    "the norm after clipping was returned: return the norm before, which tells how bad the batch was"
)
def norm_after(grads: list[Tensor], max_norm: float) -> Clipped:
    clipped, norm = _clipped(grads, max_norm, _norm(grads))
    return clipped, min(_finite(norm), max_norm)


@clip_by_global_norm.wrong("the norm is a tensor: return a Python float")
def norm_as_tensor(grads: list[Tensor], max_norm: float) -> tuple[list[Tensor], Tensor]:
    clipped, norm = _clipped(grads, max_norm, _norm(grads))
    return clipped, torch.tensor(_finite(norm))


@clip_by_global_norm.wrong(
    "1e-6 was added to the norm, as torch's clip_grad_norm_ does: tiny gradients then become too small"
)
def epsilon_below(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _finite(_norm(grads))
    return _scaled(grads, min(1.0, max_norm / (norm + 1e-6))), norm


@clip_by_global_norm.wrong("the scale was rounded to the dtype of each tensor: multiply in float32 and round once")
def rounded_scale(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _finite(_norm(grads))
    if norm <= max_norm:
        return [g.clone() for g in grads], norm
    return [g * torch.tensor(max_norm / norm).to(g.dtype) for g in grads], norm


@clip_by_global_norm.wrong("the norms were stacked, and that fails without tensors: an empty list has norm 0.0")
def needs_a_tensor(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g.float()) for g in grads])).item()
    return _clipped(grads, max_norm, norm)


@clip_by_global_norm.wrong(
    "the code divided by a norm of 0: if all gradients are zero, or there are none, they need no scale"
)
def divides_by_zero(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _finite(_norm(grads))
    return _scaled(grads, min(1.0, max_norm / norm)), norm


@clip_by_global_norm.wrong("a norm of inf or NaN was accepted: the scale is then 0 or NaN and spoils every gradient")
def lets_nan_through(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _norm(grads)
    return _scaled(grads, max_norm / norm if not norm <= max_norm else 1.0), norm


@clip_by_global_norm.wrong(
    "only inf was rejected: NaN > max_norm is false, so a NaN norm passes and NaN can reach every tensor"
)
def only_inf(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _norm(grads)
    if math.isinf(norm):
        raise ValueError("inf")
    return _scaled(grads, max_norm / norm if norm > max_norm else 1.0), norm


@clip_by_global_norm.wrong("all tensors have the dtype of the first: each tensor keeps its own dtype")
def dtype_of_the_first(grads: list[Tensor], max_norm: float) -> Clipped:
    clipped, norm = _clipped(grads, max_norm, _norm(grads))
    return [c.to(grads[0].dtype) for c in clipped], norm


@clip_by_global_norm.wrong(
    "torch.sqrt was applied to a Python sum: without tensors that sum is the int 0, and the norm is 0.0"
)
def sum_of_nothing(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, torch.sqrt(sum((g.float() ** 2).sum() for g in grads)).item())  # type: ignore[arg-type]


@clip_by_global_norm.wrong("only NaN was rejected: gradients with an infinite norm cannot be scaled either")
def only_nan(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _norm(grads)
    if math.isnan(norm):
        raise ValueError("NaN")
    return _scaled(grads, max_norm / norm if norm > max_norm else 1.0), norm


def _in_their_dtype(grads: list[Tensor], square: Callable[[Tensor], Tensor]) -> float:
    return math.sqrt(sum(square(g).item() for g in grads))


@clip_by_global_norm.wrong(
    "the squares were computed in the low precision of the gradients: in fp16, 300² is inf and 1e-4² is 0"
)
def low_precision_squares(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, _in_their_dtype(grads, lambda g: (g * g).float().sum()))


@clip_by_global_norm.wrong("the norms of the tensors were rounded to their dtypes: add the squares in float32")
def low_precision_norms(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, _in_their_dtype(grads, lambda g: g.float().norm().to(g.dtype).float() ** 2))


clip_by_global_norm.standard_wrongs("returns_fp32", says="returned in float32: each tensor keeps its dtype")


@clip_by_global_norm.wrong(
    "the gradients were changed in place, as in torch's clip_grad_norm_: here the inputs must stay unchanged"
)
def in_place(grads: list[Tensor], max_norm: float) -> Clipped:
    clipped, norm = _clipped(grads, max_norm, _finite(_norm(grads)))
    return [g.copy_(c) for g, c in zip(grads, clipped, strict=True)], norm
