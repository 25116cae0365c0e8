"""What all koans of two people say together: are they more alike than students who work alone?

For each function that both answered, the evidence is a likelihood ratio: how much more probable the match is if a share
c of the one's functions was copied from the other than if both worked alone. A match on a level whose chance is p
counts 1 - c + c · w / p, with w the share of copies that we expect on this level, and no match counts 1 - c. Its
expectation is at most 1 for those who work alone. So the product over all functions is an e-value (Vovk and Wang,
"E-values: calibration, combination and applications", Annals of Statistics 49, 2021): it exceeds x with a chance of at
most 1 / x. As nobody knows c, the mean over SHARES_COPIED is taken.

Students have habits: who writes one koan with einsum may write all of them so. Then matches are not independent, and
the product may be too large. benchmarks/similarity.py measures how large it becomes for students with habits.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from grader.course.similarity.rarity import LEVELS, Chances, Numbers

# Of the functions that were copied, the share that we expect on each level.
EXPECTED = (0.05, 0.1, 0.1, 0.5, 0.25)
SHARES_COPIED = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)
FEWEST = (
    1000  # comparisons: in a small class nobody can tell what is rare, so it needs evidence as if there were so many
)
EXPECTED_FALSE = 0.5  # pairs that are reported in a class in which everybody works alone: at most so many, by the model


def factors(chances: Chances) -> Numbers:
    """The likelihood ratio that one match adds for each share of SHARES_COPIED, in bits: (shares, rows, columns)."""
    chance = chances.chance
    matched = np.zeros(chances.level.shape)
    for i in range(1, len(LEVELS)):
        matched += np.where(chances.level >= i, EXPECTED[i - 1] / chance[i - 1], 0.0)
    return np.stack([np.log2(1 - share + share * matched) for share in SHARES_COPIED])


def total(bits: Numbers) -> Numbers:
    """The evidence in bits from the sums of these factors over all functions, shape (shares, …)."""
    most = bits.max(0)
    mean: Numbers = most + np.log2(np.exp2(bits - most).mean(0))
    return mean


def needed(comparisons: int) -> float:
    """The bits that a pair must have, so that among so many pairs EXPECTED_FALSE are expected by chance."""
    return math.log2(max(comparisons, FEWEST) / EXPECTED_FALSE)


def expected(bits: float, comparisons: int) -> float:
    """How many pairs with so much evidence are expected among so many comparisons if everybody works alone."""
    return max(comparisons, FEWEST) * math.exp2(-bits)


Strength = Literal["weak", "strong", "very strong"]


def strength(expected_pairs: float) -> Strength:
    """How strong the evidence is, for a reader: by how many such pairs chance alone is expected to give."""
    return "weak" if expected_pairs > 0.01 else "strong" if expected_pairs > 1e-6 else "very strong"


def best_level(chances: Chances) -> int:
    """The level that says the most about a match, which stands alone in `chances`."""
    reached = int(chances.level[0, 0])
    return reached if not reached else 1 + int(np.argmax(np.array(EXPECTED[:reached]) / chances.chance[:reached, 0, 0]))
