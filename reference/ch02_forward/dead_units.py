"""How often each unit fires, counted sample by sample; dead are those that never do."""

import torch
from torch import Tensor

from reference import oracle


@oracle
def dead_units(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    fires = torch.zeros(w.shape[0], dtype=torch.int64)
    for sample in x.reshape(-1, w.shape[1]):
        fires = fires + ((sample * w).sum(1) + b > 0)
    return fires == 0


def _before(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return x.float() @ w.float().T + b.float()


def _relu(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return _before(x, w, b).clamp(min=0).reshape(-1, w.shape[0])


@dead_units.right("no sample on which it fires")
def never_fires(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return ~(_before(x, w, b).flatten(0, -2) > 0).any(0) if x.dim() > 1 else ~(_before(x, w, b) > 0)


@dead_units.right("the sum of what ReLU lets through")
def by_sum(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return _relu(x, w, b).sum(0) == 0


@dead_units.right("the largest of what ReLU lets through, 0 counted in")
def by_maximum(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    outputs = torch.cat([_relu(x, w, b), torch.zeros(1, w.shape[0])])
    return outputs.amax(0) == 0


@dead_units.wrong("zero on any sample: that is most units; a dead one is zero on all of them")
def any_sample(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_relu(x, w, b) == 0).any(0)


@dead_units.wrong("asked for each sample whether all units are zero: it is asked for each unit, over the samples")
def per_sample(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_relu(x, w, b) == 0).all(-1)


@dead_units.wrong("inverted: True stands for dead, not for alive")
def alive(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_relu(x, w, b) > 0).any(0)


@dead_units.wrong("True for units that fire on every sample: asked for are those that fire on none")
def not_always_firing(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_relu(x, w, b) > 0).all(0)


@dead_units.wrong("less than 0 asked for before ReLU: at exactly 0 a unit does not fire either")
def strictly_negative(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_before(x, w, b) < 0).reshape(-1, w.shape[0]).all(0)


@dead_units.wrong("compared with 0 before ReLU: negative numbers become 0 only after it")
def before_relu(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_before(x, w, b) == 0).reshape(-1, w.shape[0]).all(0)


@dead_units.wrong("judged by the sum or the mean over the samples: one sample above 0 keeps a unit alive")
def by_mean(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return _before(x, w, b).reshape(-1, w.shape[0]).sum(0) <= 0


@dead_units.wrong("a small output taken for zero: it has the full slope of 1, however small it is")
def nearly_zero(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_relu(x, w, b) < 1e-4).all(0)


@dead_units.wrong("the bias left out: it is what kills a unit most often")
def no_bias(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_relu(x, w, torch.zeros_like(b)) == 0).all(0)


@dead_units.wrong("judged by the weights, without the data: a row of negative weights fires on negative inputs")
def by_weights(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (w <= 0).all(1) & (b <= 0)


@dead_units.wrong("only the first axis taken for samples: every axis before the last counts samples")
def first_axis_only(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_before(x.unsqueeze(0) if x.dim() == 1 else x, w, b) <= 0).all(0)


@dead_units.wrong("the first axis always taken for samples: a single vector has no such axis, it is one sample")
def vector_is_a_batch(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_before(x, w, b) <= 0).all(0)


@dead_units.wrong("the numbers of the dead units: a bool for each unit is asked for")
def indices(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return dead_units.fn(x.float(), w.float(), b.float()).nonzero().squeeze(1)


@dead_units.wrong("zeros and ones of another dtype: the result is a bool tensor")
def as_numbers(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return dead_units.fn(x.float(), w.float(), b.float()).float()


@dead_units.wrong("the dead units counted: a bool for each unit is asked for")
def counted(x: Tensor, w: Tensor, b: Tensor) -> int:
    return int(dead_units.fn(x.float(), w.float(), b.float()).sum())


@dead_units.wrong("computed in the low precision of the input: a small positive number rounds to 0 there")
def low_precision(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (x @ w.T + b <= 0).reshape(-1, w.shape[0]).all(0)


@dead_units.wrong("rounded to the dtype of `x` before the comparison: in fp16 a tiny positive number becomes 0")
def rounded_before(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_before(x, w, b).to(x.dtype) <= 0).reshape(-1, w.shape[0]).all(0)


@dead_units.wrong(
    "without samples every unit given as alive (a mean of nothing is NaN, not 0): none has fired, so all are dead"
)
def mean_of_nothing(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return _relu(x, w, b).mean(0) == 0


@dead_units.wrong("the maximum over the samples taken where there may be none: that raises an error")
def maximum_of_nothing(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return _before(x, w, b).reshape(-1, w.shape[0]).amax(0) <= 0
