"""Class by class: the probability, minus 1 where the class is the target."""

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import LOW_PRECISION, oracle


@oracle
def cross_entropy_backward(logits: Tensor, targets: Tensor) -> Tensor:
    batch, classes = logits.shape
    if any(not 0 <= target < classes for target in targets.tolist()):
        raise IndexError("a target is no class")
    e = torch.exp(logits - logits.amax(-1, keepdim=True))
    p = e / e.sum(-1, keepdim=True)
    right = torch.arange(classes) == targets.unsqueeze(-1)
    return torch.where(right, p - 1, p) / max(1, batch)


def _checked(logits: Tensor, targets: Tensor) -> Tensor:
    """The logits in float32, after the check of the targets."""
    if targets.numel() and not bool((targets >= 0).all() and (targets < logits.shape[-1]).all()):
        raise IndexError("a target is no class")
    return logits.float()


def _onehot(logits: Tensor, targets: Tensor) -> Tensor:
    return F.one_hot(targets, logits.shape[-1]).float()


@cross_entropy_backward.right("softmax minus one-hot")
def by_onehot(logits: Tensor, targets: Tensor) -> Tensor:
    p = torch.softmax(_checked(logits, targets), -1)
    return ((p - _onehot(logits, targets)) / max(1, len(targets))).to(logits.dtype)


@cross_entropy_backward.right("exp of log-softmax")
def by_log_softmax(logits: Tensor, targets: Tensor) -> Tensor:
    wide = _checked(logits, targets).to(torch.promote_types(logits.dtype, torch.float32))
    p = torch.exp(wide - torch.logsumexp(wide, -1, keepdim=True))
    return ((p - _onehot(logits, targets).to(p.dtype)) / max(1, len(targets))).to(logits.dtype)


@cross_entropy_backward.right("by autograd through the library's loss")
def by_autograd(logits: Tensor, targets: Tensor) -> Tensor:
    leaf = _checked(logits, targets).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(leaf, targets), leaf)
    return gradient.to(logits.dtype)


@cross_entropy_backward.wrong("the gradient was not divided by the batch: the loss is a mean over the batch")
def summed(logits: Tensor, targets: Tensor) -> Tensor:
    p = torch.softmax(_checked(logits, targets), -1)
    return (p - _onehot(logits, targets)).to(logits.dtype)


@cross_entropy_backward.wrong("the gradient was divided by the number of classes: the mean is over the batch")
def by_classes(logits: Tensor, targets: Tensor) -> Tensor:
    p = torch.softmax(_checked(logits, targets), -1)
    return ((p - _onehot(logits, targets)) / logits.shape[-1]).to(logits.dtype)


@cross_entropy_backward.wrong(
    "the gradient was divided by batch times classes: the mean is over the batch, with one loss per row"
)
def by_elements(logits: Tensor, targets: Tensor) -> Tensor:
    p = torch.softmax(_checked(logits, targets), -1)
    return ((p - _onehot(logits, targets)) / max(1, logits.numel())).to(logits.dtype)


@cross_entropy_backward.wrong("the sign is wrong: a step against the gradient must raise the logit of the right class")
def negated(logits: Tensor, targets: Tensor) -> Tensor:
    return -by_onehot(logits, targets)


@cross_entropy_backward.wrong("1 was not subtracted at the target: then a step would push every logit down")
def without_target(logits: Tensor, targets: Tensor) -> Tensor:
    return (torch.softmax(_checked(logits, targets), -1) / max(1, len(targets))).to(logits.dtype)


@cross_entropy_backward.wrong(
    "the gradient of the other classes is 0: their logits are in the sum of softmax, so they get a gradient too"
)
def target_only(logits: Tensor, targets: Tensor) -> Tensor:
    return (by_onehot(logits, targets).float() * _onehot(logits, targets)).to(logits.dtype)


@cross_entropy_backward.wrong("one-hot was subtracted from the logits: subtract it from their softmax")
def without_softmax(logits: Tensor, targets: Tensor) -> Tensor:
    return ((_checked(logits, targets) - _onehot(logits, targets)) / max(1, len(targets))).to(logits.dtype)


@cross_entropy_backward.wrong(
    "−1/p was returned at the target: this is the gradient with respect to the probabilities; continue through softmax"
)
def by_probabilities(logits: Tensor, targets: Tensor) -> Tensor:
    p = torch.softmax(_checked(logits, targets), -1)
    onehot = _onehot(logits, targets)
    return torch.where(onehot == 1, -1 / (p * max(1, len(targets))), onehot).to(logits.dtype)


@cross_entropy_backward.wrong(
    "−1/p was computed first, then softmax backward: if p is 0, this gives 0 · inf; cancel p in the formula"
)
def in_two_steps(logits: Tensor, targets: Tensor) -> Tensor:
    p = torch.softmax(_checked(logits, targets), -1)
    onehot = _onehot(logits, targets)
    dp = torch.where(onehot == 1, -1 / (p * max(1, len(targets))), onehot)
    return (p * (dp - (p * dp).sum(-1, keepdim=True))).to(logits.dtype)


@cross_entropy_backward.wrong("the maximum was not subtracted before exp: large logits overflow")
def no_maximum(logits: Tensor, targets: Tensor) -> Tensor:
    e = torch.exp(_checked(logits, targets))
    return ((e / e.sum(-1, keepdim=True) - _onehot(logits, targets)) / max(1, len(targets))).to(logits.dtype)


@cross_entropy_backward.wrong(
    "exp was taken in float64 without subtracting the maximum: this overflows too, from 709.8 on"
)
def no_maximum_in_float64(logits: Tensor, targets: Tensor) -> Tensor:
    e = torch.exp(_checked(logits, targets).double())
    p = e / e.sum(-1, keepdim=True)
    return ((p - _onehot(logits, targets).double()) / max(1, len(targets))).to(logits.dtype)


@cross_entropy_backward.wrong(
    "the maximum of the whole batch was subtracted: use the maximum of each row, or rows of small logits become 0"
)
def global_maximum(logits: Tensor, targets: Tensor) -> Tensor:
    wide = _checked(logits, targets)
    e = torch.exp(wide - wide.max()) if wide.numel() else wide
    return ((e / e.sum(-1, keepdim=True) - _onehot(logits, targets)) / max(1, len(targets))).to(logits.dtype)


@cross_entropy_backward.wrong(
    "the targets were not checked: one_hot raises RuntimeError, but the contract asks for an IndexError"
)
def unchecked_onehot(logits: Tensor, targets: Tensor) -> Tensor:
    p = torch.softmax(logits.float(), -1)
    return ((p - _onehot(logits, targets)) / max(1, len(targets))).to(logits.dtype)


@cross_entropy_backward.wrong("softmax ran along the batch: it runs along the classes, the last axis")
def along_the_batch(logits: Tensor, targets: Tensor) -> Tensor:
    p = torch.softmax(_checked(logits, targets), 0)
    return ((p - _onehot(logits, targets)) / max(1, len(targets))).to(logits.dtype)


@cross_entropy_backward.wrong(
    "1 was subtracted in every row of the column: p[:, targets] picks columns, not pairs of row and column"
)
def whole_columns(logits: Tensor, targets: Tensor) -> Tensor:
    p = torch.softmax(_checked(logits, targets), -1)
    p[:, targets] -= 1
    return (p / max(1, len(targets))).to(logits.dtype)


@cross_entropy_backward.wrong(
    "a negative target counted from the end: padding marked with −1 would train the last class"
)
def from_the_end(logits: Tensor, targets: Tensor) -> Tensor:
    if (targets >= logits.shape[-1]).any() or (targets < -logits.shape[-1]).any():
        raise IndexError("a target is no class")
    return by_onehot(logits, targets % logits.shape[-1])


@cross_entropy_backward.wrong("a target equal to the number of classes was accepted: the last class is classes − 1")
def one_class_too_many(logits: Tensor, targets: Tensor) -> Tensor:
    if targets.numel() and not bool((targets >= 0).all() and (targets <= logits.shape[-1]).all()):
        raise IndexError("a target is no class")
    return passes_over(logits, targets)


@cross_entropy_backward.wrong("a row with target −100 got a gradient of 0: here −100 is an IndexError")
def ignores_minus_100(logits: Tensor, targets: Tensor) -> Tensor:
    counts = (targets != -100).unsqueeze(-1)
    gradient = by_onehot(logits.float(), targets.where(targets != -100, 0))
    return (gradient * counts).to(logits.dtype)


@cross_entropy_backward.wrong(
    "a target of −100 was left out of the mean, as in F.cross_entropy: here it is an IndexError"
)
def library_unchecked(logits: Tensor, targets: Tensor) -> Tensor:
    leaf = logits.detach().float().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(leaf, targets), leaf)
    return gradient.to(logits.dtype)


@cross_entropy_backward.wrong("a target that is not a class was ignored: the contract asks for an IndexError")
def passes_over(logits: Tensor, targets: Tensor) -> Tensor:
    p = torch.softmax(logits.float(), -1)
    onehot = (torch.arange(logits.shape[-1]) == targets.unsqueeze(-1)).float()
    return ((p - onehot) / max(1, len(targets))).to(logits.dtype)


@cross_entropy_backward.wrong(LOW_PRECISION)
def low_precision_inside(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    p = torch.softmax(logits, -1)
    return (p - _onehot(logits, targets).to(p.dtype)) / max(1, len(targets))


cross_entropy_backward.standard_wrongs("returns_fp32", formula=by_onehot)


@cross_entropy_backward.wrong("the logits were shifted in place: they belong to the caller")
def in_place(logits: Tensor, targets: Tensor) -> Tensor:
    wide = _checked(logits, targets)  # of float32 logits no copy, but the logits themselves
    wide -= wide.amax(-1, keepdim=True)
    e = wide.exp()
    return ((e / e.sum(-1, keepdim=True) - _onehot(wide, targets)) / max(1, len(targets))).to(logits.dtype)


@cross_entropy_backward.wrong(
    "the caller's `logits` became the autograd leaf: float() of a float32 tensor is not a copy, so clone() it"
)
def marks_the_input(logits: Tensor, targets: Tensor) -> Tensor:
    leaf = _checked(logits, targets).requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(leaf, targets), leaf)
    return gradient.to(logits.dtype)
