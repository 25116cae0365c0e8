"""All gradients as one vector, divided once by the product of scale and clipping."""

import math
from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import torch
from torch import Tensor

from reference import oracle
from reference.ch04_optimization.clip_by_global_norm import clip_by_global_norm

Scaled = tuple[list[Tensor] | None, float, int]


@oracle
def loss_scaling(
    grads: list[Tensor], scale: float, good_steps: int, grow_after: int = 2000, max_norm: float = 1.0
) -> Scaled:
    wide = [g.to(torch.get_default_dtype()) for g in grads]
    flat = torch.cat([torch.zeros(1), *[g.reshape(-1) for g in wide]])
    if not math.isfinite((flat - flat).sum().item()):  # inf - inf and NaN - NaN are NaN
        return None, 0.5 * scale, 0
    norm = torch.linalg.vector_norm(flat).item() / scale
    divisor = scale * norm / max_norm if norm > max_norm else scale
    steps = good_steps + 1
    grows = steps >= grow_after
    return [g / divisor for g in wide], 2 * scale if grows else scale, 0 if grows else steps


class Step(NamedTuple):
    """The inputs."""

    grads: list[Tensor]
    scale: float
    good_steps: int
    grow_after: int
    max_norm: float

    def finite(self) -> bool:
        return all(bool(g.isfinite().all()) for g in self.grads)

    def skipped(self) -> Scaled:
        return None, self.scale / 2, 0

    def unscaled(self) -> list[Tensor]:
        return [g.to(torch.get_default_dtype()) / self.scale for g in self.grads]

    def clipped(self, grads: list[Tensor] | None = None) -> list[Tensor]:
        return clip_by_global_norm(self.unscaled() if grads is None else grads, self.max_norm)[0]

    def counted(self, grads: list[Tensor]) -> Scaled:
        """The right end of a good step, for these gradients."""
        if self.good_steps + 1 >= self.grow_after:
            return grads, self.scale * 2, 0
        return grads, self.scale, self.good_steps + 1

    def right(self) -> Scaled:
        return self.counted(self.clipped()) if self.finite() else self.skipped()


def _of_inputs(formula: Callable[[Step], Scaled]) -> Callable[..., Scaled]:
    """`formula`, of all inputs as one, as an answer."""

    @wraps(formula)
    def answer(
        grads: list[Tensor], scale: float, good_steps: int, grow_after: int = 2000, max_norm: float = 1.0
    ) -> Scaled:
        return formula(Step(grads, scale, good_steps, grow_after, max_norm))

    return answer


@loss_scaling.right("with clip_by_global_norm, as the contract says")
@_of_inputs
def with_the_koan(s: Step) -> Scaled:
    return s.right()


@loss_scaling.right("with torch's GradScaler kernels: unscale and check in one call, then update the scale")
@_of_inputs
def library(s: Step) -> Scaled:
    grads, found = [g.float() for g in s.grads], torch.zeros(1)
    if grads:
        torch._amp_foreach_non_finite_check_and_unscale_(grads, found, torch.tensor([1 / s.scale]))
    steps = min(s.good_steps, s.grow_after - 1)  # torch's counter never goes beyond it
    scale, tracker = torch.tensor([s.scale]), torch.tensor([steps], dtype=torch.int32)
    torch._amp_update_scale_(scale, tracker, found, 2.0, 0.5, s.grow_after)
    return None if found else s.clipped(grads), scale.item(), int(tracker.item())


@loss_scaling.right("a norm that is not finite tells that a gradient is not")
@_of_inputs
def by_the_norm(s: Step) -> Scaled:
    norm = math.sqrt(sum(g.double().square().sum().item() for g in s.grads))
    return s.counted(s.clipped()) if math.isfinite(norm) else s.skipped()


# Unscaling and clipping


@loss_scaling.wrong(
    "the gradients were clipped before they were unscaled: their norm is then too large by the scale, and every step "
    "is clipped to almost nothing"
)
@_of_inputs
def clipped_first(s: Step) -> Scaled:
    if not s.finite():
        return s.skipped()
    return s.counted([g / s.scale for g in s.clipped([g.float() for g in s.grads])])


@loss_scaling.wrong("the gradients were clipped and never unscaled: those below max_norm are too large by the scale")
@_of_inputs
def not_unscaled(s: Step) -> Scaled:
    return s.counted(s.clipped([g.float() for g in s.grads])) if s.finite() else s.skipped()


@loss_scaling.wrong("the gradients were not clipped")
@_of_inputs
def not_clipped(s: Step) -> Scaled:
    return s.counted(s.unscaled()) if s.finite() else s.skipped()


@loss_scaling.wrong("the gradients were multiplied by the scale: the loss was multiplied by it, so divide")
@_of_inputs
def multiplied(s: Step) -> Scaled:
    return s.counted(s.clipped([g.float() * s.scale for g in s.grads])) if s.finite() else s.skipped()


@loss_scaling.wrong("the gradients were unscaled in fp16: small ones become 0 again; convert to float32 first")
@_of_inputs
def unscaled_in_fp16(s: Step) -> Scaled:
    return s.counted(s.clipped([(g / s.scale).float() for g in s.grads])) if s.finite() else s.skipped()


@loss_scaling.wrong("each tensor was clipped by its own norm: clip all tensors together")
@_of_inputs
def clipped_alone(s: Step) -> Scaled:
    if not s.finite():
        return s.skipped()
    return s.counted([clip_by_global_norm([g], s.max_norm)[0][0] for g in s.unscaled()])


@loss_scaling.wrong("a max_norm of 1.0 was always used: use the given one")
@_of_inputs
def fixed_max_norm(s: Step) -> Scaled:
    return s._replace(max_norm=1.0).right()


@loss_scaling.wrong("the gradients were divided by the doubled scale: they were made with the scale before")
@_of_inputs
def unscaled_by_the_next(s: Step) -> Scaled:
    if not s.finite():
        return s.skipped()
    _, scale, steps = s.counted([])
    return s._replace(scale=scale).clipped(), scale, steps


@loss_scaling.wrong("the gradients are in fp16 again: the optimizer gets float32")
@_of_inputs
def back_to_fp16(s: Step) -> Scaled:
    return s.counted([g.half() for g in s.clipped()]) if s.finite() else s.skipped()


@loss_scaling.wrong("the gradients were changed in place: the inputs must stay as they are")
@_of_inputs
def in_place(s: Step) -> Scaled:
    result = s.right()
    for old, new in zip(s.grads, result[0] or [], strict=False):
        old.copy_(new)
    return result


# Inf and NaN


@loss_scaling.wrong("a step with inf or NaN was taken: it makes every weight NaN; return None for the gradients")
@_of_inputs
def steps_on_inf(s: Step) -> Scaled:
    return s.counted(s.clipped()) if s.finite() else (s.unscaled(), s.scale / 2, 0)


@loss_scaling.wrong(
    "inf and NaN were replaced and the step was taken: the other gradients of such a step are wrong too"
)
@_of_inputs
def replaced(s: Step) -> Scaled:
    if s.finite():
        return s.right()
    grads = [g.nan_to_num(0.0, 0.0, 0.0) for g in s.grads]
    return s._replace(grads=grads).clipped(), s.scale / 2, 0


@loss_scaling.wrong("only the tensors with inf or NaN were left out: the whole step is skipped")
@_of_inputs
def left_out(s: Step) -> Scaled:
    if s.finite():
        return s.right()
    kept = [g for g in s.grads if g.isfinite().all()]
    return s._replace(grads=kept).clipped(), s.scale / 2, 0


@loss_scaling.wrong("only inf was looked for: inf − inf is NaN, so an overflow can arrive as NaN")
@_of_inputs
def only_inf(s: Step) -> Scaled:
    return s.skipped() if any(bool(g.isinf().any()) for g in s.grads) else s.counted(s.clipped())


@loss_scaling.wrong("only NaN was looked for: an overflow arrives as inf")
@_of_inputs
def only_nan(s: Step) -> Scaled:
    return s.skipped() if any(bool(g.isnan().any()) for g in s.grads) else s.counted(s.clipped())


@loss_scaling.wrong("only the first tensor was checked: any gradient may overflow")
@_of_inputs
def first_tensor(s: Step) -> Scaled:
    return s.skipped() if s.grads and not s.grads[0].isfinite().all() else s.counted(s.clipped())


@loss_scaling.wrong("the gradients were added in fp16 to look for inf: their sum overflows where none of them does")
@_of_inputs
def checked_by_a_sum(s: Step) -> Scaled:
    return s.right() if all(bool(g.sum().isfinite()) for g in s.grads) else s.skipped()


# The scale and the good steps


@loss_scaling.wrong("the scale was kept after an overflow: the next step overflows again, so halve it")
@_of_inputs
def not_halved(s: Step) -> Scaled:
    return s.right() if s.finite() else (None, s.scale, 0)


@loss_scaling.wrong("the good steps were kept after an overflow: they are counted from the last change of the scale")
@_of_inputs
def keeps_counting(s: Step) -> Scaled:
    return s.right() if s.finite() else (None, s.scale / 2, s.good_steps)


@loss_scaling.wrong("a skipped step was counted as a good one")
@_of_inputs
def skipped_is_good(s: Step) -> Scaled:
    return s.right() if s.finite() else (None, s.scale / 2, s.good_steps + 1)


@loss_scaling.wrong("the good steps were not counted from 0 after the scale doubled: then it doubles at every step")
@_of_inputs
def keeps_counting_after_growth(s: Step) -> Scaled:
    grads, scale, _ = s.right()
    return grads, scale, s.good_steps + 1 if s.finite() else 0


@loss_scaling.wrong("the scale doubled one step late: this step is a good one too")
@_of_inputs
def one_step_late(s: Step) -> Scaled:
    return s._replace(grow_after=s.grow_after + 1).right()


@loss_scaling.wrong("the scale doubled only if the good steps were exactly grow_after: it may have become smaller")
@_of_inputs
def only_exactly(s: Step) -> Scaled:
    if s.good_steps + 1 > s.grow_after and s.finite():
        return s.clipped(), s.scale, s.good_steps + 1
    return s.right()


@loss_scaling.wrong("the scale doubled at every good step")
@_of_inputs
def always_doubled(s: Step) -> Scaled:
    return s._replace(grow_after=0).right()


@loss_scaling.wrong("the scale never grew: after an overflow it stays too small for the rest of the run")
@_of_inputs
def never_grows(s: Step) -> Scaled:
    return s._replace(grow_after=s.good_steps + 2).right()


@loss_scaling.wrong("a grow_after of 2000 was always used: use the given one")
@_of_inputs
def fixed_interval(s: Step) -> Scaled:
    return s._replace(grow_after=2000).right()
