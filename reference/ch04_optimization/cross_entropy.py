"""−log of eᵃ / Σ eᵇ is log Σ e^(b − a): subtracts the target's logit from all logits, then shifts the sum."""

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
    impossible = logits.amax(1, keepdim=True) - own  # inf for an impossible target
    return torch.where(own == -torch.inf, impossible, losses).mean()


def _rounded_once(logits: Tensor, targets: Tensor, loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """`loss` on float32 logits, after the check; one number, in the dtype of the logits."""
    _checked(logits, targets)
    return loss(logits.float(), targets).to(logits.dtype)


def _pick(x: Tensor, targets: Tensor) -> Tensor:
    return x.gather(1, targets.unsqueeze(1)).squeeze(1)


@cross_entropy.right("the library's loss, on float32")
def library(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    return torch.nn.functional.cross_entropy(logits.float(), targets).to(logits.dtype)


@cross_entropy.right("row by row, shifted by the maximum of the row")
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


@cross_entropy.wrong(
    "log was applied to the result of softmax: a probability below 1e-45 is 0 in float32, and its log is −inf"
)
def log_of_softmax(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.softmax(x, 1).log(), t).mean())


@cross_entropy.wrong("the maximum of the row was not subtracted before exp: exp overflows from 88.7 on")
def unshifted(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: (x.exp().sum(1).log() - _pick(x, t)).mean())


@cross_entropy.wrong(
    "exp was taken in float64 without subtracting the maximum of the row: it overflows too, from 709.8 on"
)
def unshifted_in_float64(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(
        logits, targets, lambda x, t: (x.double().exp().sum(1).log() - _pick(x.double(), t)).mean().float()
    )


@cross_entropy.wrong(
    "a small number was added before the log: the loss then cannot exceed −log of that number, here 20.7"
)
def epsilon_inside(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick((torch.softmax(x, 1) + 1e-9).log(), t).mean())


@cross_entropy.wrong(
    "the probability was clamped before the log: the loss then stops growing when the model is most wrong"
)
def clamped(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.softmax(x, 1).clamp(min=1e-12).log(), t).mean())


@cross_entropy.wrong(
    "the maximum of the whole batch was subtracted: use the maximum of each row, or rows of small logits become 0"
)
def global_max(logits: Tensor, targets: Tensor) -> Tensor:
    def loss(x: Tensor, t: Tensor) -> Tensor:
        s = x - x.max() if x.numel() else x
        return (s.exp().sum(1).log() - _pick(s, t)).mean()

    return _rounded_once(logits, targets, loss)


@cross_entropy.wrong("the minus sign is missing: log p is never positive, and the loss is −log p")
def no_minus(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: _pick(torch.log_softmax(x, 1), t).mean())


@cross_entropy.wrong("the losses were summed over the batch: return their mean")
def summed(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.log_softmax(x, 1), t).sum())


@cross_entropy.wrong("the sum was divided by batch × classes: each row has one target, so divide by the number of rows")
def mean_over_classes(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(
        logits, targets, lambda x, t: -_pick(torch.log_softmax(x, 1), t).sum() / max(1, x.numel()) + 0 * x.mean()
    )


@cross_entropy.wrong("there is one loss per row: return the mean over the batch")
def per_row(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.log_softmax(x, 1), t))


@cross_entropy.wrong(
    "the loss was −logit of the target: a logit becomes a log-probability only after subtracting logsumexp"
)
def logits_as_logs(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(x, t).mean())


@cross_entropy.wrong("softmax was applied twice: the loss takes logits and applies softmax itself")
def softmax_twice(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.log_softmax(torch.softmax(x, 1), 1), t).mean())


@cross_entropy.wrong("softmax ran along the batch: it runs along the classes")
def over_the_batch(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.log_softmax(x, 0), t).mean())


@cross_entropy.wrong("the mean was taken before the log: take the log of each row, then the mean")
def log_of_mean(logits: Tensor, targets: Tensor) -> Tensor:
    def loss(x: Tensor, t: Tensor) -> Tensor:
        logs = _pick(torch.log_softmax(x, 1), t)
        count = torch.tensor(float(len(logs)))
        return count.log() - torch.logsumexp(logs, 0) if len(logs) else logs.mean()

    return _rounded_once(logits, targets, loss)


@cross_entropy.wrong("the log has base 2, which gives the loss in bits: use the natural log, which gives nats")
def in_bits(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.log_softmax(x, 1), t).mean() / 0.6931471805599453)


@cross_entropy.wrong(
    "the loss was 1 − p of the target: it is never more than 1, however wrong the model is; use −log p"
)
def one_minus_p(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: (1 - _pick(torch.softmax(x, 1), t)).mean())


@cross_entropy.wrong("the most likely class was used as the target: then a model that is certain and wrong has no loss")
def of_the_likeliest(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -torch.log_softmax(x, 1).amax(1).mean())


@cross_entropy.wrong("a one-hot product computed 0 · −inf, which is NaN: leave out the classes with logit −inf")
def one_hot_nan(logits: Tensor, targets: Tensor) -> Tensor:
    def loss(x: Tensor, t: Tensor) -> Tensor:
        hot = (t.unsqueeze(1) == torch.arange(x.shape[1])).float()
        return -(hot * torch.log_softmax(x, 1)).sum(1).mean()

    return _rounded_once(logits, targets, loss)


@cross_entropy.wrong("a target of −1 was read from the end: indexing takes it as the last class, without an error")
def negative_from_the_end(logits: Tensor, targets: Tensor) -> Tensor:
    logs = torch.log_softmax(logits.float(), 1)
    return -logs[torch.arange(len(logs)), targets].mean().to(logits.dtype)


@cross_entropy.wrong(
    "the targets were not checked: gather raises RuntimeError, but the contract asks for an IndexError"
)
def unchecked_gather(logits: Tensor, targets: Tensor) -> Tensor:
    return -_pick(torch.log_softmax(logits.float(), 1), targets).mean().to(logits.dtype)


@cross_entropy.wrong(
    "a target of −100 was left out of the mean, as F.cross_entropy does by default: here it is an IndexError"
)
def ignores_minus_100(logits: Tensor, targets: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(logits.float(), targets).to(logits.dtype)


@cross_entropy.wrong(LOW_PRECISION)
def low_precision_inside(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    return (torch.logsumexp(logits, 1) - _pick(logits, targets)).mean()


@cross_entropy.wrong(
    "F.cross_entropy was given 16-bit logits: it rounds the log-softmax before the mean; give it float32"
)
def library_low_precision(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    return torch.nn.functional.cross_entropy(logits, targets)


@cross_entropy.wrong(
    "the loss of each row was rounded to the dtype of the input before the mean: round once, at the end"
)
def rounded_rows(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    return -_pick(torch.log_softmax(logits.float(), 1), targets).to(logits.dtype).mean()


@cross_entropy.wrong(
    "log Σ exp was rounded to the dtype of the logits before the target's logit was subtracted: round once, at the end"
)
def rounded_sum(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    return (torch.logsumexp(logits, 1).float() - _pick(logits, targets).float()).mean().to(logits.dtype)


@cross_entropy.wrong("the logits were shifted in place: they belong to the caller")
def in_place(logits: Tensor, targets: Tensor) -> Tensor:
    _checked(logits, targets)
    x = logits.float()  # for float32 logits this is not a copy
    x -= x.amax(1, keepdim=True)
    return (x.exp().sum(1).log() - _pick(x, targets)).mean().to(logits.dtype)


@cross_entropy.wrong("−inf was replaced by −1e9: if the target has logit −inf, the loss is inf, not a billion")
def finite_for_impossible(logits: Tensor, targets: Tensor) -> Tensor:
    return _rounded_once(logits, targets, lambda x, t: -_pick(torch.log_softmax(x.clamp(min=-1e9), 1), t).mean())


@cross_entropy.wrong("the result has shape (1,): a scalar has no axis")
def in_a_row(logits: Tensor, targets: Tensor) -> Tensor:
    return library(logits, targets).reshape(1)


@cross_entropy.wrong("a target with logit −inf gave NaN: its probability is 0, so the loss is inf")
def nan_for_impossible(logits: Tensor, targets: Tensor) -> Tensor:
    def loss(x: Tensor, t: Tensor) -> Tensor:
        return torch.logsumexp(x - x.gather(1, t.unsqueeze(1)), 1).mean() if len(t) else x.mean()

    return _rounded_once(logits, targets, loss)


@cross_entropy.wrong("an empty batch gave 0: the mean of an empty batch is NaN")
def zero_for_nothing(logits: Tensor, targets: Tensor) -> Tensor:
    return library(logits, targets) if len(targets) else logits.new_zeros(())


@cross_entropy.wrong("a target equal to the number of classes was accepted: the last class is classes − 1")
def one_class_too_many(logits: Tensor, targets: Tensor) -> Tensor:
    if bool(((targets < 0) | (targets > logits.shape[1])).any()):
        raise IndexError("a target is no class")
    return _pick_or_zero(torch.log_softmax(logits.float(), 1), targets).neg().mean().to(logits.dtype)


def _pick_or_zero(x: Tensor, targets: Tensor) -> Tensor:
    hot = targets.unsqueeze(1) == torch.arange(x.shape[1])
    return x.masked_fill(~hot, 0).sum(1)


cross_entropy.standard_wrongs("returns_fp32")
