"""All gradients as one long vector, divided by its length in units of `max_norm` where that is more than 1."""

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
    """As asked for, with this norm."""
    return _scaled(grads, max_norm / norm if _finite(norm) > max_norm else 1.0), norm


@clip_by_global_norm.right("the norm of the norms, as torch does it")
def norm_of_norms(grads: list[Tensor], max_norm: float) -> Clipped:
    norms = torch.stack([torch.zeros(()), *[torch.linalg.vector_norm(g.float()) for g in grads]])
    return _clipped(grads, max_norm, torch.linalg.vector_norm(norms).item())


@clip_by_global_norm.right("scaled by a tensor clamped at 1")
def clamped_scale(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = torch.tensor(_finite(_norm(grads)))
    scale = (max_norm / norm).clamp(max=1.0)  # a norm of 0 gives inf, which is clamped too
    return [(g.float() * scale).to(g.dtype) for g in grads], norm.item()


@clip_by_global_norm.wrong("each tensor clipped by its own norm: that turns the direction; all share one scale")
def per_tensor(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _finite(_norm(grads))
    return [_clipped([g], max_norm, _norm([g]))[0][0] for g in grads], norm


@clip_by_global_norm.wrong("each value clamped: that turns the direction; the length of the whole is to be cut")
def by_value(grads: list[Tensor], max_norm: float) -> Clipped:
    return [g.clamp(-max_norm, max_norm) for g in grads], _finite(_norm(grads))


@clip_by_global_norm.wrong("small gradients scaled up: a norm below `max_norm` is left as it is")
def always_scaled(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _finite(_norm(grads))
    return _scaled(grads, max_norm / norm if norm else 1.0), norm


@clip_by_global_norm.wrong("scaled to length 1: `max_norm` is the length to come out")
def to_unit_length(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _finite(_norm(grads))
    return _scaled(grads, 1 / norm if norm > max_norm else 1.0), norm


@clip_by_global_norm.wrong("the root left out: the sum of the squares is the square of the norm")
def no_root(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, _norm(grads) ** 2)


@clip_by_global_norm.wrong("the norms of the tensors added up: their squares add up, the norms do not")
def sum_of_norms(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, math.fsum(_norm([g]) for g in grads))


@clip_by_global_norm.wrong("the largest norm of a tensor taken: every square counts, of every tensor")
def largest_norm(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, max([0.0, *[_norm([g]) for g in grads]]))


@clip_by_global_norm.wrong("the sum of the absolute values: it is squares that are summed, and the root of that")
def l1_norm(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, float(sum(g.float().abs().sum().item() for g in grads)))


@clip_by_global_norm.wrong("the largest absolute value in place of the norm")
def largest_value(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, max([0.0, *[g.float().abs().max().item() for g in grads if g.numel()]]))


@clip_by_global_norm.wrong("the mean of the squares in place of their sum: then a large model is never clipped")
def root_mean_square(grads: list[Tensor], max_norm: float) -> Clipped:
    count = max(1, sum(g.numel() for g in grads))
    return _clipped(grads, max_norm, _norm(grads) / math.sqrt(count))


@clip_by_global_norm.wrong("the norm after clipping returned: the one before says how bad the batch was")
def norm_after(grads: list[Tensor], max_norm: float) -> Clipped:
    clipped, norm = _clipped(grads, max_norm, _norm(grads))
    return clipped, min(_finite(norm), max_norm)


@clip_by_global_norm.wrong("the norm returned as a tensor: a Python float is promised")
def norm_as_tensor(grads: list[Tensor], max_norm: float) -> tuple[list[Tensor], Tensor]:
    clipped, norm = _clipped(grads, max_norm, _norm(grads))
    return clipped, torch.tensor(_finite(norm))


@clip_by_global_norm.wrong("1e-6 added to the norm, as torch's clip_grad_norm_ does: tiny gradients come out too short")
def epsilon_below(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _finite(_norm(grads))
    return _scaled(grads, min(1.0, max_norm / (norm + 1e-6))), norm


@clip_by_global_norm.wrong("the scale rounded to the dtype of each tensor: multiply in float32, and round once")
def rounded_scale(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _finite(_norm(grads))
    if norm <= max_norm:
        return [g.clone() for g in grads], norm
    return [g * torch.tensor(max_norm / norm).to(g.dtype) for g in grads], norm


@clip_by_global_norm.wrong("norms stacked although there may be none: no tensors at all have norm 0.0")
def needs_a_tensor(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g.float()) for g in grads])).item()
    return _clipped(grads, max_norm, norm)


@clip_by_global_norm.wrong("divided by a norm of 0: gradients that are all zero, or none at all, need no scale")
def divides_by_zero(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _finite(_norm(grads))
    return _scaled(grads, min(1.0, max_norm / norm)), norm


@clip_by_global_norm.wrong("inf or NaN let through: a scale of 0 or NaN then spoils every gradient there is")
def lets_nan_through(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _norm(grads)
    return _scaled(grads, max_norm / norm if not norm <= max_norm else 1.0), norm


@clip_by_global_norm.wrong("only inf looked for: a NaN norm is above no bound, and NaN would spread to every tensor")
def only_inf(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _norm(grads)
    if math.isinf(norm):
        raise ValueError("inf")
    return _scaled(grads, max_norm / norm if norm > max_norm else 1.0), norm


@clip_by_global_norm.wrong("all tensors returned in the dtype of the first: each keeps its own")
def dtype_of_the_first(grads: list[Tensor], max_norm: float) -> Clipped:
    clipped, norm = _clipped(grads, max_norm, _norm(grads))
    return [c.to(grads[0].dtype) for c in clipped], norm


@clip_by_global_norm.wrong("torch.sqrt of a Python sum: without any tensors that sum is the int 0, and the norm 0.0")
def sum_of_nothing(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, torch.sqrt(sum((g.float() ** 2).sum() for g in grads)).item())  # type: ignore[arg-type]


@clip_by_global_norm.wrong("only NaN looked for: an infinite norm cannot be scaled either")
def only_nan(grads: list[Tensor], max_norm: float) -> Clipped:
    norm = _norm(grads)
    if math.isnan(norm):
        raise ValueError("NaN")
    return _scaled(grads, max_norm / norm if norm > max_norm else 1.0), norm


def _in_their_dtype(grads: list[Tensor], square: Callable[[Tensor], Tensor]) -> float:
    return math.sqrt(sum(square(g).item() for g in grads))


@clip_by_global_norm.wrong("squared in the low precision of the gradients: 300² is inf in fp16, and 1e-4² is 0")
def low_precision_squares(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, _in_their_dtype(grads, lambda g: (g * g).float().sum()))


@clip_by_global_norm.wrong("norms of the tensors rounded to their dtype: sum the squares in float32")
def low_precision_norms(grads: list[Tensor], max_norm: float) -> Clipped:
    return _clipped(grads, max_norm, _in_their_dtype(grads, lambda g: g.float().norm().to(g.dtype).float() ** 2))


clip_by_global_norm.standard_wrongs("returns_fp32", says="returned in float32: each tensor keeps its dtype")


@clip_by_global_norm.wrong("changed in place, as torch's clip_grad_norm_ does: here the inputs stay as they were")
def in_place(grads: list[Tensor], max_norm: float) -> Clipped:
    clipped, norm = _clipped(grads, max_norm, _finite(_norm(grads)))
    return [g.copy_(c) for g, c in zip(grads, clipped, strict=True)], norm
