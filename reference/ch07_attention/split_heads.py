"""By cutting and joining columns: nothing is reshaped."""

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


@split_heads.right("permuted, all axes named")
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
    "reshaped to (b, h, n, d) without a transpose: the shape is right, but a head gets whole tokens in pieces"
)
def split_reshape_only(x: Tensor, h: int) -> Tensor:
    return x.reshape(x.shape[0], h, x.shape[1], _checked(x, h))


@split_heads.wrong("every h-th column given to a head: a head is a run of d columns side by side")
def interleaved(x: Tensor, h: int) -> Tensor:
    return x.reshape(*x.shape[:2], _checked(x, h), h).permute(0, 3, 1, 2)


@split_heads.wrong("left as (b, n, h, d): the head axis comes before the tokens, so that a product works on each head")
def split_not_transposed(x: Tensor, h: int) -> Tensor:
    return x.reshape(*x.shape[:2], h, _checked(x, h))


@split_heads.wrong("the last two axes swapped, (b, h, d, n): that is the layout of kᵀ, for later")
def tokens_last(x: Tensor, h: int) -> Tensor:
    return split_heads.fn(x, h).transpose(-1, -2)


@split_heads.wrong("the heads in front of the batch: (b, h, n, d)")
def heads_first(x: Tensor, h: int) -> Tensor:
    return split_heads.fn(x, h).transpose(0, 1)


@split_heads.wrong("d heads of width h: h is the number of heads")
def width_for_number(x: Tensor, h: int) -> Tensor:
    return split_heads.fn(x, _checked(x, h))


@split_heads.wrong("the columns that are left over dropped: a width that h does not divide is a ValueError")
def drops_the_rest(x: Tensor, h: int) -> Tensor:
    d = x.shape[-1] // h
    return split_heads.fn(x[..., : h * d], h)


@split_heads.wrong("the division not checked: reshape raises its own RuntimeError, and a ValueError is asked for")
def unchecked(x: Tensor, h: int) -> Tensor:
    return x.reshape(*x.shape[:2], h, x.shape[-1] // h).transpose(1, 2)


@merge_heads.right("permuted, then flattened")
def flattened(x: Tensor) -> Tensor:
    return x.permute(0, 2, 1, 3).flatten(2)


@merge_heads.right("made contiguous, then viewed")
def made_contiguous(x: Tensor) -> Tensor:
    return x.transpose(1, 2).contiguous().view(x.shape[0], x.shape[2], x.shape[1] * x.shape[3])


@merge_heads.wrong("reshaped without the transpose back: the shape is right, but a token gets other tokens' numbers")
def merge_reshape_only(x: Tensor) -> Tensor:
    b, h, n, d = x.shape
    return x.reshape(b, n, h * d)


@merge_heads.wrong("the heads woven together, one number of each in turn: join whole vectors, head 0 first")
def woven(x: Tensor) -> Tensor:
    b, h, n, d = x.shape
    return x.permute(0, 2, 3, 1).reshape(b, n, h * d)


@merge_heads.wrong("the heads added up: they are joined side by side, and the output projection mixes them")
def added(x: Tensor) -> Tensor:
    return x.sum(1)


@merge_heads.wrong("the heads joined along the tokens: they go side by side, so that the width grows back")
def joined_tokens(x: Tensor) -> Tensor:
    b, h, n, d = x.shape
    return x.reshape(b, h * n, d)


@merge_heads.wrong("view after transpose: the numbers do not lie in that order; use reshape, which copies if it must")
def view_after_transpose(x: Tensor) -> Tensor:
    b, h, n, d = x.shape
    return x.transpose(1, 2).view(b, n, h * d)


@merge_heads.wrong("the last head first: head 0 comes first")
def last_head_first(x: Tensor) -> Tensor:
    return merge_heads.fn(x.flip(1))


@split_heads.wrong(
    "the division left to a −1 in reshape: it raises its own RuntimeError, and a ValueError is asked for"
)
def unchecked_rest(x: Tensor, h: int) -> Tensor:
    return x.reshape(*x.shape[:2], h, -1 if x.numel() else x.shape[-1] // h).transpose(1, 2)


@split_heads.wrong("checked by `assert`: the contract asks for ValueError, and `python -O` drops asserts")
def asserts(x: Tensor, h: int) -> Tensor:
    assert x.shape[-1] % h == 0
    return split_heads.fn(x, h)


@split_heads.wrong("x.view needs numbers that lie in order: use reshape, which copies if it must")
def view_of_strided(x: Tensor, h: int) -> Tensor:
    d = _checked(x, h)
    return x.view(x.numel()).view(x.shape[0], x.shape[1], h, d).transpose(1, 2)


@split_heads.wrong("returned in float32: values and dtype stay as they are")
def in_float32(x: Tensor, h: int) -> Tensor:
    return split_heads.fn(x.float(), h)


@merge_heads.wrong("the axes of length 1 squeezed away: a batch of one sequence keeps its axis")
def squeezed(x: Tensor) -> Tensor:
    return merge_heads.fn(x).squeeze()
