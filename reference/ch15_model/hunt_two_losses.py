"""Window after window, with a list of all losses. The variants take means of the same losses, batch by batch."""

from collections.abc import Callable, Sequence
from functools import wraps

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import PLANTED, oracle
from reference.ch15_model.model_logits import library as logits_of
from reference.ch15_model.model_logits import model_logits
from reference.symptom import Counts, Symptom
from reference.tiny import HEADS, KV_HEADS, corpus
from reference.tiny import weights as tiny_weights

Weights = dict[str, Tensor]
Result = dict[str, Tensor | int]
Batches = Sequence[Sequence[Tensor]]  # of each batch the windows, of each window the losses of its predicted tokens


@oracle
def hunt_two_losses(ids: Tensor, weights: Weights, heads: int, kv_heads: int, window: int, batch: int) -> Result:
    losses = []
    for start in range(0, len(ids), window):
        part = ids[start : start + window]
        logits = model_logits(part.unsqueeze(0), weights, heads, kv_heads)[0, :-1]
        away = logits - logits.amax(1, keepdim=True)
        losses.append(torch.exp(away).sum(1).log() - away[torch.arange(len(away)), part[1:]])
    tokens = sum(map(len, losses))
    loss = torch.cat(losses).sum() / tokens
    return {"loss": loss, "perplexity": torch.exp(loss), "tokens": tokens}


def _batches(ids: Tensor, weights: Weights, heads: int, kv_heads: int, window: int, batch: int) -> Batches:
    windows = [ids[start : start + window] for start in range(0, len(ids), window)]
    losses = []
    for part in windows:
        logits = logits_of(part.unsqueeze(0), weights, heads, kv_heads)[0, :-1].float()
        losses.append(F.cross_entropy(logits, part[1:], reduction="none"))
    return [losses[start : start + batch] for start in range(0, len(losses), batch)]


def _result(loss: Tensor, batches: Batches, perplexity: Tensor | None = None, tokens: int | None = None) -> Result:
    if tokens is None:
        tokens = sum(len(window) for batch in batches for window in batch)
    return {"loss": loss, "perplexity": loss.exp() if perplexity is None else perplexity, "tokens": tokens}


def _of_batches(formula: Callable[[Batches], Result]) -> Callable[..., Result]:
    """`formula`, of the losses in all batches, as an answer."""

    @wraps(formula)
    def answer(ids: Tensor, weights: Weights, heads: int, kv_heads: int, window: int, batch: int) -> Result:
        return formula(_batches(ids, weights, heads, kv_heads, window, batch))

    return answer


def _mean(batch: Sequence[Tensor]) -> Tensor:
    """The mean over the tokens of a batch, 0 if there are none."""
    losses = torch.cat([*batch])
    return losses.sum() / max(1, len(losses))


def _means(batches: Batches) -> Tensor:
    return torch.stack([_mean(batch) for batch in batches])


def _tokens(batches: Batches) -> Tensor:
    return torch.tensor([float(sum(map(len, batch))) for batch in batches])


def _weighted(batches: Batches, shares: Tensor) -> Tensor:
    return (_means(batches) * shares).sum() / shares.sum()


@hunt_two_losses.right("the losses of all tokens in one list, and its mean")
@_of_batches
def one_list(batches: Batches) -> Result:
    return _result(torch.cat([window for batch in batches for window in batch]).mean(), batches)


@hunt_two_losses.right("sums of losses and of tokens, divided once at the end")
@_of_batches
def sums(batches: Batches) -> Result:
    total = torch.stack([torch.cat([*batch]).sum() for batch in batches]).sum()
    return _result(total / _tokens(batches).sum(), batches)


@hunt_two_losses.right("a running mean, which each batch moves by its share of the tokens so far")
@_of_batches
def running_mean(batches: Batches) -> Result:
    loss, seen = torch.zeros(()), 0
    for batch in batches:
        count = sum(map(len, batch))
        seen += count
        loss = loss + (_mean(batch) - loss) * (count / max(1, seen))
    return _result(loss, batches)


@hunt_two_losses.wrong(PLANTED)
@_of_batches
def planted(batches: Batches) -> Result:
    return _result(_means(batches).mean(), batches)


@hunt_two_losses.wrong(
    "a short last batch was left out: its tokens belong to the text, and `batch` still changes the loss"
)
@_of_batches
def last_batch_dropped(batches: Batches) -> Result:
    full = [batch for batch in batches if len(batch) == len(batches[0])]
    return {**_result(_weighted(full, _tokens(full)), full)}


@hunt_two_losses.wrong("a short last window was left out: its tokens belong to the text")
@_of_batches
def last_window_dropped(batches: Batches) -> Result:
    longest = len(batches[0][0])
    whole = [full for batch in batches if (full := [window for window in batch if len(window) == longest])]
    return _result(_weighted(whole, _tokens(whole)), whole)


@hunt_two_losses.wrong("batches were weighted by their windows: the last window may be shorter, so count tokens")
@_of_batches
def by_windows(batches: Batches) -> Result:
    return _result(_weighted(batches, torch.tensor([float(len(batch)) for batch in batches])), batches)


@hunt_two_losses.wrong("batches were weighted by the places of their tensors: padding counts like tokens")
@_of_batches
def by_places(batches: Batches) -> Result:
    places = torch.tensor([float(len(batch) * max(len(window) + 1 for window in batch)) for batch in batches])
    return _result(_weighted(batches, places), batches)


@hunt_two_losses.wrong("padding was counted as tokens, in the number of tokens too: nothing is predicted there")
@_of_batches
def padding_counted(batches: Batches) -> Result:
    places = torch.tensor([float(len(batch) * max(map(len, batch))) for batch in batches])
    return _result(_weighted(batches, places), batches, tokens=int(places.sum()))


@hunt_two_losses.wrong("the first token of each window was counted too: nothing predicts it")
@_of_batches
def first_tokens_counted(batches: Batches) -> Result:
    return _result(_weighted(batches, torch.tensor([float(sum(map(len, b)) + len(b)) for b in batches])), batches)


@hunt_two_losses.wrong(
    "each window became a batch: `batch` no longer changes the loss, but a short window counts in full"
)
@_of_batches
def mean_of_windows(batches: Batches) -> Result:
    return _result(_means([[window] for batch in batches for window in batch]).mean(), batches)


@hunt_two_losses.wrong("the last batch was filled up with windows from the start: these windows count twice")
@_of_batches
def filled_up(batches: Batches) -> Result:
    size = len(batches[0])
    windows = [window for batch in batches for window in batch]
    filled = [*batches[:-1], [*batches[-1], *windows[: size - len(batches[-1])]]]
    return _result(_weighted(filled, _tokens(filled)), batches)


@hunt_two_losses.wrong(
    "the median of the batches was taken: it hides the outlier, and it is not the mean of the tokens"
)
@_of_batches
def median(batches: Batches) -> Result:
    return _result(_means(batches).median(), batches)


@hunt_two_losses.wrong("the losses of the batches were smoothed: the first batch counts most, whatever its tokens")
@_of_batches
def smoothed(batches: Batches) -> Result:
    loss = _mean(batches[0])
    for batch in batches[1:]:
        loss = 0.9 * loss + 0.1 * _mean(batch)
    return _result(loss, batches)


@hunt_two_losses.wrong("the losses were summed over the tokens, and divided by the batches: divide by the tokens")
@_of_batches
def divided_by_batches(batches: Batches) -> Result:
    return _result((_means(batches) * _tokens(batches)).sum() / len(batches), batches)


@hunt_two_losses.wrong("the loss was mended, and the perplexity is a mean over batches: take e to the mended loss")
@_of_batches
def mean_perplexity(batches: Batches) -> Result:
    shares = _tokens(batches)
    perplexity = (_means(batches).exp() * shares).sum() / shares.sum()
    return _result(_weighted(batches, shares), batches, perplexity)


@hunt_two_losses.wrong("only the loss was mended: the perplexity still comes from the mean of the batches")
@_of_batches
def old_perplexity(batches: Batches) -> Result:
    return _result(_weighted(batches, _tokens(batches)), batches, _means(batches).mean().exp())


@hunt_two_losses.symptom("largest loss minus smallest loss over five batch sizes, in nats a token")
def symptom(run: Callable[..., Result], seed: int) -> Symptom:
    window, windows = 16, 9
    ids = corpus(seed, window * (windows - 1) + 4)
    weights = tiny_weights(seed, 16, 1, std=0.3)
    losses: dict[str, float | None] = {}
    for batch in (1, 2, 4, 6, 8):
        result = run(ids, weights, HEADS, KV_HEADS, window, batch)
        losses[f"batch of {batch}"] = float(result["loss"])
    found = [loss for loss in losses.values() if loss is not None]
    return Symptom(max(found) - min(found), (Counts("Loss of one model on one text", losses, unit="nats a token"),))
