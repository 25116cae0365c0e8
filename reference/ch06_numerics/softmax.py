from collections.abc import Callable

import torch
from torch import Tensor

from reference import oracle


@oracle
def softmax(x: Tensor, dim: int = -1) -> Tensor:
    top = x.amax(dim, keepdim=True)
    e = torch.exp(x - torch.where(top == -torch.inf, torch.zeros_like(top), top))
    total = e.sum(dim, keepdim=True)
    return torch.where(total == 0, torch.zeros_like(e), e / total)


def _rounded_once(f: Callable[[Tensor, int], Tensor]) -> Callable[[Tensor, int], Tensor]:
    return lambda x, dim: f(x.to(torch.promote_types(x.dtype, torch.float32)), dim).to(x.dtype)


@softmax.right("exp(x − logsumexp(x))")
def by_logsumexp(x: Tensor, dim: int = -1) -> Tensor:
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    top = wide.amax(dim, keepdim=True).clamp(min=-1e38)
    total = torch.exp(wide - top).sum(dim, keepdim=True).clamp(min=1)
    return torch.exp(wide - (top + total.log())).to(x.dtype)


@softmax.right("the library's, with masked rows set to zero")
def library(x: Tensor, dim: int = -1) -> Tensor:
    return torch.softmax(x.float(), dim).nan_to_num(0.0).to(x.dtype)


@softmax.right("in one pass with a running maximum and a rescale, as in FlashAttention")
def online(x: Tensor, dim: int = -1) -> Tensor:
    rows = x.float().movedim(dim, -1)
    top = torch.full(rows.shape[:-1], -torch.inf)
    total = torch.zeros(rows.shape[:-1])
    for score in rows.unbind(-1):
        new = torch.maximum(top, score)
        safe = new.masked_fill(new == -torch.inf, 0)
        total = total * torch.exp(top - safe) + torch.exp(score - safe)
        top = new
    safe = top.masked_fill(top == -torch.inf, 0).unsqueeze(-1)
    p = torch.exp(rows - safe) / total.clamp(min=1).unsqueeze(-1)
    return p.movedim(-1, dim).to(x.dtype)


@softmax.wrong("exp before subtracting the row maximum: large scores overflow")
def no_max(x: Tensor, dim: int = -1) -> Tensor:
    e = torch.exp(x)
    return e / e.sum(dim, keepdim=True)


def _share(e: Tensor, dim: int) -> Tensor:
    """`no_max` after the exp, with zeros where nothing is left."""
    total = e.sum(dim, keepdim=True)
    return torch.where(total == 0, torch.zeros_like(e), e / total)


@softmax.wrong("upcast to float32, but no maximum was subtracted: exp still overflows, from 88.7 on")
def upcast_only(x: Tensor, dim: int = -1) -> Tensor:
    return no_max(x.float(), dim).to(x.dtype)


@softmax.wrong("only masked rows were handled, and no maximum was subtracted: exp overflows from 88.7 on")
def unshifted(x: Tensor, dim: int = -1) -> Tensor:
    return _share(x.float().exp(), dim).to(x.dtype)


@softmax.wrong("exp in float64 instead of subtracting the maximum: it overflows from 710 on")
def float64_exp(x: Tensor, dim: int = -1) -> Tensor:
    return _share(x.double().exp(), dim).to(x.dtype)


@softmax.wrong("the scores were clamped, not shifted: all large scores become equal")
def clamped(x: Tensor, dim: int = -1) -> Tensor:
    return _rounded_once(lambda s, d: no_max(s.clamp(-80, 80), d))(x, dim)


@softmax.wrong("the maximum of the whole tensor was subtracted, not of each row: rows of small scores become 0")
def global_max(x: Tensor, dim: int = -1) -> Tensor:
    def formula(s: Tensor, d: int) -> Tensor:
        return _share(torch.exp(s - s.max()) if s.numel() else s, d)

    return _rounded_once(formula)(x, dim)


@softmax.wrong("the mean was subtracted, not the maximum: one score far above the rest still overflows")
def mean_for_max(x: Tensor, dim: int = -1) -> Tensor:
    def formula(s: Tensor, d: int) -> Tensor:
        mean = s.mean(d, keepdim=True)
        return _share(torch.exp(s - mean.masked_fill(mean == -torch.inf, 0)), d)

    return _rounded_once(formula)(x, dim)


@softmax.wrong("`dim` was ignored: the softmax always ran along the last axis")
def ignores_dim(x: Tensor, dim: int = -1) -> Tensor:
    x.amax(dim)
    return softmax.fn(x.float(), -1).to(x.dtype)


softmax.standard_wrongs("returns_fp32", "low_precision_inside")


@softmax.wrong("a row of −inf gives NaN: (−inf) − (−inf) is not a number")
def nan_when_hidden(x: Tensor, dim: int = -1) -> Tensor:
    return _rounded_once(lambda s, d: no_max(s - s.amax(d, keepdim=True), d))(x, dim)


@softmax.wrong("a row of −inf gives a uniform distribution: masked scores must give 0, not equal shares")
def uniform_when_hidden(x: Tensor, dim: int = -1) -> Tensor:
    return _rounded_once(lambda s, d: softmax.fn(s.clamp(min=-3e38), d))(x, dim)


@softmax.wrong(
    "a small number was added to every sum: all probabilities are slightly wrong; only a masked row needs it"
)
def epsilon_below(x: Tensor, dim: int = -1) -> Tensor:
    def shifted(s: Tensor, d: int) -> Tensor:
        top = s.amax(d, keepdim=True)
        e = torch.exp(s - top.masked_fill(top == -torch.inf, 0))
        return e / (e.sum(d, keepdim=True) + 1e-5)

    return _rounded_once(shifted)(x, dim)


@softmax.wrong("the input was changed in place: float() of a float32 tensor is the same tensor, not a copy")
def in_place(x: Tensor, dim: int = -1) -> Tensor:
    scores = x.float()  # `x` itself where it is float32
    top = scores.amax(dim, keepdim=True)
    scores -= top.masked_fill(top == -torch.inf, 0.0)
    weights = scores.exp()
    return (weights / weights.sum(dim, keepdim=True).clamp(min=1.0)).to(x.dtype)


@softmax.wrong(
    "−inf was replaced by a finite number such as −1e9: a masked row is then uniform, and lower scores get 0"
)
def finite_for_hidden(x: Tensor, dim: int = -1) -> Tensor:
    return _rounded_once(lambda s, d: softmax.fn(s.masked_fill(s == -torch.inf, -1e9), d))(x, dim)


@softmax.wrong("every row with a −inf was set to zeros: a row gives zeros only if every score is −inf")
def any_hides_all(x: Tensor, dim: int = -1) -> Tensor:
    hidden = (x == -torch.inf).any(dim, keepdim=True)
    return softmax.fn(x.float(), dim).masked_fill(hidden, 0.0).to(x.dtype)


@softmax.wrong("no error for a missing axis: a vector has no dim 1, so raise IndexError")
def no_error(x: Tensor, dim: int = -1) -> Tensor:
    return softmax.fn(x.float(), dim % x.dim()).to(x.dtype)
