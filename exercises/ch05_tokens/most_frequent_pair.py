"""The pair that occurs most often

Byte-pair encoding builds a vocabulary by asking one question thousands of times: which two neighbors occur together
most often? In a small text many pairs are equally frequent. The rule for such ties decides the whole vocabulary.
"""

from collections import Counter
from itertools import pairwise


def most_frequent_pair(ids: list[int]) -> tuple[int, int] | None:
    """The two neighbors that stand side by side most often, as (left, right); None for fewer than two ids.

    Every place counts, even if two pairs share an id: [7, 7, 7] holds (7, 7) twice. (1, 2) and (2, 1) are two
    different pairs. If several pairs occur equally often, return the greatest tuple, as Python compares tuples: (2, 1)
    is greater than (1, 9), and (1, 9) is greater than (1, 2).

        most_frequent_pair([1, 2, 3, 1, 2])  ->  (1, 2)    twice; (2, 3) and (3, 1) once
        most_frequent_pair([1, 2, 3])        ->  (2, 3)    once each: the greater
    """
    raise NotImplementedError("your turn")
