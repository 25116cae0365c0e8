"""Softmax and its gradient written out in the dtype of the weight. The variants run in fp16, with autograd."""

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import PLANTED, lowp, oracle
from reference.symptom import Curve, Symptom

Trained = tuple[Tensor, Tensor]
Loss = Callable[[Tensor], Tensor]  # of fp16 scores; the right ones are on the diagonal


@oracle
def hunt_sudden_nan(questions: Tensor, passages: Tensor, weight: Tensor, order: Tensor, lr: float) -> Trained:
    wide = torch.get_default_dtype()
    q, p, now, losses = questions.to(wide), passages.to(wide), weight.to(wide), []
    for batch in order:
        asked, told, eye = q[batch], p[batch], torch.eye(len(batch))
        scores = lowp(lowp(asked @ lowp(now)) @ told.T)
        highest = scores.amax(dim=1, keepdim=True)
        total = lowp(lowp(torch.exp(lowp(scores - highest))).sum(dim=1, keepdim=True))
        log_p = lowp(scores - lowp(lowp(torch.log(total)) + highest))
        losses.append(lowp(-(log_p * eye).sum(1).mean()))
        d_scores = lowp((lowp(torch.exp(log_p)) - eye) / len(batch))
        now = now - lr * lowp(asked.T @ lowp(d_scores @ told))
    return torch.stack(losses), now


class Run(NamedTuple):
    """The inputs."""

    questions: Tensor
    passages: Tensor
    weight: Tensor
    order: Tensor
    lr: float

    def train(self, loss_of: Loss, *, careful: bool = False, filled: bool = False) -> Trained:
        """The whole run. `careful` skips steps whose loss is not finite; `filled` puts 0 for each inf and NaN."""
        weight, losses = self.weight, []
        for batch in self.order:
            half = weight.half().requires_grad_()
            loss = loss_of(self.questions[batch] @ half @ self.passages[batch].T)
            (grad,) = torch.autograd.grad(loss, half)
            if filled:
                loss, grad = loss.nan_to_num(0.0, 0.0, 0.0), grad.nan_to_num(0.0, 0.0, 0.0)
            losses.append(loss.detach().float())
            if careful and not loss.isfinite():
                continue
            weight = weight - self.lr * grad.float()
        return torch.stack(losses), weight


def _bare(scores: Tensor) -> Tensor:
    """The planted loss."""
    return -(scores.diagonal() - torch.log(torch.exp(scores).sum(dim=1))).mean()


def _exp_clamped(scores: Tensor, limit: float) -> Tensor:
    return -(scores.diagonal() - torch.log(torch.exp(scores.clamp(max=limit)).sum(dim=1))).mean()


def _shifted(shift: Callable[[Tensor], Tensor]) -> Loss:
    """The loss after `shift(scores)` was subtracted."""
    return lambda scores: _bare(scores - shift(scores))


def _of_inputs(formula: Callable[[Run], Trained]) -> Callable[..., Trained]:
    """`formula`, of all inputs as one, as an answer."""

    @wraps(formula)
    def answer(questions: Tensor, passages: Tensor, weight: Tensor, order: Tensor, lr: float) -> Trained:
        return formula(Run(questions, passages, weight, order, lr))

    return answer


@hunt_sudden_nan.right("the maximum of each row subtracted in fp16")
@_of_inputs
def row_maximum(r: Run) -> Trained:
    return r.train(_shifted(lambda scores: scores.amax(dim=1, keepdim=True)))


@hunt_sudden_nan.right("the maximum of each row as a constant, without a gradient")
@_of_inputs
def constant_maximum(r: Run) -> Trained:
    return r.train(_shifted(lambda scores: scores.detach().max(dim=1, keepdim=True).values))


@hunt_sudden_nan.right("the library's cross-entropy, of scores in float32")
@_of_inputs
def library(r: Run) -> Trained:
    return r.train(lambda scores: F.cross_entropy(scores.float(), torch.arange(len(scores))).half())


@hunt_sudden_nan.right("the library's log-softmax in fp16")
@_of_inputs
def log_softmax(r: Run) -> Trained:
    return r.train(lambda scores: -torch.log_softmax(scores, dim=1).diagonal().mean())


@hunt_sudden_nan.right("the library's logsumexp, in float32")
@_of_inputs
def logsumexp(r: Run) -> Trained:
    return r.train(lambda scores: (torch.logsumexp(scores.float(), 1) - scores.float().diagonal()).mean().half())


@hunt_sudden_nan.right("the library's logsumexp, in fp16")
@_of_inputs
def logsumexp_in_fp16(r: Run) -> Trained:
    return r.train(lambda scores: -(scores.diagonal() - torch.logsumexp(scores, dim=1)).mean())


# Repairs that hide it


@hunt_sudden_nan.wrong(PLANTED)
@_of_inputs
def planted(r: Run) -> Trained:
    return r.train(_bare)


@hunt_sudden_nan.wrong("the learning rate was made ten times smaller: the scores grow later, and then the NaN comes")
@_of_inputs
def smaller_rate(r: Run) -> Trained:
    return r._replace(lr=r.lr / 10).train(_bare)


@hunt_sudden_nan.wrong("the steps with a loss of inf or NaN were skipped: from then on no step is taken")
@_of_inputs
def skipped(r: Run) -> Trained:
    return r.train(_bare, careful=True)


@hunt_sudden_nan.wrong("inf and NaN in the loss and the gradient became 0: the loss looks perfect, and nothing learns")
@_of_inputs
def filled(r: Run) -> Trained:
    return r.train(_bare, filled=True)


CLAMPED = "the scores were clamped below the limit of exp: above the clamp all are equal, and they have no gradient"


@hunt_sudden_nan.wrong(CLAMPED)
@_of_inputs
def clamped_at_10(r: Run) -> Trained:
    return r.train(lambda scores: _bare(scores.clamp(max=10.0)))


@hunt_sudden_nan.wrong(CLAMPED)
@_of_inputs
def clamped_at_11(r: Run) -> Trained:
    return r.train(lambda scores: _bare(scores.clamp(max=11.0)))


EXP_CLAMPED = "only the scores in exp were clamped: the loss of a right score above the clamp is negative"


@hunt_sudden_nan.wrong(EXP_CLAMPED)
@_of_inputs
def exp_clamped_at_10(r: Run) -> Trained:
    return r.train(lambda scores: _exp_clamped(scores, 10.0))


@hunt_sudden_nan.wrong(EXP_CLAMPED)
@_of_inputs
def exp_clamped_at_11(r: Run) -> Trained:
    return r.train(lambda scores: _exp_clamped(scores, 11.0))


@hunt_sudden_nan.wrong("the sum was clamped to the largest number of fp16: the loss is finite, and wrong")
@_of_inputs
def sum_clamped(r: Run) -> Trained:
    def loss_of(scores: Tensor) -> Tensor:
        total = torch.exp(scores).sum(dim=1).clamp(max=65504.0)
        return -(scores.diagonal() - torch.log(total)).mean()

    return r.train(loss_of)


@hunt_sudden_nan.wrong("the scores were divided by √d: it is another loss, and its scores can grow as far")
@_of_inputs
def divided(r: Run) -> Trained:
    return r.train(lambda scores: _bare(scores / r.questions.shape[1] ** 0.5))


# Repairs that move the limit


@hunt_sudden_nan.wrong("only the loss was cast to float32: exp had overflowed in fp16 before")
@_of_inputs
def loss_in_float32(r: Run) -> Trained:
    return r.train(lambda scores: -(scores.diagonal() - torch.log(torch.exp(scores).sum(dim=1).float())).mean())


@hunt_sudden_nan.wrong("exp was computed in float32: it overflows at 88.7 instead of at 11.1")
@_of_inputs
def exp_in_float32(r: Run) -> Trained:
    return r.train(lambda scores: _bare(scores.float()).half())


@hunt_sudden_nan.wrong("one maximum was subtracted from all rows: exp of a row far below it is 0, and log 0 is −inf")
@_of_inputs
def one_maximum(r: Run) -> Trained:
    return r.train(_shifted(lambda scores: scores.max()))


@hunt_sudden_nan.wrong("the mean of each row was subtracted: a score that is 12 above the mean still overflows")
@_of_inputs
def row_mean(r: Run) -> Trained:
    return r.train(_shifted(lambda scores: scores.mean(dim=1, keepdim=True)))


@hunt_sudden_nan.wrong("the score of the right passage was subtracted: another score that is 12 higher still overflows")
@_of_inputs
def right_score(r: Run) -> Trained:
    return r.train(_shifted(lambda scores: scores.diagonal().unsqueeze(1)))


@hunt_sudden_nan.wrong("the maximum was taken to be at least 0: in a row of very low scores every exp is 0")
@_of_inputs
def at_least_zero(r: Run) -> Trained:
    return r.train(_shifted(lambda scores: scores.amax(dim=1, keepdim=True).clamp(min=0.0)))


@hunt_sudden_nan.symptom("steps with a finite loss, of 100")
def symptom(run: Callable[..., Trained], seed: int) -> Symptom:
    """64 questions, each a rotated and noisy copy of its passage, in batches of 8."""
    g = torch.Generator().manual_seed(seed)
    passages = torch.randn(64, 16, generator=g)
    questions = passages @ torch.randn(16, 16, generator=g) / 4 + 0.3 * torch.randn(64, 16, generator=g)
    order = torch.stack([torch.randperm(64, generator=g)[:8] for _ in range(100)])
    losses = run(questions.half(), passages.half(), torch.zeros(16, 16), order, 0.04)[0]
    return Symptom(float(losses.isfinite().sum()), (Curve("Training", tuple(losses.tolist())),))
