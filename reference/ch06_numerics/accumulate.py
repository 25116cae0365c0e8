"""In float64, rounded on purpose: a float64 sum of two fp32 numbers, rounded to fp32, is their fp32 sum."""

import torch
from torch import Tensor

from reference import oracle


def _paired(a: Tensor, b: Tensor) -> None:
    if len(a) != len(b):
        raise ValueError("lengths must agree")


def _to(x: Tensor, *dtypes: torch.dtype) -> Tensor:
    for dtype in dtypes:
        x = x.to(dtype)
    return x.double()


def _running(products: Tensor, *rounded_to: torch.dtype) -> Tensor:
    """Running totals of float64 products, each total rounded to these dtypes one after the other."""
    total, totals = torch.zeros((), dtype=torch.float64), []
    for product in products:
        total = _to(total + product, *rounded_to)
        totals.append(total)
    return torch.stack(totals) if totals else torch.zeros(0, dtype=torch.float64)


@oracle
def accumulate(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    products = _to(a.double() * b.double(), torch.float32)
    return _running(products, torch.float32, accumulator).to(accumulator)


@accumulate.right("a total kept in its own dtype and widened for each addition")
def widened_each_time(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    total, totals = torch.zeros((), dtype=accumulator), []
    for x, y in zip(a, b, strict=True):
        total = (total.float() + x.float() * y.float()).to(accumulator)
        totals.append(total)
    return torch.tensor(totals, dtype=accumulator)


@accumulate.right("each total added to the one before it, in place")
def slot_by_slot(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    totals = (a.float() * b.float()).clone()
    for i in range(len(totals)):
        before = totals[i - 1] if i else 0.0
        totals[i] = (before + totals[i]).to(accumulator)
    return totals.to(accumulator)


@accumulate.right("from the first product on, without a zero before it")
def from_the_first(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    totals: list[Tensor] = []
    for product in a.float() * b.float():
        totals.append((totals[-1].float() + product if totals else product).to(accumulator))
    return torch.stack(totals) if totals else torch.zeros(0, dtype=accumulator)


@accumulate.wrong(
    "what rounding a total drops is kept for later: go on from the rounded total, not from a float32 one beside it"
)
def rounds_the_result_only(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    return _running(_to(a.double() * b.double(), torch.float32), torch.float32).to(accumulator)


@accumulate.wrong("the total kept in float64 (as cumsum does for float32): round it after every addition")
def wider_inside(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    return (a.float() * b.float()).double().cumsum(0).float().to(accumulator)


@accumulate.wrong("added up in the 16 bits of the inputs and widened at the end: the lost digits do not come back")
def upcasts_the_result(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    return _running(_to(a.double() * b.double(), torch.float32), torch.float32, a.dtype).to(accumulator)


@accumulate.wrong("products rounded to 16 bits before they are added: multiply in float32, where they are exact")
def rounds_the_products(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    return _running((a * b).double(), torch.float32, accumulator).to(accumulator)


@accumulate.wrong("a and b never widened: products and totals come out in the 16 bits of the inputs")
def never_widened(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    return _running((a * b).double(), torch.float32).to(a.dtype).to(accumulator)


@accumulate.wrong("products rounded to the accumulator's dtype before they are added: only the total is rounded")
def rounds_both(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    products = _to(a.double() * b.double(), torch.float32, accumulator)
    return _running(products, torch.float32, accumulator).to(accumulator)


@accumulate.wrong("each total is a sum of its own, in the order torch likes: these additions run one after the other")
def torch_sums(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    products = a.float() * b.float()
    totals = [products[: i + 1].sum() for i in range(len(products))]
    return torch.tensor(totals, dtype=accumulator)


@accumulate.wrong("the last total only: all of them are asked for")
def last_only(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    totals = accumulate.fn(a, b, accumulator)
    return totals[-1] if len(totals) else torch.zeros((), dtype=accumulator)


@accumulate.wrong("returned in float32, not in the dtype of the accumulator")
def returns_fp32(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    return accumulate.fn(a, b, accumulator).float()


@accumulate.wrong("the longer input cut to the length of the shorter, as zip does: that drops products without a word")
def drops_the_tail(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    n = min(len(a), len(b))
    return accumulate.fn(a[:n], b[:n], accumulator)


@accumulate.wrong("the total held at the largest value of the accumulator: too large a total is inf")
def saturates(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    top, total, totals = torch.finfo(accumulator).max, torch.zeros(()), []
    for product in a.float() * b.float():
        total = (total + product).clamp(-top, top).to(accumulator).float()
        totals.append(total)
    return torch.stack(totals).to(accumulator) if totals else torch.zeros(0, dtype=accumulator)


@accumulate.wrong("lengths checked, but a single number let through: it is stretched over the other input")
def stretches_one(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    if 1 not in (len(a), len(b)):
        _paired(a, b)
    a, b = torch.broadcast_tensors(a, b)  # type: ignore[no-untyped-call]
    return accumulate.fn(a, b, accumulator)


@accumulate.wrong("a single number stretched over the other input: multiplication broadcasts, so check the lengths")
def broadcasts(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    a, b = torch.broadcast_tensors(a, b)  # type: ignore[no-untyped-call]
    return accumulate.fn(a, b, accumulator)


@accumulate.wrong("the inputs cast to the accumulator's dtype and multiplied there: products are made in float32")
def casts_the_inputs(a: Tensor, b: Tensor, accumulator: torch.dtype) -> Tensor:
    _paired(a, b)
    return _running((a.to(accumulator) * b.to(accumulator)).double(), torch.float32, accumulator).to(accumulator)
