"""Fits FSRS's parameters to a learner's own reviews of cards.

FSRS predicts the probability that a card is recalled. The loss is the mean of -log of the probability that it gave to
what happened. The parameters are fitted to the earlier four fifths of the reviews and judged on the latest fifth, which
the fit has not seen.

`fsrs.Optimizer` minimizes the loss. It knows of no other learner, so on few reviews it fits their noise, too. So its
result is moved toward the defaults, which come from many learners: of n reviews it gets the weight n / (n + PRIOR), as
if the defaults rested on PRIOR reviews. `benchmarks/fitting.py` shows what that does.

Same-day reviews are part of a card's history. They count neither for the loss nor as reviews here; see `predictions`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from grader.book.errors import KoansError
from grader.learn.cards.schedule import (
    AGAIN,
    Plan,
    Prediction,
    Review,
    default_parameters,
    moment,
    predictions,
)

LEAST = 500  # reviews that count; with fewer, nothing is fitted
PRIOR = 500  # reviews that the defaults are worth
STEPS = 8  # steps of the optimizer in one pass, at least
DIGITS = 4  # as Anki writes parameters
SURE = 1e-6  # no prediction is nearer to 0 or 1, so no loss is infinite
INSTALL = "pip install 'tensor-koans[fit]'"

Histories = Mapping[str, Sequence[Review]]
Tell = Callable[[str], None]


class Loss(msgspec.Struct, frozen=True):
    """How far predictions are from what happened: the mean log loss, and the RMSE of bins. Smaller is better."""

    log_loss: float
    rmse: float


class Fit(msgspec.Struct, frozen=True):
    """The result of a fit. The latest fifth of the reviews begins at `since`, in seconds since 1970, UTC.

    `fitted_to` and `judged_on` are numbers of reviews.

    `default`, `now` and `fitted` are the losses, on the reviews judged on, of FSRS's default parameters, of those in
    use before, and of those that were fitted. `optimal` are the
    parameters that the optimizer found, before they were moved toward the defaults. `taken`: the fitted ones have a
    smaller log loss than both.
    """

    since: float
    fitted_to: int
    judged_on: int
    default: Loss
    now: Loss
    fitted: Loss
    parameters: tuple[float, ...]
    optimal: tuple[float, ...]
    taken: bool


def fit(histories: Histories, plan: Plan, tell: Tell = lambda text: None) -> Fit:
    """Fit the parameters of `plan` to all reviews of cards, by card. The same reviews give the same result.

    `tell` is told how far it is. Raises KoansError if there are too few reviews, or if a package is missing.
    """
    times = sorted(p.review.at for p in predicted(histories, plan))
    if len(times) < LEAST:
        raise KoansError(
            f"fitting needs {LEAST} reviews that came a day or more after the card's last one; your log has "
            f"{len(times)} (of {sum(map(len, histories.values()))} in all); {LEAST - len(times)} more are needed"
        )
    since = times[len(times) * 4 // 5]
    earlier = {card: [r for r in reviews if r.at < since] for card, reviews in histories.items()}
    count = sum(at < since for at in times)
    optimal = _optimal(earlier, count, tell)
    weight = count / (count + PRIOR)
    parameters = tuple(
        round(default + weight * (own - default), DIGITS)
        for default, own in zip(default_parameters(), optimal, strict=True)
    )
    tell("judging")
    default, now, fitted = (
        loss(predicted(histories, msgspec.structs.replace(plan, parameters=own), since))
        for own in ((), plan.parameters, parameters)
    )
    taken = fitted.log_loss < min(default.log_loss, now.log_loss)
    return Fit(since, count, len(times) - count, default, now, fitted, parameters, optimal, taken)


def predicted(histories: Histories, plan: Plan, since: float = -math.inf) -> list[Prediction]:
    """What FSRS predicts of each review that counts and was given at `since` (seconds since 1970, UTC) or later."""
    return [p for card in sorted(histories) for p in predictions(histories[card], plan) if p.review.at >= since]


def loss(judged: Sequence[Prediction]) -> Loss:
    """The loss of at least one prediction."""
    logs = [-math.log(min(max(_given(p), SURE), 1 - SURE)) for p in judged]
    return Loss(math.fsum(logs) / len(logs), _rmse(judged))


def _given(prediction: Prediction) -> float:
    """The probability that was given to what happened."""
    return 1 - prediction.recall if prediction.review.rating == AGAIN else prediction.recall


def _rmse(judged: Sequence[Prediction]) -> float:
    """The RMSE of bins of reviews with similar histories, between mean prediction and share of recalls.

    The bins, by days since the last review, number of reviews and lapses, are fsrs-optimizer's (`rmse_matrix`).
    """
    bins: dict[tuple[float, ...], list[Prediction]] = {}
    for p in judged:
        lapses = _bin(p.lapses, 1.65, 1.73) if p.lapses else 0
        bins.setdefault((_bin(p.days, 2.48, 3.62), _bin(p.number, 1.99, 1.89), lapses), []).append(p)
    squares = [math.fsum(p.recall - (p.review.rating != AGAIN) for p in own) ** 2 / len(own) for own in bins.values()]
    return math.sqrt(math.fsum(squares) / len(judged))


def _bin(value: int, scale: float, base: float) -> float:
    return scale * base ** math.floor(math.log(value) / math.log(base))


def _optimal(histories: Histories, count: int, tell: Tell) -> tuple[float, ...]:
    """The parameters with the least loss that `fsrs.Optimizer` finds. `count` reviews of the histories count."""
    import fsrs.optimizer as library
    from fsrs import Rating, ReviewLog

    logs = [
        ReviewLog(number, Rating(review.rating), moment(review.at), None)
        for number, card in enumerate(sorted(histories))
        for review in histories[card]
    ]
    try:
        optimizer = library.Optimizer(logs)
    except ImportError:
        raise KoansError(f"fitting needs packages that are not installed: {INSTALL}") from None

    def passes(numbers: range, **_: Any) -> Iterator[int]:
        for number in numbers:
            tell(f"fitting to {count:,} reviews, pass {number + 1} of {len(numbers)}")
            yield number

    # With fewer reviews than one batch has, the optimizer returns the defaults. It has no argument for the size.
    with _replaced(library, mini_batch_size=min(library.mini_batch_size, count // STEPS), tqdm=passes):
        return tuple(optimizer.compute_optimal_parameters() or default_parameters())


@contextlib.contextmanager
def _replaced(library: Any, **values: Any) -> Iterator[None]:
    """Within the block these names of a module have other values."""
    before = {name: getattr(library, name) for name in values}
    vars(library).update(values)
    try:
        yield
    finally:
        vars(library).update(before)
