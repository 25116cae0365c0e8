"""The two kinds of slope kept apart: p_i dp_i from the score's own weight, less p_i p_j dp_j from every weight j."""

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


@softmax_backward.right("with one weight's slopes at a time")
def row_by_row(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    if p.shape[-1] > 1000:
        return by_difference(p, dp)
    ds = torch.zeros_like(weights)
    for i in range(p.shape[-1]):
        ds = ds - weights[..., i : i + 1] * weights * upstream[..., i : i + 1]
    return (ds + weights * upstream).to(p.dtype)


@softmax_backward.right("as a product with the transposed rows of a batched matmul")
def by_matmul(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    mean = (weights.unsqueeze(-2) @ upstream.unsqueeze(-1))[..., 0]
    return (weights * (upstream - mean)).to(p.dtype)


@softmax_backward.wrong("the diagonal of the Jacobian only: a score moves all the weights of its row, not just its own")
def diagonal_only(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (1 - weights) * upstream).to(p.dtype)


@softmax_backward.wrong("the n · n Jacobian of every row built: only its product with dp is needed")
def builds_the_jacobian(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    jacobian = torch.diag_embed(weights) - weights.unsqueeze(-1) * weights.unsqueeze(-2)
    return (jacobian @ upstream.unsqueeze(-1)).squeeze(-1).to(p.dtype)


@softmax_backward.wrong("dp summed without its weights: what is subtracted is Σ p·dp")
def plain_sum(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - upstream.sum(-1, keepdim=True))).to(p.dtype)


@softmax_backward.wrong("the plain mean of dp subtracted: it is the mean weighted by p, Σ p·dp")
def plain_mean(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - upstream.mean(-1, keepdim=True))).to(p.dtype)


@softmax_backward.wrong("the mean of p·dp subtracted: it is their sum, p adds up to 1 already")
def mean_of_products(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - (weights * upstream).mean(-1, keepdim=True))).to(p.dtype)


@softmax_backward.wrong("Σ p·dp rounded to the dtype of `p` before it is subtracted: round once, at the end")
def sum_rounded(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - (weights * upstream).sum(-1, keepdim=True).to(p.dtype).float())).to(p.dtype)


@softmax_backward.wrong("Σ p·dp subtracted from p·dp without its factor p: each score gets its share of it, p_i")
def undivided(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    product = weights * upstream
    return (product - product.sum(-1, keepdim=True)).to(p.dtype)


@softmax_backward.wrong("the factor p in front is missing: ds = p · (dp − Σ p·dp)")
def without_p(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (upstream - (weights * upstream).sum(-1, keepdim=True)).to(p.dtype)


@softmax_backward.wrong("the sign turned round: a score's own weight grows with it")
def negated(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * ((weights * upstream).sum(-1, keepdim=True) - upstream)).to(p.dtype)


@softmax_backward.wrong("softmax taken once more: p are the weights already, not the scores")
def softmax_again(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = torch.softmax(p.float(), -1), dp.float()
    return (weights * (upstream - (weights * upstream).sum(-1, keepdim=True))).to(p.dtype)


@softmax_backward.wrong("the formula of log-softmax, dp − p·Σ dp: here the forward pass took no logarithm")
def of_log_softmax(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (upstream - weights * upstream.sum(-1, keepdim=True)).to(p.dtype)


@softmax_backward.wrong("one Σ p·dp for all rows: every row has its own")
def one_sum_for_all(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - (weights * upstream).sum())).to(p.dtype)


@softmax_backward.wrong("summed without keepdim: the sums line up with the columns, not with the rows")
def without_keepdim(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - (weights * upstream).sum(-1))).to(p.dtype)


@softmax_backward.wrong("summed along the batch: the weights of one softmax stand along the last axis")
def along_the_batch(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - (weights * upstream).sum(0, keepdim=True))).to(p.dtype)


@softmax_backward.wrong("divided by the sum of p: in a masked row that is 0/0, and elsewhere it is 1 already")
def normalised_again(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    weights = weights / weights.sum(-1, keepdim=True)
    return (weights * (upstream - (weights * upstream).sum(-1, keepdim=True))).to(p.dtype)


softmax_backward.standard_wrongs(
    "low_precision_inside", formula=lambda p, dp: p * (dp - (p * dp).sum(-1, keepdim=True))
)
softmax_backward.standard_wrongs("returns_fp32", formula=by_difference)


@softmax_backward.wrong("dp rounded to the dtype of `p` first: compute in float32, and round once, at the end")
def rounded_first(p: Tensor, dp: Tensor) -> Tensor:
    return by_difference(p, dp.to(p.dtype))


@softmax_backward.wrong(
    "p·dp multiplied in low precision before it is summed: upcast first, and round once, at the end"
)
def products_narrow(p: Tensor, dp: Tensor) -> Tensor:
    weights, upstream = _wide(p, dp)
    return (weights * (upstream - (p * dp).float().sum(-1, keepdim=True))).to(p.dtype)


@softmax_backward.wrong("returned in the dtype of dp: the dtype of `p` is asked for")
def as_wide_as_dp(p: Tensor, dp: Tensor) -> Tensor:
    return by_difference(p.float(), dp.float()).to(dp.dtype)
