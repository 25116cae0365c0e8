"""Formula by formula, without the functions of other koans. The variants are made of the references of those koans."""

import math
from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import torch
from torch import Tensor

from reference import oracle
from reference.ch04_optimization.adamw_step import adamw_step
from reference.ch04_optimization.clip_by_global_norm import clip_by_global_norm
from reference.ch04_optimization.warmup_cosine import warmup_cosine
from reference.ch15_model.accumulate_gradients import accumulate_gradients
from reference.ch15_model.weight_decay_groups import weight_decay_groups

Tensors = dict[str, Tensor]
Betas = tuple[float, float]
Stepped = tuple[Tensors, Tensors, Tensors, dict[str, float]]


@oracle
def train_step(
    params: Tensors,
    m: Tensors,
    v: Tensors,
    micro: list[Tensors],
    counts: list[int],
    step: int,
    peak: float,
    warmup: int,
    total: int,
    max_norm: float = 1.0,
    betas: Betas = (0.9, 0.95),
    decay: float = 0.1,
) -> Stepped:
    if len(micro) != len(counts) or any(count < 0 for count in counts) or not any(counts):
        raise ValueError("no such batch")
    batch = [(grads, count / sum(counts)) for grads, count in zip(micro, counts, strict=True) if count]
    whole = {name: torch.stack([share * grads[name] for grads, share in batch]).sum(0) for name in params}
    norm = torch.cat([g.reshape(-1) for g in whole.values()]).square().sum().sqrt().item()
    if not math.isfinite(norm):
        raise ValueError("no norm")
    if step < 0 or not 0 <= warmup <= total:
        raise ValueError("no such schedule")
    lr = peak * (step + 1) / warmup if step < warmup else 0.0
    if warmup <= step < total:
        lr = peak * math.cos(math.pi / 2 * (step - warmup) / (total - warmup)) ** 2
    moved, first, second = {}, {}, {}
    for name, p in params.items():
        g = whole[name] * (max_norm / norm) if norm > max_norm else whole[name]
        first[name] = m[name] + (1 - betas[0]) * (g - m[name])
        second[name] = v[name] + (1 - betas[1]) * (g * g - v[name])
        mean, square = first[name] / (1 - betas[0] ** (step + 1)), second[name] / (1 - betas[1] ** (step + 1))
        decays = p.dim() > 1 and not name.endswith("embed_tokens.weight")
        moved[name] = p - lr * mean / (square.sqrt() + 1e-8) - (lr * decay * p if decays else 0.0)
    return moved, first, second, {"lr": lr, "norm": norm}


class Step(NamedTuple):
    """The inputs of a step."""

    params: Tensors
    m: Tensors
    v: Tensors
    micro: list[Tensors]
    counts: list[int]
    step: int
    peak: float
    warmup: int
    total: int
    max_norm: float
    betas: Betas
    decay: float

    def gradient(self) -> Tensors:
        return accumulate_gradients(self.micro, self.counts)

    def lr(self, step: int | None = None) -> float:
        return warmup_cosine(self.step if step is None else step, self.peak, self.warmup, self.total)

    def decayed(self) -> list[str]:
        return weight_decay_groups({name: tuple(p.shape) for name, p in self.params.items()})[0]

    def clipped(self, grads: Tensors) -> tuple[Tensors, float]:
        short, norm = clip_by_global_norm([grads[name] for name in self.params], self.max_norm)
        return dict(zip(self.params, short, strict=True)), norm

    def update(
        self, grads: Tensors, *, lr: float | None = None, t: int | None = None, decayed: list[str] | None = None
    ) -> tuple[Tensors, Tensors, Tensors]:
        """A step of AdamW for each parameter. The other arguments are what a wrong answer does differently."""
        lr, t = self.lr() if lr is None else lr, self.step + 1 if t is None else t
        decayed = self.decayed() if decayed is None else decayed
        results = {
            name: adamw_step(
                *(p, grads[name], self.m[name], self.v[name], t),
                lr=lr,
                betas=self.betas,
                decay=self.decay if name in decayed else 0.0,
            )
            for name, p in self.params.items()
        }
        moved, first, second = ({name: three[i] for name, three in results.items()} for i in range(3))
        return moved, first, second

    def finish(self, grads: Tensors, norm: float, lr: float | None = None) -> Stepped:
        """The right end of a step, for these gradients."""
        lr = self.lr() if lr is None else lr
        return *self.update(grads, lr=lr), {"lr": lr, "norm": norm}


def _of_inputs(formula: Callable[[Step], Stepped]) -> Callable[..., Stepped]:
    """`formula`, of all inputs as one, as an answer."""

    @wraps(formula)
    def answer(
        params: Tensors,
        m: Tensors,
        v: Tensors,
        micro: list[Tensors],
        counts: list[int],
        step: int,
        peak: float,
        warmup: int,
        total: int,
        max_norm: float = 1.0,
        betas: Betas = (0.9, 0.95),
        decay: float = 0.1,
    ) -> Stepped:
        return formula(Step(params, m, v, micro, counts, step, peak, warmup, total, max_norm, betas, decay))

    return answer


@train_step.right("from the functions of the earlier koans")
@_of_inputs
def from_parts(s: Step) -> Stepped:
    return s.finish(*s.clipped(s.gradient()))


@train_step.right("with torch's clip_grad_norm_ and AdamW with two groups of parameters")
@_of_inputs
def library(s: Step) -> Stepped:
    leaves = {name: p.clone().requires_grad_() for name, p in s.params.items()}
    for name, grad in s.gradient().items():
        leaves[name].grad = grad.clone()
    norm = torch.linalg.vector_norm(torch.cat([p.grad.flatten() for p in leaves.values() if p.grad is not None])).item()
    if not math.isfinite(norm):
        raise ValueError("the norm is not finite")
    if norm:
        torch.nn.utils.clip_grad_norm_(leaves.values(), s.max_norm * (norm + 1e-6) / norm, foreach=False)
    decayed = s.decayed()
    groups = [
        {"params": [p for name, p in leaves.items() if (name in decayed) == decays], "weight_decay": s.decay * decays}
        for decays in (True, False)
    ]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=s.lr(), betas=s.betas, foreach=False)
    for name, p in leaves.items():
        moments = {"exp_avg": s.m[name].clone(), "exp_avg_sq": s.v[name].clone()}
        optimizer.state[p] = {"step": torch.tensor(float(s.step)), **moments}
    optimizer.step()
    first = {name: optimizer.state[p]["exp_avg"] for name, p in leaves.items()}
    second = {name: optimizer.state[p]["exp_avg_sq"] for name, p in leaves.items()}
    return {name: p.detach() for name, p in leaves.items()}, first, second, {"lr": s.lr(), "norm": norm}


# The gradient of the batch


@train_step.wrong("every micro-batch had the same weight, whatever its tokens: this is a mean of means")
@_of_inputs
def mean_of_means(s: Step) -> Stepped:
    used = [grads for grads, count in zip(s.micro, s.counts, strict=True) if count]
    s.gradient()
    return s.finish(*s.clipped({name: torch.stack([g[name] for g in used]).mean(0) for name in s.params}))


@train_step.wrong("the gradients of the micro-batches were added and not divided: the norm grows with their number")
@_of_inputs
def summed(s: Step) -> Stepped:
    used = [grads for grads, count in zip(s.micro, s.counts, strict=True) if count]
    s.gradient()
    return s.finish(*s.clipped({name: torch.stack([g[name] for g in used]).sum(0) for name in s.params}))


@train_step.wrong("only the last micro-batch was used: the gradients of all of them belong to the step")
@_of_inputs
def last_micro_batch(s: Step) -> Stepped:
    s.gradient()
    return s.finish(*s.clipped(s.micro[-1]))


@train_step.wrong("each micro-batch had a step of its own: accumulate all of them, then take one step")
@_of_inputs
def step_for_each(s: Step) -> Stepped:
    s.gradient()
    norm = 0.0
    for grads, count in zip(s.micro, s.counts, strict=True):
        if count:
            short, norm = s.clipped(grads)
            moved, first, second = s.update(short)
            s = s._replace(params=moved, m=first, v=second)
    return s.params, s.m, s.v, {"lr": s.lr(), "norm": norm}


@train_step.wrong(
    "gradients were matched with parameters by position: the dicts may have another order, so match them by name"
)
@_of_inputs
def matched_by_position(s: Step) -> Stepped:
    grads, norm = clip_by_global_norm(list(s.gradient().values()), s.max_norm)
    return s.finish(dict(zip(s.params, grads, strict=True)), norm)


# Clipping


@train_step.wrong("there was no clipping: the norm was computed and only logged")
@_of_inputs
def not_clipped(s: Step) -> Stepped:
    grads = s.gradient()
    return s.finish(grads, s.clipped(grads)[1])


@train_step.wrong("each tensor was clipped by its own norm: that changes the direction; clip all tensors together")
@_of_inputs
def clipped_alone(s: Step) -> Stepped:
    grads = s.gradient()
    short = {name: clip_by_global_norm([grad], s.max_norm)[0][0] for name, grad in grads.items()}
    return s.finish(short, s.clipped(grads)[1])


@train_step.wrong("each micro-batch was clipped before the accumulation: clip the gradient of the whole batch, once")
@_of_inputs
def clipped_before_accumulation(s: Step) -> Stepped:
    norm = s.clipped(s.gradient())[1]
    used = [(s.clipped(grads)[0], count) for grads, count in zip(s.micro, s.counts, strict=True) if count]
    return s.finish(accumulate_gradients([grads for grads, _ in used], [count for _, count in used]), norm)


@train_step.wrong(
    "each micro-batch was clipped as it came, and its norm was logged: clip the gradient of the whole batch, once"
)
@_of_inputs
def norm_of_the_clipped_micro_batches(s: Step) -> Stepped:
    s.clipped(s.gradient())
    used = [(s.clipped(grads)[0], count) for grads, count in zip(s.micro, s.counts, strict=True) if count]
    return s.finish(*s.clipped(accumulate_gradients([grads for grads, _ in used], [count for _, count in used])))


@train_step.wrong("AdamW ran before the clipping: clip the gradients first, or moments and step use them unclipped")
@_of_inputs
def step_was_clipped(s: Step) -> Stepped:
    grads = s.gradient()
    norm = s.clipped(grads)[1]
    moved, first, second = s.update(grads)
    way, _ = s.clipped({name: moved[name] - p for name, p in s.params.items()})
    return {name: p + way[name] for name, p in s.params.items()}, first, second, {"lr": s.lr(), "norm": norm}


@train_step.wrong("the moments were made of the unclipped gradients: one bad batch stays in them for many steps")
@_of_inputs
def moments_unclipped(s: Step) -> Stepped:
    grads = s.gradient()
    short, norm = s.clipped(grads)
    _, first, second = s.update(grads)
    return s.update(short)[0], first, second, {"lr": s.lr(), "norm": norm}


@train_step.wrong("the norm after clipping was logged: the norm before it tells how bad the batch was")
@_of_inputs
def norm_after(s: Step) -> Stepped:
    short, norm = s.clipped(s.gradient())
    return s.finish(short, min(norm, s.max_norm))


@train_step.wrong("a max_norm of 1.0 was always used: use the given one")
@_of_inputs
def fixed_max_norm(s: Step) -> Stepped:
    return s.finish(*s._replace(max_norm=1.0).clipped(s.gradient()))


@train_step.wrong("a batch whose norm is not finite was skipped without a word: raise ValueError")
@_of_inputs
def skips_bad_batches(s: Step) -> Stepped:
    grads = s.gradient()
    if all(bool(grad.isfinite().all()) for grad in grads.values()):
        return s.finish(*s.clipped(grads))
    return s.params, s.m, s.v, {"lr": s.lr(), "norm": math.nan}


# The schedule and the step number


@train_step.wrong("the schedule was counted by micro-batch: it runs ahead, so count one for each batch")
@_of_inputs
def schedule_by_micro_batch(s: Step) -> Stepped:
    return s.finish(*s.clipped(s.gradient()), s.lr(s.step * len(s.micro)))


@train_step.wrong("the schedule was one step ahead: step 0 has the rate warmup_cosine(0, ...), which is not 0")
@_of_inputs
def next_lr(s: Step) -> Stepped:
    return s.finish(*s.clipped(s.gradient()), s.lr(s.step + 1))


@train_step.wrong("the schedule was one step behind: it was asked for the step before")
@_of_inputs
def last_lr(s: Step) -> Stepped:
    lr = s.lr(s.step - 1) if s.step else 0.0
    return s.finish(*s.clipped(s.gradient()), lr)


@train_step.wrong("the learning rate was always the peak: it follows warmup_cosine")
@_of_inputs
def constant_lr(s: Step) -> Stepped:
    s.lr()
    return s.finish(*s.clipped(s.gradient()), s.peak)


@train_step.wrong("the rate of the schedule was only logged: AdamW got the peak")
@_of_inputs
def lr_only_logged(s: Step) -> Stepped:
    short, norm = s.clipped(s.gradient())
    return *s.update(short, lr=s.peak), {"lr": s.lr(), "norm": norm}


@train_step.wrong("the learning rate fell to a tenth of the peak: here the floor is 0")
@_of_inputs
def floor_of_a_tenth(s: Step) -> Stepped:
    lr = warmup_cosine(s.step, s.peak, s.warmup, s.total, 0.1 * s.peak)
    return s.finish(*s.clipped(s.gradient()), lr)


@train_step.wrong("AdamW got `step`, which counts from 0: its first step has the number 1")
@_of_inputs
def step_as_t(s: Step) -> Stepped:
    short, norm = s.clipped(s.gradient())
    return *s.update(short, t=s.step), {"lr": s.lr(), "norm": norm}


@train_step.wrong("AdamW's steps were counted by micro-batch: one step is taken for a batch")
@_of_inputs
def t_by_micro_batch(s: Step) -> Stepped:
    short, norm = s.clipped(s.gradient())
    return *s.update(short, t=s.step * len(s.micro) + 1), {"lr": s.lr(), "norm": norm}


@train_step.wrong("AdamW always got step number 1: its corrections then never end")
@_of_inputs
def always_the_first(s: Step) -> Stepped:
    short, norm = s.clipped(s.gradient())
    return *s.update(short, t=1), {"lr": s.lr(), "norm": norm}


# Weight decay and the optimizer's state


@train_step.wrong("everything decayed, gains and the embedding too: only the first group of weight_decay_groups decays")
@_of_inputs
def everything_decays(s: Step) -> Stepped:
    short, norm = s.clipped(s.gradient())
    return *s.update(short, decayed=list(s.params)), {"lr": s.lr(), "norm": norm}


@train_step.wrong("every matrix decayed, the embedding too: only the first group of weight_decay_groups decays")
@_of_inputs
def embedding_decays(s: Step) -> Stepped:
    short, norm = s.clipped(s.gradient())
    matrices = [name for name, p in s.params.items() if p.dim() > 1]
    return *s.update(short, decayed=matrices), {"lr": s.lr(), "norm": norm}


@train_step.wrong("the two groups are swapped: the first group of weight_decay_groups decays")
@_of_inputs
def others_decay(s: Step) -> Stepped:
    short, norm = s.clipped(s.gradient())
    decayed = s.decayed()
    return *s.update(short, decayed=[name for name in s.params if name not in decayed]), {"lr": s.lr(), "norm": norm}


@train_step.wrong("nothing decayed: `decay` belongs to the first group of weight_decay_groups")
@_of_inputs
def nothing_decays(s: Step) -> Stepped:
    short, norm = s.clipped(s.gradient())
    return *s.update(short, decayed=[]), {"lr": s.lr(), "norm": norm}


@train_step.wrong("`decay` was not passed on, so AdamW's default of 0.01 was used for the matrices")
@_of_inputs
def default_decay(s: Step) -> Stepped:
    return s._replace(decay=0.01).finish(*s.clipped(s.gradient()))


@train_step.wrong("the betas were not passed on, so AdamW's defaults 0.9 and 0.999 were used")
@_of_inputs
def default_betas(s: Step) -> Stepped:
    return s._replace(betas=(0.9, 0.999)).finish(*s.clipped(s.gradient()))


@train_step.wrong("the two betas are swapped")
@_of_inputs
def swapped_betas(s: Step) -> Stepped:
    return s._replace(betas=(s.betas[1], s.betas[0])).finish(*s.clipped(s.gradient()))


@train_step.wrong("the moments started from zero at every step: AdamW needs the moments of the step before")
@_of_inputs
def no_memory(s: Step) -> Stepped:
    zeros = {name: torch.zeros_like(p) for name, p in s.params.items()}
    return s._replace(m=zeros, v=zeros).finish(*s.clipped(s.gradient()))


@train_step.wrong("the old moments were returned: the next step needs the new ones")
@_of_inputs
def old_moments(s: Step) -> Stepped:
    moved, _, _, log = s.finish(*s.clipped(s.gradient()))
    return moved, s.m, s.v, log


@train_step.wrong("the parameters were changed in place: the inputs must stay as they are")
@_of_inputs
def in_place(s: Step) -> Stepped:
    moved, first, second, log = s.finish(*s.clipped(s.gradient()))
    return {name: p.copy_(moved[name]) for name, p in s.params.items()}, first, second, log


@train_step.wrong("the moments were changed in place: the inputs must stay as they are")
@_of_inputs
def moments_in_place(s: Step) -> Stepped:
    moved, first, second, log = s.finish(*s.clipped(s.gradient()))
    for name in s.params:
        s.m[name].copy_(first[name])
        s.v[name].copy_(second[name])
    return moved, s.m, s.v, log
