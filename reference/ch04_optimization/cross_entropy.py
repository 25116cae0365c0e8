"""−log of eᵃ / Σ eᵇ is log Σ e^(b − a): every logit is taken relative to the target's, then the sum is shifted."""

from collections.abc import Callable

import torch
from torch import Tensor

from reference import LOW_PRECISION, oracle


def _checked(logits: Tensor, targets: Tensor) -> None:
    if bool(((targets < 0) | (targets >= logits.shape[1])).any()):
        raise IndexError("a target is no class")


@oracle
def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    own = logits.gather(1, targets.unsqueeze(1))
    rivals = logits - own
    top = rivals.amax(1, keepdim=True)
    losses = top + torch.log(torch.exp(rivals - top).sum(1, keepdim=True))
    impossible = logits.amax(1, keepdim=True) - own  # inf: a target that cannot be, whose rivals are no numbers
    return torch.where(own == -torch.inf, impossible, losses).mean()


def _rounded_once(logits: Tensor, targets: Tensor, loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """`loss` on float32 logits, after the check; one number, in the dtype of the logits."""
    _checked(logits, targets)
    return loss(logits.float(), targets).to(logits.dtype)


def _pick(x: Tensor, targets: Tensor) -> Tensor:
    return x.gather(1, targets.unsqueeze(1)).squeeze(1)


@cross_entropy.right("the library's, on float32")
def library(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    return torch.nn.functional.cross_entropy(logits.float(), targets).to(logits.dtype)


@cross_entropy.right("row by row, shifted by the row's maximum")
def by_rows(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    losses = []
    for i, row in enumerate(logits.float()):
        shifted = row - row.max()
        losses.append(shifted.exp().sum().log() - shifted[targets[i]])
    return torch.stack(losses or [torch.tensor(torch.nan)]).mean().to(logits.dtype)


@cross_entropy.right("a one-hot product with log_softmax")
def by_one_hot(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    hot = targets.unsqueeze(1) == torch.arange(logits.shape[1])
    logs = torch.log_softmax(logits.float(), 1).masked_fill(~hot, 0)
    return (-logs.sum(1)).mean().to(logits.dtype)


@cross_entropy.wrong("the logarithm of a finished softmax: a share below 1e-45 is 0 in float32, and its logarithm −inf")
def log_of_softmax(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.softmax(x, 1).log(), t).mean())


@cross_entropy.wrong("exp without subtracting the row's maximum: it overflows from 88.7 on")
def unshifted(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: (x.exp().sum(1).log() - _pick(x, t)).mean())


@cross_entropy.wrong("exp in float64 instead of subtracting the row's maximum: that overflows too, from 709.8 on")
def unshifted_in_float64(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(
        logits, targets, lambda x, t: (x.double().exp().sum(1).log() - _pick(x.double(), t)).mean().float()
    )


@cross_entropy.wrong("a small number added before the logarithm: the loss then cannot exceed −log of it, here 20.7")
def epsilon_inside(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick((torch.softmax(x, 1) + 1e-9).log(), t).mean())


@cross_entropy.wrong("the probability clamped before the logarithm: the loss stops growing where it matters most")
def clamped(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.softmax(x, 1).clamp(min=1e-12).log(), t).mean())


@cross_entropy.wrong("the maximum of the whole batch subtracted, not of each row: rows of small logits vanish")
def global_max(logits: Tensor, targets: Tensor) -> Tensor:
    def loss(x: Tensor, t: Tensor) -> Tensor:
        s = x - x.max() if x.numel() else x
        return (s.exp().sum(1).log() - _pick(s, t)).mean()

    return _rounded_once(logits, targets, loss)


@cross_entropy.wrong("the sign left out: log p is never positive, the loss is −log p")
def no_minus(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: _pick(torch.log_softmax(x, 1), t).mean())


@cross_entropy.wrong("summed over the batch: the mean is asked for")
def summed(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.log_softmax(x, 1), t).sum())


@cross_entropy.wrong("divided by batch × classes: each row has one target, so there are as many terms as rows")
def mean_over_classes(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(
        logits, targets, lambda x, t: -_pick(torch.log_softmax(x, 1), t).sum() / max(1, x.numel()) + 0 * x.mean()
    )


@cross_entropy.wrong("one loss a row: the mean over the batch is asked for")
def per_row(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.log_softmax(x, 1), t))


@cross_entropy.wrong("−logit of the target: a logit is no log-probability before logsumexp is subtracted")
def logits_as_logs(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(x, t).mean())


@cross_entropy.wrong("softmax twice: the loss wants logits and takes the softmax itself")
def softmax_twice(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.log_softmax(torch.softmax(x, 1), 1), t).mean())


@cross_entropy.wrong("softmax along the batch: it is the classes that share the probability")
def over_the_batch(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.log_softmax(x, 0), t).mean())


@cross_entropy.wrong("the mean taken before the logarithm: it is the logarithms that are averaged")
def log_of_mean(logits: Tensor, targets: Tensor) -> Tensor:
    def loss(x: Tensor, t: Tensor) -> Tensor:
        logs = _pick(torch.log_softmax(x, 1), t)
        count = torch.tensor(float(len(logs)))
        return count.log() - torch.logsumexp(logs, 0) if len(logs) else logs.mean()

    return _rounded_once(logits, targets, loss)


@cross_entropy.wrong("logarithm to base 2: that is the loss in bits, natural logarithms give it in nats")
def in_bits(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.log_softmax(x, 1), t).mean() / 0.6931471805599453)


@cross_entropy.wrong("1 − p of the target: that is never more than 1, however wrong the model; −log p is asked for")
def one_minus_p(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: (1 - _pick(torch.softmax(x, 1), t)).mean())


@cross_entropy.wrong("the likeliest class in place of the target: a wrong but sure model then has no loss")
def of_the_likeliest(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -torch.log_softmax(x, 1).amax(1).mean())


@cross_entropy.wrong("zero times −inf is NaN: with a one-hot product, classes that cannot be must be left out of it")
def one_hot_nan(logits: Tensor, targets: Tensor) -> Tensor:
    def loss(x: Tensor, t: Tensor) -> Tensor:
        hot = (t.unsqueeze(1) == torch.arange(x.shape[1])).float()
        return -(hot * torch.log_softmax(x, 1)).sum(1).mean()

    return _rounded_once(logits, targets, loss)


@cross_entropy.wrong("a target of −1 read from the end: indexing takes it for the last class without a word")
def negative_from_the_end(logits: Tensor, targets: Tensor) -> Tensor:
    logs = torch.log_softmax(logits.float(), 1)
    return -logs[torch.arange(len(logs)), targets].mean().to(logits.dtype)


@cross_entropy.wrong("targets not checked: gather raises RuntimeError, an IndexError is promised")
def unchecked_gather(logits: Tensor, targets: Tensor) -> Tensor:
    return -_pick(torch.log_softmax(logits.float(), 1), targets).mean().to(logits.dtype)


@cross_entropy.wrong("a target of −100 left out of the mean, as F.cross_entropy does unasked: here it is an IndexError")
def ignores_minus_100(logits: Tensor, targets: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(logits.float(), targets).to(logits.dtype)


@cross_entropy.wrong(LOW_PRECISION)
def low_precision_inside(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    return (torch.logsumexp(logits, 1) - _pick(logits, targets)).mean()


@cross_entropy.wrong("F.cross_entropy on 16-bit logits: it rounds the log-softmax before the mean; give it float32")
def library_low_precision(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    return torch.nn.functional.cross_entropy(logits, targets)


@cross_entropy.wrong("each row's loss rounded to the dtype of the input before the mean: round once, at the end")
def rounded_rows(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    return -_pick(torch.log_softmax(logits.float(), 1), targets).to(logits.dtype).mean()


@cross_entropy.wrong("log Σ exp rounded to the dtype of the logits before the target's logit is subtracted: round once")
def rounded_sum(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    return (torch.logsumexp(logits, 1).float() - _pick(logits, targets).float()).mean().to(logits.dtype)


@cross_entropy.wrong("the logits shifted in place: they belong to the caller")
def in_place(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    x = logits.float()  # of float32 logits no copy, but the logits themselves
    x -= x.amax(1, keepdim=True)
    return (x.exp().sum(1).log() - _pick(x, targets)).mean().to(logits.dtype)


@cross_entropy.wrong("−1e9 in place of −inf: a target that cannot be loses inf, not a billion")
def finite_for_impossible(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.log_softmax(x.clamp(min=-1e9), 1), t).mean())


@cross_entropy.wrong("of shape (1,): a scalar has no axis")
def in_a_row(logits: Tensor, targets: Tensor) -> Tensor:
    return library(logits, targets).reshape(1)


@cross_entropy.wrong("NaN for a target whose logit is −inf: that class cannot be, and the loss is inf")
def nan_for_impossible(logits: Tensor, targets: Tensor) -> Tensor:
    def loss(x: Tensor, t: Tensor) -> Tensor:
        return torch.logsumexp(x - x.gather(1, t.unsqueeze(1)), 1).mean() if len(t) else x.mean()

    return _rounded_once(logits, targets, loss)


@cross_entropy.wrong("0 for an empty batch: the mean of nothing is NaN")
def zero_for_nothing(logits: Tensor, targets: Tensor) -> Tensor:
    return library(logits, targets) if len(targets) else logits.new_zeros(())


@cross_entropy.wrong("a target equal to the number of classes let through: the last class is classes − 1")
def one_class_too_many(logits: Tensor, targets: Tensor) -> Tensor:
    if bool(((targets < 0) | (targets > logits.shape[1])).any()):
        raise IndexError("a target is no class")
    return _pick_or_zero(torch.log_softmax(logits.float(), 1), targets).neg().mean().to(logits.dtype)


def _pick_or_zero(x: Tensor, targets: Tensor) -> Tensor:
    hot = targets.unsqueeze(1) == torch.arange(x.shape[1])
    return x.masked_fill(~hot, 0).sum(1)


cross_entropy.standard_wrongs("returns_fp32")
