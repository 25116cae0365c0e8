"""Cuts the windows out of a list."""

from collections.abc import Iterable

import torch
from torch import Tensor

from reference import oracle

Batch = tuple[Tensor, Tensor]


@oracle
def get_batch(tokens: Tensor, starts: list[int], length: int) -> Batch:
    ids = tokens.tolist()
    if any(start < 0 or start + length + 1 > len(ids) for start in starts):
        raise ValueError("a window does not lie in tokens")
    windows = torch.tensor([ids[start : start + length + 1] for start in starts], dtype=torch.int64)
    windows = windows.reshape(len(starts), length + 1)
    return windows[:, :-1], windows[:, 1:]


def _check(tokens: Tensor, starts: list[int], length: int) -> None:
    if any(start < 0 or start + length >= len(tokens) for start in starts):
        raise ValueError("a window does not lie in tokens")


def _rows(tokens: Tensor, starts: Iterable[int], length: int) -> Tensor:
    """The ids from each start on. Positions beyond an end of `tokens` go on at its other end."""
    places = torch.tensor([*starts], dtype=torch.int64).unsqueeze(1) + torch.arange(length)
    return tokens[places % max(1, len(tokens))]


@get_batch.right("slices, stacked")
def by_slices(tokens: Tensor, starts: list[int], length: int) -> Batch:
    _check(tokens, starts, length)
    if not starts:
        return tokens.new_zeros(0, length), tokens.new_zeros(0, length)
    inputs = torch.stack([tokens[start : start + length] for start in starts])
    return inputs, torch.stack([tokens[start + 1 : start + 1 + length] for start in starts])


@get_batch.right("rows of all windows, by unfold")
def by_unfold(tokens: Tensor, starts: list[int], length: int) -> Batch:
    _check(tokens, starts, length)
    if not starts:
        return tokens.new_zeros(0, length), tokens.new_zeros(0, length)
    windows = tokens.unfold(0, length + 1, 1)[starts]
    return windows[:, :-1], windows[:, 1:]


@get_batch.wrong("the targets are the inputs: each position must predict the id after it, not the id that it has read")
def not_shifted(tokens: Tensor, starts: list[int], length: int) -> Batch:
    _check(tokens, starts, length)
    return _rows(tokens, starts, length), _rows(tokens, starts, length)


@get_batch.wrong("the targets are shifted by two: the target of a position is the very next id")
def shifted_by_two(tokens: Tensor, starts: list[int], length: int) -> Batch:
    _check(tokens, starts, length)
    return _rows(tokens, starts, length), _rows(tokens, [start + 2 for start in starts], length)


@get_batch.wrong("the shift goes the wrong way: the target is the id after a position, not the id before it")
def shifted_back(tokens: Tensor, starts: list[int], length: int) -> Batch:
    _check(tokens, starts, length)
    return _rows(tokens, starts, length), _rows(tokens, [start - 1 for start in starts], length)


@get_batch.wrong("inputs and targets are swapped: the inputs come first")
def swapped(tokens: Tensor, starts: list[int], length: int) -> Batch:
    inputs, targets = get_batch.fn(tokens, starts, length)
    return targets, inputs


@get_batch.wrong("the inputs were rolled: the last target is then the first id of the window, not the id after it")
def rolled(tokens: Tensor, starts: list[int], length: int) -> Batch:
    _check(tokens, starts, length)
    inputs = _rows(tokens, starts, length)
    return inputs, inputs.roll(-1, 1)


@get_batch.wrong("positions were counted from 1: tokens[0] has position 0")
def counted_from_1(tokens: Tensor, starts: list[int], length: int) -> Batch:
    _check(tokens, starts, length)
    return _rows(tokens, [start - 1 for start in starts], length), _rows(tokens, starts, length)


@get_batch.wrong("`starts` was read as numbers of windows, start · length: it has positions of ids")
def in_windows(tokens: Tensor, starts: list[int], length: int) -> Batch:
    _check(tokens, starts, length)
    firsts = [start * length for start in starts]
    return _rows(tokens, firsts, length), _rows(tokens, [first + 1 for first in firsts], length)


@get_batch.wrong("a window over the end goes on at the beginning: raise ValueError")
def wraps(tokens: Tensor, starts: list[int], length: int) -> Batch:
    return _rows(tokens, starts, length), _rows(tokens, [start + 1 for start in starts], length)


@get_batch.wrong("a window over the end was moved back until it fits: raise ValueError")
def moved_back(tokens: Tensor, starts: list[int], length: int) -> Batch:
    firsts = [max(0, min(start, len(tokens) - length - 1)) for start in starts]
    return _rows(tokens, firsts, length), _rows(tokens, [first + 1 for first in firsts], length)


@get_batch.wrong("a negative start was read from the end: raise ValueError")
def negative_starts(tokens: Tensor, starts: list[int], length: int) -> Batch:
    if any(start + length >= len(tokens) for start in starts):
        raise ValueError("a window does not lie in tokens")
    return wraps(tokens, starts, length)


@get_batch.wrong(
    "only the inputs were checked: the last target needs one id more, and tokens[positions] raises IndexError"
)
def target_unchecked(tokens: Tensor, starts: list[int], length: int) -> Batch:
    if any(not 0 <= start <= len(tokens) - length for start in starts):
        raise ValueError("a window does not lie in tokens")
    places = torch.tensor(starts, dtype=torch.int64).unsqueeze(1) + torch.arange(length)
    return tokens[places], tokens[places + 1]


@get_batch.wrong("the last window was refused: a window may end with the last id as its last target")
def one_too_strict(tokens: Tensor, starts: list[int], length: int) -> Batch:
    if any(not 0 <= start < len(tokens) - length - 1 for start in starts):
        raise ValueError("a window does not lie in tokens")
    return wraps(tokens, starts, length)


@get_batch.wrong("the rows are sorted by their starts: keep the order of `starts`")
def sorted_rows(tokens: Tensor, starts: list[int], length: int) -> Batch:
    return get_batch.fn(tokens, sorted(starts), length)


@get_batch.wrong("only the first start was used, and the windows follow one another: each row has its own start")
def one_after_another(tokens: Tensor, starts: list[int], length: int) -> Batch:
    _check(tokens, starts, length)
    firsts = [starts[0] + i * length for i in range(len(starts))]
    return _rows(tokens, firsts, length), _rows(tokens, [first + 1 for first in firsts], length)


@get_batch.wrong("positions are the rows: the first axis is the batch")
def time_first(tokens: Tensor, starts: list[int], length: int) -> Batch:
    inputs, targets = get_batch.fn(tokens, starts, length)
    return inputs.T, targets.T


@get_batch.wrong("inputs and targets have `length` - 1 ids: a window of `length` positions needs `length` + 1 ids")
def one_short(tokens: Tensor, starts: list[int], length: int) -> Batch:
    _check(tokens, starts, length)
    window = _rows(tokens, starts, length)
    return window[:, :-1], window[:, 1:]
