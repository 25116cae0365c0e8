"""One step of training, in the right order

The parts are yours already: accumulate, clip, look up the learning rate, take a step of AdamW. A step that calls them
in another order, or with another step number, still trains. It only trains worse, and no error says so.
"""

from jaxtyping import Float32
from torch import Tensor

from exercises.ch04_optimization.adamw_step import adamw_step
from exercises.ch04_optimization.clip_by_global_norm import clip_by_global_norm
from exercises.ch04_optimization.warmup_cosine import warmup_cosine
from exercises.ch15_model.accumulate_gradients import accumulate_gradients
from exercises.ch15_model.weight_decay_groups import weight_decay_groups

Tensors = dict[str, Float32[Tensor, "..."]]


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
    betas: tuple[float, float] = (0.9, 0.95),
    decay: float = 0.1,
) -> tuple[Tensors, Tensors, Tensors, dict[str, float]]:
    """(params', m', v', log) after one step on one batch. log is {"lr": ..., "norm": ...}, two Python floats.

    1. Accumulate the gradients of the micro-batches.
    2. Clip them to `max_norm`, all tensors together. log["norm"] is the norm before clipping.
    3. log["lr"] is the learning rate of `step` by `warmup_cosine`, with floor 0. `step` counts batches, from 0.
    4. Take a step of AdamW for each parameter, with eps 1e-8. AdamW counts its steps from 1. Only the parameters of the
       first of the `weight_decay_groups` decay.

    All tensors are float32, and all dicts have the names of `params`. Use your functions of the earlier koans; they are
    imported above. The inputs are not changed.

        params = {"up.weight": [[1.0]], "norm.weight": [1.0]}, m and v = zeros, counts = [1, 3],
        micro = [{"up.weight": [[0.0]], "norm.weight": [4.0]}, {"up.weight": [[4.0]], "norm.weight": [4.0]}],
        step = 0, peak = 0.1, warmup = 2, total = 10
        by hand: gradients [[3.0]] and [4.0], norm 5, clipped [[0.6]] and [0.8]; lr = 0.05; Adam's first step is lr
        params' = {"up.weight": [[0.945]], "norm.weight": [0.95]}        0.945 = 1 - 0.05 - 0.05 · 0.1 · 1
        m' = {[[0.06]], [0.08]}, v' = {[[0.018]], [0.032]}, log = {"lr": 0.05, "norm": 5.0}

    Raises ValueError if the norm is inf or NaN, as `clip_by_global_norm` does.
    """
    ### BEGIN SOLUTION
    grads = accumulate_gradients(micro, counts)
    clipped, norm = clip_by_global_norm([grads[name] for name in params], max_norm)
    lr = warmup_cosine(step, peak, warmup, total)
    decayed, _ = weight_decay_groups({name: tuple(p.shape) for name, p in params.items()})
    new_params, new_m, new_v = {}, {}, {}
    for name, grad in zip(params, clipped, strict=True):
        new_params[name], new_m[name], new_v[name] = adamw_step(
            *(params[name], grad, m[name], v[name], step + 1),
            lr=lr,
            betas=betas,
            decay=decay if name in decayed else 0.0,
        )
    return new_params, new_m, new_v, {"lr": lr, "norm": norm}
    ### END SOLUTION
