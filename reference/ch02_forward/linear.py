"""All products first, then their sum over the inputs."""

import torch
from torch import Tensor

from reference import oracle, promoted


def _check(x: Tensor, w: Tensor, b: Tensor | None) -> None:
    if x.shape[-1] != w.shape[1]:
        raise ValueError("the last axes of x and w have different lengths")
    if b is not None and tuple(b.shape) != (w.shape[0],):
        raise ValueError("b needs one number for each row of w")


@oracle
def linear(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    wide_x, wide_w, *bias = promoted(x, w) if b is None else promoted(x, w, b)
    y = (wide_x.unsqueeze(-2) * wide_w).sum(-1)
    return sum(bias, y).to(x.dtype)


@linear.right("an einsum")
def by_einsum(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    y = torch.einsum("...i,oi->...o", x.float(), w.float())
    return (y if b is None else y + b.float()).to(x.dtype)


@linear.right("torch.nn.functional.linear in float32")
def library(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    return torch.nn.functional.linear(x.float(), w.float(), None if b is None else b.float()).to(x.dtype)


@linear.right("output by output, the bias first")
def by_output(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    bias = torch.zeros(w.shape[0]) if b is None else b.float()
    return torch.stack([bias[i] + (x.float() * w[i].float()).sum(-1) for i in range(w.shape[0])], -1).to(x.dtype)


@linear.right("the bias as one more column of w, with a 1 added to x")
def by_column(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    bias = torch.zeros(w.shape[0]) if b is None else b.float()
    wide = torch.cat([x.float(), torch.ones(*x.shape[:-1], 1)], -1)
    return (wide @ torch.cat([w.float(), bias.unsqueeze(1)], 1).T).to(x.dtype)


def _plus(y: Tensor, b: Tensor | None) -> Tensor:
    return y if b is None else y + b.float()


@linear.wrong("w was not transposed: its rows are the outputs, (out, in)")
def untransposed(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    return _plus(x.float() @ w.float(), b).to(x.dtype)


@linear.wrong("w was reshaped to (in, out): that reorders its numbers; transpose it")
def reshaped(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    return _plus(x.float() @ w.float().reshape(w.shape[1], w.shape[0]), b).to(x.dtype)


@linear.wrong(
    "the bias was added along the rows of x: it has one number for each output, and outputs are the last axis"
)
def bias_over_rows(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    y = x.float() @ w.float().T
    return (y if b is None or x.dim() < 2 else y + b.float().unsqueeze(-1)).to(x.dtype)


@linear.wrong("the bias was left out")
def no_bias(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    return (x.float() @ w.float().T).to(x.dtype)


@linear.wrong("the bias was always added: `b` may be None; then nothing is added")
def needs_bias(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    if x.shape[-1] != w.shape[1]:
        raise ValueError
    if b.shape != w.shape[:1]:  # type: ignore[union-attr]
        raise ValueError
    return (x.float() @ w.float().T + b.float()).to(x.dtype)  # type: ignore[union-attr]


@linear.wrong("torch.mm or .t() was used: they need two axes, but x may have one or three")
def two_axes_only(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    y = torch.mm(x.float(), w.float().t())
    return _plus(y, b).to(x.dtype)


@linear.wrong("the product was rounded before the bias was added: in 16 bits that is one rounding too many")
def rounded_before_bias(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    y = (x.float() @ w.float().T).to(x.dtype)
    return y if b is None else (y + b).to(x.dtype)


@linear.wrong(
    "the product was computed in the low precision of the input: every product is rounded before the sum; upcast first"
)
def rounded_products(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    y = (x.unsqueeze(-2) * w).float().sum(-1)
    return _plus(y, b).to(x.dtype)


linear.standard_wrongs("returns_fp32", of="`x`", formula=library)


@linear.wrong("the result has the dtype of `w`: it must have the dtype of `x`")
def dtype_of_w(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    return _plus(x.float() @ w.float().T, b).to(w.dtype)


@linear.wrong(
    "the sizes were not compared: torch raises RuntimeError for x, and broadcasts a bias of one number without an error"
)
def unchecked(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    return _plus(x.float() @ w.float().T, b).to(x.dtype)


@linear.wrong("a bias of one number was broadcast over all outputs: that raises no error, so check the length of `b`")
def stretched_bias(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    if x.shape[-1] != w.shape[1] or (b is not None and len(b) not in (1, len(w))):
        raise ValueError
    return _plus(x.float() @ w.float().T, b).to(x.dtype)


@linear.wrong("the axes before the last were merged into one and not restored")
def flattened(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    return _plus(x.float().reshape(-1, w.shape[1]) @ w.float().T, b).to(x.dtype)


@linear.wrong("the length of the bias was not checked: torch raises RuntimeError, or broadcasts a bias of one number")
def bias_unchecked(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    if x.shape[-1] != w.shape[1]:
        raise ValueError
    return _plus(x.float() @ w.float().T, b).to(x.dtype)


@linear.wrong("the last axis of `x` was not checked: einsum raises RuntimeError, or broadcasts an axis of length 1")
def inputs_unchecked(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    if b is not None and b.shape != w.shape[:1]:
        raise ValueError
    return _plus(torch.einsum("...i,oi->...o", x.float(), w.float()), b).to(x.dtype)


@linear.wrong(
    "a single vector got a batch axis that was not removed: the result must have only the axis of the outputs"
)
def vector_keeps_batch(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    return _plus((x if x.dim() > 1 else x.unsqueeze(0)).float() @ w.float().T, b).to(x.dtype)


@linear.wrong(
    "@ was called without an upcast: every step is rounded, and torch refuses two different dtypes; upcast first"
)
def as_they_are(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    y = x @ w.T
    return y if b is None else y + b


@linear.wrong("the library's linear was called without an upcast: torch refuses two different dtypes; upcast first")
def library_as_it_is(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    _check(x, w, b)
    return torch.nn.functional.linear(x, w, b)
