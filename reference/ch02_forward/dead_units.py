"""Counts, sample by sample, how often each unit fires. A dead unit never fires."""

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


@dead_units.right("the sum of the ReLU outputs is 0")
def by_sum(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return _relu(x, w, b).sum(0) == 0


@dead_units.right("the largest ReLU output, with 0 included, is 0")
def by_maximum(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    outputs = torch.cat([_relu(x, w, b), torch.zeros(1, w.shape[0])])
    return outputs.amax(0) == 0


@dead_units.wrong("a unit was called dead if it is zero on any sample: a dead unit is zero on all samples")
def any_sample(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_relu(x, w, b) == 0).any(0)


@dead_units.wrong("each sample was checked for all units: check each unit for all samples")
def per_sample(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_relu(x, w, b) == 0).all(-1)


@dead_units.wrong("the result is inverted: True means dead")
def alive(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_relu(x, w, b) > 0).any(0)


@dead_units.wrong("True was returned for units that fire on every sample: return True for units that fire on no sample")
def not_always_firing(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_relu(x, w, b) > 0).all(0)


@dead_units.wrong("a unit was called dead only below 0: at exactly 0 a unit does not fire either")
def strictly_negative(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_before(x, w, b) < 0).reshape(-1, w.shape[0]).all(0)


@dead_units.wrong("the values before ReLU were compared with 0 for equality: negative values become 0 only after ReLU")
def before_relu(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_before(x, w, b) == 0).reshape(-1, w.shape[0]).all(0)


@dead_units.wrong("the sum or the mean over the samples was used: one sample above 0 is enough to keep a unit alive")
def by_mean(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return _before(x, w, b).reshape(-1, w.shape[0]).sum(0) <= 0


@dead_units.wrong("a small output was treated as zero: the slope of ReLU is 1 even for a tiny output")
def nearly_zero(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_relu(x, w, b) < 1e-4).all(0)


@dead_units.wrong("the bias was left out: a negative bias can make a unit dead")
def no_bias(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_relu(x, w, torch.zeros_like(b)) == 0).all(0)


@dead_units.wrong("only the weights were checked: a unit with negative weights fires on negative inputs")
def by_weights(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (w <= 0).all(1) & (b <= 0)


@dead_units.wrong("only the first axis was treated as samples: every axis before the last counts samples")
def first_axis_only(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_before(x.unsqueeze(0) if x.dim() == 1 else x, w, b) <= 0).all(0)


@dead_units.wrong("the first axis was always treated as samples: a single vector has no such axis; it is one sample")
def vector_is_a_batch(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_before(x, w, b) <= 0).all(0)


@dead_units.wrong("the indices of the dead units were returned: return one bool for each unit")
def indices(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return dead_units.fn(x.float(), w.float(), b.float()).nonzero().squeeze(1)


@dead_units.wrong("zeros and ones of another dtype were returned: return a bool tensor")
def as_numbers(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return dead_units.fn(x.float(), w.float(), b.float()).float()


@dead_units.wrong("the number of dead units was returned: return one bool for each unit")
def counted(x: Tensor, w: Tensor, b: Tensor) -> int:
    return int(dead_units.fn(x.float(), w.float(), b.float()).sum())


@dead_units.wrong(
    "the layer was computed in the low precision of the input: a small positive number can round to 0 there"
)
def low_precision(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (x @ w.T + b <= 0).reshape(-1, w.shape[0]).all(0)


@dead_units.wrong(
    "the result was rounded to the dtype of `x` before the comparison: in fp16 a tiny positive number becomes 0"
)
def rounded_before(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (_before(x, w, b).to(x.dtype) <= 0).reshape(-1, w.shape[0]).all(0)


@dead_units.wrong(
    "without samples every unit was called alive (the mean of nothing is NaN, not 0): no unit has fired, so all are "
    "dead"
)
def mean_of_nothing(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return _relu(x, w, b).mean(0) == 0


@dead_units.wrong("the maximum over zero samples was taken: that raises an error")
def maximum_of_nothing(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return _before(x, w, b).reshape(-1, w.shape[0]).amax(0) <= 0
