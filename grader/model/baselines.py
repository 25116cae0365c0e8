"""What the trained model is compared with: counts of single tokens, and of three tokens in a row.

The 3-gram model is interpolated Kneser-Ney with three discounts for each order, estimated in closed form: Chen and
Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (Computer Speech and Language 13, 1999),
equations 26 to 29. Nothing is fitted to held-out text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from grader.book.errors import KoansError, reading

FILE = "baselines.json"
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def unigram_losses(train: Sequence[int] | Ints, tokens: Sequence[int] | Ints, vocab_size: int) -> Floats:
    """The nats of each token by its share of the training tokens. Each count is one higher, so that none is 0."""
    counts = np.bincount(np.asarray(train), minlength=vocab_size) + 1.0
    losses: Floats = -np.log(counts / counts.sum())[np.asarray(tokens)]
    return losses


@dataclass(frozen=True)
class _Order:
    """What one order of Kneser-Ney needs: a discounted share of each n-gram, and the rest of each context."""

    grams: Ints  # all n-grams that occur, each as one number, sorted
    share: Floats  # of each n-gram: (count - discount) / count of its context
    contexts: Ints  # all contexts that occur, sorted
    rest: Floats  # of each context: the share that the discounts leave to the lower order

    def interpolated(self, grams: Ints, contexts: Ints, lower: Floats) -> Floats:
        """The probabilities of these n-grams. `lower` are the probabilities of the lower order."""
        probabilities: Floats = (
            _at(self.share, self.grams, grams, 0.0) + _at(self.rest, self.contexts, contexts, 1.0) * lower
        )
        return probabilities


def _at(values: Floats, keys: Ints, wanted: Ints, missing: float) -> Floats:
    """The value at each wanted key, or `missing`."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found: Floats = np.where(keys[places] == wanted, values[places], missing)
    return found


def _order(grams: Ints, counts: Ints, vocab_size: int) -> _Order:
    """One order from its n-grams and their counts. The context of an n-gram is all but its last token."""
    discounts = np.array(_discounts(counts))[np.minimum(counts, 3)]
    contexts, of = np.unique(grams // vocab_size, return_inverse=True)
    totals = np.bincount(of, weights=counts)
    rest = np.bincount(of, weights=discounts) / totals
    return _Order(grams, (counts - discounts) / totals[of], contexts, rest)


def _discounts(counts: Ints) -> tuple[float, float, float, float]:
    """What is taken from a count of 0, 1, 2, and of 3 or more. The least discount is 0.

    Too little text has no n-grams that occur once, twice, three and four times. Then half of a count is taken.
    """
    n1, n2, n3, n4 = (int((counts == k).sum()) for k in (1, 2, 3, 4))
    if not (n1 and n2 and n3 and n4):
        return 0.0, 0.5, 0.5, 0.5
    y = n1 / (n1 + 2 * n2)
    return 0.0, max(1 - 2 * y * n2 / n1, 0.0), max(2 - 3 * y * n3 / n2, 0.0), max(3 - 4 * y * n4 / n3, 0.0)


@dataclass(frozen=True)
class Trigram:
    """A 3-gram model of token ids."""

    vocab_size: int
    orders: tuple[_Order, _Order, _Order]  # of one, two and three tokens

    def losses(self, tokens: Sequence[int] | Ints, before: tuple[int, int]) -> Floats:
        """The nats of each token after the two tokens in front of it. `before` stands in front of the first token."""
        w = np.asarray(tokens, dtype=np.int64)
        stream = np.concatenate([np.asarray(before, dtype=np.int64), w])
        losses: Floats = -np.log(self._probabilities(stream[:-2], stream[1:-1], w))
        return losses

    def next(self, u: int, v: int) -> Floats:
        """The probability of each token of the vocabulary after the tokens u and v."""
        w = np.arange(self.vocab_size)
        return self._probabilities(np.full_like(w, u), np.full_like(w, v), w)

    def _probabilities(self, u: Ints, v: Ints, w: Ints) -> Floats:
        """The probability of each w after its u and v."""
        size = self.vocab_size
        one, two, three = self.orders
        p = one.interpolated(w, np.zeros_like(w), np.full(len(w), 1 / size))
        p = two.interpolated(v * size + w, v, p)
        return three.interpolated((u * size + v) * size + w, u * size + v, p)


def fit_trigram(train: Sequence[int] | Ints, vocab_size: int) -> Trigram:
    """The 3-gram model of these training tokens: at least three. A few seconds for 5 million tokens.

    The highest order counts how often three tokens occur. The lower orders count, for each n-gram, how many different
    tokens stand in front of it.
    """
    w = np.asarray(train, dtype=np.int64)
    if len(w) < 3:
        raise ValueError(f"a 3-gram model needs at least 3 tokens, not {len(w)}")
    threes, counts = np.unique((w[:-2] * vocab_size + w[1:-1]) * vocab_size + w[2:], return_counts=True)
    twos, before_twos = np.unique(threes % vocab_size**2, return_counts=True)
    ones, before_ones = np.unique(twos % vocab_size, return_counts=True)
    return Trigram(
        vocab_size,
        (
            _order(ones, before_ones, vocab_size),
            _order(twos, before_twos, vocab_size),
            _order(threes, counts, vocab_size),
        ),
    )


class Measure(msgspec.Struct, frozen=True):
    """How well a text is predicted, in two units."""

    nats_per_token: float
    bits_per_byte: float


def measure(nats: float, tokens: int, size: int) -> Measure:
    """The two units of `nats` in total, for a text of so many tokens and `size` bytes."""
    return Measure(nats / tokens, nats / size / log(2))


class Baselines(msgspec.Struct, frozen=True):
    """The same held-out stories, by counts and by the grammar that told them. No model can be better than `grammar`."""

    unigram: Measure
    trigram: Measure
    grammar: Measure


def baselines(
    train: Sequence[int] | Ints, held_out: Sequence[int] | Ints, vocab_size: int, stop: int, size: int, nats: float
) -> Baselines:
    """Compare on held-out tokens: stories one after the other, each with `stop` at its end.

    `size` is the number of bytes of the stories without `stop`, `nats` the sum of what their choices cost.
    """
    n = len(held_out)
    return Baselines(
        measure(float(unigram_losses(train, held_out, vocab_size).sum()), n, size),
        measure(float(fit_trigram(train, vocab_size).losses(held_out, (stop, stop)).sum()), n, size),
        measure(nats, n, size),
    )


def load(folder: Path) -> Baselines:
    """The comparison that is stored beside a model. Raises KoansError if its file is missing or damaged."""
    with reading(folder / FILE):
        data = (folder / FILE).read_bytes()
    try:
        return msgspec.json.decode(data, type=Baselines)
    except msgspec.MsgspecError as error:
        raise KoansError(f"{folder / FILE}: {error}") from None
