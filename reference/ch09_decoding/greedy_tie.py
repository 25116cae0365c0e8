"""In float64, rounded on purpose: a float64 sum of two numbers, rounded to their dtype, is their sum in that dtype."""

from collections.abc import Sequence

import torch
from torch import Tensor

from reference import oracle

Orders = list[list[int]]


def _check(terms: Tensor, orders: Orders) -> None:
    if any(sorted(order) != list(range(terms.shape[1])) for order in orders):
        raise ValueError("not a permutation of the columns")


def _logits(terms: Tensor, order: Sequence[int]) -> Tensor:
    total = torch.zeros(len(terms), dtype=torch.float64)
    for i in order:
        total = (total + terms[:, i].double()).to(terms.dtype).double()
    return total


def _first(logits: Tensor) -> int:
    return max(range(len(logits)), key=logits.tolist().__getitem__)


@oracle
def greedy_tie(terms: Tensor, orders: list[list[int]]) -> list[int]:
    _check(terms, orders)
    return [_first(_logits(terms, order)) for order in orders]


@greedy_tie.right("columns put in order first, then added")
def reordered_first(terms: Tensor, orders: Orders) -> list[int]:
    _check(terms, orders)
    picks = []
    for order in orders:
        total = torch.zeros_like(terms[:, 0])
        for column in terms[:, order].unbind(1):
            total += column
        picks.append(total.tolist().index(max(total.tolist())))
    return picks


@greedy_tie.right("in float32, rounded after each addition, token by token")
def token_by_token(terms: Tensor, orders: Orders) -> list[int]:
    _check(terms, orders)
    picks = []
    for order in orders:
        logits = []
        for row in terms.float():
            total = torch.tensor(0.0)
            for i in order:
                total = (total + row[i]).to(terms.dtype).float()
            logits.append(float(total))
        picks.append(logits.index(max(logits)))
    return picks


@greedy_tie.wrong(
    "the sum was in float32 and never rounded: the order hardly matters there; round to the dtype of `terms`"
)
def in_float32(terms: Tensor, orders: Orders) -> list[int]:
    _check(terms, orders)
    return [_first(terms.float()[:, order].sum(1)) for order in orders]


@greedy_tie.wrong(
    "the running total was in float32 and never rounded: round it to the dtype of `terms` after every addition"
)
def float32_total(terms: Tensor, orders: Orders) -> list[int]:
    _check(terms, orders)
    return [_first(_logits(terms.float(), order)) for order in orders]


@greedy_tie.wrong("the total was carried from one order to the next: each sum starts from 0")
def total_carried(terms: Tensor, orders: Orders) -> list[int]:
    _check(terms, orders)
    total, picks = torch.zeros(len(terms), dtype=terms.dtype), []
    for order in orders:
        for i in order:
            total = total + terms[:, i]
        picks.append(_first(total))
    return picks


@greedy_tie.wrong("only the length of an order was checked: a column may be in it twice; raise ValueError")
def length_only(terms: Tensor, orders: Orders) -> list[int]:
    if any(len(order) != terms.shape[1] for order in orders):
        raise ValueError("not a permutation of the columns")
    return [_first(_logits(terms, order)) for order in orders]


@greedy_tie.wrong("only the set of columns of an order was checked: a column may be in it twice; raise ValueError")
def set_only(terms: Tensor, orders: Orders) -> list[int]:
    if any(set(order) != set(range(terms.shape[1])) for order in orders):
        raise ValueError("not a permutation of the columns")
    return [_first(_logits(terms, order)) for order in orders]


@greedy_tie.wrong("the total was rounded once, after the last addition: round it after every addition")
def rounded_once(terms: Tensor, orders: Orders) -> list[int]:
    _check(terms, orders)
    return [_first(terms.double()[:, order].sum(1).to(terms.dtype)) for order in orders]


@greedy_tie.wrong("the orders were ignored: every sum ran from left to right")
def left_to_right(terms: Tensor, orders: Orders) -> list[int]:
    _check(terms, orders)
    return [_first(_logits(terms, range(terms.shape[1]))) for _ in orders]


@greedy_tie.wrong(
    "the inverse of the order was used: its first entry is the column to add first, not the place of column 0"
)
def inverse_order(terms: Tensor, orders: Orders) -> list[int]:
    _check(terms, orders)
    return [_first(_logits(terms, [order.index(i) for i in range(len(order))])) for order in orders]


@greedy_tie.wrong("each order was read from its end: its first entry is the column to add first")
def backwards(terms: Tensor, orders: Orders) -> list[int]:
    _check(terms, orders)
    return [_first(_logits(terms, order[::-1])) for order in orders]


@greedy_tie.wrong("the highest id among equal logits was taken: the lowest id wins")
def last_of_equals(terms: Tensor, orders: Orders) -> list[int]:
    _check(terms, orders)
    return [len(terms) - 1 - _first(_logits(terms, order).flip(0)) for order in orders]


@greedy_tie.wrong("two halves were added separately, as in a parallel sum: here it is one running total")
def in_halves(terms: Tensor, orders: Orders) -> list[int]:
    _check(terms, orders)

    def tree(x: Tensor) -> Tensor:
        half = x.shape[1] // 2
        return tree(x[:, :half]) + tree(x[:, half:]) if half else x.sum(1)

    return [_first(tree(terms[:, order])) for order in orders]


@greedy_tie.wrong("the logits were returned: return the id of the largest")
def logits_for_ids(terms: Tensor, orders: Orders) -> list[list[float]]:
    _check(terms, orders)
    return [_logits(terms, order).tolist() for order in orders]


@greedy_tie.wrong("the column of the largest term was taken: a logit is the sum of a row")
def largest_term(terms: Tensor, orders: Orders) -> list[int]:
    _check(terms, orders)
    return [int(terms.amax(0).argmax()) for _ in orders]


@greedy_tie.wrong("the list holds tensors: `int(...)` or `.item()` makes a number of each")
def tensors(terms: Tensor, orders: Orders) -> list[Tensor]:
    _check(terms, orders)
    return [torch.tensor(_first(_logits(terms, order))) for order in orders]


@greedy_tie.wrong("whether all orders agree was returned: return the ids, one for each order")
def agree(terms: Tensor, orders: Orders) -> bool:
    _check(terms, orders)
    return len({_first(_logits(terms, order)) for order in orders}) < 2


@greedy_tie.wrong("an order that leaves out a column or adds one twice was accepted: raise ValueError")
def any_order(terms: Tensor, orders: Orders) -> list[int]:
    return [_first(_logits(terms, order)) for order in orders]
