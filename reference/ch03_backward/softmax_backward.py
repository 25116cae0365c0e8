"""The two kinds of slope, separately: p_i dp_i from the score's own weight, minus p_i p_j dp_j from every weight j."""

import torch
from torch import Tensor

from reference import oracle, promoted


@oracle
def softmax_backward(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = promoted(p, dp)
    product = weights * upstream
    return (product - weights * product.sum(-1, keepdim=True)).to(p.dtype)


def _wide(p: Tensor, dp: Tensor) -> tuple[Tensor, Tensor]:
    return p.float(), dp.float()


@softmax_backward.right("by the difference from the weighted mean")
def by_difference(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - torch.einsum("...n,...n->...", weights, upstream).unsqueeze(-1))).to(p.dtype)


@softmax_backward.right("with the slopes of one weight at a time")
def row_by_row(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    if p.shape[-1] > 1000:
        return by_difference(p, dp)
    ds = torch.zeros_like(weights)
    for i in range(p.shape[-1]):
        ds = ds - weights[..., i : i + 1] * weights * upstream[..., i : i + 1]
    return (ds + weights * upstream).to(p.dtype)


@softmax_backward.right("as a batched matmul of p with dp")
def by_matmul(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    mean = (weights.unsqueeze(-2) @ upstream.unsqueeze(-1))[..., 0]
    return (weights * (upstream - mean)).to(p.dtype)


@softmax_backward.wrong(
    "only the diagonal of the Jacobian was used: a score changes all weights of its row, not just its own weight"
)
def diagonal_only(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (1 - weights) * upstream).to(p.dtype)


@softmax_backward.wrong("the n · n Jacobian of every row was built: the backward pass needs only its product with dp")
def builds_the_jacobian(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    jacobian = torch.diag_embed(weights) - weights.unsqueeze(-1) * weights.unsqueeze(-2)
    return (jacobian @ upstream.unsqueeze(-1)).squeeze(-1).to(p.dtype)


@softmax_backward.wrong("dp was summed without the weights: subtract Σ p·dp")
def plain_sum(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - upstream.sum(-1, keepdim=True))).to(p.dtype)


@softmax_backward.wrong("the plain mean of dp was subtracted: subtract the mean weighted by p, Σ p·dp")
def plain_mean(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - upstream.mean(-1, keepdim=True))).to(p.dtype)


@softmax_backward.wrong("the mean of p·dp was subtracted: subtract the sum, since p already adds up to 1")
def mean_of_products(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - (weights * upstream).mean(-1, keepdim=True))).to(p.dtype)


@softmax_backward.wrong("Σ p·dp was rounded to the dtype of `p` before the difference: round once, at the end")
def sum_rounded(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - (weights * upstream).sum(-1, keepdim=True).to(p.dtype).float())).to(p.dtype)


@softmax_backward.wrong("Σ p·dp was subtracted from p·dp without the factor p: subtract p_i · Σ p·dp for score i")
def undivided(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    product = weights * upstream
    return (product - product.sum(-1, keepdim=True)).to(p.dtype)


@softmax_backward.wrong("the factor p is missing: ds = p · (dp − Σ p·dp)")
def without_p(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (upstream - (weights * upstream).sum(-1, keepdim=True)).to(p.dtype)


@softmax_backward.wrong("the sign is wrong: a weight grows when its own score grows")
def negated(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * ((weights * upstream).sum(-1, keepdim=True) - upstream)).to(p.dtype)


@softmax_backward.wrong("softmax was taken once more: p already holds the weights, not the scores")
def softmax_again(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = torch.softmax(p.float(), -1), dp.float()
    return (weights * (upstream - (weights * upstream).sum(-1, keepdim=True))).to(p.dtype)


@softmax_backward.wrong("this is the formula of log-softmax, dp − p·Σ dp: here the forward pass took no logarithm")
def of_log_softmax(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (upstream - weights * upstream.sum(-1, keepdim=True)).to(p.dtype)


@softmax_backward.wrong("one Σ p·dp was used for all rows: every row has its own sum")
def one_sum_for_all(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - (weights * upstream).sum())).to(p.dtype)


@softmax_backward.wrong("the sum was taken without keepdim: the sums then broadcast along the columns, not the rows")
def without_keepdim(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - (weights * upstream).sum(-1))).to(p.dtype)


@softmax_backward.wrong("the sum ran along the batch: the weights of one softmax are along the last axis")
def along_the_batch(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - (weights * upstream).sum(0, keepdim=True))).to(p.dtype)


@softmax_backward.wrong(
    "p was divided by its sum: the sum is 0 in a masked row, which gives 0/0, and 1 in every other row"
)
def normalised_again(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    weights = weights / weights.sum(-1, keepdim=True)
    return (weights * (upstream - (weights * upstream).sum(-1, keepdim=True))).to(p.dtype)


softmax_backward.standard_wrongs(
    "low_precision_inside", formula=lambda p, dp: p * (dp - (p * dp).sum(-1, keepdim=True))
)
softmax_backward.standard_wrongs("returns_fp32", formula=by_difference)


@softmax_backward.wrong("dp was first rounded to the dtype of `p`: compute in float32 and round once, at the end")
def rounded_first(p: Tensor, dp: Tensor) -> Tensor:
    return by_difference(p, dp.to(p.dtype))


@softmax_backward.wrong("p·dp was multiplied in low precision before the sum: upcast first and round once, at the end")
def products_narrow(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - (p * dp).float().sum(-1, keepdim=True))).to(p.dtype)


@softmax_backward.wrong("the result has the dtype of dp: it should have the dtype of `p`")
def as_wide_as_dp(p: Tensor, dp: Tensor) -> Tensor:
    return by_difference(p.float(), dp.float()).to(dp.dtype)
