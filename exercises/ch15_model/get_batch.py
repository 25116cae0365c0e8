"""Inputs, and the same ids one place later

A language model trains on windows of one long row of ids. At each position it predicts the next id. So the targets are
the same window, one place later, and a window of `length` positions needs `length` + 1 ids.
"""

import torch
from jaxtyping import Int64
from torch import Tensor


def get_batch(
    tokens: Int64[Tensor, " n"], starts: list[int], length: int
) -> tuple[Int64[Tensor, "b length"], Int64[Tensor, "b length"]]:
    """(inputs, targets) of the windows that begin at `starts`, one row for each start, in the order of `starts`.

    Row i of the inputs has the `length` ids from position starts[i] on; positions count from 0. The target of a
    position is the id that follows it in `tokens`. Windows may overlap, and no starts give two empty batches of the
    shape (0, length).

        tokens = [5, 6, 7, 8, 9], starts = [2, 0], length = 2
        inputs [[7, 8], [5, 6]], targets [[8, 9], [6, 7]]

    Raises ValueError if a window does not lie in `tokens`: if a start is below 0, or if the last target would be
    beyond the last id. Python would read a negative position from the end, so check the starts first.
    """
    raise NotImplementedError("your turn")
