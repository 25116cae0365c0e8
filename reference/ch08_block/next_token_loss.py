import torch
import torch.nn.functional as F
from torch import Tensor

from reference import oracle


@oracle
def next_token_loss(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    if logits.shape[:2] != labels.shape:
        raise ValueError("each position needs a label")
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    losses = []
    for row, tokens in zip(wide.unbind(0), labels.tolist(), strict=True):
        for t, token in enumerate(tokens[1:]):
            if token != ignore:
                away = row[t] - row[t].amax()
                losses.append(torch.exp(away).sum().log() - away[token])
    return torch.stack(losses).sum() / len(losses) if losses else wide.new_zeros(())


@next_token_loss.right("the library's cross_entropy on shifted logits and labels")
def library(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    loss = F.cross_entropy(
        logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten(), ignore_index=ignore, reduction="sum"
    )
    return loss / (labels[:, 1:] != ignore).sum().clamp(min=1)


@next_token_loss.right("the labels shifted and padded with `ignore`, as transformers does")
def padded(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    targets = F.pad(labels, (0, 1), value=ignore)[:, 1:]
    counts = targets != ignore
    log_p = torch.log_softmax(logits.float(), -1).gather(-1, targets.where(counts, 0).unsqueeze(-1)).squeeze(-1)
    return -log_p[counts].sum() / counts.sum().clamp(min=1)


def _mean(scores: Tensor, targets: Tensor, ignore: int) -> Tensor:
    counts = targets != ignore
    loss = torch.logsumexp(scores.float(), -1) - _picked(scores.float(), targets, counts)
    return loss.masked_fill(~counts, 0).sum() / counts.sum().clamp(min=1)


def _picked(scores: Tensor, targets: Tensor, counts: Tensor) -> Tensor:
    return scores.gather(-1, targets.masked_fill(~counts, 0).unsqueeze(-1)).squeeze(-1)


@next_token_loss.wrong("nothing is shifted: each position is scored on its own token, which it has read")
def no_shift(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    return _mean(logits, labels, ignore)


@next_token_loss.wrong("the shift goes the wrong way: logits at t predict the token at t + 1, not at t − 1")
def wrong_way(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    return _mean(logits[:, 1:], labels[:, :-1], ignore)


@next_token_loss.wrong("the shift is 2: the logits at t predict the token at t + 1")
def shifted_twice(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    return _mean(logits[:, :-2], labels[:, 2:], ignore)


@next_token_loss.wrong("the labels were rolled: the last position is then scored on the first token")
def rolled(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    return _mean(logits, labels.roll(-1, 1), ignore)


@next_token_loss.wrong("the mean divides by all targets: divide by the number of targets that count")
def ignored_in_the_mean(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    targets = labels[:, 1:]
    counts = targets != ignore
    scores = logits[:, :-1].float()
    loss = (torch.logsumexp(scores, -1) - _picked(scores, targets, counts)).masked_fill(~counts, 0)
    return loss.sum() / max(1, loss.numel())


@next_token_loss.wrong("`ignore` was looked up at the position that predicts: look at the target")
def ignored_by_input(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    counts = (labels[:, :-1] != ignore) & (labels[:, 1:] >= 0)
    targets = labels[:, 1:].clamp(min=0)
    return _mean(logits[:, :-1], targets.masked_fill(~counts, -1), -1)


@next_token_loss.wrong("ignored targets were scored as if they were token 0: leave them out")
def ignored_as_token_0(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    targets = labels[:, 1:]
    return _mean(logits[:, :-1], targets.masked_fill(targets == ignore, 0), -1)


@next_token_loss.wrong("−100 is always ignored: `ignore` says which label does not count")
def always_minus_100(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    return _mean(logits[:, :-1], labels[:, 1:], -100)


@next_token_loss.wrong(
    "the mean of the rows' means was taken: take one mean over all targets, since rows differ in length"
)
def mean_of_means(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    rows = [_mean(s, t, ignore) for s, t in zip(logits[:, :-1], labels[:, 1:], strict=True)]
    return torch.stack(rows).mean() if rows else torch.zeros(())


@next_token_loss.wrong("the sum was returned: return the mean over the targets")
def summed(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    counts = labels[:, 1:] != ignore
    return _mean(logits[:, :-1], labels[:, 1:], ignore) * counts.sum()


@next_token_loss.wrong("the sign is wrong: −log p is positive")
def negative(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    return -_mean(logits[:, :-1], labels[:, 1:], ignore)


@next_token_loss.wrong("the log of a softmax was taken: a probability that underflows to 0 gives inf; use logsumexp")
def log_of_softmax(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    targets = labels[:, 1:]
    counts = targets != ignore
    p = _picked(torch.softmax(logits[:, :-1].float(), -1), targets, counts)
    return -p.log().masked_fill(~counts, 0).sum() / counts.sum().clamp(min=1)


@next_token_loss.wrong("the logarithm has base 2, which gives bits: use the natural logarithm")
def bits(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    return _mean(logits[:, :-1], labels[:, 1:], ignore) / torch.log(torch.tensor(2.0))


@next_token_loss.wrong("without targets the result is 0/0, NaN: the loss must be 0")
def nan_for_nothing(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    counts = labels[:, 1:] != ignore
    return _mean(logits[:, :-1], labels[:, 1:], ignore) * (counts.sum() / counts.sum())


@next_token_loss.wrong("the loss has the dtype of the logits: in bf16 it has only two digits; keep float32")
def in_the_dtype_of_the_logits(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    return _mean(logits[:, :-1], labels[:, 1:], ignore).to(logits.dtype)


@next_token_loss.wrong("the log-probabilities were computed in the logits' low precision: upcast first")
def low_precision_inside(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    targets = labels[:, 1:]
    counts = targets != ignore
    log_p = _picked(torch.log_softmax(logits[:, :-1], -1), targets, counts)
    return -log_p.float().masked_fill(~counts, 0).sum() / counts.sum().clamp(min=1)


@next_token_loss.wrong("the maximum was not subtracted: exp overflows from 89 on; use torch.logsumexp")
def no_max(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    scores, targets = logits[:, :-1].float(), labels[:, 1:]
    counts = targets != ignore
    loss = scores.exp().sum(-1).log() - _picked(scores, targets, counts)
    return loss.masked_fill(~counts, 0).sum() / counts.sum().clamp(min=1)


@next_token_loss.wrong("a small number was added to the probability before its log: this caps the loss; use logsumexp")
def capped(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    targets = labels[:, 1:]
    counts = targets != ignore
    p = _picked(torch.softmax(logits[:, :-1].float(), -1), targets, counts)
    return -(p + 1e-9).log().masked_fill(~counts, 0).sum() / counts.sum().clamp(min=1)


@next_token_loss.wrong(
    "`ignore` was looked up at the predicting position, and ignored targets count as token 0: look at the target"
)
def ignored_by_input_only(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    counts, targets = labels[:, :-1] != ignore, labels[:, 1:]
    scores = logits[:, :-1].float()
    loss = torch.logsumexp(scores, -1) - _picked(scores, targets, targets != ignore)
    return loss.masked_fill(~counts, 0).sum() / counts.sum().clamp(min=1)


@next_token_loss.wrong(
    "ignored labels were overwritten in the caller's tensor: labels[:, 1:] is a view; use masked_fill"
)
def in_place(logits: Tensor, labels: Tensor, ignore: int = -100) -> Tensor:
    targets = labels[:, 1:]
    counts = targets != ignore
    targets[~counts] = 0
    loss = torch.logsumexp(logits[:, :-1].float(), -1) - _picked(logits[:, :-1].float(), targets, counts)
    return loss.masked_fill(~counts, 0).sum() / counts.sum().clamp(min=1)
