"""By cutting and joining columns, without a reshape."""

import torch
from torch import Tensor

from reference import oracle


@oracle
def split_heads(x: Tensor, h: int) -> Tensor:
    if x.shape[-1] % h:
        raise ValueError(f"{h} heads do not divide a width of {x.shape[-1]}")
    d = x.shape[-1] // h
    return torch.stack([x[..., i * d : (i + 1) * d] for i in range(h)], dim=1)


@oracle
def merge_heads(x: Tensor) -> Tensor:
    return torch.cat([x[:, i] for i in range(x.shape[1])], dim=-1)


def _checked(x: Tensor, h: int) -> int:
    if x.shape[-1] % h:
        raise ValueError("the heads do not divide the width")
    return x.shape[-1] // h


@split_heads.right("permuted, with all axes named")
def permuted(x: Tensor, h: int) -> Tensor:
    d = _checked(x, h)
    return x.reshape(*x.shape[:2], h, d).permute(0, 2, 1, 3)


@split_heads.right("unflatten and movedim")
def unflattened(x: Tensor, h: int) -> Tensor:
    _checked(x, h)
    return torch.unflatten(x, -1, (h, -1) if x.numel() else (h, x.shape[-1] // h)).movedim(2, 1)


@split_heads.right("copied column by column")
def copied(x: Tensor, h: int) -> Tensor:
    d = _checked(x, h)
    out = x.new_empty(x.shape[0], h, x.shape[1], d)
    for column in range(x.shape[-1]):
        out[:, column // d, :, column % d] = x[..., column]
    return out


@split_heads.wrong(
    "x was reshaped to (b, h, n, d) without a transpose: the shape is right, but a head gets whole tokens in pieces"
)
def split_reshape_only(x: Tensor, h: int) -> Tensor:
    return x.reshape(x.shape[0], h, x.shape[1], _checked(x, h))


@split_heads.wrong("each head got every h-th column: a head is d neighboring columns")
def interleaved(x: Tensor, h: int) -> Tensor:
    return x.reshape(*x.shape[:2], _checked(x, h), h).permute(0, 3, 1, 2)


@split_heads.wrong(
    "the result is (b, n, h, d): the head axis must come before the tokens, so that products work on each head"
)
def split_not_transposed(x: Tensor, h: int) -> Tensor:
    return x.reshape(*x.shape[:2], h, _checked(x, h))


@split_heads.wrong("the last two axes were swapped, (b, h, d, n): that is the layout of kᵀ, which comes later")
def tokens_last(x: Tensor, h: int) -> Tensor:
    return split_heads.fn(x, h).transpose(-1, -2)


@split_heads.wrong("the heads were put before the batch: the result must be (b, h, n, d)")
def heads_first(x: Tensor, h: int) -> Tensor:
    return split_heads.fn(x, h).transpose(0, 1)


@split_heads.wrong("d heads of width h were made: h is the number of heads")
def width_for_number(x: Tensor, h: int) -> Tensor:
    return split_heads.fn(x, _checked(x, h))


@split_heads.wrong("the remaining columns were dropped: if h does not divide the width, raise ValueError")
def drops_the_rest(x: Tensor, h: int) -> Tensor:
    d = x.shape[-1] // h
    return split_heads.fn(x[..., : h * d], h)


@split_heads.wrong("the division was not checked: reshape raises RuntimeError, but the contract asks for ValueError")
def unchecked(x: Tensor, h: int) -> Tensor:
    return x.reshape(*x.shape[:2], h, x.shape[-1] // h).transpose(1, 2)


@merge_heads.right("permuted, then flattened")
def flattened(x: Tensor) -> Tensor:
    return x.permute(0, 2, 1, 3).flatten(2)


@merge_heads.right("made contiguous, then viewed")
def made_contiguous(x: Tensor) -> Tensor:
    return x.transpose(1, 2).contiguous().view(x.shape[0], x.shape[2], x.shape[1] * x.shape[3])


@merge_heads.wrong(
    "x was reshaped without the transpose back: the shape is right, but a token gets the numbers of other tokens"
)
def merge_reshape_only(x: Tensor) -> Tensor:
    b, h, n, d = x.shape
    return x.reshape(b, n, h * d)


@merge_heads.wrong("the heads were interleaved, one number of each in turn: join whole vectors, head 0 first")
def woven(x: Tensor) -> Tensor:
    b, h, n, d = x.shape
    return x.permute(0, 2, 3, 1).reshape(b, n, h * d)


@merge_heads.wrong("the heads were added up: place them side by side; the output projection mixes them")
def added(x: Tensor) -> Tensor:
    return x.sum(1)


@merge_heads.wrong("the heads were joined along the tokens: place them side by side, so that the width becomes h·d")
def joined_tokens(x: Tensor) -> Tensor:
    b, h, n, d = x.shape
    return x.reshape(b, h * n, d)


@merge_heads.wrong(
    "view was called after transpose: the tensor is not contiguous; use reshape, which copies if it must"
)
def view_after_transpose(x: Tensor) -> Tensor:
    b, h, n, d = x.shape
    return x.transpose(1, 2).view(b, n, h * d)


@merge_heads.wrong("the last head came first: head 0 comes first")
def last_head_first(x: Tensor) -> Tensor:
    return merge_heads.fn(x.flip(1))


@split_heads.wrong(
    "the division was left to a −1 in reshape: it raises RuntimeError, but the contract asks for ValueError"
)
def unchecked_rest(x: Tensor, h: int) -> Tensor:
    return x.reshape(*x.shape[:2], h, -1 if x.numel() else x.shape[-1] // h).transpose(1, 2)


@split_heads.wrong(
    "the division was checked by `assert`: the contract asks for ValueError, and `python -O` removes asserts"
)
def asserts(x: Tensor, h: int) -> Tensor:
    assert x.shape[-1] % h == 0
    return split_heads.fn(x, h)


@split_heads.wrong("x.view needs a contiguous tensor: use reshape, which copies if it must")
def view_of_strided(x: Tensor, h: int) -> Tensor:
    d = _checked(x, h)
    return x.view(x.numel()).view(x.shape[0], x.shape[1], h, d).transpose(1, 2)


@split_heads.wrong("the result is in float32: values and dtype must not change")
def in_float32(x: Tensor, h: int) -> Tensor:
    return split_heads.fn(x.float(), h)


@merge_heads.wrong("axes of length 1 were squeezed away: a batch of one sequence keeps its axis")
def squeezed(x: Tensor) -> Tensor:
    return merge_heads.fn(x).squeeze()
