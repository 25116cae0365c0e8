"""Every product written out, then summed over the axis that the result does not have."""

import torch
from torch import Tensor

from reference import oracle, promoted

Gradients = tuple[Tensor, Tensor, Tensor]


@oracle
def linear_backward(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    wide_x, wide_weight, wide_dy = promoted(x, weight, dy)
    dx = (wide_dy.unsqueeze(-1) * wide_weight).sum(-2)
    rows_x, rows_dy = wide_x.reshape(-1, x.shape[-1]), wide_dy.reshape(-1, dy.shape[-1])
    dweight = (rows_dy.unsqueeze(-1) * rows_x.unsqueeze(-2)).sum(0)
    return _rounded((dx, dweight, rows_dy.sum(0)), x.dtype)


def _wide(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    """The three gradients in float32."""
    rows_x, rows_dy = x.reshape(-1, weight.shape[1]).float(), dy.reshape(-1, weight.shape[0]).float()
    return dy.float() @ weight.float(), rows_dy.mT @ rows_x, rows_dy.sum(0)


def _rounded(gradients: Gradients, dtype: torch.dtype) -> Gradients:
    dx, dweight, dbias = gradients
    return dx.to(dtype), dweight.to(dtype), dbias.to(dtype)


@linear_backward.right("as einsums over rows")
def by_einsum(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    rows_x, rows_dy = x.reshape(-1, x.shape[-1]).float(), dy.reshape(-1, dy.shape[-1]).float()
    dx = torch.einsum("...o,oi->...i", dy.float(), weight.float())
    return _rounded((dx, torch.einsum("bo,bi->oi", rows_dy, rows_x), torch.einsum("bo->o", rows_dy)), x.dtype)


@linear_backward.right("by autograd")
def by_autograd(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    bias = torch.zeros(weight.shape[0], requires_grad=True)
    leaves = [t.detach().float().requires_grad_() for t in (x, weight)]
    y = torch.nn.functional.linear(leaves[0], leaves[1], bias)
    dx, dweight, dbias = torch.autograd.grad(y, [*leaves, bias], dy.float())
    return _rounded((dx, dweight, dbias), x.dtype)


@linear_backward.right("row by row of the batch, added in float32")
def row_by_row(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    wide, dweight, dbias = weight.float(), torch.zeros(weight.shape), torch.zeros(weight.shape[0])
    dx = torch.zeros(x.shape).reshape(-1, x.shape[-1])
    rows = zip(x.reshape(-1, x.shape[-1]).float(), dy.reshape(-1, dy.shape[-1]).float(), strict=True)
    for i, (row, d) in enumerate(rows):
        dx[i] = wide.mT @ d
        dweight += torch.outer(d, row)
        dbias += d
    return _rounded((dx.reshape(x.shape), dweight, dbias), x.dtype)


@linear_backward.wrong("dW is transposed: it has the shape of W, (out, in), so its rows are the outputs")
def transposed(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _rounded(_wide(x, weight, dy), x.dtype)
    return dx, dweight.mT, dbias


@linear_backward.wrong("db was not summed over the batch: every row uses the same bias, so their gradients add up")
def bias_per_row(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, _ = _rounded(_wide(x, weight, dy), x.dtype)
    return dx, dweight, dy.to(x.dtype, copy=True)


@linear_backward.wrong("db was averaged over the batch: every row uses the same bias, so their gradients add up")
def bias_averaged(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _wide(x, weight, dy)
    return _rounded((dx, dweight, dbias / max(1, x.numel() // x.shape[-1])), x.dtype)


@linear_backward.wrong("db was summed over the outputs: sum over the batch, so that every output keeps its own value")
def bias_over_outputs(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, _ = _rounded(_wide(x, weight, dy), x.dtype)
    return dx, dweight, dy.float().sum(-1).to(x.dtype)


@linear_backward.wrong("db kept the summed axis with size 1: db has the shape of b")
def bias_keepdim(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _rounded(_wide(x, weight, dy), x.dtype)
    return dx, dweight, dbias.unsqueeze(0)


@linear_backward.wrong(
    "db is 1 everywhere: that is the slope of y with respect to b; the slope of the loss also has the factor dy"
)
def bias_of_ones(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _rounded(_wide(x, weight, dy), x.dtype)
    return dx, dweight, torch.ones_like(dbias)


@linear_backward.wrong(
    "only the first batch axis was summed: in (batch, sequence, in) the first two axes are batch axes"
)
def first_axis_only(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    wide_x, wide_dy = x.float(), dy.float()
    if x.dim() < 3:
        return _rounded(_wide(x, weight, dy), x.dtype)
    dweight = torch.einsum("b...o,b...i->...oi", wide_dy, wide_x)
    return _rounded((wide_dy @ weight.float(), dweight, wide_dy.sum(0)), x.dtype)


@linear_backward.wrong(
    "db was summed over the first axis only: in (batch, sequence, out) the first two axes are batch axes"
)
def bias_over_the_first_axis(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _wide(x, weight, dy)
    return _rounded((dx, dweight, dy.float().sum(0) if x.dim() > 1 else dbias), x.dtype)


@linear_backward.wrong("dx has shape (rows, in): it should have the shape of x, with any number of batch axes")
def flat_dx(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _wide(x, weight, dy)
    return _rounded((dx.reshape(-1, x.shape[-1]), dweight, dbias), x.dtype)


@linear_backward.wrong("there is one dW per sequence: `dy.mT @ x` sums over the last batch axis only")
def per_sequence(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    if x.dim() < 2:
        return _rounded(_wide(x, weight, dy), x.dtype)
    dx, _, dbias = _wide(x, weight, dy)
    return _rounded((dx, dy.float().mT @ x.float(), dbias), x.dtype)


@linear_backward.wrong("`dy.T` reverses all axes: with several batch axes, reshape to rows first")
def turned_all_axes(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _wide(x, weight, dy)
    if x.dim() > 1:
        dweight = dy.float().permute(*reversed(range(dy.dim()))) @ x.float()
    return _rounded((dx, dweight, dbias), x.dtype)


@linear_backward.wrong("the code fails without a batch axis: `x` may be a single row, and then dW is an outer product")
def needs_a_batch(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _wide(x, weight, dy)
    dy.flatten(0, -2)
    return _rounded((dx, dweight, dbias), x.dtype)


@linear_backward.wrong("the gradients were divided by the batch: if the loss is a mean, dy already contains 1/batch")
def averaged(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _wide(x, weight, dy)
    rows = max(1, x.numel() // x.shape[-1])
    return _rounded((dx, dweight / rows, dbias / rows), x.dtype)


@linear_backward.wrong("dW was averaged over the batch: every row uses the same weight, so their gradients add up")
def dweight_averaged(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _wide(x, weight, dy)
    return _rounded((dx, dweight / max(1, x.numel() // x.shape[-1]), dbias), x.dtype)


@linear_backward.wrong("there is one dW per row: every row uses the same weight, so their gradients add up")
def dweight_per_row(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, _, dbias = _wide(x, weight, dy)
    return _rounded((dx, dy.float().unsqueeze(-1) * x.float().unsqueeze(-2), dbias), x.dtype)


@linear_backward.wrong("dW and db come from the last row only: the loop over the batch overwrote them, but it must add")
def last_row(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _wide(x, weight, dy)
    rows_x, rows_dy = x.reshape(-1, x.shape[-1]).float(), dy.reshape(-1, dy.shape[-1]).float()
    for row, d in zip(rows_x, rows_dy, strict=True):
        dweight, dbias = torch.outer(d, row), d
    return _rounded((dx, dweight, dbias), x.dtype)


@linear_backward.wrong(
    "dx was computed as dy Wᵀ: the forward pass multiplies x by Wᵀ, so the backward pass multiplies dy by W"
)
def weight_turned(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    _, dweight, dbias = _wide(x, weight, dy)
    return _rounded((dy.float() @ weight.float().mT, dweight, dbias), x.dtype)


@linear_backward.wrong("the results are in the order dW, dx, db: return dx first")
def weight_first(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _rounded(_wide(x, weight, dy), x.dtype)
    return dweight, dx, dbias


@linear_backward.wrong(
    "the sum over the batch was in the low precision of the input: such a running sum soon stops growing"
)
def low_precision_sum(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = (torch.zeros_like(g) for g in _rounded(_wide(x, weight, dy), x.dtype))
    dx = _wide(x, weight, dy)[0].to(x.dtype)
    rows = zip(x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1]), strict=True)
    for row, d in rows:
        dweight += torch.outer(d, row)
        dbias += d
    return dx, dweight, dbias


@linear_backward.wrong("dW was summed over the batch in low precision: such a running sum soon stops growing")
def low_precision_dweight(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _rounded(_wide(x, weight, dy), x.dtype)
    return dx, low_precision_sum(x, weight, dy)[1] if dweight.numel() else dweight, dbias


@linear_backward.wrong("db was summed over the batch in low precision: such a running sum soon stops growing")
def low_precision_dbias(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, _ = _rounded(_wide(x, weight, dy), x.dtype)
    return dx, dweight, low_precision_sum(x, weight, dy)[2]


linear_backward.standard_wrongs("returns_fp32", formula=_wide)


@linear_backward.wrong("the results are in the order dx, db, dW: dW comes before db")
def bias_second(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _rounded(_wide(x, weight, dy), x.dtype)
    return dx, dbias, dweight


@linear_backward.wrong("the gradients have the dtype of the weight: all three should have the dtype of `x`")
def all_as_wide_as_the_weight(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    return _rounded(_wide(x, weight, dy), weight.dtype)


@linear_backward.wrong("dx has the dtype of dy: all three gradients should have the dtype of `x`")
def dx_as_wide_as_dy(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _wide(x, weight, dy)
    return dx.to(dy.dtype), dweight.to(x.dtype), dbias.to(x.dtype)


@linear_backward.wrong(
    "the products were taken in the dtypes of the inputs, which may differ: compute in float32 and round once"
)
def as_they_come(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    rows_x, rows_dy = x.reshape(-1, weight.shape[1]), dy.reshape(-1, weight.shape[0])
    return dy @ weight, rows_dy.mT @ rows_x, rows_dy.sum(0)


@linear_backward.wrong("the gradients have the dtype of dy: all three should have the dtype of `x`")
def as_wide_as_dy(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    return _rounded(_wide(x, weight, dy), dy.dtype)


@linear_backward.wrong("the gradients have the dtype that holds all inputs: all three should have the dtype of `x`")
def widest_dtype(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    return _rounded(_wide(x, weight, dy), promoted(x, weight, dy)[0].dtype)


@linear_backward.wrong(
    "the weight and dy were first rounded to the dtype of `x`: compute in float32 and round once, at the end"
)
def rounded_first(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    return _rounded(_wide(x, weight.to(x.dtype), dy.to(x.dtype)), x.dtype)


@linear_backward.wrong("db has the dtype of dy: all three gradients should have the dtype of `x`")
def bias_as_wide_as_dy(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _wide(x, weight, dy)
    return dx.to(x.dtype), dweight.to(x.dtype), dbias.to(dy.dtype)


@linear_backward.wrong("dW has the dtype of the weight: all three gradients should have the dtype of `x`")
def dweight_as_wide_as_the_weight(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _wide(x, weight, dy)
    return dx.to(x.dtype), dweight.to(weight.dtype), dbias.to(x.dtype)


@linear_backward.wrong("dW and db have the dtype of the weight: all three gradients should have the dtype of `x`")
def as_wide_as_the_weight(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    dx, dweight, dbias = _wide(x, weight, dy)
    return dx.to(x.dtype), dweight.to(weight.dtype), dbias.to(weight.dtype)


@linear_backward.wrong(
    "the caller's tensors became autograd leaves: float() of a float32 tensor is not a copy, so clone() it"
)
def marks_the_inputs(x: Tensor, weight: Tensor, dy: Tensor) -> Gradients:
    bias = torch.zeros(weight.shape[0], requires_grad=True)
    leaves = [t.float().requires_grad_() for t in (x, weight)]
    y = torch.nn.functional.linear(leaves[0], leaves[1], bias)
    dx, dweight, dbias = torch.autograd.grad(y, [*leaves, bias], dy.float())
    return _rounded((dx, dweight, dbias), x.dtype)
