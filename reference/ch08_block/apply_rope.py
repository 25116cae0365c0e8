"""Multiplies each pair by its own 2 × 2 rotation matrix."""

import torch
from torch import Tensor

from reference import LOW_PRECISION, oracle


@oracle
def apply_rope(x: Tensor, angles: Tensor) -> Tensor:
    _check(x, angles)
    pairs = torch.stack([x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]], -1)
    cos, sin = angles.cos(), angles.sin()
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    turned = (turn * pairs.unsqueeze(-2)).sum(-1)
    return torch.cat([turned[..., 0], turned[..., 1]], -1).to(x.dtype)


@oracle
def rope_scores(q: Tensor, k: Tensor, angles_q: Tensor, angles_k: Tensor) -> Tensor:
    """Dot products of turned queries and keys. Only the keys are turned, by the difference of the angles."""
    half = q.shape[-1] // 2
    apart = angles_k.unsqueeze(0) - angles_q.unsqueeze(1)
    a, b = k[:, :half] * apart.cos() - k[:, half:] * apart.sin(), k[:, :half] * apart.sin() + k[:, half:] * apart.cos()
    return (q.unsqueeze(1) * torch.cat([a, b], -1)).sum(-1)


def _check(x: Tensor, angles: Tensor) -> None:
    if angles.shape != (x.shape[-2], x.shape[-1] // 2):
        raise ValueError("angles need one row for each token and one column for each pair")


def _parts(x: Tensor, angles: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    _check(x, angles)
    a, b = x.float().chunk(2, -1)
    return a, b, angles.cos(), angles.sin()


@apply_rope.right("x · cos + rotate_half(x) · sin, as transformers has it")
def rotate_half(x: Tensor, angles: Tensor) -> Tensor:
    a, b, cos, sin = _parts(x, angles)
    half = torch.cat([-b, a], -1)
    return (x.float() * torch.cat([cos, cos], -1) + half * torch.cat([sin, sin], -1)).to(x.dtype)


@apply_rope.right("as complex numbers")
def complex_numbers(x: Tensor, angles: Tensor) -> Tensor:
    a, b, cos, sin = _parts(x, angles)
    z = torch.complex(a, b) * torch.complex(cos, sin)
    return torch.cat([z.real, z.imag], -1).to(x.dtype)


@apply_rope.wrong("neighbors are paired, (2i, 2i + 1), as in Meta's own code: here pair i is (i, i + width/2)")
def interleaved(x: Tensor, angles: Tensor) -> Tensor:
    _, _, cos, sin = _parts(x, angles)
    a, b = x.float()[..., 0::2], x.float()[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2).to(x.dtype)


@apply_rope.wrong("neighbors are paired and the results put into halves: the pairs must come from the halves too")
def interleaved_to_halves(x: Tensor, angles: Tensor) -> Tensor:
    _, _, cos, sin = _parts(x, angles)
    a, b = x.float()[..., 0::2], x.float()[..., 1::2]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)


@apply_rope.wrong("the results of a pair stand side by side: all first values must come before all second values")
def halves_to_interleaved(x: Tensor, angles: Tensor) -> Tensor:
    a, b, cos, sin = _parts(x, angles)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2).to(x.dtype)


@apply_rope.wrong(
    "the pairs turn the other way: the result is (a cos − b sin, a sin + b cos), with the minus in the first"
)
def backwards(x: Tensor, angles: Tensor) -> Tensor:
    a, b, cos, sin = _parts(x, angles)
    return torch.cat([a * cos + b * sin, b * cos - a * sin], -1).to(x.dtype)


@apply_rope.wrong("there is no minus: (a cos + b sin, a sin + b cos) is no rotation and changes lengths")
def no_minus(x: Tensor, angles: Tensor) -> Tensor:
    a, b, cos, sin = _parts(x, angles)
    return torch.cat([a * cos + b * sin, a * sin + b * cos], -1).to(x.dtype)


@apply_rope.wrong("sin and cos are swapped")
def exchanged(x: Tensor, angles: Tensor) -> Tensor:
    a, b, cos, sin = _parts(x, angles)
    return torch.cat([a * sin - b * cos, a * cos + b * sin], -1).to(x.dtype)


@apply_rope.wrong("each value is multiplied by its cosine only: a rotation also mixes it with its partner")
def only_cos(x: Tensor, angles: Tensor) -> Tensor:
    a, b, cos, _ = _parts(x, angles)
    return torch.cat([a * cos, b * cos], -1).to(x.dtype)


@apply_rope.wrong("the new a was used to compute the new b: both come from the old pair")
def overwritten(x: Tensor, angles: Tensor) -> Tensor:
    a, b, cos, sin = _parts(x, angles)
    a = a * cos - b * sin
    return torch.cat([a, a * sin + b * cos], -1).to(x.dtype)


@apply_rope.wrong("cos and sin were added to the vector: this is the older, absolute position encoding")
def added(x: Tensor, angles: Tensor) -> Tensor:
    a, b, cos, sin = _parts(x, angles)
    return torch.cat([a + sin, b + cos], -1).to(x.dtype)


@apply_rope.wrong(LOW_PRECISION)
def low_precision_inside(x: Tensor, angles: Tensor) -> Tensor:
    _check(x, angles)
    a, b = x.chunk(2, -1)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


@apply_rope.wrong("cos and sin were rounded to the dtype of the input: keep them in float32")
def rounded_cos(x: Tensor, angles: Tensor) -> Tensor:
    a, b, cos, sin = _parts(x, angles)
    cos, sin = cos.to(x.dtype).float(), sin.to(x.dtype).float()
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)


@apply_rope.wrong(
    "the angles were rounded to the dtype of the input: in bf16 an angle near 1,000 is off by up to 2 radians"
)
def rounded_angles(x: Tensor, angles: Tensor) -> Tensor:
    return apply_rope.fn(x.float(), angles.to(x.dtype).float()).to(x.dtype)


apply_rope.standard_wrongs("returns_fp32")


@apply_rope.wrong(
    "a single row or column of angles was broadcast: each token has its own position, so compare the shapes"
)
def stretched(x: Tensor, angles: Tensor) -> Tensor:
    try:
        angles = angles.expand(x.shape[-2], x.shape[-1] // 2)
    except RuntimeError as error:
        raise ValueError("the shapes do not fit") from error
    return apply_rope.fn(x.float(), angles).to(x.dtype)


@apply_rope.wrong(
    "the shapes were not compared: torch broadcasts a single row and raises RuntimeError for other mismatches"
)
def unchecked(x: Tensor, angles: Tensor) -> Tensor:
    a, b = x.float().chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)


@apply_rope.wrong("a single row of angles was broadcast over all tokens: compare the number of rows with n")
def rows_unchecked(x: Tensor, angles: Tensor) -> Tensor:
    if angles.shape[1] != x.shape[-1] // 2:
        raise ValueError("angles need one column for each pair")
    a, b = x.float().chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)


@apply_rope.wrong(
    "a single column of angles was broadcast over all pairs: compare the number of columns with width / 2"
)
def columns_unchecked(x: Tensor, angles: Tensor) -> Tensor:
    if angles.shape[0] != x.shape[-2]:
        raise ValueError("angles need one row for each token")
    if angles.shape[1] == 1:
        angles = angles.expand(-1, x.shape[-1] // 2)
    return apply_rope.fn(x.float(), angles).to(x.dtype)


@apply_rope.wrong("more rows of angles than tokens are accepted: raise ValueError")
def rows_to_spare(x: Tensor, angles: Tensor) -> Tensor:
    if angles.shape[0] < x.shape[-2]:
        raise ValueError("angles need one row for each token")
    return apply_rope.fn(x.float(), angles[: x.shape[-2]]).to(x.dtype)


@apply_rope.wrong("the caller's x was changed: .float() of a float32 tensor makes no copy")
def in_place(x: Tensor, angles: Tensor) -> Tensor:
    turned = x.float()
    turned.copy_(apply_rope.fn(turned.clone(), angles))
    return turned.to(x.dtype)
