"""Each vector's product with itself, and a division by its root where that is not zero."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import oracle


@oracle
def l2_normalize(x: Tensor) -> Tensor:
    length = torch.sqrt(torch.einsum("...d,...d->...", x, x)).unsqueeze(-1)
    return torch.where(length == 0, torch.zeros_like(x), x / length)


@l2_normalize.right("F.normalize along the last axis, in float64 and with an eps below every length")
def library(x: Tensor) -> Tensor:
    return F.normalize(x.double(), dim=-1, eps=1e-60).to(x.dtype)


@l2_normalize.right("divided by the largest absolute value first, so that no square becomes 0 or inf")
def scaled_first(x: Tensor) -> Tensor:
    largest = x.float().abs().amax(-1, keepdim=True)
    unit = x.float() / largest.masked_fill(largest == 0, 1.0)
    return (unit / (unit * unit).sum(-1, keepdim=True).sqrt().clamp(min=1.0)).to(x.dtype)


@l2_normalize.right("by vector_norm, with NaN from 0 / 0 replaced")
def by_vector_norm(x: Tensor) -> Tensor:
    wide = x.double()
    return (wide / torch.linalg.vector_norm(wide, dim=-1, keepdim=True)).nan_to_num(0.0).to(x.dtype)


@l2_normalize.right("multiplied by the inverse root, row by row")
def row_by_row(x: Tensor) -> Tensor:
    rows = [row * torch.rsqrt((row @ row).clamp(min=1e-100)) for row in x.double().reshape(-1, x.shape[-1])]
    return torch.stack(rows).reshape(x.shape).to(x.dtype) if rows else x.clone()


def _by(x: Tensor, length: Callable[[Tensor], Tensor]) -> Tensor:
    """In float64; zeros stay zeros."""
    wide = x.double()
    norm = length(wide)
    return (wide / norm.masked_fill(norm == 0, 1.0)).to(x.dtype)


@l2_normalize.wrong("a vector of zeros was divided by its length: 0 / 0 is NaN")
def nan_on_zeros(x: Tensor) -> Tensor:
    wide = x.double()
    return (wide / wide.norm(dim=-1, keepdim=True)).to(x.dtype)


@l2_normalize.wrong("the vectors were divided by the squared length: divide by the length, its square root")
def by_the_square(x: Tensor) -> Tensor:
    return _by(x, lambda wide: (wide**2).sum(-1, keepdim=True))


@l2_normalize.wrong(
    "the vectors were divided by the sum of absolute values: this makes the L1 norm 1; make the length (L2 norm) 1"
)
def by_the_l1_norm(x: Tensor) -> Tensor:
    return _by(x, lambda wide: wide.norm(p=1, dim=-1, keepdim=True))


@l2_normalize.wrong(
    "the vectors were divided by the largest absolute value: then the largest number is 1; make the length 1"
)
def by_the_largest(x: Tensor) -> Tensor:
    return _by(x, lambda wide: wide.abs().amax(-1, keepdim=True))


@l2_normalize.wrong("one length was used for the whole tensor: each vector has its own length")
def one_length_for_all(x: Tensor) -> Tensor:
    return _by(x, lambda wide: wide.norm())


@l2_normalize.wrong("the columns were normalized: a row is a vector, so the sum runs along the last axis")
def columns(x: Tensor) -> Tensor:
    return _by(x, lambda wide: wide.norm(dim=0, keepdim=True))


@l2_normalize.wrong(
    "axis 1 was normalized (the default of F.normalize): for a batch of matrices this is not the last axis"
)
def axis_one(x: Tensor) -> Tensor:
    return _by(x, lambda wide: wide.norm(dim=1 if wide.dim() > 1 else 0, keepdim=True))


@l2_normalize.wrong(
    "a small number was added to the length: short vectors then get a length below 1; only a vector of zeros is special"
)
def epsilon_added(x: Tensor) -> Tensor:
    return (x.double() / (x.double().norm(dim=-1, keepdim=True) + 1e-6)).to(x.dtype)


@l2_normalize.wrong(
    "the library's eps was kept: vectors shorter than 1e-12 get a length below 1; only a vector of zeros is special"
)
def short_ones_left(x: Tensor) -> Tensor:
    return F.normalize(x.float(), dim=-1).to(x.dtype)


@l2_normalize.wrong(
    "the squares were taken in float32, where tiny squares are 0: a short vector is not a vector of zeros"
)
def squares_vanish(x: Tensor) -> Tensor:
    wide = x.float()
    norm = (wide * wide).sum(-1, keepdim=True).sqrt()
    return (wide / norm.masked_fill(norm == 0, 1.0)).to(x.dtype)


@l2_normalize.wrong(
    "everything was computed in the dtype of the input: every step rounds, and in fp16 300² is inf, so the result is 0"
)
def low_precision_inside(x: Tensor) -> Tensor:
    norm = (x * x).sum(-1, keepdim=True).sqrt()
    return x / norm.masked_fill(norm == 0, 1.0)


@l2_normalize.wrong("the mean was subtracted first: this changes the direction of the vector")
def centred(x: Tensor) -> Tensor:
    wide = x.double()
    return F.normalize(wide - wide.mean(-1, keepdim=True), dim=-1, eps=1e-60).to(x.dtype)


@l2_normalize.wrong(
    "the vectors were divided by the root mean square, as in RMSNorm: their length is then √d; make it 1"
)
def root_mean_square(x: Tensor) -> Tensor:
    return _by(x, lambda wide: (wide**2).mean(-1, keepdim=True).sqrt())


@l2_normalize.wrong(
    "the length was rounded to the dtype of the input: a length beyond fp16's range is inf; round at the end"
)
def rounds_the_length(x: Tensor) -> Tensor:
    norm = x.double().norm(dim=-1, keepdim=True).to(x.dtype)
    return x / norm.masked_fill(norm == 0, 1.0)


@l2_normalize.wrong("the result is float32: return it in the dtype of the input")
def returns_fp32(x: Tensor) -> Tensor:
    return library(x.float())
