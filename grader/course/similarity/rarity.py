"""How many of the class would write this by themselves: the chance of a match.

Two answers match on one of five levels. The chance of a match of A and B is the share of the other students whose
answers are as close to A as B's is, or to B as A's is, whichever is larger: (n + a) / (m + 1) for n of m others. With
a = 1 this is the exact chance if all who wrote independently could stand in B's place (a rank test). Of an answer that
leaves much room, and that nobody else has, a class can only tell that the chance is at most 1 / (m + 1), so there
`a` is smaller for exact matches: from 1 for a one-liner down to 1/16.

If many of a class paste an oracle, it looks like what everybody writes. But oracles are written by another route than
the solution, so a long answer that is exactly an oracle is rare by itself: its chance is at most MOST_OF_A_REFERENCE.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from grader.course.similarity.answers import Part

Level = Literal["", "a little", "in part", "mostly", "exactly", "word for word"]
LEVELS: tuple[Level, ...] = ("", "a little", "in part", "mostly", "exactly", "word for word")
# The least share of rare fingerprints (Dice's coefficient) for the first three levels.
SHARES = (0.4, 0.6, 0.8)
EXACT, VERBATIM = 4, 5
MOST = 0.5  # what more than this share of the class writes counts for nothing …
CLASS = 8  # … if the class has at least so many answers
LEAST_PRIOR = 1 / 16
MOST_OF_A_REFERENCE = 1 / 8
LONG = 24  # tokens
HALVES = 3.0  # rare fingerprints that halve the prior chance

Levels = NDArray[np.uint8]
Numbers = NDArray[np.float64]


class Chances(msgspec.Struct, frozen=True):
    """The matches of one function of a koan. Rows are answers of the class, columns what they are compared with.

    `level` is the level of each match. `others` says for each level how many other students are as close: shape
    (levels, rows, columns). `prior` is the `a` of an exact match. `writers` is how many of the class answered.
    """

    level: Levels
    others: NDArray[np.uint16]
    prior: Numbers
    writers: int
    within: bool  # the columns are the class itself
    limit: Numbers | None = None  # the most that the chance of an exact match can be

    @property
    def chance(self) -> Numbers:
        """The chance of a match on each level, shape (levels, rows, columns)."""
        most = max(self.writers - (2 if self.within else 1), 0)
        added = np.ones((len(LEVELS) - 1, *self.level.shape))
        added[EXACT - 1 :] = self.prior
        chance: Numbers = np.minimum((self.others + added) / (most + 1), 1.0)
        if self.limit is not None:
            chance[EXACT - 1 :] = np.minimum(chance[EXACT - 1 :], self.limit)
        return chance

    def at(self, row: int, column: int) -> Chances:
        """One match alone."""
        rows, columns = slice(row, row + 1), slice(column, column + 1)
        return msgspec.structs.replace(
            self,
            level=self.level[rows, columns],
            others=self.others[:, rows, columns],
            prior=self.prior[rows, columns],
            limit=None if self.limit is None else self.limit[rows, columns],
        )


class Weights(msgspec.Struct, frozen=True):
    """What each fingerprint of one function is worth: log2 of one student in how many has it, 0 for a common one."""

    writers: int
    counts: dict[int, int]

    def of(self, print_: int) -> float:
        count = self.counts.get(print_, 0)
        if self.writers >= CLASS and count > MOST * self.writers:
            return 0.0
        return float(np.log2((self.writers + 1) / max(count, 1)))


def weights(parts: Sequence[Part]) -> Weights:
    """The weights for a class with these answers to a function."""
    return Weights(len(parts), dict(Counter(key for part in parts for key in part.prints)))


def levels(rows: Sequence[Part], columns: Sequence[Part], weight: Weights) -> tuple[Levels, Numbers]:
    """The level of the match of each row with each column, and the prior `a` of an exact match."""
    # Equal answers are compared once.
    row_kinds, row_of = _kinds(rows)
    column_kinds, column_of = _kinds(columns)
    keys = {key: i for i, key in enumerate(sorted({k for part in (*row_kinds, *column_kinds) for k in part.prints}))}
    worth = np.array([weight.of(key) for key in keys])
    left, right = _matrix(row_kinds, keys), _matrix(column_kinds, keys)
    shared = (left * worth) @ right.T
    whole = (left @ worth)[:, None] + (right @ worth)[None, :]
    dice = np.divide(2 * shared, whole, out=np.zeros_like(shared), where=whole > 0)
    found = np.zeros(dice.shape, np.uint8)
    for i, share in enumerate(SHARES, 1):
        found[dice >= share] = i
    found[_equal([p.form for p in row_kinds], [p.form for p in column_kinds])] = EXACT
    written = _equal([p.form + p.verbatim for p in row_kinds], [p.form + p.verbatim for p in column_kinds])
    found[written] = VERBATIM
    rare = np.minimum((left @ (worth > 0))[:, None], (right @ (worth > 0))[None, :])
    prior = np.maximum(2.0 ** -(rare / HALVES), LEAST_PRIOR)
    return found[np.ix_(row_of, column_of)], prior[np.ix_(row_of, column_of)]


def _kinds(parts: Sequence[Part]) -> tuple[list[Part], list[int]]:
    """The different ones among these answers, and for each answer the number of its kind."""
    number: dict[tuple[str, str, tuple[int, ...]], int] = {}
    kinds: list[Part] = []
    order = []
    for part in parts:
        key = (part.form, part.verbatim, part.prints)
        if key not in number:
            number[key] = len(kinds)
            kinds.append(part)
        order.append(number[key])
    return kinds, order


def _matrix(parts: Sequence[Part], keys: dict[int, int]) -> Numbers:
    found = np.zeros((len(parts), len(keys)))
    for i, part in enumerate(parts):
        found[i, [keys[key] for key in part.prints]] = 1
    return found


def _equal(left: Sequence[str], right: Sequence[str]) -> NDArray[np.bool_]:
    equal: NDArray[np.bool_] = np.array(left, dtype=object)[:, None] == np.array(right, dtype=object)[None, :]
    return equal


def in_class(parts: Sequence[Part], weight: Weights) -> Chances:
    """The matches of the answers of a class with each other."""
    level, prior = levels(parts, parts, weight)
    np.fill_diagonal(level, 0)
    reached = _reached(level)
    near = reached.sum(2)  # how many are as close to each
    both = np.maximum(near[:, :, None], near[:, None, :]) - reached  # without the other one of the pair
    return Chances(level, both.astype(np.uint16), prior, len(parts), within=True)


def with_others(parts: Sequence[Part], others: Sequence[Part], weight: Weights) -> Chances:
    """The matches of the answers of a class with answers of other people, such as last year's."""
    level, prior = levels(parts, others, weight)
    own, _ = levels(parts, parts, weight)
    np.fill_diagonal(own, 0)
    reached = _reached(level)
    near_theirs = reached.sum(1)[:, None, :] - reached
    near_own = _reached(own).sum(2)[:, :, None]
    both = np.maximum(near_theirs, np.where(reached, near_own, 0))
    return Chances(level, both.astype(np.uint16), prior, len(parts), within=False)


def with_group(
    parts: Sequence[Part], texts: Sequence[Part], weight: Weights, *, references: bool = False
) -> tuple[Chances, NDArray[np.intp]]:
    """The matches with the nearest of several texts, as one column, and which text that is for each answer.

    `references`: the texts are oracles and right answers.
    """
    level, prior = levels(parts, texts, weight)
    nearest = level.argmax(1)
    rows = np.arange(len(parts))
    best, first = level[rows, nearest][:, None], prior[rows, nearest][:, None]
    reached = _reached(best)
    others = reached.sum(1)[:, None, :] - reached
    limit = np.array([[MOST_OF_A_REFERENCE if references and part.size >= LONG else 1.0] for part in parts])
    return Chances(best, others.astype(np.uint16), first, len(parts), within=False, limit=limit), nearest


def _reached(level: Levels) -> NDArray[np.int64]:
    """For each level whether a match reaches it, shape (levels, rows, columns)."""
    return np.stack([level >= i for i in range(1, len(LEVELS))]).astype(np.int64)
