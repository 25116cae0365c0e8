import torch

from reference import oracle


@oracle
def softmax(x, dim=-1):
    top = x.amax(dim, keepdim=True)
    e = torch.exp(x - torch.where(top == -torch.inf, torch.zeros_like(top), top))
    total = e.sum(dim, keepdim=True)
    return torch.where(total == 0, torch.zeros_like(e), e / total)


def _rounded_once(f):
    return lambda x, dim=-1: f(x.to(torch.promote_types(x.dtype, torch.float32)), dim).to(x.dtype)


@softmax.right("exp(x − logsumexp(x))")
def by_logsumexp(x, dim=-1):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    top = wide.amax(dim, keepdim=True).clamp(min=-1e38)
    total = torch.exp(wide - top).sum(dim, keepdim=True).clamp(min=1)
    return torch.exp(wide - (top + total.log())).to(x.dtype)


@softmax.right("the library's, with hidden rows set to zero")
def library(x, dim=-1):
    return torch.softmax(x.float(), dim).nan_to_num(0.0).to(x.dtype)


@softmax.right("one running pass with a rescale, as in FlashAttention")
def online(x, dim=-1):
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
def no_max(x, dim=-1):
    e = torch.exp(x)
    return e / e.sum(dim, keepdim=True)


@softmax.wrong("upcast to float32 but no maximum subtracted: it overflows later, not never")
def upcast_only(x, dim=-1):
    return no_max(x.float(), dim).to(x.dtype)


@softmax.wrong("exp in float64 instead of subtracting the maximum: that overflows from 710 on")
def float64_exp(x, dim=-1):
    return no_max(x.double(), dim).to(x.dtype)


@softmax.wrong("scores clamped instead of shifted: all large ones become equal")
def clamped(x, dim=-1):
    return _rounded_once(lambda s, d: no_max(s.clamp(-80, 80), d))(x, dim)


@softmax.wrong("the maximum of the whole tensor subtracted, not of each row: rows of small scores vanish")
def global_max(x, dim=-1):
    return _rounded_once(lambda s, d: no_max(s - s.max(), d))(x, dim)


@softmax.wrong("the mean subtracted, not the maximum: one score far above the rest still overflows")
def mean_for_max(x, dim=-1):
    return _rounded_once(lambda s, d: no_max(s - s.mean(d, keepdim=True), d))(x, dim)


@softmax.wrong("`dim` ignored: it always works along the last axis")
def ignores_dim(x, dim=-1):
    x.amax(dim)
    return softmax.fn(x.float(), -1).to(x.dtype)


@softmax.wrong("returned in float32, not in the dtype of the input")
def returns_fp32(x, dim=-1):
    return softmax.fn(x.float(), dim)


@softmax.wrong("computed in the low precision of the input: upcast inside and round once at the end")
def low_precision_inside(x, dim=-1):
    return softmax.fn(x, dim)


@softmax.wrong("a row of −inf gives NaN: −inf − −inf is not a number")
def nan_when_hidden(x, dim=-1):
    return _rounded_once(lambda s, d: no_max(s - s.amax(d, keepdim=True), d))(x, dim)


@softmax.wrong("a row of −inf gives a uniform distribution: hidden scores count as equal, not as absent")
def uniform_when_hidden(x, dim=-1):
    return _rounded_once(lambda s, d: softmax.fn(s.clamp(min=-3e38), d))(x, dim)


@softmax.wrong("the input is changed in place")
def in_place(x, dim=-1):
    top = x.amax(dim, keepdim=True)
    result = softmax.fn(x.float(), dim).to(x.dtype)
    x -= torch.where(top == -torch.inf, torch.zeros_like(top), top)
    return result
